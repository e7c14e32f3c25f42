//! Computes expressions.

use std::sync::Arc;

use super::operators::{arithmetic, compare, slice};
use super::{Run, put};
use crate::template::jinja::fault::Fault;
use crate::template::jinja::meter::Meter;
use crate::template::jinja::syntax::{Apply, Arguments, Choice, Expression, Step};
use crate::template::jinja::value::{Handle, Value, equal};
use crate::template::jinja::{checks, filters, methods};

use super::calls::Given;

impl<'t> Run<'t> {
    /// The value of `expression`.
    pub(super) fn value(&mut self, expression: &'t Expression) -> Result<Value, Fault> {
        self.meter.enter()?;
        let value = match expression {
            Expression::Constant(value) => Ok(value.clone()),
            Expression::Name(name) => self.lookup(name),
            Expression::List(items) => {
                let items = self.values(items)?;
                self.meter.list(items)
            }
            Expression::Tuple(items) => {
                let items = self.values(items)?;
                self.meter.tuple(items)
            }
            Expression::Map(entries) => self.map(entries),
            Expression::Not(inner) => self.value(inner).map(|value| Value::Bool(!value.is_true())),
            Expression::Negative(inner) => self.value(inner).and_then(|value| signed(&value, -1)),
            Expression::Positive(inner) => self.value(inner).and_then(|value| signed(&value, 1)),
            Expression::All(items) => self.first(items, false),
            Expression::Any(items) => self.first(items, true),
            Expression::Compare(first, others) => self.comparison(first, others),
            Expression::Arithmetic(first, others) => {
                let mut left = self.value(first)?;
                for (operator, right) in others {
                    let right = self.value(right)?;
                    left = arithmetic(*operator, &left, &right, &mut self.meter)?;
                }
                Ok(left)
            }
            Expression::Choice(choice) => self.choice(choice),
            Expression::Steps(first, steps) => self.walk(first, steps),
        }?;
        self.meter.leave();
        Ok(value)
    }

    fn values(&mut self, expressions: &'t [Expression]) -> Result<Vec<Value>, Fault> {
        expressions.iter().map(|item| self.value(item)).collect()
    }

    fn map(&mut self, entries: &'t [(Expression, Expression)]) -> Result<Value, Fault> {
        let mut made: Vec<(Value, Value)> = Vec::new();
        for (key, value) in entries {
            let (key, value) = (self.value(key)?, self.value(value)?);
            insert(&mut made, key, value, &mut self.meter)?;
        }
        self.meter.map(made)
    }

    /// The first of `items` whose truth is `truth`, else the last.
    fn first(&mut self, items: &'t [Expression], truth: bool) -> Result<Value, Fault> {
        let mut last = Value::Undefined;
        for item in items {
            last = self.value(item)?;
            if last.is_true() == truth {
                break;
            }
        }
        Ok(last)
    }

    fn comparison(
        &mut self,
        first: &'t Expression,
        others: &'t [(crate::template::jinja::syntax::Comparison, Expression)],
    ) -> Result<Value, Fault> {
        let mut left = self.value(first)?;
        for (comparison, right) in others {
            let right = self.value(right)?;
            if !compare(*comparison, &left, &right, &mut self.meter)? {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    fn choice(&mut self, choice: &'t Choice) -> Result<Value, Fault> {
        if self.value(&choice.condition)?.is_true() {
            return self.value(&choice.then);
        }
        let otherwise = choice.otherwise.as_ref();
        otherwise.map_or(Ok(Value::Undefined), |otherwise| self.value(otherwise))
    }

    fn walk(&mut self, first: &'t Expression, steps: &'t [Step]) -> Result<Value, Fault> {
        let mut value = self.value(first)?;
        for step in steps {
            self.meter.step()?;
            value = match step {
                Step::Attribute(name) => self.attribute(&value, name)?,
                Step::Item(index) => {
                    let index = self.value(index)?;
                    self.item(&value, &index)?
                }
                Step::Slice(bounds) => self.slice(&value, bounds)?,
                Step::Call(arguments) => {
                    let given = self.given(arguments)?;
                    self.call(&value, given)?
                }
                Step::Filter(filter) => self.filter(filter, value)?,
                Step::Test(test, negated) => {
                    let given = self.given(&test.arguments)?;
                    let holds = checks::holds(&test.name, &value, given, &mut self.meter)?;
                    Value::Bool(holds != *negated)
                }
            };
        }
        Ok(value)
    }

    fn slice(
        &mut self,
        value: &Value,
        bounds: &'t [Option<Expression>; 3],
    ) -> Result<Value, Fault> {
        let mut whole = [None; 3];
        for (bound, whole) in bounds.iter().zip(&mut whole) {
            *whole = match bound.as_ref().map(|bound| self.value(bound)).transpose()? {
                None | Some(Value::None) => None,
                Some(bound) => Some(bound.as_int().ok_or_else(|| {
                    Fault::new(format!("a slice cannot end at {}", bound.kind()))
                })?),
            };
        }
        slice(value, whole, &mut self.meter)
    }

    /// `value` through `filter`.
    pub(super) fn filter(&mut self, filter: &'t Apply, value: Value) -> Result<Value, Fault> {
        let given = self.given(&filter.arguments)?;
        filters::apply(&filter.name, value, given, &mut self.meter)
    }

    /// What a call is given.
    pub(super) fn given(&mut self, arguments: &'t Arguments) -> Result<Given, Fault> {
        let positional = self.values(&arguments.positional)?;
        let mut named: Vec<(Arc<str>, Value)> = Vec::new();
        for (name, value) in &arguments.named {
            let value = self.value(value)?;
            self.meter.items(1 + named.len() / 8)?;
            put(&mut named, name, value);
        }
        Ok(Given::new(positional, named))
    }

    /// `value.name`
    fn attribute(&mut self, value: &Value, name: &Arc<str>) -> Result<Value, Fault> {
        if let Some(method) = methods::name(value, name) {
            return Ok(Value::Method(Arc::new((value.clone(), method))));
        }
        match value {
            Value::Undefined => Err(Fault::new(format!(
                "`{name}` is asked of an undefined value"
            ))),
            Value::Map(map) => {
                let found = map.get(&Value::Text(Arc::clone(name)), &mut self.meter)?;
                Ok(found.cloned().unwrap_or_default())
            }
            Value::Namespace(number) => {
                let names = &self.namespaces[*number];
                self.meter.items(1 + names.len() / 8)?;
                let found = names.iter().find(|(known, _)| known == name);
                Ok(found.map(|(_, value)| value.clone()).unwrap_or_default())
            }
            Value::Loop(handle) => self.loop_attribute(*handle, name),
            Value::Macro(number, _) if **name == *"name" => {
                Ok(Value::Text(Arc::clone(&self.program.macros[*number].name)))
            }
            _ => Ok(Value::Undefined),
        }
    }

    /// `value[index]`
    fn item(&mut self, value: &Value, index: &Value) -> Result<Value, Fault> {
        if let Some(found) = item(value, index, &mut self.meter)? {
            return Ok(found);
        }
        match (value, index) {
            (Value::Undefined, _) => Err(Fault::new("an item is asked of an undefined value")),
            (_, Value::Text(name)) => self.attribute(value, name),
            _ => Ok(Value::Undefined),
        }
    }

    fn loop_attribute(&mut self, handle: Handle, name: &str) -> Result<Value, Fault> {
        let round = self.round(handle)?;
        let whole = |number: usize| Value::Int(number as i128);
        let (at, count) = (round.at, round.items.len());
        Ok(match name {
            "index" => whole(at + 1),
            "index0" => whole(at),
            "revindex" => whole(count - at),
            "revindex0" => whole(count - at - 1),
            "first" => Value::Bool(at == 0),
            "last" => Value::Bool(at + 1 == count),
            "length" => whole(count),
            "depth" => whole(1),
            "depth0" => whole(0),
            "previtem" => at
                .checked_sub(1)
                .and_then(|before| round.items.get(before).cloned())
                .unwrap_or_default(),
            "nextitem" => round.items.get(at + 1).cloned().unwrap_or_default(),
            "cycle" => Value::Method(Arc::new((Value::Loop(handle), "cycle"))),
            "changed" => Value::Method(Arc::new((Value::Loop(handle), "changed"))),
            _ => Value::Undefined,
        })
    }
}

/// `value[index]` of lists, text and dictionaries, if it is there.
pub(in super::super) fn item(
    value: &Value,
    index: &Value,
    meter: &mut Meter,
) -> Result<Option<Value>, Fault> {
    let place = |count: usize| {
        let index = index.as_int()?;
        let from_start = if index < 0 {
            index + count as i128
        } else {
            index
        };
        usize::try_from(from_start).ok().filter(|&at| at < count)
    };
    Ok(match value {
        Value::List(list) | Value::Tuple(list) => {
            place(list.items().len()).map(|at| list.items()[at].clone())
        }
        Value::Map(map) => map.get(index, meter)?.cloned(),
        Value::Text(text) if index.as_int().is_some() => {
            meter.bytes(text.len())?;
            let letter = place(text.chars().count()).and_then(|at| text.chars().nth(at));
            letter.map(|letter| Value::Text(letter.encode_utf8(&mut [0; 4]).into()))
        }
        _ => None,
    })
}

/// Gives `key` a value among `entries`.
pub(in super::super) fn insert(
    entries: &mut Vec<(Value, Value)>,
    key: Value,
    value: Value,
    meter: &mut Meter,
) -> Result<(), Fault> {
    if matches!(key, Value::List(_) | Value::Map(_)) {
        let kind = key.kind();
        return Err(Fault::new(format!("{kind} cannot be a key")));
    }
    for (known, old) in entries.iter_mut() {
        if equal(known, &key, meter)? {
            *old = value;
            return Ok(());
        }
    }
    entries.push((key, value));
    Ok(())
}

fn signed(value: &Value, sign: i128) -> Result<Value, Fault> {
    match value {
        #[allow(clippy::cast_precision_loss, reason = "it is 1 or -1")]
        Value::Float(number) => Ok(Value::Float(number * sign as f64)),
        other => other
            .as_int()
            .and_then(|number| number.checked_mul(sign))
            .map(Value::Int)
            .ok_or_else(|| Fault::new(format!("{} has no sign", other.kind()))),
    }
}
