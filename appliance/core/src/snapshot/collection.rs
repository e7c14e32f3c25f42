//! Objects of one kind, as they were listed.
//!
//! Decides how objects are found; which kinds there are is [`super::kinds`]'
//! table. Looking up takes constant time and no copy of a name; a namespace's
//! objects are reached without a look at the others.
//!
//! Invariant: collections of equal [`Collection::revision`] hold the same objects.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use k8s_openapi::Metadata;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Counts every addition to any collection; 0 is for those nothing was added to.
static REVISIONS: AtomicU64 = AtomicU64::new(1);

/// Objects of one kind, found by namespace and name in constant time.
#[derive(Clone, Debug)]
pub struct Collection<T> {
    items: Vec<T>,
    index: HashMap<String, Place>,
    namespaces: BTreeSet<String>,
    everywhere: bool,
    revision: u64,
}

/// Where one namespace's objects stand.
#[derive(Clone, Debug, Default)]
struct Place {
    /// In the order they were captured.
    positions: Vec<usize>,
    by_name: HashMap<String, usize>,
}

impl<T> Default for Collection<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            index: HashMap::new(),
            namespaces: BTreeSet::new(),
            everywhere: false,
            revision: 0,
        }
    }
}

impl<T: Metadata<Ty = ObjectMeta>> Collection<T> {
    /// Adds an object; a second one of the same name replaces the first.
    pub fn insert(&mut self, item: T) {
        self.revision = REVISIONS.fetch_add(1, Ordering::Relaxed);
        let meta = item.metadata();
        let namespace = meta.namespace.clone().unwrap_or_default();
        let name = meta.name.clone().unwrap_or_default();
        let place = self.index.entry(namespace).or_default();
        if let Some(&position) = place.by_name.get(&name) {
            self.items[position] = item;
        } else {
            place.by_name.insert(name, self.items.len());
            place.positions.push(self.items.len());
            self.items.push(item);
        }
    }

    /// Records that this kind was listed in `namespace`, even if empty.
    pub fn mark_captured_in(&mut self, namespace: &str) {
        self.namespaces.insert(namespace.to_owned());
    }

    /// Records that this kind was listed in the whole cluster.
    pub fn mark_captured_everywhere(&mut self) {
        self.everywhere = true;
    }

    /// Whether this kind was listed in `namespace` (for cluster-scoped kinds: `""`).
    pub fn captured_in(&self, namespace: &str) -> bool {
        self.everywhere || self.namespaces.contains(namespace)
    }

    /// The namespaces this kind was listed in one by one.
    pub fn captured_namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().map(String::as_str)
    }

    /// Whether this kind was listed anywhere at all.
    pub fn captured_anywhere(&self) -> bool {
        self.everywhere || !self.namespaces.is_empty()
    }

    /// The object of that name; cluster-scoped kinds use `""` as namespace.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&T> {
        let position = self.index.get(namespace)?.by_name.get(name)?;
        self.items.get(*position)
    }

    /// The object at that place in the order of capture.
    pub(crate) fn at(&self, position: usize) -> Option<&T> {
        self.items.get(position)
    }

    /// Tells two states of this collection apart.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// All objects, in the order they were captured.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// The objects of one namespace, in the order they were captured.
    pub fn in_namespace<'a>(&'a self, namespace: &str) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let place = self.index.get(namespace);
        let positions = place.map_or(&[][..], |place| &place.positions);
        positions.iter().map(|position| &self.items[*position])
    }

    /// How many were captured.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none was captured.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl<'a, T> IntoIterator for &'a Collection<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn map(namespace: &str, name: &str, value: &str) -> ConfigMap {
        let mut map = ConfigMap::default();
        map.metadata.namespace = (!namespace.is_empty()).then(|| namespace.to_owned());
        map.metadata.name = Some(name.to_owned());
        map.data = Some([("key".to_owned(), value.to_owned())].into());
        map
    }

    fn values(of: impl Iterator<Item = impl std::borrow::Borrow<ConfigMap>>) -> Vec<String> {
        of.map(|one| one.borrow().data.as_ref().unwrap()["key"].clone())
            .collect()
    }

    #[test]
    fn a_second_object_of_a_name_takes_the_place_of_the_first() {
        let mut all = Collection::default();
        for (namespace, name, value) in [
            ("b", "one", "old"),
            ("a", "one", "other"),
            ("b", "two", "last"),
            ("b", "one", "new"),
            ("", "one", "of the cluster"),
        ] {
            all.insert(map(namespace, name, value));
        }
        assert_eq!(all.len(), 4);
        assert_eq!(values(all.in_namespace("b")), ["new", "last"]);
        assert_eq!(values(all.get("", "one").into_iter()), ["of the cluster"]);
        assert_eq!(values(all.get("a", "two").into_iter()), [""; 0]);
        assert_eq!(
            values(all.iter()),
            ["new", "other", "last", "of the cluster"]
        );
    }

    #[test]
    fn every_addition_makes_another_revision_and_a_copy_keeps_it() {
        let mut all = Collection::default();
        assert_eq!(all.revision(), 0);
        all.insert(map("a", "one", "x"));
        let copy = all.clone();
        assert_eq!(copy.revision(), all.revision());
        all.insert(map("a", "one", "y"));
        assert_ne!(copy.revision(), all.revision());
    }
}
