//! Which pods each workload owns, counted once.
//!
//! Who owns a pod is for the caller to say; this keeps the answer while pods,
//! `ReplicaSets`, Jobs and Deployments stay as they were, so that asking for
//! the pods of every workload is no square of their number.
//!
//! Invariant: what is given never outlives a change of those collections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Objects;
use crate::object::ObjectRef;

/// Places of pods in their collection by workload, in order of capture.
pub(crate) type Owned = HashMap<ObjectRef, Vec<usize>>;

/// Revisions of what decides who owns a pod.
type Revisions = [u64; 4];

/// Kept behind a lock, since many readers may share one snapshot; it is held
/// for a look and never while counting. A copy begins without an answer.
#[derive(Debug, Default)]
pub(crate) struct OwnedPods(Mutex<Option<(Revisions, Arc<Owned>)>>);

impl Clone for OwnedPods {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl OwnedPods {
    /// The answer for `objects`, which hold this; by `count` where it is not known.
    pub(crate) fn of(&self, objects: &Objects, count: impl FnOnce() -> Owned) -> Arc<Owned> {
        let now = [
            objects.pods.revision(),
            objects.replica_sets.revision(),
            objects.jobs.revision(),
            objects.deployments.revision(),
        ];
        let known = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((then, owned)) = known
            && then == now
        {
            return owned;
        }
        let owned = Arc::new(count());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((now, Arc::clone(&owned)));
        owned
    }
}
