//! The query language: selectors, ranges, offsets, functions, aggregations and
//! binary operations with vector matching.
//!
//! Not supported, and said so: subqueries, `@`, native histograms.
//!
//! Nesting is bounded, so that no query can exhaust the stack.

use super::expr::{Aggregate, Binary, Expr, Grouping, Many, Matcher, Selector, Side};
use super::lexer::{Token, tokens};

/// Deepest nesting of a query.
const DEPTH_MAX: usize = 64;

const AGGREGATIONS: [&str; 11] = [
    "sum", "min", "max", "avg", "count", "group", "stddev", "stdvar", "topk", "bottomk", "quantile",
];

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Expr, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        depth: 0,
    };
    if parser.tokens.is_empty() {
        return Err("parse error: no expression found in input".to_owned());
    }
    let expression = parser.expression(0)?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => Err(format!("parse error: unexpected {}", show(token))),
    }
}

fn show(token: &Token) -> String {
    match token {
        Token::Word(word) => format!("identifier {word:?}"),
        Token::Text(text) => format!("string {text:?}"),
        Token::Number(number) => format!("number {number}"),
        Token::Duration(seconds) => format!("duration of {seconds} s"),
        Token::Sign(sign) => format!("{sign:?}"),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// How tightly an operator binds; none for what is no operator.
fn precedence(operator: &str) -> Option<u8> {
    Some(match operator {
        "or" => 1,
        "and" | "unless" => 2,
        "==" | "!=" | ">" | "<" | ">=" | "<=" => 3,
        "+" | "-" => 4,
        "*" | "/" | "%" | "atan2" => 5,
        "^" => 6,
        _ => return None,
    })
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn takes(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found =
            matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.takes(sign) {
            return Ok(());
        }
        let found = self.peek().map_or("end of input".to_owned(), show);
        Err(format!(
            "parse error: unexpected {found}, expected {sign:?}"
        ))
    }

    fn operator(&self) -> Option<String> {
        match self.peek()? {
            Token::Sign(sign) => Some((*sign).to_owned()),
            Token::Word(word) => Some(word.to_ascii_lowercase()),
            _ => None,
        }
        .filter(|operator| precedence(operator).is_some())
    }

    fn expression(&mut self, least: u8) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("parse error: nested deeper than {DEPTH_MAX}"));
        }
        let mut left = self.unary()?;
        while let Some(operation) = self.operator() {
            let strength = precedence(&operation).unwrap_or(0);
            if strength < least {
                break;
            }
            self.at += 1;
            let as_bool = self.takes_word("bool");
            let (matching, many) = self.vector_matching()?;
            // Powers bind to the right, all others to the left.
            let right = self.expression(if operation == "^" {
                strength
            } else {
                strength + 1
            })?;
            left = Expr::Binary(Box::new(Binary {
                operation,
                left,
                right,
                as_bool,
                matching,
                many,
            }));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn vector_matching(&mut self) -> Result<(Grouping, Many), String> {
        let matching = if self.takes_word("on") {
            Grouping::By(self.labels()?)
        } else if self.takes_word("ignoring") {
            Grouping::Without(self.labels()?)
        } else {
            return Ok((Grouping::Without(Vec::new()), None));
        };
        let side = if self.takes_word("group_left") {
            Side::Left
        } else if self.takes_word("group_right") {
            Side::Right
        } else {
            return Ok((matching, None));
        };
        let follows = matches!(self.peek(), Some(Token::Sign("(")));
        let labels = if follows { self.labels()? } else { Vec::new() };
        Ok((matching, Some((side, labels))))
    }

    fn labels(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut labels = Vec::new();
        while !self.takes(")") {
            match self.next() {
                Some(Token::Word(label)) => labels.push(label),
                other => {
                    return Err(format!(
                        "parse error: unexpected {}, expected a label",
                        other.as_ref().map_or("end of input".to_owned(), show)
                    ));
                }
            }
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(labels)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        if self.takes("-") {
            // A sign binds less than a power.
            return Ok(Expr::Negated(Box::new(self.expression(6)?)));
        }
        self.takes("+");
        let primary = self.primary()?;
        self.postfix(primary)
    }

    fn primary(&mut self) -> Result<Expr, String> {
        match self.next() {
            Some(Token::Number(number)) => Ok(Expr::Number(number)),
            Some(Token::Duration(seconds)) => Ok(Expr::Number(seconds)),
            Some(Token::Text(text)) => Ok(Expr::Text(text)),
            Some(Token::Sign("(")) => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Token::Sign("{")) => self.selector(Vec::new()),
            Some(Token::Word(word)) => self.word(word),
            Some(token) => Err(format!("parse error: unexpected {}", show(&token))),
            None => Err("parse error: unexpected end of input".to_owned()),
        }
    }

    fn word(&mut self, word: String) -> Result<Expr, String> {
        let lower = word.to_ascii_lowercase();
        let grouped = matches!(self.peek(), Some(Token::Sign("(")))
            || matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case("by") || next.eq_ignore_ascii_case("without"));
        if AGGREGATIONS.contains(&lower.as_str()) && grouped {
            return self.aggregation(lower);
        }
        if matches!(self.peek(), Some(Token::Sign("("))) {
            return Ok(Expr::Call(word, self.arguments()?));
        }
        let name = vec![Matcher::equal("__name__", &word)];
        if self.takes("{") {
            self.selector(name)
        } else {
            Ok(selector(name))
        }
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, String> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.takes(")") {
            arguments.push(self.expression(0)?);
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(arguments)
    }

    fn grouping(&mut self) -> Result<Option<Grouping>, String> {
        if self.takes_word("by") {
            Ok(Some(Grouping::By(self.labels()?)))
        } else if self.takes_word("without") {
            Ok(Some(Grouping::Without(self.labels()?)))
        } else {
            Ok(None)
        }
    }

    fn aggregation(&mut self, operation: String) -> Result<Expr, String> {
        let before = self.grouping()?;
        let mut arguments = self.arguments()?;
        let grouping = match before {
            Some(grouping) => grouping,
            None => self.grouping()?.unwrap_or(Grouping::By(Vec::new())),
        };
        let takes_parameter = matches!(operation.as_str(), "topk" | "bottomk" | "quantile");
        let wanted = 1 + usize::from(takes_parameter);
        if arguments.len() != wanted {
            return Err(format!(
                "parse error: wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                arguments.len()
            ));
        }
        let of = arguments
            .pop()
            .map(Box::new)
            .ok_or("parse error: no arguments")?;
        let parameter = arguments.pop().map(Box::new);
        Ok(Expr::Aggregate(Aggregate {
            operation,
            grouping,
            parameter,
            of,
        }))
    }

    /// After the opening brace.
    fn selector(&mut self, mut matchers: Vec<Matcher>) -> Result<Expr, String> {
        while !self.takes("}") {
            let label = match self.next() {
                Some(Token::Word(label)) => label,
                other => {
                    return Err(format!(
                        "parse error: unexpected {} in label matching",
                        other.as_ref().map_or("end of input".to_owned(), show)
                    ));
                }
            };
            let Some(Token::Sign(operator @ ("=" | "!=" | "=~" | "!~"))) = self.next() else {
                return Err("parse error: expected label matching operator".to_owned());
            };
            let Some(Token::Text(value)) = self.next() else {
                return Err("parse error: expected string in label matching".to_owned());
            };
            matchers.push(Matcher::new(label, operator, value)?);
            if !self.takes(",") {
                self.expect("}")?;
                break;
            }
        }
        if matchers.iter().all(Matcher::takes_nothing) {
            return Err(
                "parse error: vector selector must contain at least one non-empty matcher"
                    .to_owned(),
            );
        }
        Ok(selector(matchers))
    }

    /// Ranges and offsets after an expression.
    fn postfix(&mut self, mut expression: Expr) -> Result<Expr, String> {
        loop {
            if self.takes("[") {
                let range = self.length()?;
                // A colon may begin a name, so what follows it is read as one.
                let named = matches!(self.peek(), Some(Token::Word(word)) if word.starts_with(':'));
                if named || self.takes(":") {
                    return Err("parse error: subqueries are not supported here".to_owned());
                }
                self.expect("]")?;
                match &mut expression {
                    Expr::Selector(selector) if selector.range.is_none() => {
                        selector.range = Some(range);
                    }
                    _ => {
                        return Err(
                            "parse error: ranges only allowed for vector selectors".to_owned()
                        );
                    }
                }
            } else if self.takes_word("offset") {
                let back = self.takes("-");
                let length = self.length()?;
                match &mut expression {
                    Expr::Selector(selector) => {
                        selector.offset = if back { -length } else { length }
                    }
                    _ => {
                        return Err(
                            "parse error: offset modifier must be preceded by a selector"
                                .to_owned(),
                        );
                    }
                }
            } else if self.takes("@") {
                return Err("parse error: the @ modifier is not supported here".to_owned());
            } else {
                return Ok(expression);
            }
        }
    }

    fn length(&mut self) -> Result<f64, String> {
        match self.next() {
            Some(Token::Duration(seconds) | Token::Number(seconds)) if seconds > 0.0 => Ok(seconds),
            _ => Err("parse error: expected a positive duration".to_owned()),
        }
    }
}

fn selector(matchers: Vec<Matcher>) -> Expr {
    Expr::Selector(Selector {
        matchers,
        range: None,
        offset: 0.0,
    })
}
