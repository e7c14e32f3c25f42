//! What a rendering may cost: fuel for steps, bytes and items, and a depth.
//!
//! Invariant: text and lists are made through a meter, which is asked before they are, so that what a rendering holds
//! is bounded by its fuel.

use super::fault::Fault;
use super::value::{List, Map, Value};

/// Bytes of text that cost one unit.
const BYTES_PER_UNIT: usize = 32;
/// Deepest nesting of expressions, blocks and macros at run time: what fits a thread's usual 2 MiB in a debug build.
const DEPTH_MAX: u32 = 300;

/// What is left to spend.
#[derive(Debug)]
pub(super) struct Meter {
    left: u64,
    depth: u32,
}

impl Meter {
    /// A meter with `fuel` units.
    pub(super) fn new(fuel: u64) -> Self {
        Self {
            left: fuel,
            depth: 0,
        }
    }

    /// Pays for one step.
    pub(super) fn step(&mut self) -> Result<(), Fault> {
        self.items(1)
    }

    /// Pays for walking over, or making, `items` values.
    pub(super) fn items(&mut self, items: usize) -> Result<(), Fault> {
        let left = self.left.checked_sub(items as u64);
        self.left = left.ok_or_else(|| {
            Fault::new(
                "the template ran out of fuel: it takes too many steps or makes too much text",
            )
        })?;
        Ok(())
    }

    /// Pays for reading or writing `bytes` of text.
    pub(super) fn bytes(&mut self, bytes: usize) -> Result<(), Fault> {
        self.items(1 + bytes / BYTES_PER_UNIT)
    }

    /// Goes a level deeper; [`leave`](Self::leave) comes back, but not after a fault.
    pub(super) fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Fault::new("recursion: the template calls too deep"));
        }
        self.step()
    }

    /// Comes back up a level.
    pub(super) fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// `text` as a value.
    pub(super) fn text(&mut self, text: &str) -> Result<Value, Fault> {
        self.bytes(text.len())?;
        Ok(Value::Text(text.into()))
    }

    /// `items` as a list.
    pub(super) fn list(&mut self, items: Vec<Value>) -> Result<Value, Fault> {
        self.items(1 + items.len())?;
        Ok(Value::List(List::try_new(items)?.into()))
    }

    /// `items` as a tuple.
    pub(super) fn tuple(&mut self, items: Vec<Value>) -> Result<Value, Fault> {
        self.items(1 + items.len())?;
        Ok(Value::Tuple(List::try_new(items)?.into()))
    }

    /// `entries`, whose keys differ, as a dictionary.
    pub(super) fn map(&mut self, entries: Vec<(Value, Value)>) -> Result<Value, Fault> {
        self.items(1 + 2 * entries.len())?;
        Ok(Value::Map(Map::try_new(entries)?.into()))
    }
}
