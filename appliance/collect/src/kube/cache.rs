//! What watches keep: the newest state of kinds that every capture asks for.
//!
//! Decides when kept objects may stand for a list: while the watch is heard
//! of. [`super::watch`] keeps the stores current.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tokio::time::Instant;

use super::list::{Kind, Listed, Scope};

/// The API server sends a bookmark about once a minute; a watch that is silent
/// for longer may have lost its connection without knowing.
const SILENCE_MAX: Duration = Duration::from_secs(90);

/// Namespace and name.
type Key = (String, String);

#[derive(Debug)]
struct State<K> {
    objects: BTreeMap<Key, Arc<K>>,
    /// Whether a whole list has been read.
    synced: bool,
    heard_at: Option<Instant>,
}

/// Objects of one kind over the whole cluster.
#[derive(Debug)]
pub(crate) struct Store<K> {
    silence_max: Duration,
    // Held for map updates and copies of references, never across an await.
    state: Mutex<State<K>>,
}

impl<K: Kind> Store<K> {
    fn new(silence_max: Duration) -> Self {
        Self {
            silence_max,
            state: Mutex::new(State {
                objects: BTreeMap::new(),
                synced: false,
                heard_at: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a whole list in place of what was there.
    pub(crate) fn replace(&self, items: Vec<K>) {
        let mut state = self.lock();
        state.objects = items
            .into_iter()
            .map(|item| (key(&item), Arc::new(item)))
            .collect();
        state.synced = true;
        state.heard_at = Some(Instant::now());
    }

    /// Adds or replaces an object; returns how many there are now.
    pub(crate) fn apply(&self, item: K) -> usize {
        let mut state = self.lock();
        state.objects.insert(key(&item), Arc::new(item));
        state.heard_at = Some(Instant::now());
        state.objects.len()
    }

    pub(crate) fn delete(&self, item: &K) {
        let mut state = self.lock();
        state.objects.remove(&key(item));
        state.heard_at = Some(Instant::now());
    }

    /// A sign of life without a change.
    pub(crate) fn heard(&self) {
        self.lock().heard_at = Some(Instant::now());
    }

    /// Forgets everything: the kind is refused or too large.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        state.objects.clear();
        state.synced = false;
    }

    /// The objects of `scope`, if the watch is alive.
    pub(crate) fn fresh(&self, scope: &Scope) -> Option<Listed<K>> {
        let (items, age) = self.stale(scope)?;
        (age <= self.silence_max).then_some(Listed {
            items,
            complete: true,
            resource_version: String::new(),
            problem: None,
        })
    }

    /// The objects of `scope` however old, and since when nothing was heard.
    pub(crate) fn stale(&self, scope: &Scope) -> Option<(Vec<K>, Duration)> {
        let (items, heard_at) = {
            let state = self.lock();
            let heard_at = state.heard_at.filter(|_| state.synced)?;
            let items: Vec<Arc<K>> = state
                .objects
                .iter()
                .filter(|(key, item)| is_in(scope, key, item.as_ref()))
                .map(|(_, item)| Arc::clone(item))
                .collect();
            (items, heard_at)
        };
        // Copies are made after the lock is let go.
        let items = items.iter().map(|item| item.as_ref().clone()).collect();
        Some((items, heard_at.elapsed()))
    }
}

fn key<K: Kind>(item: &K) -> Key {
    let meta = item.metadata();
    (
        meta.namespace.clone().unwrap_or_default(),
        meta.name.clone().unwrap_or_default(),
    )
}

fn is_in<K: Kind>(scope: &Scope, key: &Key, item: &K) -> bool {
    match scope {
        Scope::Cluster => true,
        Scope::Namespace(namespace) => key.0 == *namespace,
        Scope::Node(node) => (item as &dyn Any)
            .downcast_ref::<Pod>()
            .and_then(|pod| pod.spec.as_ref()?.node_name.as_deref())
            .is_some_and(|name| name == node),
    }
}

/// The stores of all watched kinds.
#[derive(Debug)]
pub(crate) struct Cache {
    silence_max: Duration,
    stores: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
}

impl Default for Cache {
    fn default() -> Self {
        Self::with_silence_max(SILENCE_MAX)
    }
}

impl Cache {
    /// A cache whose stores may be used while their watch is silent for no longer.
    pub(crate) fn with_silence_max(silence_max: Duration) -> Self {
        Self {
            silence_max,
            stores: HashMap::new(),
        }
    }

    /// Makes a store for `K`.
    pub(crate) fn add<K: Kind>(&mut self) -> Arc<Store<K>> {
        let store = Arc::new(Store::<K>::new(self.silence_max));
        self.stores.insert(TypeId::of::<K>(), store.clone());
        store
    }

    /// The store of `K`, if that kind is watched.
    pub(crate) fn store<K: Kind>(&self) -> Option<Arc<Store<K>>> {
        let store = Arc::clone(self.stores.get(&TypeId::of::<K>())?);
        store.downcast().ok()
    }
}
