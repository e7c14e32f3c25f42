//! What suffers when something is unwell, and what a change of it can touch.
//!
//! Edges lead from a thing to what depends on it. A thing that is *needed*
//! (node, volume, Secret, Service, the DNS of a client that complains) makes
//! its dependents suffer: symptoms fold along those edges. A thing that only
//! *governs* (an autoscaler, a policy, a delivery tool) can change others
//! without being unwell itself: suspicion of a change also follows those.
//! What gates the making of pods (quota, webhook, limit range) is needed only
//! by workloads that lack pods.
//!
//! One file per layer reads its edges; this one keeps them and walks them.

mod admission;
mod clients;
mod governance;
mod pods;
mod routes;
mod storage;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::causes::Case;
use crate::object::ObjectRef;

type Links = BTreeMap<ObjectRef, BTreeSet<ObjectRef>>;

/// The cluster's dependencies, as far as the snapshot shows them.
#[derive(Clone, Debug, Default)]
pub struct Edges {
    dependents: Links,
    governed: Links,
    parts: Links,
}

/// How a change gets from one object to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// Steps from the changed object to the target.
    pub(super) steps: usize,
    /// The object after the changed one; none where that is the target itself.
    pub(super) next: Option<ObjectRef>,
}

impl Edges {
    /// Reads the edges of a case.
    pub fn of(case: &Case<'_>) -> Self {
        let mut edges = Self::default();
        let objects = &case.snapshot.objects;
        pods::add(objects, &mut edges);
        storage::add(objects, &mut edges);
        routes::add(objects, &mut edges);
        admission::add(objects, &mut edges);
        clients::add(case, &mut edges);
        governance::add(objects, &mut edges);
        edges
    }

    /// What suffers from `object`: its parts and everything that depends on
    /// it, directly or through others. `object` itself is among them.
    pub fn reach(&self, object: &ObjectRef) -> BTreeSet<ObjectRef> {
        self.reach_all([object.clone()])
    }

    pub(super) fn reach_all(
        &self,
        objects: impl IntoIterator<Item = ObjectRef>,
    ) -> BTreeSet<ObjectRef> {
        let mut open: Vec<ObjectRef> = objects.into_iter().collect();
        // Parts only of what is unwell itself: a slow client is not unwell in all its pods.
        let parts: Vec<ObjectRef> = open
            .iter()
            .filter_map(|object| self.parts.get(object))
            .flatten()
            .cloned()
            .collect();
        open.extend(parts);
        let mut reached = BTreeSet::new();
        while let Some(object) = open.pop() {
            if let Some(next) = self.dependents.get(&object) {
                open.extend(next.iter().filter(|next| !reached.contains(*next)).cloned());
            }
            reached.insert(object);
        }
        reached
    }

    /// Everything whose change can touch one of `targets`, with the shortest
    /// way there. The targets themselves are among them, without a step.
    pub(super) fn upstream(
        &self,
        targets: impl IntoIterator<Item = ObjectRef>,
    ) -> BTreeMap<ObjectRef, Path> {
        let backwards = self.backwards();
        let mut known: BTreeMap<ObjectRef, Path> = BTreeMap::new();
        let mut open: VecDeque<ObjectRef> = VecDeque::new();
        for target in targets {
            let here = Path {
                steps: 0,
                next: None,
            };
            known.insert(target.clone(), here);
            open.push_back(target);
        }
        while let Some(object) = open.pop_front() {
            let steps = known.get(&object).map_or(0, |path| path.steps) + 1;
            for source in backwards.get(&object).into_iter().flatten() {
                if !known.contains_key(*source) {
                    let next = Some(object.clone());
                    known.insert((*source).clone(), Path { steps, next });
                    open.push_back((*source).clone());
                }
            }
        }
        self.add_wholes(&mut known);
        known
    }

    fn backwards(&self) -> BTreeMap<&ObjectRef, Vec<&ObjectRef>> {
        let mut backwards: BTreeMap<&ObjectRef, Vec<&ObjectRef>> = BTreeMap::new();
        for (source, targets) in self.dependents.iter().chain(&self.governed) {
            for target in targets {
                backwards.entry(target).or_default().push(source);
            }
        }
        backwards
    }

    /// A changed whole touches through its parts.
    fn add_wholes(&self, known: &mut BTreeMap<ObjectRef, Path>) {
        let mut wholes = Vec::new();
        for (whole, parts) in &self.parts {
            let nearest = parts
                .iter()
                .filter_map(|part| Some((known.get(part)?.steps, part)))
                .min();
            if let Some((steps, part)) = nearest {
                wholes.push((whole.clone(), steps + 1, part.clone()));
            }
        }
        for (whole, steps, part) in wholes {
            let next = Some(part);
            known.entry(whole).or_insert(Path { steps, next });
        }
    }

    fn depends(&mut self, on: ObjectRef, dependent: ObjectRef) {
        link(&mut self.dependents, on, dependent);
    }

    fn governs(&mut self, ruler: ObjectRef, ruled: ObjectRef) {
        link(&mut self.governed, ruler, ruled);
    }

    fn part(&mut self, whole: ObjectRef, part: ObjectRef) {
        link(&mut self.parts, whole, part);
    }
}

fn link(links: &mut Links, from: ObjectRef, to: ObjectRef) {
    if from != to {
        links.entry(from).or_default().insert(to);
    }
}

#[cfg(test)]
mod tests;
