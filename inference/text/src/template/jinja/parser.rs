//! Reads statements; expressions are read in [`expressions`].
//!
//! Invariant: blocks and expressions together nest at most [`NEST_MAX`] deep.

mod expressions;

use std::sync::Arc;

use super::fault::Fault;
use super::lexer::{Kind, Token};
use super::syntax::{Apply, For, Macro, Node, Parameter, Program, Statement, Target};

/// Deepest nesting; templates in use stay below 25.
const NEST_MAX: usize = 60;

/// Reads `tokens`.
pub(super) fn parse(tokens: Vec<Token>) -> Result<Program, Fault> {
    let mut parser = Parser {
        tokens,
        at: 0,
        nested: 0,
        loops: 0,
        macros: Vec::new(),
    };
    let body = parser.block(&[])?;
    Ok(Program {
        body,
        macros: parser.macros,
    })
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    nested: usize,
    /// Loops around this place, of the same macro.
    loops: usize,
    macros: Vec<Macro>,
}

impl Parser {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn line(&self) -> u32 {
        let token = self.tokens.get(self.at).or(self.tokens.last());
        token.map_or(1, |token| token.line)
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::at(self.line(), message)
    }

    fn unexpected(&self) -> Fault {
        let found = match self.peek() {
            Some(Kind::Name(name)) => format!("unexpected `{name}`"),
            Some(Kind::Operator(operator)) => format!("unexpected `{operator}`"),
            Some(Kind::TagEnd | Kind::PrintEnd) => "the tag ends too early".to_owned(),
            Some(_) => "unexpected text".to_owned(),
            None => "the template ends too early".to_owned(),
        };
        self.fault(found)
    }

    /// Takes the token if it is `kind`.
    fn take(&mut self, kind: &Kind) -> bool {
        let is = self.peek() == Some(kind);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, kind: &Kind) -> Result<(), Fault> {
        if self.take(kind) {
            return Ok(());
        }
        Err(self.unexpected())
    }

    fn takes(&mut self, operator: &'static str) -> bool {
        self.take(&Kind::Operator(operator))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Kind::Name(name)) if **name == *word)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.at += usize::from(is);
        is
    }

    fn name(&mut self) -> Result<Arc<str>, Fault> {
        let Some(Kind::Name(name)) = self.peek().cloned() else {
            return Err(self.unexpected());
        };
        self.at += 1;
        Ok(name)
    }

    /// Runs `read` a level deeper.
    fn nest<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.nested == NEST_MAX {
            return Err(self.fault(format!("it nests more than {NEST_MAX} deep")));
        }
        self.nested += 1;
        let read = read(self);
        self.nested -= 1;
        read
    }

    /// What stands before a tag named in `ends`, whose name is the next token; to the end if there are none.
    fn block(&mut self, ends: &[&str]) -> Result<Vec<Node>, Fault> {
        self.nest(|parser| {
            let mut nodes = Vec::new();
            while let Some(kind) = parser.peek().cloned() {
                let line = parser.line();
                parser.at += 1;
                let kind = match kind {
                    Kind::Data(text) => Statement::Text(text),
                    Kind::PrintBegin => {
                        let shown = parser.tuple()?;
                        parser.expect(&Kind::PrintEnd)?;
                        Statement::Print(shown)
                    }
                    Kind::TagBegin if ends.iter().any(|end| parser.is_word(end)) => {
                        return Ok(nodes);
                    }
                    Kind::TagBegin => parser.statement().map_err(|fault| fault.on(line))?,
                    _ => return Err(parser.unexpected()),
                };
                nodes.push(Node { line, kind });
            }
            match ends.last() {
                Some(end) => Err(parser.fault(format!("`{end}` is missing"))),
                None => Ok(nodes),
            }
        })
    }

    /// A block up to the tag `end`, which is taken.
    fn body(&mut self, end: &str) -> Result<Vec<Node>, Fault> {
        self.expect(&Kind::TagEnd)?;
        let body = self.block(&[end])?;
        self.at += 1;
        self.expect(&Kind::TagEnd)?;
        Ok(body)
    }

    fn statement(&mut self) -> Result<Statement, Fault> {
        let name = self.name()?;
        match &*name {
            "if" => self.condition(),
            "for" => self.repetition(),
            "set" => self.assignment(),
            "macro" => self.definition(),
            "call" => self.call_block(),
            "filter" => {
                let filters = self.filters(true)?;
                Ok(Statement::FilterBlock(filters, self.body("endfilter")?))
            }
            "with" => self.with(),
            "generation" => Ok(Statement::Group(self.body("endgeneration")?)),
            "break" | "continue" if self.loops > 0 => {
                self.expect(&Kind::TagEnd)?;
                Ok(if *name == *"break" {
                    Statement::Break
                } else {
                    Statement::Continue
                })
            }
            "break" | "continue" => Err(self.fault(format!("`{name}` stands outside a loop"))),
            _ => Err(self.fault(format!("the tag `{name}` is not supported"))),
        }
    }

    fn condition(&mut self) -> Result<Statement, Fault> {
        let mut branches = Vec::new();
        loop {
            let condition = self.expression()?;
            self.expect(&Kind::TagEnd)?;
            branches.push((condition, self.block(&["elif", "else", "endif"])?));
            if !self.takes_word("elif") {
                break;
            }
        }
        let otherwise = self.otherwise("endif")?;
        Ok(Statement::If(branches, otherwise))
    }

    /// What stands behind `else`, up to the tag `end`, which is taken.
    fn otherwise(&mut self, end: &str) -> Result<Vec<Node>, Fault> {
        if self.takes_word("else") {
            return self.body(end);
        }
        self.at += 1;
        self.expect(&Kind::TagEnd)?;
        Ok(Vec::new())
    }

    fn repetition(&mut self) -> Result<Statement, Fault> {
        let target = self.target()?;
        if !self.takes_word("in") {
            return Err(self.unexpected());
        }
        let items = self.plain_tuple()?;
        let condition = self
            .takes_word("if")
            .then(|| self.expression())
            .transpose()?;
        if self.is_word("recursive") {
            return Err(self.fault("recursive loops are not supported"));
        }
        self.expect(&Kind::TagEnd)?;
        self.loops += 1;
        let body = self.block(&["else", "endfor"])?;
        self.loops -= 1;
        let otherwise = self.otherwise("endfor")?;
        Ok(Statement::For(Box::new(For {
            target,
            items,
            condition,
            body,
            otherwise,
        })))
    }

    fn assignment(&mut self) -> Result<Statement, Fault> {
        let target = self.target()?;
        if self.takes("=") {
            let value = self.tuple()?;
            self.expect(&Kind::TagEnd)?;
            return Ok(Statement::Set(target, value));
        }
        let filters = self.filters(false)?;
        Ok(Statement::SetBlock(target, filters, self.body("endset")?))
    }

    /// Filters behind a name; the first stands without `|` if `bare`.
    fn filters(&mut self, bare: bool) -> Result<Vec<Apply>, Fault> {
        let mut filters = Vec::new();
        if bare {
            filters.push(self.apply()?);
        }
        while self.takes("|") {
            filters.push(self.apply()?);
        }
        Ok(filters)
    }

    fn definition(&mut self) -> Result<Statement, Fault> {
        let name = self.name()?;
        let parameters = self.parameters()?;
        self.define(name, parameters, "endmacro")
            .map(Statement::Macro)
    }

    fn call_block(&mut self) -> Result<Statement, Fault> {
        let parameters = if self.peek() == Some(&Kind::Operator("(")) {
            self.parameters()?
        } else {
            Vec::new()
        };
        let call = self.expression()?;
        let caller = self.define("caller".into(), parameters, "endcall")?;
        Ok(Statement::CallBlock(caller, call))
    }

    /// The number of a macro with the body up to `end`.
    fn define(
        &mut self,
        name: Arc<str>,
        parameters: Vec<Parameter>,
        end: &str,
    ) -> Result<usize, Fault> {
        let loops = std::mem::take(&mut self.loops);
        let body = self.body(end)?;
        self.loops = loops;
        self.macros.push(Macro {
            name,
            parameters,
            body,
        });
        Ok(self.macros.len() - 1)
    }

    fn parameters(&mut self) -> Result<Vec<Parameter>, Fault> {
        self.expect(&Kind::Operator("("))?;
        let mut parameters = Vec::new();
        while !self.takes(")") {
            let name = self.name()?;
            let default = self.takes("=").then(|| self.expression()).transpose()?;
            parameters.push((name, default));
            if !self.takes(",") {
                self.expect(&Kind::Operator(")"))?;
                break;
            }
        }
        Ok(parameters)
    }

    fn with(&mut self) -> Result<Statement, Fault> {
        let mut values = Vec::new();
        while self.peek() != Some(&Kind::TagEnd) {
            let target = self.target()?;
            self.expect(&Kind::Operator("="))?;
            values.push((target, self.expression()?));
            if !self.takes(",") {
                break;
            }
        }
        Ok(Statement::With(values, self.body("endwith")?))
    }

    /// `a`, `a.b`, or `a, b`, with or without parentheses.
    fn target(&mut self) -> Result<Target, Fault> {
        let first = self.single_target()?;
        if self.peek() != Some(&Kind::Operator(",")) {
            return Ok(first);
        }
        let mut targets = vec![first];
        while self.takes(",") {
            if matches!(self.peek(), Some(Kind::Operator("=" | ")")) | None) || self.is_word("in") {
                break;
            }
            targets.push(self.single_target()?);
        }
        Ok(Target::Tuple(targets))
    }

    fn single_target(&mut self) -> Result<Target, Fault> {
        if self.takes("(") {
            let inner = self.nest(Self::target)?;
            self.expect(&Kind::Operator(")"))?;
            return Ok(inner);
        }
        let name = self.name()?;
        if self.takes(".") {
            return Ok(Target::Attribute(name, self.name()?));
        }
        Ok(Target::Name(name))
    }
}
