//! Everything the simulated cluster knows: objects, logs, series, and how they
//! changed.
//!
//! Objects are stored raw, as they came, without `kind` and `apiVersion` (the
//! resource says them). Every change takes the next resource version and is
//! kept in a bounded log, from which watches are replayed and earlier states
//! are served.
//!
//! Invariant: the version of the world is at least that of each object in it,
//! and the log has every change after [`World::oldest_version`].

pub(crate) mod bundle;
mod cluster;
mod logs;
pub(crate) mod openmetrics;
pub(crate) mod resource;
mod series;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub use self::bundle::BundleError;
pub use self::cluster::Cluster;
pub use self::logs::{LogKey, LogLine};
pub use self::openmetrics::OpenMetricsError;
pub use self::resource::{Resource, by_kind, find, resource_of_list};
pub use self::series::SeriesStore;

/// Most changes kept for watches and earlier states: about what a watch cache
/// of a real server holds for all resources of a small cluster.
const CHANGES_MAX: usize = 4096;

/// Namespace and name of an object; cluster-scoped objects have an empty
/// namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl Key {
    /// The key of `namespace` and `name`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// Version of the world after the change.
    pub version: u64,
    /// Which resource.
    pub resource: &'static Resource,
    /// Which object.
    pub key: Key,
    /// State before; absent if the object was added.
    pub before: Option<Arc<Value>>,
    /// State after; absent if the object was deleted.
    pub after: Option<Arc<Value>>,
}

type Shelf = BTreeMap<Key, Arc<Value>>;

/// The state of a simulated cluster.
#[derive(Clone, Debug, Default)]
pub struct World {
    objects: BTreeMap<&'static str, Shelf>,
    version: u64,
    oldest_version: u64,
    changes: VecDeque<Change>,
    logs: BTreeMap<LogKey, Vec<LogLine>>,
    /// Metric series.
    pub series: SeriesStore,
    /// The world's clock; absent means the clock on the wall.
    frozen_at: Option<Timestamp>,
}

impl World {
    /// An empty world on the clock on the wall.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the clock at `at`: ages and queries are answered as of then.
    pub fn freeze(&mut self, at: Timestamp) {
        self.frozen_at = Some(at);
    }

    /// Lets the clock run with the one on the wall.
    pub fn unfreeze(&mut self) {
        self.frozen_at = None;
    }

    /// Whether the clock stands still.
    pub fn is_frozen(&self) -> bool {
        self.frozen_at.is_some()
    }

    /// What time it is in this world.
    pub fn now(&self) -> Timestamp {
        self.frozen_at.unwrap_or_else(Timestamp::now)
    }

    /// The resource version of the newest state.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The earliest version from which changes are still known.
    pub fn oldest_version(&self) -> u64 {
        self.oldest_version
    }

    /// The object of that name; cluster-scoped resources have an empty namespace.
    pub fn get(&self, resource: &Resource, namespace: &str, name: &str) -> Option<&Arc<Value>> {
        self.objects
            .get(resource.stored_as)?
            .get(&Key::new(namespace, name))
    }

    /// All objects of a resource by namespace, then name.
    pub fn objects<'a>(
        &'a self,
        resource: &Resource,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> + 'a {
        self.objects.get(resource.stored_as).into_iter().flatten()
    }

    /// All objects of a resource in one namespace, by name.
    pub fn in_namespace<'a>(
        &'a self,
        resource: &Resource,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> + 'a {
        self.objects(resource)
            .filter(move |(key, _)| key.namespace == namespace)
    }

    /// Adds or replaces an object and returns its new version.
    ///
    /// `kind` and `apiVersion` are dropped, `metadata.resourceVersion` is set;
    /// an object equal to the stored one changes nothing.
    pub fn put(&mut self, resource: &'static Resource, object: Value) -> u64 {
        let mut object = without_type(object);
        let key = key_of(resource, &object);
        let before = self.get(resource, &key.namespace, &key.name).cloned();
        if before.as_ref().is_some_and(|old| same_state(old, &object)) {
            return self.version;
        }
        self.version += 1;
        set_version(&mut object, self.version);
        self.record(resource, key, before, Some(Arc::new(object)));
        self.version
    }

    /// Adds an object as it was stored elsewhere, keeping its own version, and
    /// leaves no trace in the log of changes.
    pub(crate) fn restore(&mut self, resource: &'static Resource, object: Value) {
        let mut object = without_type(object);
        if let Some(version) = version_of(&object) {
            self.version = self.version.max(version);
        } else {
            self.version += 1;
            set_version(&mut object, self.version);
        }
        let key = key_of(resource, &object);
        self.shelf(resource).insert(key, Arc::new(object));
        self.changes.clear();
        self.oldest_version = self.version;
    }

    /// Deletes an object; says whether there was one.
    pub fn delete(&mut self, resource: &'static Resource, namespace: &str, name: &str) -> bool {
        let Some(before) = self.get(resource, namespace, name).cloned() else {
            return false;
        };
        self.version += 1;
        self.record(resource, Key::new(namespace, name), Some(before), None);
        true
    }

    /// Changes an object in place; says whether there was one.
    pub fn edit(
        &mut self,
        resource: &'static Resource,
        namespace: &str,
        name: &str,
        edit: impl FnOnce(&mut Value),
    ) -> bool {
        let Some(object) = self.get(resource, namespace, name) else {
            return false;
        };
        let mut object = Value::clone(object);
        edit(&mut object);
        self.put(resource, object);
        true
    }

    /// Forgets earlier states, as a server does that was just started.
    pub fn forget_changes(&mut self) {
        self.changes.clear();
        self.oldest_version = self.version;
    }

    /// Changes of `resource` after `version`, oldest first; `None` when they
    /// are no longer known.
    pub fn changes_since<'a>(
        &'a self,
        resource: &Resource,
        version: u64,
    ) -> Option<impl Iterator<Item = &'a Change> + 'a> {
        let stored_as = resource.stored_as;
        (version >= self.oldest_version).then(|| {
            self.changes.iter().filter(move |change| {
                change.version > version && change.resource.stored_as == stored_as
            })
        })
    }

    /// The objects of `resource` as they were at `version`; `None` when that
    /// state is no longer known.
    pub fn objects_at(&self, resource: &Resource, version: u64) -> Option<Shelf> {
        if version < self.oldest_version {
            return None;
        }
        let mut shelf = self
            .objects
            .get(resource.stored_as)
            .cloned()
            .unwrap_or_default();
        let later = self.changes.iter().rev().filter(|change| {
            change.version > version && change.resource.stored_as == resource.stored_as
        });
        for change in later {
            match &change.before {
                Some(before) => shelf.insert(change.key.clone(), before.clone()),
                None => shelf.remove(&change.key),
            };
        }
        Some(shelf)
    }

    /// Makes the objects, logs and series those of `target`, as a sequence of
    /// ordinary changes that watches see.
    pub fn become_like(&mut self, target: &World) {
        for resource in resource::STORED {
            let gone: Vec<Key> = self
                .objects(resource)
                .filter(|(key, _)| target.get(resource, &key.namespace, &key.name).is_none())
                .map(|(key, _)| key.clone())
                .collect();
            for key in gone {
                self.delete(resource, &key.namespace, &key.name);
            }
            for (_, object) in target.objects(resource) {
                self.put(resource, Value::clone(object));
            }
        }
        self.logs.clone_from(&target.logs);
        self.series = target.series.clone();
        self.frozen_at = target.frozen_at;
    }

    fn shelf(&mut self, resource: &'static Resource) -> &mut Shelf {
        self.objects.entry(resource.stored_as).or_default()
    }

    fn record(
        &mut self,
        resource: &'static Resource,
        key: Key,
        before: Option<Arc<Value>>,
        after: Option<Arc<Value>>,
    ) {
        match &after {
            Some(object) => self.shelf(resource).insert(key.clone(), object.clone()),
            None => self.shelf(resource).remove(&key),
        };
        if self.changes.len() == CHANGES_MAX
            && let Some(dropped) = self.changes.pop_front()
        {
            self.oldest_version = dropped.version;
        }
        self.changes.push_back(Change {
            version: self.version,
            resource,
            key,
            before,
            after,
        });
    }
}

/// The object's `metadata.resourceVersion`, if it has a numeric one.
pub fn version_of(object: &Value) -> Option<u64> {
    object
        .pointer("/metadata/resourceVersion")?
        .as_str()?
        .parse()
        .ok()
}

fn key_of(resource: &Resource, object: &Value) -> Key {
    let text = |pointer| object.pointer(pointer).and_then(Value::as_str);
    let namespace = if resource.namespaced {
        text("/metadata/namespace").unwrap_or("default")
    } else {
        ""
    };
    Key::new(namespace, text("/metadata/name").unwrap_or_default())
}

fn without_type(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.shift_remove("kind");
        fields.shift_remove("apiVersion");
    }
    object
}

fn set_version(object: &mut Value, version: u64) {
    if let Some(fields) = object.as_object_mut() {
        let metadata = fields
            .entry("metadata")
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("resourceVersion".to_owned(), json!(version.to_string()));
        }
    }
}

/// Whether two objects are equal but for their resource version.
fn same_state(left: &Value, right: &Value) -> bool {
    let strip = |object: &Value| {
        let mut object = object.clone();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.shift_remove("resourceVersion");
        }
        object
    };
    strip(left) == strip(right)
}

#[cfg(test)]
mod tests;
