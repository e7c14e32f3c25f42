//! The cluster and its metrics in one snapshot, asked at the same time.

use std::sync::Arc;

use appliance_core::ports::{CaptureRequest, PortFuture, SnapshotSource};
use appliance_core::snapshot::{Gap, Snapshot};

/// Asks the Kubernetes API and Prometheus side by side.
#[derive(Clone)]
pub struct Combined {
    /// Objects and logs; its snapshot is the one that is returned.
    pub kube: Arc<dyn SnapshotSource>,
    /// Series, where the site has a Prometheus.
    pub prometheus: Option<Arc<dyn SnapshotSource>>,
}

impl std::fmt::Debug for Combined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Combined")
            .field("prometheus", &self.prometheus.is_some())
            .finish_non_exhaustive()
    }
}

impl SnapshotSource for Combined {
    fn capture<'a>(&'a self, request: &'a CaptureRequest) -> PortFuture<'a, Snapshot> {
        Box::pin(async move {
            let Some(prometheus) = &self.prometheus else {
                let mut snapshot = self.kube.capture(request).await;
                snapshot.gaps.push(Gap {
                    source: "metrics".to_owned(),
                    detail: "no Prometheus is configured".to_owned(),
                });
                return snapshot;
            };
            let both = tokio::join!(self.kube.capture(request), prometheus.capture(request));
            let (mut snapshot, metrics) = both;
            snapshot.series.extend(metrics.series);
            snapshot.gaps.extend(metrics.gaps);
            snapshot
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use appliance_core::snapshot::Series;
    use jiff::Timestamp;

    struct Fixed(Snapshot);

    impl SnapshotSource for Fixed {
        fn capture<'a>(&'a self, _: &'a CaptureRequest) -> PortFuture<'a, Snapshot> {
            Box::pin(async { self.0.clone() })
        }
    }

    fn gap(source: &str) -> Gap {
        Gap {
            source: source.to_owned(),
            detail: "absent".to_owned(),
        }
    }

    async fn capture(prometheus: Option<Snapshot>) -> Snapshot {
        let kube = Snapshot {
            cluster: "site".to_owned(),
            gaps: vec![gap("pods")],
            ..Snapshot::default()
        };
        let combined = Combined {
            kube: Arc::new(Fixed(kube)),
            prometheus: prometheus
                .map(|snapshot| Arc::new(Fixed(snapshot)) as Arc<dyn SnapshotSource>),
        };
        let request = CaptureRequest {
            subjects: Vec::new(),
            namespaces: Vec::new(),
            alerts: Vec::new(),
            from: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
        };
        combined.capture(&request).await
    }

    #[tokio::test]
    async fn series_and_gaps_of_both_are_in_one_snapshot() {
        let up = Series {
            name: "up".to_owned(),
            labels: std::collections::BTreeMap::new(),
            samples: Vec::new(),
        };
        let metrics = Snapshot {
            series: vec![up],
            gaps: vec![gap("metrics")],
            ..Snapshot::default()
        };
        let snapshot = capture(Some(metrics)).await;
        assert_eq!(snapshot.cluster, "site");
        assert_eq!(snapshot.series.len(), 1);
        assert_eq!(snapshot.gaps, [gap("pods"), gap("metrics")]);
    }

    #[tokio::test]
    async fn a_site_without_prometheus_is_told() {
        let snapshot = capture(None).await;
        assert_eq!(snapshot.gaps[1].detail, "no Prometheus is configured");
    }
}
