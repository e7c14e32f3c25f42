//! Where the facts about one object stand, so that asking about every object
//! of a large cluster is no square of their number.
//!
//! Invariant: the places of an object are in the order of the list they index.

use std::collections::HashMap;

use super::Facts;
use crate::object::ObjectRef;

type Places = HashMap<ObjectRef, Vec<usize>>;

/// Places in the lists of [`Facts`], by object.
#[derive(Clone, Debug, Default)]
pub(super) struct ByObject {
    events: Places,
    logs: Places,
    changes: Places,
}

impl ByObject {
    pub(super) fn of(facts: &Facts) -> Self {
        Self {
            events: places(facts.events.iter().map(|fold| &fold.object)),
            logs: places(facts.logs.iter().map(|template| &template.pod)),
            changes: places(facts.changes.iter().map(|change| &change.object)),
        }
    }

    pub(super) fn events(&self, object: &ObjectRef) -> &[usize] {
        at(&self.events, object)
    }

    pub(super) fn logs(&self, pod: &ObjectRef) -> &[usize] {
        at(&self.logs, pod)
    }

    pub(super) fn changes(&self, object: &ObjectRef) -> &[usize] {
        at(&self.changes, object)
    }
}

fn places<'a>(objects: impl Iterator<Item = &'a ObjectRef>) -> Places {
    let mut places = Places::new();
    for (place, object) in objects.enumerate() {
        match places.get_mut(object) {
            Some(known) => known.push(place),
            None => {
                places.insert(object.clone(), vec![place]);
            }
        }
    }
    places
}

fn at<'a>(places: &'a Places, object: &ObjectRef) -> &'a [usize] {
    places.get(object).map_or(&[], Vec::as_slice)
}
