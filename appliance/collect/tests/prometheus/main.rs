//! The collector's queries against a real Prometheus with recorded samples.
//!
//! Skipped where `prometheus` and `promtool` are not installed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "this is a test"
)]

mod cost;
mod server;

use std::fmt::Write;
use std::time::Duration;

use appliance_collect::prometheus::{PrometheusLimits, PrometheusSource};
use appliance_core::object::ObjectRef;
use appliance_core::ports::{CaptureRequest, SnapshotSource};
use appliance_core::snapshot::{Series, Snapshot};
use jiff::Timestamp;

use self::server::{Server, is_installed};

/// Start of the recorded samples, Unix seconds, and how many there are.
const FROM: i64 = 1_767_225_600;
const SAMPLES: i64 = 240;
const STEP: i64 = 15;

/// Suffix, labels, and the value of a sample by its index.
type Row<'a> = (&'a str, &'a str, &'a dyn Fn(i64) -> f64);

/// Metrics as cAdvisor, kube-state-metrics and an application expose them.
fn open_metrics() -> String {
    let container = r#"namespace="shop",pod="web-1",container="web""#;
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, rows: &[Row<'_>]| {
        writeln!(text, "# TYPE {name} {kind}").unwrap();
        for (suffix, labels, value) in rows {
            for index in 0..SAMPLES {
                let at = FROM + index * STEP;
                writeln!(text, "{name}{suffix}{{{labels}}} {} {at}", value(index)).unwrap();
            }
        }
    };
    let count = |per_step: f64| move |index: i64| index as f64 * per_step;
    let limit = format!("{container},resource=\"memory\"");
    family(
        "kube_pod_container_status_restarts",
        "counter",
        &[("_total", container, &count(0.1))],
    );
    family(
        "container_cpu_usage_seconds",
        "counter",
        &[("_total", container, &count(7.5))],
    );
    family(
        "container_cpu_cfs_throttled_periods",
        "counter",
        &[("_total", container, &count(50.0))],
    );
    family(
        "container_cpu_cfs_periods",
        "counter",
        &[("_total", container, &count(100.0))],
    );
    family(
        "container_memory_working_set_bytes",
        "gauge",
        &[("", container, &|_| 75.0)],
    );
    family(
        "kube_pod_container_resource_limits",
        "gauge",
        &[("", &limit, &|_| 100.0)],
    );
    let served = r#"namespace="shop",service="web",job="web",code="200",method="GET""#;
    let failed = r#"namespace="shop",service="web",job="web",code="503",method="GET""#;
    family(
        "http_requests",
        "counter",
        &[
            ("_total", served, &count(30.0)),
            ("_total", failed, &count(15.0)),
        ],
    );
    let quick = r#"namespace="shop",service="web",job="web",le="1""#;
    let all = r#"namespace="shop",service="web",job="web",le="+Inf""#;
    family(
        "http_request_duration_seconds",
        "histogram",
        &[
            ("_bucket", quick, &count(30.0)),
            ("_bucket", all, &count(30.0)),
        ],
    );
    family(
        "probe_success",
        "gauge",
        &[("", r#"job="probe",instance="web.shop""#, &|_| 0.0)],
    );
    let pressure = r#"node="node-1",condition="DiskPressure",status="true""#;
    family(
        "kube_node_status_condition",
        "gauge",
        &[("", pressure, &|_| 1.0)],
    );
    let info = r#"instance="192.0.2.11:9100",nodename="node-1""#;
    family("node_uname_info", "gauge", &[("", info, &|_| 1.0)]);
    let instance = r#"instance="192.0.2.11:9100""#;
    family(
        "node_memory_MemAvailable_bytes",
        "gauge",
        &[("", instance, &|_| 10.0)],
    );
    family(
        "node_memory_MemTotal_bytes",
        "gauge",
        &[("", instance, &|_| 40.0)],
    );
    beside_applications(&mut family, &count);
    text.push_str("# EOF\n");
    text
}

/// A mesh, a proxy, an autoscaler, a broker and a deployer.
fn beside_applications<C: Fn(i64) -> f64 + 'static>(
    family: &mut impl FnMut(&str, &str, &[Row<'_>]),
    count: &impl Fn(f64) -> C,
) {
    let ends = r#"reporter="destination",source_workload="web",destination_workload="pay",destination_workload_namespace="shop""#;
    let failed = format!("{ends},response_code=\"503\"");
    let served = format!("{ends},response_code=\"200\"");
    family(
        "istio_requests",
        "counter",
        &[
            ("_total", &served, &count(60.0)),
            ("_total", &failed, &count(30.0)),
        ],
    );
    let (quick, all) = (format!("{ends},le=\"1000\""), format!("{ends},le=\"+Inf\""));
    family(
        "istio_request_duration_milliseconds",
        "histogram",
        &[
            ("_bucket", &quick, &count(30.0)),
            ("_bucket", &all, &count(30.0)),
        ],
    );
    let proxied = r#"service="shop-front-80@kubernetescrd",code="200""#;
    family(
        "traefik_service_requests",
        "counter",
        &[("_total", proxied, &count(105.0))],
    );
    let scaled = r#"namespace="shop",horizontalpodautoscaler="web""#;
    family(
        "kube_horizontalpodautoscaler_status_desired_replicas",
        "gauge",
        &[("", scaled, &|_| 4.0)],
    );
    let queue = r#"namespace="mq",queue="orders",vhost="/""#;
    family(
        "rabbitmq_queue_messages_ready",
        "gauge",
        &[("", queue, &|_| 1200.0)],
    );
    let app = r#"name="web",namespace="argocd",sync_status="OutOfSync""#;
    family("argocd_app_info", "gauge", &[("", app, &|_| 1.0)]);
    let instance = r#"instance="192.0.2.11:9100""#;
    family(
        "node_netstat_Tcp_RetransSegs",
        "unknown",
        &[("", instance, &count(30.0))],
    );
}

async fn capture(source: &PrometheusSource) -> Snapshot {
    let request = CaptureRequest {
        subjects: vec![
            ObjectRef::namespaced("Deployment", "shop", "web"),
            ObjectRef::cluster("Node", "node-1"),
        ],
        namespaces: vec!["shop".to_owned()],
        alerts: Vec::new(),
        from: Timestamp::from_second(FROM).unwrap(),
        until: Timestamp::from_second(FROM + (SAMPLES - 1) * STEP).unwrap(),
    };
    source.capture(&request).await
}

/// The last value of the series `name`, which has to be there once.
#[track_caller]
fn check(snapshot: &Snapshot, name: &str, expected: f64) {
    check_of(snapshot, name, "", "", expected);
}

/// The same of the series whose `label` is `value`; any where the label is empty.
#[track_caller]
fn check_of(snapshot: &Snapshot, name: &str, label: &str, value: &str, expected: f64) {
    let fits = |series: &&Series| {
        label.is_empty() || series.labels.get(label).is_some_and(|own| own == value)
    };
    let found: Vec<&Series> = snapshot
        .series
        .iter()
        .filter(|series| series.name == name)
        .filter(fits)
        .collect();
    assert_eq!(found.len(), 1, "{name}: {found:#?}");
    let last = found[0].samples.last().unwrap().value;
    assert!(
        (last - expected).abs() < expected.abs() * 0.02 + 1e-9,
        "{name}: {last}, not {expected}"
    );
}

#[tokio::test]
async fn a_real_prometheus_accepts_the_queries_and_answers_what_was_recorded() {
    if !is_installed() {
        return;
    }
    let server = Server::start(&open_metrics());
    let source = server.source(PrometheusLimits {
        capture: Duration::from_secs(30),
        ..PrometheusLimits::default()
    });
    server.answers(&source).await;
    let snapshot = capture(&source).await;
    assert_eq!(snapshot.gaps, []);
    check(&snapshot, "kube_pod_container_status_restarts_total", 23.9);
    check(&snapshot, "container_cpu_usage_cores", 0.5);
    check(&snapshot, "container_cpu_throttled_ratio", 0.5);
    check(&snapshot, "container_memory_working_set_bytes", 75.0);
    check(&snapshot, "container_memory_limit_ratio", 0.75);
    for (label, value, requests) in [
        ("job", "web", 3.0),
        ("destination_workload", "pay", 6.0),
        ("service", "front", 7.0),
    ] {
        check_of(&snapshot, "requests_per_second", label, value, requests);
    }
    for (label, value, errors) in [("job", "web", 1.0), ("destination_workload", "pay", 2.0)] {
        check_of(&snapshot, "request_errors_per_second", label, value, errors);
    }
    for (label, value) in [("job", "web"), ("destination_workload", "pay")] {
        check_of(
            &snapshot,
            "request_duration_p95_seconds",
            label,
            value,
            0.95,
        );
    }
    check_of(
        &snapshot,
        "service_dependency",
        "source_workload",
        "web",
        6.0,
    );
    check(
        &snapshot,
        "kube_horizontalpodautoscaler_status_desired_replicas",
        4.0,
    );
    check(&snapshot, "rabbitmq_queue_messages_ready", 1200.0);
    check(&snapshot, "argocd_app_info", 1.0);
    check(&snapshot, "node_tcp_retransmits_per_second", 2.0);
    check(&snapshot, "probe_success", 0.0);
    check(&snapshot, "kube_node_status_condition", 1.0);
    check(&snapshot, "node_memory_available_ratio", 0.25);
}
