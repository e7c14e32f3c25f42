//! A world shared among servers, and the news that it changed.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::watch;

use super::World;

/// A shared, changing [`World`]. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct Cluster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // A plain lock: it is held for the time of a list at most, never across an await.
    world: RwLock<World>,
    changed: watch::Sender<u64>,
}

impl Cluster {
    /// Shares `world`.
    pub fn new(world: World) -> Self {
        let (changed, _) = watch::channel(world.version());
        Self(Arc::new(Inner {
            world: RwLock::new(world),
            changed,
        }))
    }

    /// Looks at the world. Keep the guard short and never across an await.
    pub fn read(&self) -> RwLockReadGuard<'_, World> {
        self.0.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world and wakes all watches.
    pub fn update<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.0.world.write().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut world);
        let version = world.version();
        drop(world);
        self.0.changed.send_replace(version);
        result
    }

    /// Makes the world that of `target` by ordinary changes that watches see.
    pub fn become_like(&self, target: &World) {
        self.update(|world| world.become_like(target));
    }

    /// Wakes with the version of the world after each change.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }
}
