//! Queries against a small server on loopback that is refused, slow, huge or wrong.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use appliance_core::object::ObjectRef;
use appliance_core::ports::{CaptureRequest, SnapshotSource};
use appliance_core::snapshot::Snapshot;
use appliance_egress::{AllowList, Egress, Roots};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use serde_json::json;
use tokio::net::TcpListener;

use super::{PrometheusLimits, PrometheusOptions, PrometheusSource};

type Seen = Arc<Mutex<Vec<(String, Option<String>)>>>;

async fn serve(
    answer: impl Fn(&str) -> Option<Response<Body>> + Send + Sync + 'static,
) -> (String, Seen) {
    let seen = Seen::default();
    let calls = Arc::clone(&seen);
    let answer = Arc::new(answer);
    let router = Router::new().fallback(move |request: Request<Body>| {
        let token = request.headers().get("authorization");
        let token = token.map(|value| value.to_str().unwrap().to_owned());
        let uri = request.uri().to_string();
        calls.lock().unwrap().push((uri.clone(), token));
        let response = answer(&uri);
        async move {
            match response {
                Some(response) => response,
                None => std::future::pending().await,
            }
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, seen)
}

fn options(url: &str) -> PrometheusOptions {
    PrometheusOptions {
        url: url.to_owned(),
        token_file: None,
        roots: Roots::default(),
        limits: PrometheusLimits {
            query: Duration::from_millis(300),
            capture: Duration::from_millis(900),
            series_max: 3,
            ..PrometheusLimits::default()
        },
    }
}

fn source(options: &PrometheusOptions) -> PrometheusSource {
    let allowed: AllowList = [options.destination().unwrap()].into_iter().collect();
    let egress = Egress::new(allowed, &mut Registry::default());
    PrometheusSource::try_new(options, &egress).unwrap()
}

async fn capture(url: &str) -> Snapshot {
    let request = CaptureRequest {
        subjects: vec![
            ObjectRef::namespaced("Deployment", "shop", "web"),
            ObjectRef::cluster("Node", "node-1"),
        ],
        namespaces: vec!["shop".to_owned()],
        alerts: Vec::new(),
        from: Timestamp::from_second(1_000_000).unwrap(),
        until: Timestamp::from_second(1_003_600).unwrap(),
    };
    source(&options(url)).capture(&request).await
}

fn matrix(result: &serde_json::Value) -> Response<Body> {
    let body = json!({"status": "success", "data": {"resultType": "matrix", "result": result}});
    axum::Json(body).into_response()
}

fn cpu(pod: usize) -> serde_json::Value {
    json!({"metric": {"pod": format!("pod-{pod}")}, "values": [[1_000_000, "0.5"], [1_000_015.5, "NaN"]]})
}

#[tokio::test]
async fn series_are_named_and_their_samples_read() {
    let (url, seen) = serve(|uri| {
        let of_cpu = uri.contains("container_cpu_usage_seconds_total");
        Some(matrix(&if of_cpu { json!([cpu(1)]) } else { json!([]) }))
    })
    .await;
    let snapshot = capture(&url).await;
    assert_eq!(snapshot.gaps, []);
    let [series] = &snapshot.series[..] else {
        panic!("{:#?}", snapshot.series)
    };
    assert_eq!(series.name, "container_cpu_usage_cores");
    assert_eq!(series.labels["pod"], "pod-1");
    assert_eq!(series.samples.len(), 2);
    assert!((series.samples[1].at - 1_000_015.5).abs() < 1e-6 && series.samples[1].value.is_nan());
    let seen = seen.lock().unwrap();
    assert!(
        seen.iter()
            .any(|(uri, _)| uri.contains("start=1000000&end=1003600&step=15"))
    );
    assert!(seen.iter().any(|(uri, _)| uri.contains("node_uname_info")));
}

#[tokio::test]
async fn too_many_series_keep_those_of_the_subject() {
    let (url, _) = serve(|uri| {
        if !uri.contains("container_cpu_usage_seconds_total") {
            return Some(matrix(&json!([])));
        }
        let mut all: Vec<_> = (0..50).map(cpu).collect();
        all.push(json!({"metric": {"pod": "web-abc"}, "values": []}));
        Some(matrix(&json!(all)))
    })
    .await;
    let snapshot = capture(&url).await;
    assert_eq!(snapshot.series.len(), 3);
    assert_eq!(snapshot.series[0].labels["pod"], "web-abc");
    assert_eq!(snapshot.gaps[0].detail, "3 of 51 series were kept");
}

#[tokio::test]
async fn a_refused_query_is_told_in_the_servers_words() {
    let (url, _) = serve(|uri| {
        Some(if uri.contains("probe_success") {
            let body =
                json!({"status": "error", "errorType": "execution", "error": "query timed out"});
            (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(body)).into_response()
        } else {
            matrix(&json!([cpu(1)]))
        })
    })
    .await;
    let snapshot = capture(&url).await;
    let gap = snapshot
        .gaps
        .iter()
        .find(|gap| gap.source == "metrics probe_success")
        .unwrap();
    assert_eq!(gap.detail, "422 Unprocessable Entity: query timed out");
}

#[tokio::test]
async fn wrong_content_is_a_gap_and_one_line() {
    let (url, _) = serve(|_| Some("<html>log in</html>".into_response())).await;
    let snapshot = capture(&url).await;
    assert_eq!(snapshot.gaps.len(), 1, "{:#?}", snapshot.gaps);
    assert!(
        snapshot.gaps[0]
            .detail
            .starts_with("the answer cannot be read")
    );
}

#[tokio::test]
async fn an_unavailable_server_is_one_gap_in_plain_text() {
    let (url, _) =
        serve(|_| Some((StatusCode::SERVICE_UNAVAILABLE, "starting up").into_response())).await;
    let snapshot = capture(&url).await;
    assert_eq!(
        snapshot.gaps[0].detail,
        "503 Service Unavailable: starting up"
    );
    assert_eq!(snapshot.gaps.len(), 1);
}

#[tokio::test]
async fn a_silent_server_costs_no_more_than_the_deadline() {
    let (url, _) = serve(|_| None).await;
    let started = Instant::now();
    let snapshot = capture(&url).await;
    assert!(
        started.elapsed() < Duration::from_millis(1500),
        "{:?}",
        started.elapsed()
    );
    assert!(
        !snapshot.gaps.is_empty() && snapshot.gaps.len() <= 4,
        "{:#?}",
        snapshot.gaps
    );
}

#[tokio::test]
async fn a_huge_answer_is_given_up_on() {
    let (url, _) = serve(|_| Some("x".repeat(1 << 20).into_response())).await;
    let mut small = options(&url);
    small.limits.body_bytes_max = 1000;
    let error = source(&small).ping().await.unwrap_err();
    assert!(
        error.to_string().contains("longer than 1000 bytes"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_without_our_series_is_told_apart_from_an_absent_one() {
    let (url, _) = serve(|_| Some(matrix(&json!([])))).await;
    let snapshot = capture(&url).await;
    assert_eq!(snapshot.gaps.len(), 1);
    assert!(
        snapshot.gaps[0]
            .detail
            .starts_with("Prometheus answered, but has no series")
    );
}

#[tokio::test]
async fn the_token_is_read_from_its_file_and_a_path_prefix_is_kept() {
    let (url, seen) = serve(|_| {
        let body = json!({"status": "success", "data": {"resultType": "vector",
            "result": [{"metric": {}, "value": [1, "1"]}]}});
        Some(axum::Json(body).into_response())
    })
    .await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "token-1\n").unwrap();
    let mut with_token = options(&format!("{url}/prometheus/"));
    with_token.token_file = Some(file.path().to_owned());
    source(&with_token).ping().await.unwrap();
    let seen = seen.lock().unwrap();
    assert!(
        seen[0]
            .0
            .starts_with("/prometheus/api/v1/query?query=vector%281%29&time=")
    );
    assert_eq!(seen[0].1.as_deref(), Some("Bearer token-1"));
}

#[test]
fn a_server_that_is_not_permitted_is_refused_at_the_start() {
    let egress = Egress::new(AllowList::default(), &mut Registry::default());
    let error = PrometheusSource::try_new(&options("http://127.0.0.1:9"), &egress).unwrap_err();
    assert!(error.to_string().contains("not on the list"), "{error}");
    assert!(options("not a url").destination().is_err());
}
