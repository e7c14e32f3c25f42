//! The console API over the fixture's in-memory appliance.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "../examples/console_fixture/backend.rs"]
mod backend;
#[path = "../examples/console_fixture/data.rs"]
mod data;

use std::sync::Arc;
use std::time::Duration;

use appliance_http::console;
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use self::backend::Fixture;

fn router() -> Router {
    router_of(&fixture())
}

fn fixture() -> Arc<Fixture> {
    Arc::new(Fixture::new(false, false).unwrap())
}

fn router_of(fixture: &Arc<Fixture>) -> Router {
    console::router(fixture.clone()).fallback(console::not_found)
}

async fn send(router: &Router, request: Request<Body>) -> Response {
    router.clone().oneshot(request).await.unwrap()
}

async fn get(path: &str) -> Response {
    send(&router(), Request::get(path).body(Body::empty()).unwrap()).await
}

async fn json(response: Response) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

fn post(path: &str, body: &str) -> Request<Body> {
    Request::post(path)
        .header(console::REQUEST_HEADER, "1")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// Expects a problem document with this status and code.
async fn check_problem(response: Response, status: u16, code: &str) {
    assert_eq!(response.status(), status, "{code}");
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/problem+json"
    );
    let document = json(response).await;
    assert_eq!(document["code"], code);
    assert_eq!(document["type"], format!("/errors/{code}"));
    assert_eq!(document["status"], status);
}

/// Reads events of a stream until `enough` are there, as `(name, id, data)`.
async fn read_events(response: Response, enough: usize) -> Vec<(String, String, Value)> {
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream"
    );
    let mut body = response.into_body();
    let mut text = String::new();
    let mut events = Vec::new();
    while events.len() < enough {
        let next = tokio::time::timeout(Duration::from_secs(10), body.frame()).await;
        let Some(frame) = next.expect("an event within ten seconds") else {
            break;
        };
        text.push_str(std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                    .unwrap_or_default()
                    .to_owned()
            };
            let event = (
                field("event"),
                field("id"),
                serde_json::from_str(&field("data")).unwrap(),
            );
            if event.0 != "heartbeat" {
                events.push(event);
            }
            text = rest.to_owned();
        }
    }
    events
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = json(
            get(&format!(
                "/api/v1/incidents?state=all&limit=50&cursor={cursor}"
            ))
            .await,
        )
        .await;
        for row in page["incidents"].as_array().unwrap() {
            seen.push(row["id"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let total = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((total, seen.len()), (133, 133));
}

#[tokio::test]
async fn open_incidents_are_the_default_and_filters_narrow_them() {
    async fn check(query: &str, count: usize) {
        let page = json(get(&format!("/api/v1/incidents{query}")).await).await;
        assert_eq!(
            page["incidents"].as_array().unwrap().len(),
            count,
            "{query}"
        );
    }
    check("", 3).await;
    check("?severity=critical", 1).await;
    check("?namespace=payments", 1).await;
    check("?q=PAYMENTS-API", 1).await;
    check("?q=nothing-like-it", 0).await;
    check("?severity=&namespace=&q=", 3).await;
}

#[tokio::test]
async fn an_incident_has_its_analysis_and_bundle() {
    let detail = json(get("/api/v1/incidents/INC-204").await).await;
    assert_eq!(detail["incident"]["workload"], "Deployment/payments-api");
    let analysis = json(get("/api/v1/incidents/INC-204/analysis").await).await;
    assert_eq!(analysis["format"], "analysis/v1");
    let bundle = get("/api/v1/incidents/INC-204/bundle").await;
    assert_eq!(
        bundle.headers()[header::CONTENT_DISPOSITION],
        "attachment; filename=\"INC-204.tar.zst\""
    );
    let bytes = bundle.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(bytes.as_ref(), b"bundle of INC-204");
}

#[tokio::test]
async fn failures_are_problem_documents() {
    for (path, status, code) in [
        ("/api/v1/incidents/INC-none", 404, "incident-not-found"),
        ("/api/v1/incidents/a%2Fb", 404, "incident-not-found"),
        (
            "/api/v1/incidents/INC-199/analysis",
            404,
            "analysis-not-ready",
        ),
        ("/api/v1/incidents?limit=0", 422, "invalid-query"),
        ("/api/v1/incidents?state=closed", 422, "invalid-query"),
        ("/api/v1/incidents?unheard=of", 422, "invalid-query"),
        ("/api/v1/incidents?cursor=x", 422, "invalid-query"),
        ("/api/v1/events?since=-1", 422, "invalid-query"),
        ("/api/v1/nothing", 404, "not-found"),
        (
            "/api/v1/incidents/INC-204/analyze",
            405,
            "method-not-allowed",
        ),
    ] {
        check_problem(get(path).await, status, code).await;
    }
}

#[tokio::test]
async fn answers_are_neither_kept_nor_sniffed() {
    let response = get("/api/v1/incidents").await;
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert_eq!(
        response.headers()[header::X_CONTENT_TYPE_OPTIONS],
        "nosniff"
    );
}

#[tokio::test]
async fn feedback_is_stored_and_told() {
    let router = router();
    let path = "/api/v1/incidents/INC-204/feedback";
    let body = r#"{"verdict":"wrong_owner","comment":"team-db"}"#;
    let response = send(&router, post(path, body)).await;
    assert_eq!(response.status(), 204);
    let events = Request::get("/api/v1/events?since=88214")
        .body(Body::empty())
        .unwrap();
    let events = read_events(send(&router, events).await, 1).await;
    assert_eq!(events[0].0, "feedback");
    assert_eq!(events[0].2["data"]["comment"], "team-db");
}

#[tokio::test]
async fn feedback_that_cannot_be_read_is_refused() {
    let router = router();
    let path = "/api/v1/incidents/INC-204/feedback";
    let long = format!(
        r#"{{"verdict":"accepted","comment":"{}"}}"#,
        "x".repeat(2001)
    );
    let huge = format!(
        r#"{{"verdict":"accepted","comment":"{}"}}"#,
        "x".repeat(20_000)
    );
    for body in [
        "",
        "{}",
        r#"{"verdict":"great"}"#,
        r#"{"verdict":"accepted","x":1}"#,
        &long,
        &huge,
    ] {
        check_problem(send(&router, post(path, body)).await, 422, "invalid-body").await;
    }
}

#[tokio::test]
async fn a_question_is_answered_from_the_analysis() {
    let router = router();
    let path = "/api/v1/incidents/INC-204/ask";
    let answer = send(&router, post(path, r#"{"question":" What changed? "}"#)).await;
    assert_eq!(answer.status(), 200);
    let answer = json(answer).await;
    assert_eq!(answer["by"], "rules");
    assert_eq!(answer["declined"], false);
    assert!(
        answer["citations"]
            .as_array()
            .is_some_and(|ids| !ids.is_empty()),
        "{answer}"
    );

    let long = format!(r#"{{"question":"{}"}}"#, "x".repeat(501));
    for body in ["", "{}", r#"{"question":"  "}"#, &long] {
        check_problem(send(&router, post(path, body)).await, 422, "invalid-body").await;
    }
    let nowhere = post("/api/v1/incidents/INC-999/ask", r#"{"question":"why"}"#);
    check_problem(send(&router, nowhere).await, 404, "incident-not-found").await;
}

#[tokio::test]
async fn changes_from_another_site_are_refused() {
    let router = router();
    let mut request = post("/api/v1/incidents/INC-204/analyze", "");
    request.headers_mut().remove(console::REQUEST_HEADER);
    check_problem(send(&router, request).await, 403, "cross-site").await;
    let mut request = post("/api/v1/incidents/INC-204/analyze", "");
    let site = "cross-site".parse().unwrap();
    request.headers_mut().insert("sec-fetch-site", site);
    check_problem(send(&router, request).await, 403, "cross-site").await;
}

#[tokio::test]
async fn a_reader_that_comes_back_misses_nothing() {
    let fixture = fixture();
    let router = router_of(&fixture);
    for comment in ["one", "two", "three"] {
        let body = format!(r#"{{"verdict":"accepted","comment":"{comment}"}}"#);
        send(&router, post("/api/v1/incidents/INC-204/feedback", &body)).await;
    }
    let resumed = Request::get("/api/v1/events?since=0")
        .header("last-event-id", "88215")
        .body(Body::empty())
        .unwrap();
    let events = read_events(send(&router, resumed).await, 2).await;
    let told: Vec<_> = events
        .iter()
        .map(|(_, id, data)| (id.as_str(), data["data"]["comment"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("88216", "two"), ("88217", "three")]);

    let garbled = Request::get("/api/v1/events")
        .header("last-event-id", "x")
        .body(Body::empty())
        .unwrap();
    check_problem(send(&router, garbled).await, 422, "invalid-query").await;
}

#[tokio::test]
async fn a_new_incident_is_told_with_its_row() {
    let fixture = fixture();
    let request = Request::get("/api/v1/events").body(Body::empty()).unwrap();
    let stream = send(&router_of(&fixture), request).await;
    fixture.open_incident();
    let events = read_events(stream, 1).await;
    assert_eq!(events[0].0, "incident");
    assert_eq!(events[0].2["data"]["namespace"], "data");
    assert_eq!(events[0].2["data"]["id"], events[0].2["incident_id"]);
}

#[tokio::test]
async fn a_written_analysis_is_followed_to_its_end() {
    let fixture = fixture();
    let router = router_of(&fixture);
    let asked = send(&router, post("/api/v1/incidents/INC-203/analyze", "")).await;
    assert_eq!(asked.status(), 202);
    let path = "/api/v1/incidents/INC-203/analysis/stream";
    let request = Request::get(path).body(Body::empty()).unwrap();
    let events = read_events(send(&router, request).await, usize::MAX).await;
    let names: Vec<_> = events.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names.first(), Some(&"snapshot"));
    assert_eq!(names.last(), Some(&"done"));
    let text: String = events
        .iter()
        .filter_map(|(_, _, data)| data["text"].as_str())
        .collect();
    assert!(
        text.starts_with("The node reports memory pressure"),
        "{text}"
    );
}

#[tokio::test]
async fn open_streams_are_bounded_and_given_back() {
    let router = router();
    let open = || async {
        let request = Request::get("/api/v1/events").body(Body::empty()).unwrap();
        send(&router, request).await
    };
    let mut streams = Vec::new();
    for _ in 0..256 {
        streams.push(open().await);
    }
    check_problem(open().await, 503, "overloaded").await;
    streams.pop();
    assert_eq!(open().await.status(), 200);
}

#[tokio::test]
async fn the_description_names_every_address_that_is_served() {
    let document = json(get("/api/openapi.json").await).await;
    let paths = document["paths"].as_object().unwrap();
    let served: Vec<&str> = include_str!("../src/console.rs")
        .split('"')
        .filter(|text| text.starts_with("/api/") && !text.contains(' '))
        .collect();
    assert_eq!(served.len(), paths.len());
    for path in served {
        assert!(paths.contains_key(path), "{path} is not described");
    }
}

#[tokio::test]
async fn every_described_address_is_served() {
    let router = router();
    let document: Value = serde_json::from_str(appliance_http::openapi::DOCUMENT).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let body = if path.ends_with("/ask") {
                r#"{"question":"what changed?"}"#
            } else {
                r#"{"verdict":"accepted"}"#
            };
            let request = Request::builder()
                .method(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap())
                .uri(path.replace("{id}", "INC-204"))
                .header(console::REQUEST_HEADER, "1")
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body))
                .unwrap();
            let status = send(&router, request).await.status();
            assert!(status.is_success(), "{method} {path}: {status}");
        }
    }
}

/// Holds the required fields of a described schema against a real answer.
fn check_fields(document: &Value, schema: &Value, answer: &Value, at: &str) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{reference} is not defined")),
        None => schema,
    };
    if let (Some(fields), Some(answer)) = (schema["properties"].as_object(), answer.as_object()) {
        for name in answer.keys() {
            assert!(fields.contains_key(name), "{at}.{name} is not described");
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            assert!(
                answer.contains_key(name),
                "{at}.{name} is described and absent"
            );
        }
        for (name, value) in answer {
            check_fields(document, &fields[name], value, &format!("{at}.{name}"));
        }
    }
    if let Some(answers) = answer.as_array() {
        for answer in answers {
            check_fields(document, &schema["items"], answer, at);
        }
    }
}

#[tokio::test]
async fn answers_have_the_described_fields() {
    let document: Value = serde_json::from_str(appliance_http::openapi::DOCUMENT).unwrap();
    for (path, schema) in [
        ("/api/v1/incidents", "IncidentPage"),
        ("/api/v1/incidents/INC-204", "IncidentDetail"),
        ("/api/v1/incidents/INC-204/analysis", "Analysis"),
        ("/api/v1/status", "StatusReport"),
    ] {
        let schema = &document["components"]["schemas"][schema];
        assert!(schema.is_object(), "{path}");
        check_fields(&document, schema, &json(get(path).await).await, path);
    }
}
