//! Calls: macros, methods, and the functions every template knows.

use std::sync::Arc;

use super::{Round, Run};
use crate::template::jinja::fault::Fault;
use crate::template::jinja::methods;
use crate::template::jinja::syntax::Expression;
use crate::template::jinja::value::{self, Handle, Value, equal};

/// Functions every template knows.
const FUNCTIONS: [&str; 5] = [
    "range",
    "dict",
    "namespace",
    "raise_exception",
    "strftime_now",
];
/// Longest format of a time, in bytes.
const FORMAT_BYTES_MAX: usize = 200;

/// The function called `name`.
pub(super) fn function(name: &str) -> Option<&'static str> {
    FUNCTIONS.into_iter().find(|function| *function == name)
}

/// What a call is given; parameters are taken in their order.
#[derive(Debug, Default)]
pub(in super::super) struct Given {
    positional: std::vec::IntoIter<Value>,
    named: Vec<(Arc<str>, Value)>,
}

impl Given {
    pub(in super::super) fn new(positional: Vec<Value>, named: Vec<(Arc<str>, Value)>) -> Self {
        Self {
            positional: positional.into_iter(),
            named,
        }
    }

    /// The next parameter, called `name`.
    pub(in super::super) fn take(&mut self, name: &str) -> Option<Value> {
        self.positional.next().or_else(|| self.take_named(name))
    }

    /// The parameter called `name`, where it cannot be given by place.
    pub(in super::super) fn take_named(&mut self, name: &str) -> Option<Value> {
        let at = self.named.iter().position(|(known, _)| **known == *name)?;
        Some(self.named.swap_remove(at).1)
    }

    /// The next parameter, which must be there.
    pub(in super::super) fn need(&mut self, name: &str) -> Result<Value, Fault> {
        self.take(name)
            .ok_or_else(|| Fault::new(format!("the argument `{name}` is missing")))
    }

    /// The next parameter as text.
    pub(in super::super) fn text(&mut self, name: &str) -> Result<Option<Arc<str>>, Fault> {
        match self.take(name) {
            None | Some(Value::None) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => {
                let kind = other.kind();
                Err(Fault::new(format!("`{name}` must be text, not {kind}")))
            }
        }
    }

    /// The next parameter as a whole number.
    pub(in super::super) fn int(&mut self, name: &str) -> Result<Option<i128>, Fault> {
        match self.take(name) {
            None | Some(Value::None) => Ok(None),
            Some(other) => other.as_int().map(Some).ok_or_else(|| {
                let kind = other.kind();
                Fault::new(format!("`{name}` must be a whole number, not {kind}"))
            }),
        }
    }

    /// The next parameter as a count of things, 0 if it is negative.
    pub(in super::super) fn count(&mut self, name: &str) -> Result<Option<usize>, Fault> {
        let whole = self.int(name)?;
        Ok(whole.map(|whole| usize::try_from(whole.max(0)).unwrap_or(usize::MAX)))
    }

    /// The next parameter as a condition.
    pub(in super::super) fn flag(&mut self, name: &str) -> bool {
        self.take(name).is_some_and(|value| value.is_true())
    }

    /// What is left by place.
    pub(in super::super) fn rest(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.positional).collect()
    }

    /// What is left by name.
    pub(in super::super) fn rest_named(&mut self) -> Vec<(Arc<str>, Value)> {
        std::mem::take(&mut self.named)
    }

    /// Refuses what nothing took.
    pub(in super::super) fn done(self) -> Result<(), Fault> {
        if let Some((name, _)) = self.named.first() {
            return Err(Fault::new(format!("the argument `{name}` is not known")));
        }
        if self.positional.len() > 0 {
            return Err(Fault::new("there are more arguments than it takes"));
        }
        Ok(())
    }
}

impl<'t> Run<'t> {
    /// What `callee` answers.
    pub(super) fn call(&mut self, callee: &Value, given: Given) -> Result<Value, Fault> {
        match callee {
            Value::Macro(number, place) => self.call_macro(*number, *place, given, None),
            Value::Function(name) => self.call_function(name, given),
            Value::Method(method) => match &method.0 {
                Value::Loop(handle) => self.call_loop(*handle, method.1, given),
                receiver => methods::call(receiver, method.1, given, &mut self.meter),
            },
            Value::Undefined => Err(Fault::new("what is called is not defined")),
            other => Err(Fault::new(format!("{} cannot be called", other.kind()))),
        }
    }

    /// `{% call %}`: the call writes, and may call back.
    pub(super) fn call_block(&mut self, caller: usize, call: &'t Expression) -> Result<(), Fault> {
        let caller = self.closure(caller);
        let (callee, arguments) = match call {
            Expression::Steps(first, steps) => match (&**first, steps.as_slice()) {
                (
                    Expression::Name(name),
                    [crate::template::jinja::syntax::Step::Call(arguments)],
                ) => (self.lookup(name)?, arguments),
                _ => return Err(Fault::new("`call` needs the call of a macro")),
            },
            _ => return Err(Fault::new("`call` needs the call of a macro")),
        };
        let Value::Macro(number, place) = callee else {
            return Err(Fault::new("`call` needs the call of a macro"));
        };
        let given = self.given(arguments)?;
        let text = self.call_macro(number, place, given, Some(caller))?;
        value::text(&text, &mut self.out, &mut self.meter)
    }

    fn call_macro(
        &mut self,
        number: usize,
        place: Handle,
        mut given: Given,
        caller: Option<Value>,
    ) -> Result<Value, Fault> {
        let lives = self.scopes.get(place.index);
        if lives.is_none_or(|scope| scope.born != place.born) {
            return Err(Fault::new("the macro's place in the template has ended"));
        }
        let definition = &self.program.macros[number];
        self.captured(|run| {
            run.scoped(place.index, |run| {
                for (name, default) in &definition.parameters {
                    let value = match (given.take(name), default) {
                        (Some(value), _) => value,
                        (None, Some(default)) => run.value(default)?,
                        (None, None) => Value::Undefined,
                    };
                    run.store(name, value)?;
                }
                if let Some(caller) = caller {
                    run.store("caller", caller)?;
                }
                given.done()?;
                run.block(&definition.body).map(drop)
            })
        })
    }

    fn call_function(&mut self, name: &str, mut given: Given) -> Result<Value, Fault> {
        match name {
            "range" => self.range(given),
            "dict" => {
                let mut entries = Vec::new();
                for (name, value) in given.rest_named() {
                    entries.push((Value::Text(name), value));
                }
                given.done()?;
                self.meter.map(entries)
            }
            "namespace" => {
                let mut names = Vec::new();
                if let Some(Value::Map(map)) = given.take("") {
                    for (key, value) in map.entries() {
                        let key = key.as_text().unwrap_or_default();
                        self.meter.bytes(key.len())?;
                        names.push((key.into(), value.clone()));
                    }
                }
                for (name, value) in given.rest_named() {
                    super::put(&mut names, &name, value);
                }
                given.done()?;
                self.namespace(names)
            }
            "raise_exception" => {
                let message = given.need("message")?;
                let mut text = String::new();
                value::text(&message, &mut text, &mut self.meter)?;
                Err(Fault::new(text))
            }
            _ => self.time(given),
        }
    }

    fn range(&mut self, mut given: Given) -> Result<Value, Fault> {
        let first = given.need("stop")?.as_int();
        let (second, step) = (given.int("stop")?, given.int("step")?.unwrap_or(1));
        given.done()?;
        let first = first.ok_or_else(|| Fault::new("a range needs whole numbers"))?;
        let (start, stop) = second.map_or((0, first), |second| (first, second));
        if step == 0 {
            return Err(Fault::new("the step of a range cannot be 0"));
        }
        let span = if step > 0 {
            stop.checked_sub(start)
        } else {
            start.checked_sub(stop)
        };
        let span = span
            .ok_or_else(|| Fault::new("a range is too long"))?
            .max(0)
            .unsigned_abs();
        let count = usize::try_from(span.div_ceil(step.unsigned_abs())).unwrap_or(usize::MAX);
        self.meter.items(count)?;
        let numbers = (0..count as i128).map(|number| Value::Int(start + number * step));
        self.meter.list(numbers.collect())
    }

    fn time(&mut self, mut given: Given) -> Result<Value, Fault> {
        let format = given.text("format")?;
        given.done()?;
        let format = format.ok_or_else(|| Fault::new("`strftime_now` needs a format"))?;
        if format.len() > FORMAT_BYTES_MAX {
            return Err(Fault::new(format!(
                "the format of a time has more than {FORMAT_BYTES_MAX} bytes"
            )));
        }
        let told = jiff::fmt::strtime::format(format.as_bytes(), &(self.now)())
            .map_err(|error| Fault::new(error.to_string()))?;
        self.meter.text(&told)
    }

    /// The loop of `handle`, if it still goes on.
    pub(super) fn round(&mut self, handle: Handle) -> Result<&mut Round, Fault> {
        let round = self.rounds.get_mut(handle.index);
        round
            .filter(|round| round.born == handle.born)
            .ok_or_else(|| Fault::new("the loop has ended"))
    }

    fn call_loop(
        &mut self,
        handle: Handle,
        method: &str,
        mut given: Given,
    ) -> Result<Value, Fault> {
        let values = given.rest();
        given.done()?;
        if method == "cycle" {
            let at = self.round(handle)?.at;
            let chosen = at.checked_rem(values.len()).and_then(|at| values.get(at));
            return chosen
                .cloned()
                .ok_or_else(|| Fault::new("`cycle` needs values"));
        }
        let now = self.meter.tuple(values)?;
        let before = self.round(handle)?.seen.replace(now.clone());
        let same = before.map(|before| equal(&before, &now, &mut self.meter));
        Ok(Value::Bool(!same.transpose()?.unwrap_or(false)))
    }
}
