//! Refuses changes that another web site makes a browser send.
//!
//! Decides by `Sec-Fetch-Site`, `Origin` and a header of our own. A page
//! elsewhere can neither set the header without a preflight, which is never
//! answered, nor fake the other two. Leaves who the caller is to the
//! authentication layer.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::{Code, Problem};

/// Header that every state-changing request carries, with any value.
pub const REQUEST_HEADER: &str = "x-anchorite-request";

/// Lets safe methods and same-site changes pass.
pub(super) async fn same_site(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match refusal(request.headers()) {
        Some(detail) => Problem::new(Code::CrossSite, detail).into_response(),
        None => next.run(request).await,
    }
}

fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    if !headers.contains_key(REQUEST_HEADER) {
        return Some("the header x-anchorite-request is missing");
    }
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        Some(b"same-origin" | b"none") => None,
        Some(_) => Some("the request comes from another site"),
        None if headers.contains_key(header::ORIGIN) => {
            Some("the request has an origin but does not say it is same-origin")
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&'static str, &'static str)], allowed: bool) {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        assert_eq!(refusal(&headers).is_none(), allowed, "{headers:?}");
    }

    #[test]
    fn changes_need_our_header() {
        check(&[], false);
        check(&[("sec-fetch-site", "same-origin")], false);
        check(&[(REQUEST_HEADER, "1")], true);
    }

    #[test]
    fn browsers_pass_only_from_our_own_pages() {
        check(
            &[(REQUEST_HEADER, "1"), ("sec-fetch-site", "same-origin")],
            true,
        );
        check(&[(REQUEST_HEADER, "1"), ("sec-fetch-site", "none")], true);
        check(
            &[(REQUEST_HEADER, "1"), ("sec-fetch-site", "same-site")],
            false,
        );
        check(
            &[(REQUEST_HEADER, "1"), ("sec-fetch-site", "cross-site")],
            false,
        );
        check(
            &[(REQUEST_HEADER, "1"), ("origin", "http://evil.test")],
            false,
        );
    }
}
