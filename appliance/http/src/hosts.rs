//! Refuses requests that came through a name that is not this computer's.
//!
//! An appliance on loopback has no authentication, so a web page elsewhere
//! could point its own name at 127.0.0.1 and read incidents as if it were our
//! page (DNS rebinding). The `Host` header still carries that name. Addresses
//! and `localhost` cannot be rebound. With authentication on this layer is
//! not needed: the foreign page has no credentials.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::{Code, Problem};

/// Lets only requests to `localhost` or to an IP address pass. A layer for a
/// listener without authentication.
pub async fn local_names_only(request: Request, next: Next) -> Response {
    if is_local(request.headers()) {
        return next.run(request).await;
    }
    Problem::new(
        Code::CrossSite,
        "the host header is neither localhost nor an ip address; without authentication only \
         these are answered",
    )
    .into_response()
}

fn is_local(headers: &HeaderMap) -> bool {
    headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .is_some_and(|host| is_local_name(without_port(host)))
}

fn is_local_name(name: &str) -> bool {
    let address = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

/// `[::1]:8080` as `[::1]`, `localhost:8080` as `localhost`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, local: bool) {
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        assert_eq!(is_local(&headers), local, "{host}");
    }

    #[test]
    fn addresses_and_localhost_are_local() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[::1]",
        ] {
            check(host, true);
        }
    }

    #[test]
    fn names_that_can_be_pointed_here_are_not() {
        for host in [
            "evil.test",
            "evil.test:8080",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "127.0.0.1:x",
            "",
        ] {
            check(host, false);
        }
        assert!(!is_local(&HeaderMap::new()));
    }
}
