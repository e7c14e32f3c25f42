//! What browsers get for the console's files.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

async fn get_with(path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    router()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_page_forbids_everything_that_is_not_ours() {
    let response = get_with("/", &[]).await;
    assert_eq!(response.status(), 200);
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "trusted-types 'none'",
    ] {
        assert!(policy.contains(rule), "{rule}");
    }
    assert!(!policy.contains("unsafe"));
    assert_eq!(
        response.headers()[header::X_CONTENT_TYPE_OPTIONS],
        "nosniff"
    );
}

#[tokio::test]
async fn an_unchanged_file_is_not_sent_again() {
    let first = get_with("/app.js", &[]).await;
    let etag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
    let again = get_with("/app.js", &[("if-none-match", &etag)]).await;
    assert_eq!(again.status(), 304);
    assert!(
        again
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .is_empty()
    );
}

#[tokio::test]
async fn gzip_is_sent_only_to_those_who_take_it() {
    async fn check(accepted: &str, encoding: Option<&str>) {
        let response = get_with("/app.js", &[("accept-encoding", accepted)]).await;
        let sent = response
            .headers()
            .get(header::CONTENT_ENCODING)
            .map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(sent.as_deref(), encoding, "{accepted}");
    }
    check("gzip, br", Some("gzip")).await;
    check("br;q=1.0, gzip;q=0.5", Some("gzip")).await;
    check("gzip;q=0", None).await;
    check("identity", None).await;
}

#[tokio::test]
async fn paths_outside_the_table_do_not_exist() {
    for path in [
        "/Cargo.toml",
        "/..%2fCargo.toml",
        "/app.js/..",
        "/dist/app.js",
    ] {
        assert_eq!(get_with(path, &[]).await.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn every_error_has_a_page() {
    for code in Code::ALL {
        let response = get_with(&format!("/errors/{}", code.as_str()), &[]).await;
        assert_eq!(response.status(), 200);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/plain; charset=utf-8"
        );
    }
    for (page, text) in COMMAND_PAGES {
        assert!(text.starts_with(&format!("# {page}\n")), "{page}");
        let response = get_with(&format!("/errors/{page}"), &[]).await;
        assert_eq!(response.status(), 200, "{page}");
    }
    assert_eq!(get_with("/errors/unheard-of", &[]).await.status(), 404);
}
