//! A name for every request, to find it again in logs: `x-request-id`.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use crate::ids;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longest name taken from a client.
const BYTES_MAX: usize = 128;

/// Middleware: answers carry the request's own name, or a new one.
pub(crate) async fn name(request: Request, next: Next) -> Response {
    let given = request.headers().get(HEADER).cloned();
    let id = given
        .filter(is_sound)
        .or_else(|| HeaderValue::from_str(&ids::unique("req_")).ok());
    let mut response = next.run(request).await;
    if let Some(id) = id {
        response.headers_mut().insert(HEADER, id);
    }
    response
}

fn is_sound(value: &HeaderValue) -> bool {
    let sound = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    !value.is_empty() && value.len() <= BYTES_MAX && value.as_bytes().iter().all(sound)
}
