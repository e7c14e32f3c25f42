//! Where evidence comes from: the configured cluster and its Prometheus, and
//! the list of what may be dialled for it.

use std::path::PathBuf;
use std::sync::Arc;

use appliance_collect::combined::Combined;
use appliance_collect::kube::{AccessError, KubeAccess, KubeLimits, KubeOptions, KubeSource};
use appliance_collect::prometheus::{
    PrometheusLimits, PrometheusOptions, PrometheusSetupError, PrometheusSource,
};
use appliance_core::ports::{CaptureRequest, PortFuture, SnapshotSource};
use appliance_core::snapshot::{Gap, Snapshot};
use appliance_egress::{AllowList, Egress, Roots};
use jiff::Timestamp;

use crate::config::Config;

/// Set in every pod by the kubelet: the API server's address.
pub const SERVICE_HOST_VARIABLE: &str = "KUBERNETES_SERVICE_HOST";
/// Set in every pod by the kubelet: the API server's port.
pub const SERVICE_PORT_VARIABLE: &str = "KUBERNETES_SERVICE_PORT";

/// Why the sources cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The way to the Kubernetes API.
    #[error("kubernetes: {0}")]
    Kubernetes(#[from] AccessError),
    /// The way to Prometheus.
    #[error("prometheus: {0}")]
    Prometheus(#[from] PrometheusSetupError),
    /// `kubernetes.in_cluster` outside of a pod.
    #[error("kubernetes.in_cluster is set, but this is no pod: {SERVICE_HOST_VARIABLE} is not set")]
    NotInCluster,
}

/// What the configuration says about sources, before anything is dialled.
#[derive(Clone, Debug, Default)]
pub struct SourceOptions {
    kubernetes: Option<KubeOptions>,
    prometheus: Option<PrometheusOptions>,
}

/// The sources, ready to be asked.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Asks all of them.
    pub source: Arc<Combined>,
    /// The Kubernetes API, for its health.
    pub kubernetes: Option<Arc<KubeSource>>,
    /// Prometheus, for its health.
    pub prometheus: Option<Arc<PrometheusSource>>,
}

impl SourceOptions {
    /// Reads `config`; `variable` looks up the environment.
    ///
    /// # Errors
    /// [`SourceError::NotInCluster`].
    pub fn of(
        config: &Config,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, SourceError> {
        let access = match &config.kubernetes.kubeconfig {
            Some(path) => Some(KubeAccess::Kubeconfig {
                path: path.clone(),
                context: config.kubernetes.context.clone(),
            }),
            None if config.kubernetes.in_cluster => Some(in_cluster(variable)?),
            None => None,
        };
        Ok(Self {
            kubernetes: access.map(|access| kube_options(access, &config.cluster)),
            prometheus: config.prometheus.url.as_ref().map(|url| PrometheusOptions {
                url: url.clone(),
                token_file: config.prometheus.bearer_token_file.clone(),
                roots: roots(config.prometheus.ca_file.clone()),
                limits: PrometheusLimits::default(),
            }),
        })
    }

    /// A cluster reached by `access` with its Prometheus, as the demo has them.
    pub fn simulated(access: KubeAccess, cluster: &str, prometheus_url: String) -> Self {
        Self {
            kubernetes: Some(kube_options(access, cluster)),
            prometheus: Some(PrometheusOptions {
                url: prometheus_url,
                token_file: None,
                roots: roots(None),
                limits: PrometheusLimits::default(),
            }),
        }
    }

    /// For one capture: list once instead of watching.
    #[must_use]
    pub fn without_watches(mut self) -> Self {
        if let Some(kubernetes) = &mut self.kubernetes {
            kubernetes.watch = false;
        }
        self
    }

    /// Adds what must be dialled to `allowed`.
    ///
    /// # Errors
    /// Addresses that are none.
    pub async fn allow(&self, allowed: &mut AllowList) -> Result<(), SourceError> {
        if let Some(kubernetes) = &self.kubernetes {
            allowed.allow(kubernetes.access.destination().await?);
        }
        if let Some(prometheus) = &self.prometheus {
            let destination = prometheus
                .destination()
                .map_err(PrometheusSetupError::from)?;
            allowed.allow(destination);
        }
        Ok(())
    }

    /// Prepares the sources; the servers may be away and come later.
    ///
    /// # Errors
    /// [`SourceError`] says what in the configuration cannot be used.
    pub async fn connect(&self, egress: &Egress) -> Result<Sources, SourceError> {
        let kubernetes = match &self.kubernetes {
            Some(options) => Some(Arc::new(KubeSource::try_new(options, egress).await?)),
            None => None,
        };
        let prometheus = match &self.prometheus {
            Some(options) => Some(Arc::new(PrometheusSource::try_new(options, egress)?)),
            None => None,
        };
        let objects: Arc<dyn SnapshotSource> = match &kubernetes {
            Some(kubernetes) => kubernetes.clone(),
            None => Arc::new(NoCluster),
        };
        let metrics = prometheus
            .clone()
            .map(|source| source as Arc<dyn SnapshotSource>);
        Ok(Sources {
            source: Arc::new(Combined {
                kube: objects,
                prometheus: metrics,
            }),
            kubernetes,
            prometheus,
        })
    }
}

fn in_cluster(variable: impl Fn(&str) -> Option<String>) -> Result<KubeAccess, SourceError> {
    let host = variable(SERVICE_HOST_VARIABLE).ok_or(SourceError::NotInCluster)?;
    let port = variable(SERVICE_PORT_VARIABLE).unwrap_or_else(|| "443".to_owned());
    Ok(KubeAccess::in_cluster(&host, &port))
}

fn kube_options(access: KubeAccess, cluster: &str) -> KubeOptions {
    KubeOptions {
        access,
        cluster: cluster.to_owned(),
        limits: KubeLimits::default(),
        watch: true,
    }
}

/// Whom to trust for TLS: the site's file, else the system's store.
pub(crate) fn roots(ca_file: Option<PathBuf>) -> Roots {
    Roots {
        system: ca_file.is_none(),
        ca_file,
    }
}

/// Stands in where no cluster is configured: an analysis then rests on the
/// alerts alone and says what is missing.
#[derive(Debug)]
struct NoCluster;

impl SnapshotSource for NoCluster {
    fn capture<'a>(&'a self, request: &'a CaptureRequest) -> PortFuture<'a, Snapshot> {
        Box::pin(std::future::ready(Snapshot {
            captured_at: request.until.max(Timestamp::UNIX_EPOCH),
            gaps: vec![Gap {
                source: "kubernetes".to_owned(),
                detail:
                    "no cluster is configured: set kubernetes.kubeconfig or kubernetes.in_cluster"
                        .to_owned(),
            }],
            ..Snapshot::default()
        }))
    }
}
