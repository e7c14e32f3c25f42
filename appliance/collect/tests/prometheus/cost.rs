//! What one incident costs a Prometheus: queries, bytes, seconds.
//!
//! A thousand series, or with `ANCHORITE_LOAD=1` the twenty thousand of a
//! cluster of a thousand pods. Seconds are printed and never asserted.

use std::fmt::Write;
use std::time::{Duration, Instant};

use appliance_collect::prometheus::PrometheusLimits;

use super::server::{Server, is_installed};
use super::{FROM, SAMPLES, STEP, capture};

/// Series of one pod.
const PER_POD: usize = 20;
/// Pods of the incident's namespace at most.
const OWN: usize = 100;
/// Seconds between samples, four times those of the other test.
const EVERY: i64 = 4 * STEP;
/// Requests that an incident may ask of a Prometheus.
const QUERIES_MAX: f64 = 130.0;
/// Bytes that the answers may have for one incident.
const BYTES_MAX: f64 = 64e6;

/// Samples of `pods` pods, a tenth of them in the incident's namespace.
fn cluster(pods: usize) -> String {
    let mut text = String::new();
    let places: Vec<String> = (0..pods)
        .map(|pod| {
            let namespace = match pod {
                pod if pod < OWN && pod * 10 < pods.max(100) => "shop".to_owned(),
                pod => format!("other-{}", pod % 20),
            };
            format!("namespace=\"{namespace}\",pod=\"app-{pod}\",container=\"main\",instance=\"10.0.{}.{}:80\"", pod / 250, pod % 250)
        })
        .collect();
    let mut family = |name: &str, kind: &str, suffix: &str, more: &[&str]| {
        writeln!(text, "# TYPE {name} {kind}").unwrap();
        for place in &places {
            for label in more {
                for index in (0..SAMPLES * STEP).step_by(usize::try_from(EVERY).unwrap()) {
                    writeln!(
                        text,
                        "{name}{suffix}{{{place}{label}}} {index} {}",
                        FROM + index
                    )
                    .unwrap();
                }
            }
        }
    };
    for counter in [
        "container_cpu_usage_seconds",
        "container_cpu_cfs_throttled_periods",
        "container_cpu_cfs_periods",
        "kube_pod_container_status_restarts",
    ] {
        family(counter, "counter", "_total", &[""]);
    }
    for gauge in ["container_memory_working_set_bytes", "go_goroutines", "up"] {
        family(gauge, "gauge", "", &[""]);
    }
    let resources = [",resource=\"memory\"", ",resource=\"cpu\""];
    family(
        "kube_pod_container_resource_limits",
        "gauge",
        "",
        &resources,
    );
    let codes = [
        ",service=\"app\",code=\"200\"",
        ",service=\"app\",code=\"404\"",
        ",service=\"app\",code=\"500\"",
    ];
    family("http_requests", "counter", "_total", &codes);
    let buckets = ["0.01", "0.1", "0.5", "1", "5", "10", "60", "+Inf"]
        .map(|le| format!(",service=\"app\",le=\"{le}\""));
    let buckets: Vec<&str> = buckets.iter().map(String::as_str).collect();
    family(
        "http_request_duration_seconds",
        "histogram",
        "_bucket",
        &buckets,
    );
    text.push_str("# EOF\n");
    text
}

#[tokio::test]
async fn an_incident_costs_a_bounded_number_of_queries_and_bytes() {
    if !is_installed() {
        return;
    }
    let large = std::env::var("ANCHORITE_LOAD").is_ok();
    let pods = if large { 1000 } else { 50 };
    let server = Server::start(&cluster(pods));
    let source = server.source(PrometheusLimits {
        query: Duration::from_mins(2),
        capture: Duration::from_mins(8),
        ..PrometheusLimits::default()
    });
    server.answers(&source).await;
    let requests = "prometheus_http_requests_total{code=\"200\",handler=\"/api/v1/query";
    let bytes = "prometheus_http_response_size_bytes_sum{handler=\"/api/v1/query";
    let seconds = "prometheus_http_request_duration_seconds_sum{handler=\"/api/v1/query";
    let before = [requests, bytes, seconds].map(|name| server.counted(name));
    let start = Instant::now();
    let snapshot = capture(&source).await;
    let wall = start.elapsed();
    let after = [requests, bytes, seconds].map(|name| server.counted(name));
    let [queries, bytes, busy] = [0, 1, 2].map(|at| after[at] - before[at]);
    println!(
        "{} series: {queries} queries, {:.1} MB of answers, {busy:.1} s of Prometheus, {:.1} s in all, {} series kept",
        pods * PER_POD,
        bytes / 1e6,
        wall.as_secs_f64(),
        snapshot.series.len()
    );
    let refused = snapshot
        .gaps
        .iter()
        .filter(|gap| !gap.detail.contains("series were kept"));
    assert_eq!(refused.count(), 0, "{:?}", snapshot.gaps);
    assert!(!snapshot.series.is_empty());
    assert!(queries > 50.0 && queries <= QUERIES_MAX, "{queries}");
    assert!(bytes <= BYTES_MAX, "{bytes}");
}
