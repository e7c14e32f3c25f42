//! Which clusters the appliance looks at.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use appliance_core::ports::{CaptureRequest, PortFuture, SnapshotSource};
use appliance_core::snapshot::{Gap, Snapshot};
use appliance_egress::{AllowList, Egress};

use crate::sources::{SourceError, SourceOptions, Sources};

/// Label by which Prometheus servers of several clusters tell them apart.
const CLUSTER_LABEL: &str = "cluster";

/// Where evidence comes from.
#[derive(Clone, Debug)]
pub enum Site {
    /// One cluster, as configured.
    One(Box<SourceOptions>),
    /// Several, told apart by the alerts' `cluster` label.
    Several(BTreeMap<String, SourceOptions>),
}

/// The sources of a site.
#[derive(Clone)]
#[allow(
    missing_debug_implementations,
    reason = "sources are ports without a debug form"
)]
pub struct SiteSources {
    /// Asks whichever cluster an incident is about.
    pub source: Arc<dyn SnapshotSource>,
    /// What is asked for its health.
    pub health: Sources,
}

impl fmt::Debug for SiteSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SiteSources")
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}

impl Site {
    /// Adds what must be dialled to `allowed`.
    ///
    /// # Errors
    /// Addresses that are none.
    pub async fn allow(&self, allowed: &mut AllowList) -> Result<(), SourceError> {
        match self {
            Self::One(options) => options.allow(allowed).await?,
            Self::Several(clusters) => {
                for options in clusters.values() {
                    options.allow(allowed).await?;
                }
            }
        }
        Ok(())
    }

    /// Prepares the sources.
    ///
    /// # Errors
    /// What cannot be used.
    pub async fn connect(&self, egress: &Egress) -> Result<SiteSources, SourceError> {
        match self {
            Self::One(options) => {
                let sources = options.connect(egress).await?;
                Ok(SiteSources {
                    source: sources.source.clone(),
                    health: sources,
                })
            }
            Self::Several(clusters) => connect_all(clusters, egress).await,
        }
    }
}

async fn connect_all(
    clusters: &BTreeMap<String, SourceOptions>,
    egress: &Egress,
) -> Result<SiteSources, SourceError> {
    let mut by_cluster = BTreeMap::new();
    let mut health = None;
    for (name, options) in clusters {
        let sources = options.connect(egress).await?;
        let source: Arc<dyn SnapshotSource> = sources.source.clone();
        by_cluster.insert(name.clone(), source);
        health.get_or_insert(sources);
    }
    let health = match health {
        Some(sources) => sources,
        None => SourceOptions::default().connect(egress).await?,
    };
    Ok(SiteSources {
        source: Arc::new(ByCluster(by_cluster)),
        health,
    })
}

struct ByCluster(BTreeMap<String, Arc<dyn SnapshotSource>>);

impl SnapshotSource for ByCluster {
    fn capture<'a>(&'a self, request: &'a CaptureRequest) -> PortFuture<'a, Snapshot> {
        let named = request
            .alerts
            .iter()
            .find_map(|alert| alert.labels.get(CLUSTER_LABEL));
        match named.and_then(|name| self.0.get(name)) {
            Some(source) => source.capture(request),
            None => Box::pin(std::future::ready(Snapshot {
                captured_at: request.until,
                gaps: vec![Gap {
                    source: "kubernetes".to_owned(),
                    detail: format!(
                        "no cluster is configured for the label {CLUSTER_LABEL}={named:?}"
                    ),
                }],
                ..Snapshot::default()
            })),
        }
    }
}
