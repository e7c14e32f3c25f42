//! Reads expressions, with jinja2's precedence.

use super::{Fault, Kind, Parser};
use crate::template::jinja::syntax::{
    Apply, Arguments, Choice, Comparison, Expression, Operator, Step,
};
use crate::template::jinja::value::Value;

/// Names after `is TEST` that do not begin its argument.
const NO_ARGUMENT: [&str; 7] = ["else", "and", "or", "is", "not", "in", "if"];
/// Arithmetic by precedence, the strongest first.
const PRECEDENCE: [&[Operator]; 4] = [
    &[Operator::Power],
    &[
        Operator::Multiply,
        Operator::Divide,
        Operator::DivideWhole,
        Operator::Remainder,
    ],
    &[Operator::Concatenate],
    &[Operator::Add, Operator::Subtract],
];

impl Parser {
    /// One expression, or several with commas, which make a tuple.
    pub(super) fn tuple(&mut self) -> Result<Expression, Fault> {
        self.tuple_of(Self::expression)
    }

    /// As [`tuple`](Self::tuple), of expressions without `if`.
    pub(super) fn plain_tuple(&mut self) -> Result<Expression, Fault> {
        self.tuple_of(|parser| parser.nest(Self::any))
    }

    fn tuple_of(
        &mut self,
        read: impl Fn(&mut Self) -> Result<Expression, Fault>,
    ) -> Result<Expression, Fault> {
        let first = read(self)?;
        if self.peek() != Some(&Kind::Operator(",")) {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.takes(",") {
            if matches!(
                self.peek(),
                Some(Kind::TagEnd | Kind::PrintEnd | Kind::Operator(")" | "]"))
            ) {
                break;
            }
            items.push(read(self)?);
        }
        Ok(Expression::Tuple(items))
    }

    /// An expression, which may choose by `if`.
    pub(super) fn expression(&mut self) -> Result<Expression, Fault> {
        self.nest(|parser| {
            let then = parser.any()?;
            if !parser.takes_word("if") {
                return Ok(then);
            }
            let condition = parser.any()?;
            let otherwise = parser.takes_word("else").then(|| parser.expression());
            Ok(Expression::Choice(Box::new(Choice {
                condition,
                then,
                otherwise: otherwise.transpose()?,
            })))
        })
    }

    fn any(&mut self) -> Result<Expression, Fault> {
        let mut either = vec![self.all()?];
        while self.takes_word("or") {
            either.push(self.all()?);
        }
        Ok(single(either, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, Fault> {
        let mut both = vec![self.not()?];
        while self.takes_word("and") {
            both.push(self.not()?);
        }
        Ok(single(both, Expression::All))
    }

    fn not(&mut self) -> Result<Expression, Fault> {
        if self.takes_word("not") {
            let inner = self.nest(Self::not)?;
            return Ok(Expression::Not(Box::new(inner)));
        }
        let first = self.arithmetic()?;
        let mut others = Vec::new();
        while let Some(comparison) = self.comparison() {
            others.push((comparison, self.arithmetic()?));
        }
        if others.is_empty() {
            return Ok(first);
        }
        Ok(Expression::Compare(Box::new(first), others))
    }

    fn comparison(&mut self) -> Option<Comparison> {
        let (comparison, tokens) = match self.peek()? {
            Kind::Operator("==") => (Comparison::Equal, 1),
            Kind::Operator("!=") => (Comparison::Unequal, 1),
            Kind::Operator("<") => (Comparison::Less, 1),
            Kind::Operator("<=") => (Comparison::LessOrEqual, 1),
            Kind::Operator(">") => (Comparison::Greater, 1),
            Kind::Operator(">=") => (Comparison::GreaterOrEqual, 1),
            Kind::Name(name) if **name == *"in" => (Comparison::In, 1),
            Kind::Name(name) if **name == *"not" => {
                let next = self.tokens.get(self.at + 1).map(|token| &token.kind);
                if !matches!(next, Some(Kind::Name(name)) if **name == *"in") {
                    return None;
                }
                (Comparison::NotIn, 2)
            }
            _ => return None,
        };
        self.at += tokens;
        Some(comparison)
    }

    /// Operands and operators in a row, put together by precedence.
    fn arithmetic(&mut self) -> Result<Expression, Fault> {
        let mut operands = vec![self.unary(true)?];
        let mut operators = Vec::new();
        while let Some(operator) = self.operator() {
            operators.push(operator);
            operands.push(self.unary(true)?);
        }
        for level in PRECEDENCE {
            (operands, operators) = bind(operands, operators, level);
        }
        operands.pop().ok_or_else(|| self.unexpected())
    }

    fn operator(&mut self) -> Option<Operator> {
        let operator = match self.peek()? {
            Kind::Operator("+") => Operator::Add,
            Kind::Operator("-") => Operator::Subtract,
            Kind::Operator("~") => Operator::Concatenate,
            Kind::Operator("*") => Operator::Multiply,
            Kind::Operator("/") => Operator::Divide,
            Kind::Operator("//") => Operator::DivideWhole,
            Kind::Operator("%") => Operator::Remainder,
            Kind::Operator("**") => Operator::Power,
            _ => return None,
        };
        self.at += 1;
        Some(operator)
    }

    /// A value with what follows it; filters and tests only if `filtered`.
    fn unary(&mut self, filtered: bool) -> Result<Expression, Fault> {
        let first = if self.takes("-") {
            Expression::Negative(Box::new(self.nest(|parser| parser.unary(false))?))
        } else if self.takes("+") {
            Expression::Positive(Box::new(self.nest(|parser| parser.unary(false))?))
        } else {
            self.primary()?
        };
        let mut steps = Vec::new();
        while let Some(step) = self.step(filtered)? {
            steps.push(step);
        }
        if steps.is_empty() {
            return Ok(first);
        }
        Ok(Expression::Steps(Box::new(first), steps))
    }

    fn step(&mut self, filtered: bool) -> Result<Option<Step>, Fault> {
        if self.takes(".") {
            return self.attribute().map(Some);
        }
        if self.takes("[") {
            let item = self.item()?;
            self.expect(&Kind::Operator("]"))?;
            return Ok(Some(item));
        }
        if self.peek() == Some(&Kind::Operator("(")) {
            return self
                .arguments()
                .map(|arguments| Some(Step::Call(arguments)));
        }
        if filtered && self.takes("|") {
            return self.apply().map(|filter| Some(Step::Filter(filter)));
        }
        if filtered && self.takes_word("is") {
            return self.test().map(Some);
        }
        Ok(None)
    }

    fn attribute(&mut self) -> Result<Step, Fault> {
        if let Some(&Kind::Int(number)) = self.peek() {
            self.at += 1;
            return Ok(Step::Item(Expression::Constant(Value::Int(number))));
        }
        self.name().map(Step::Attribute)
    }

    /// What stands in brackets: an index, or up to three bounds.
    fn item(&mut self) -> Result<Step, Fault> {
        let mut bounds = [None, None, None];
        let mut slice = false;
        for bound in &mut bounds {
            if !matches!(self.peek(), Some(Kind::Operator("]" | ":"))) {
                *bound = Some(self.tuple()?);
            }
            if !self.takes(":") {
                break;
            }
            slice = true;
        }
        if slice {
            return Ok(Step::Slice(bounds));
        }
        let [index, ..] = bounds;
        index.map(Step::Item).ok_or_else(|| self.unexpected())
    }

    /// A filter's name and what it is given.
    pub(super) fn apply(&mut self) -> Result<Apply, Fault> {
        let name = self.name()?;
        let arguments = if self.peek() == Some(&Kind::Operator("(")) {
            self.arguments()?
        } else {
            Arguments::default()
        };
        Ok(Apply { name, arguments })
    }

    fn test(&mut self) -> Result<Step, Fault> {
        let negated = self.takes_word("not");
        let mut test = self.apply()?;
        let bare = match self.peek() {
            Some(Kind::Name(name)) => !NO_ARGUMENT.contains(&&**name),
            Some(Kind::Text(_) | Kind::Int(_) | Kind::Float(_) | Kind::Operator("[" | "{")) => true,
            _ => false,
        };
        if bare && test.arguments.positional.is_empty() && test.arguments.named.is_empty() {
            let argument = self.nest(|parser| parser.unary(false))?;
            test.arguments.positional.push(argument);
        }
        Ok(Step::Test(test, negated))
    }

    fn arguments(&mut self) -> Result<Arguments, Fault> {
        self.expect(&Kind::Operator("("))?;
        let mut arguments = Arguments::default();
        while !self.takes(")") {
            if matches!(self.peek(), Some(Kind::Operator("*" | "**"))) {
                return Err(self.fault("unpacked arguments are not supported"));
            }
            let next = self.tokens.get(self.at + 1).map(|token| &token.kind);
            if next == Some(&Kind::Operator("=")) {
                let name = self.name()?;
                self.at += 1;
                arguments.named.push((name, self.expression()?));
            } else {
                arguments.positional.push(self.expression()?);
            }
            if !self.takes(",") {
                self.expect(&Kind::Operator(")"))?;
                break;
            }
        }
        Ok(arguments)
    }

    fn primary(&mut self) -> Result<Expression, Fault> {
        let Some(kind) = self.peek().cloned() else {
            return Err(self.unexpected());
        };
        self.at += 1;
        Ok(match kind {
            Kind::Name(name) => match &*name {
                "true" | "True" => Expression::Constant(Value::Bool(true)),
                "false" | "False" => Expression::Constant(Value::Bool(false)),
                "none" | "None" => Expression::Constant(Value::None),
                _ => Expression::Name(name),
            },
            Kind::Int(number) => Expression::Constant(Value::Int(number)),
            Kind::Float(number) => Expression::Constant(Value::Float(number)),
            Kind::Text(text) => {
                let mut text = text.to_string();
                while let Some(Kind::Text(more)) = self.peek() {
                    text.push_str(more);
                    self.at += 1;
                }
                Expression::Constant(Value::Text(text.into()))
            }
            Kind::Operator("(") => return self.parenthesis(),
            Kind::Operator("[") => Expression::List(self.sequence("]", Self::expression)?),
            Kind::Operator("{") => Expression::Map(self.sequence("}", Self::entry)?),
            _ => {
                self.at -= 1;
                return Err(self.unexpected());
            }
        })
    }

    fn parenthesis(&mut self) -> Result<Expression, Fault> {
        if self.takes(")") {
            return Ok(Expression::Tuple(Vec::new()));
        }
        let inner = self.tuple()?;
        self.expect(&Kind::Operator(")"))?;
        Ok(inner)
    }

    fn entry(&mut self) -> Result<(Expression, Expression), Fault> {
        let key = self.expression()?;
        self.expect(&Kind::Operator(":"))?;
        Ok((key, self.expression()?))
    }

    fn sequence<T>(
        &mut self,
        close: &'static str,
        read: impl Fn(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut items = Vec::new();
        while !self.takes(close) {
            items.push(read(self)?);
            if !self.takes(",") {
                self.expect(&Kind::Operator(close))?;
                break;
            }
        }
        Ok(items)
    }
}

/// The only one of `items`, or what `several` makes of them.
fn single(mut items: Vec<Expression>, several: fn(Vec<Expression>) -> Expression) -> Expression {
    match items.pop() {
        Some(only) if items.is_empty() => only,
        last => {
            items.extend(last);
            several(items)
        }
    }
}

/// Joins operands that stand beside an operator of `level`.
fn bind(
    operands: Vec<Expression>,
    operators: Vec<Operator>,
    level: &[Operator],
) -> (Vec<Expression>, Vec<Operator>) {
    let mut bound: Vec<(Expression, Vec<(Operator, Expression)>)> = Vec::new();
    let mut left = Vec::new();
    let mut operands = operands.into_iter();
    bound.extend(operands.next().map(|first| (first, Vec::new())));
    for (operator, operand) in operators.into_iter().zip(operands) {
        if let Some((_, chain)) = bound.last_mut().filter(|_| level.contains(&operator)) {
            chain.push((operator, operand));
        } else {
            left.push(operator);
            bound.push((operand, Vec::new()));
        }
    }
    let join = |(first, chain): (Expression, Vec<_>)| {
        if chain.is_empty() {
            return first;
        }
        Expression::Arithmetic(Box::new(first), chain)
    };
    (bound.into_iter().map(join).collect(), left)
}
