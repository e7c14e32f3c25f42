//! Serves the console's files and the pages that explain errors.
//!
//! Decides caching and encoding. The table of addresses is closed: only the
//! files that were embedded exist, so no path can lead out of it.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use web_console::Asset;

use crate::error::{Code, Problem};
use crate::headers;

/// The console's files and `/errors/{code}`. Needs no authentication: the
/// files hold no data of the site.
pub fn router() -> Router {
    let mut router = Router::new().route("/errors/{code}", get(error_page));
    for asset in web_console::assets() {
        router = router.route(
            asset.path,
            get(move |headers: HeaderMap| std::future::ready(serve(asset, &headers))),
        );
    }
    router.layer(middleware::from_fn(headers::pages))
}

/// Pages of errors that the commands name, not an answer.
const COMMAND_PAGES: [(&str, &str); 3] = [
    (
        "model-damaged",
        include_str!("../../../docs/errors/model-damaged.md"),
    ),
    (
        "model-too-large",
        include_str!("../../../docs/errors/model-too-large.md"),
    ),
    (
        "model-unusable",
        include_str!("../../../docs/errors/model-unusable.md"),
    ),
];

async fn error_page(Path(name): Path<String>) -> Response {
    let mut pages = Code::ALL
        .into_iter()
        .map(|code| (code.as_str(), code.page()))
        .chain(COMMAND_PAGES);
    match pages.find(|(page, _)| *page == name) {
        Some((_, text)) => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
        }
        None => Problem::new(Code::NotFound, "no error has this code").into_response(),
    }
}

fn serve(asset: &'static Asset, request: &HeaderMap) -> Response {
    let mut response = if matches(request, &asset.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if accepts_gzip(request) {
        ([(header::CONTENT_ENCODING, "gzip")], asset.gzip.as_slice()).into_response()
    } else {
        asset.bytes.as_ref().into_response()
    };
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(asset.content_type),
    );
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

fn matches(request: &HeaderMap, etag: &str) -> bool {
    request
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| {
            tags.split(',')
                .any(|tag| tag.trim().trim_start_matches("W/") == etag)
        })
}

/// Whether `gzip` is listed without `q=0`.
fn accepts_gzip(request: &HeaderMap) -> bool {
    request
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|encodings| encodings.split(',').any(allows_gzip))
}

fn allows_gzip(encoding: &str) -> bool {
    let mut parts = encoding.split(';').map(str::trim);
    let named = parts.next().is_some_and(|name| name == "gzip");
    let refused = parts.any(|part| {
        part.strip_prefix("q=")
            .and_then(|quality| quality.parse::<f32>().ok())
            .is_some_and(|quality| quality <= 0.0)
    });
    named && !refused
}

#[cfg(test)]
mod tests;
