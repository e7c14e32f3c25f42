//! Runs a template: statements, names and scopes. Expressions are computed in [`expressions`], calls in [`calls`].
//!
//! Scopes, loops and namespaces live on stacks of the run, and values name them by place and birth: a value that
//! outlives its scope is found out, and nothing can hold itself.

mod calls;
mod expressions;
mod operators;

use std::sync::Arc;

use jiff::Zoned;

pub(super) use self::calls::Given;
pub(super) use self::expressions::item;
use super::fault::Fault;
use super::meter::Meter;
use super::syntax::{Apply, Expression, For, Node, Program, Statement, Target};
use super::value::{self, Handle, Map, Value};

/// Names that cost one step to look through.
const NAMES_PER_UNIT: usize = 8;

/// What a statement leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

#[derive(Default)]
struct Scope {
    born: u64,
    /// The scope around it.
    parent: Option<usize>,
    names: Vec<(Arc<str>, Value)>,
}

/// A loop that goes on.
struct Round {
    born: u64,
    items: Vec<Value>,
    at: usize,
    /// What `changed` was last given.
    seen: Option<Value>,
}

/// A rendering under way.
pub(super) struct Run<'t> {
    program: &'t Program,
    pub(super) meter: Meter,
    now: fn() -> Zoned,
    scopes: Vec<Scope>,
    /// The scope names are looked up from.
    scope: usize,
    rounds: Vec<Round>,
    namespaces: Vec<Vec<(Arc<str>, Value)>>,
    out: String,
    births: u64,
}

impl<'t> Run<'t> {
    /// A run of `program` that knows `names`.
    pub(super) fn new(program: &'t Program, names: &Map, meter: Meter, now: fn() -> Zoned) -> Self {
        let known = |(name, value): &(Value, Value)| {
            let name = name.as_text().unwrap_or_default();
            (name.into(), value.clone())
        };
        let scope = Scope {
            names: names.entries().iter().map(known).collect(),
            ..Scope::default()
        };
        Self {
            program,
            meter,
            now,
            scopes: vec![scope],
            scope: 0,
            rounds: Vec::new(),
            namespaces: Vec::new(),
            out: String::new(),
            births: 0,
        }
    }

    /// The text of the template.
    pub(super) fn render(mut self) -> Result<String, Fault> {
        let program = self.program;
        self.block(&program.body)?;
        Ok(self.out)
    }

    fn born(&mut self) -> u64 {
        self.births += 1;
        self.births
    }

    /// Runs `inside` in a scope of its own below `parent`.
    fn scoped<T>(
        &mut self,
        parent: usize,
        inside: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let around = self.scope;
        let born = self.born();
        self.scope = self.scopes.len();
        self.scopes.push(Scope {
            born,
            parent: Some(parent),
            names: Vec::new(),
        });
        let done = inside(self)?;
        self.scopes.truncate(self.scope);
        self.scope = around;
        Ok(done)
    }

    /// What `inside` writes, as a value.
    fn captured(
        &mut self,
        inside: impl FnOnce(&mut Self) -> Result<(), Fault>,
    ) -> Result<Value, Fault> {
        let out = std::mem::take(&mut self.out);
        inside(self)?;
        let text = std::mem::replace(&mut self.out, out);
        self.meter.text(&text)
    }

    fn block(&mut self, nodes: &'t [Node]) -> Result<Flow, Fault> {
        self.meter.enter()?;
        let mut flow = Flow::Next;
        for node in nodes {
            flow = self.node(node).map_err(|fault| fault.on(node.line))?;
            if flow != Flow::Next {
                break;
            }
        }
        self.meter.leave();
        Ok(flow)
    }

    fn node(&mut self, node: &'t Node) -> Result<Flow, Fault> {
        self.meter.step()?;
        match &node.kind {
            Statement::Text(text) => {
                self.meter.bytes(text.len())?;
                self.out.push_str(text);
            }
            Statement::Print(shown) => {
                let value = self.value(shown)?;
                value::text(&value, &mut self.out, &mut self.meter)?;
            }
            Statement::If(branches, otherwise) => return self.choose(branches, otherwise),
            Statement::For(each) => return self.repeat(each),
            Statement::Group(body) => return self.block(body),
            Statement::With(values, body) => return self.with(values, body),
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
            Statement::Set(target, value) => {
                let value = self.value(value)?;
                self.assign(target, value)?;
            }
            Statement::SetBlock(target, filters, body) => {
                let value = self.filtered(filters, body)?;
                self.assign(target, value)?;
            }
            Statement::FilterBlock(filters, body) => {
                let value = self.filtered(filters, body)?;
                value::text(&value, &mut self.out, &mut self.meter)?;
            }
            Statement::Macro(number) => {
                let name = Arc::clone(&self.program.macros[*number].name);
                let value = self.closure(*number);
                self.store(&name, value)?;
            }
            Statement::CallBlock(caller, call) => self.call_block(*caller, call)?,
        }
        Ok(Flow::Next)
    }

    fn choose(
        &mut self,
        branches: &'t [(Expression, Vec<Node>)],
        otherwise: &'t [Node],
    ) -> Result<Flow, Fault> {
        for (condition, body) in branches {
            if self.value(condition)?.is_true() {
                return self.block(body);
            }
        }
        self.block(otherwise)
    }

    fn with(
        &mut self,
        values: &'t [(Target, Expression)],
        body: &'t [Node],
    ) -> Result<Flow, Fault> {
        let around = self.scope;
        let mut computed = Vec::new();
        for (target, value) in values {
            computed.push((target, self.value(value)?));
        }
        self.scoped(around, |run| {
            for (target, value) in computed {
                run.assign(target, value)?;
            }
            run.block(body)
        })
    }

    /// What `body` writes, through `filters`.
    fn filtered(&mut self, filters: &'t [Apply], body: &'t [Node]) -> Result<Value, Fault> {
        let around = self.scope;
        let mut value = self.captured(|run| run.scoped(around, |run| run.block(body).map(drop)))?;
        for filter in filters {
            value = self.filter(filter, value)?;
        }
        Ok(value)
    }

    fn repeat(&mut self, each: &'t For) -> Result<Flow, Fault> {
        let items = self.value(&each.items)?.items(&mut self.meter)?;
        let items = self.kept(each, items)?;
        if items.is_empty() {
            return self.block(&each.otherwise);
        }
        let born = self.born();
        let (index, count, around) = (self.rounds.len(), items.len(), self.scope);
        self.rounds.push(Round {
            born,
            items,
            at: 0,
            seen: None,
        });
        for at in 0..count {
            self.meter.step()?;
            self.rounds[index].at = at;
            let flow = self.scoped(around, |run| {
                let item = run.rounds[index].items[at].clone();
                run.assign(&each.target, item)?;
                run.store("loop", Value::Loop(Handle { index, born }))?;
                run.block(&each.body)
            })?;
            if flow == Flow::Break {
                break;
            }
        }
        self.rounds.truncate(index);
        Ok(Flow::Next)
    }

    /// The items the loop's condition holds for.
    fn kept(&mut self, each: &'t For, items: Vec<Value>) -> Result<Vec<Value>, Fault> {
        let Some(condition) = &each.condition else {
            return Ok(items);
        };
        let around = self.scope;
        let mut kept = Vec::new();
        for item in items {
            let keeps = self.scoped(around, |run| {
                run.assign(&each.target, item.clone())?;
                Ok(run.value(condition)?.is_true())
            })?;
            if keeps {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    fn assign(&mut self, target: &'t Target, value: Value) -> Result<(), Fault> {
        match target {
            Target::Name(name) => self.store(name, value),
            Target::Attribute(name, attribute) => {
                let Value::Namespace(number) = self.lookup(name)? else {
                    return Err(Fault::new(format!("`{name}` is not a namespace")));
                };
                self.meter
                    .items(1 + self.namespaces[number].len() / NAMES_PER_UNIT)?;
                put(&mut self.namespaces[number], attribute, value);
                Ok(())
            }
            Target::Tuple(targets) => {
                let values = value.items(&mut self.meter)?;
                if values.len() != targets.len() {
                    let (wanted, given) = (targets.len(), values.len());
                    return Err(Fault::new(format!(
                        "{given} values cannot be given to {wanted} names"
                    )));
                }
                for (target, value) in targets.iter().zip(values) {
                    self.assign(target, value)?;
                }
                Ok(())
            }
        }
    }

    /// Gives `name` a value in this scope.
    fn store(&mut self, name: &str, value: Value) -> Result<(), Fault> {
        let names = &mut self.scopes[self.scope].names;
        self.meter.items(1 + names.len() / NAMES_PER_UNIT)?;
        put(names, name, value);
        Ok(())
    }

    /// The value of `name` in this scope or one around it.
    fn lookup(&mut self, name: &str) -> Result<Value, Fault> {
        let mut at = Some(self.scope);
        while let Some(scope) = at.and_then(|at| self.scopes.get(at)) {
            self.meter.items(1 + scope.names.len() / NAMES_PER_UNIT)?;
            if let Some((_, value)) = scope.names.iter().find(|(known, _)| **known == *name) {
                return Ok(value.clone());
            }
            at = scope.parent;
        }
        Ok(calls::function(name).map_or(Value::Undefined, Value::Function))
    }

    /// The macro `number` as it is defined here.
    fn closure(&self, number: usize) -> Value {
        let place = Handle {
            index: self.scope,
            born: self.scopes[self.scope].born,
        };
        Value::Macro(number, place)
    }

    fn namespace(&mut self, names: Vec<(Arc<str>, Value)>) -> Result<Value, Fault> {
        self.meter.items(1 + names.len())?;
        self.namespaces.push(names);
        Ok(Value::Namespace(self.namespaces.len() - 1))
    }
}

/// Gives `name` a value among `names`.
fn put(names: &mut Vec<(Arc<str>, Value)>, name: &str, value: Value) {
    match names.iter_mut().find(|(known, _)| **known == *name) {
        Some((_, known)) => *known = value,
        None => names.push((name.into(), value)),
    }
}
