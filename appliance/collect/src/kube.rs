//! Snapshots of a live cluster, through the Kubernetes API.
//!
//! Decides how a capture is spent: what is listed, what a watch already
//! knows, which logs are read, and when enough has been asked. Read-only: the
//! only verb is GET.
//!
//! Invariant: a capture never fails and never outlives its deadline by more
//! than one scheduling step; what could not be had is a gap.

mod access;
mod cache;
mod call;
mod capture;
mod custom;
mod events;
mod gap;
mod limits;
mod list;
mod logs;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use appliance_core::ports::{CaptureRequest, PortFuture, SnapshotSource};
use appliance_core::snapshot::Snapshot;
use appliance_egress::Egress;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Event, Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::text::quote;

use self::cache::Cache;
use self::call::{Accept, Caller};
use self::capture::Capture;
use self::limits::Budget;
use self::list::Kind;

pub use self::access::{AccessError, KubeAccess};
pub use self::call::ApiError;
pub use self::limits::KubeLimits;

/// Configuration of a [`KubeSource`].
#[derive(Clone, Debug, PartialEq)]
pub struct KubeOptions {
    /// Where the API server is and who we are.
    pub access: KubeAccess,
    /// The cluster's name, as the site calls it; may be empty.
    pub cluster: String,
    /// What a capture may cost.
    pub limits: KubeLimits,
    /// Whether to watch what every capture needs, instead of listing it each time.
    pub watch: bool,
}

/// Captures snapshots from a Kubernetes API server.
#[derive(Debug)]
pub struct KubeSource {
    caller: Arc<Caller>,
    cluster: String,
    limits: KubeLimits,
    cache: Option<Cache>,
    // Dropping the set ends the watches.
    _watches: JoinSet<()>,
}

impl KubeSource {
    /// Prepares access; the server itself may be away and come later.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`AccessError`] if the configuration is unusable or the server is not a
    /// permitted destination.
    pub async fn try_new(options: &KubeOptions, egress: &Egress) -> Result<Self, AccessError> {
        let limits = options.limits.clone();
        let client = options.access.client(egress, limits.connect).await?;
        let caller = Arc::new(Caller::new(client, &limits));
        let mut watches = JoinSet::new();
        let cache = options
            .watch
            .then(|| watch_all(&caller, &limits, &mut watches));
        Ok(Self {
            caller,
            cluster: options.cluster.clone(),
            limits,
            cache,
            _watches: watches,
        })
    }

    /// The server's version, if it answers within `after`.
    ///
    /// # Errors
    /// [`ApiError`] saying why not.
    pub async fn ping(&self, after: Duration) -> Result<String, ApiError> {
        #[derive(serde::Deserialize)]
        struct Version {
            #[serde(rename = "gitVersion")]
            git_version: String,
        }
        let body = self
            .caller
            .exchange("/version", Accept::Json, after)
            .await?;
        let version: Version = serde_json::from_slice(&body)
            .map_err(|error| ApiError::Unreadable(error.to_string()))?;
        Ok(quote(&version.git_version))
    }
}

/// Starts a watch for each kind that nearly every capture reads.
fn watch_all(caller: &Arc<Caller>, limits: &KubeLimits, watches: &mut JoinSet<()>) -> Cache {
    let mut cache = Cache::default();
    watch_kind::<Pod>(caller, limits, watches, &mut cache);
    watch_kind::<Event>(caller, limits, watches, &mut cache);
    watch_kind::<Node>(caller, limits, watches, &mut cache);
    watch_kind::<Deployment>(caller, limits, watches, &mut cache);
    watch_kind::<ReplicaSet>(caller, limits, watches, &mut cache);
    watch_kind::<Service>(caller, limits, watches, &mut cache);
    watch_kind::<EndpointSlice>(caller, limits, watches, &mut cache);
    cache
}

fn watch_kind<K: Kind>(
    caller: &Arc<Caller>,
    limits: &KubeLimits,
    watches: &mut JoinSet<()>,
    cache: &mut Cache,
) {
    let store = cache.add::<K>();
    watches.spawn(watch::run::<K>(Arc::clone(caller), limits.clone(), store));
}

impl SnapshotSource for KubeSource {
    fn capture<'a>(&'a self, request: &'a CaptureRequest) -> PortFuture<'a, Snapshot> {
        Box::pin(async move {
            let mut snapshot = Snapshot {
                captured_at: Timestamp::now(),
                cluster: self.cluster.clone(),
                source: "kubernetes api".to_owned(),
                ..Snapshot::default()
            };
            let budget = Budget::new(&self.limits, Instant::now());
            let capture = Capture {
                caller: &self.caller,
                budget: &budget,
                limits: &self.limits,
                cache: self.cache.as_ref(),
            };
            capture.run(request, &mut snapshot).await;
            snapshot
        })
    }
}
