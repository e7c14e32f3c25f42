//! One POST through the egress guard, and whether its failure is worth another try.

use std::time::Duration;

use appliance_egress::{Client, EgressError};
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Request, StatusCode};

use crate::sink::DeliveryError;

/// Longest server text that is quoted, in characters.
const QUOTED_CHARS_MAX: usize = 200;

/// Sends `request`; the body of a success.
pub(crate) async fn post(client: &Client, request: Request<Bytes>) -> Result<Bytes, DeliveryError> {
    let response = client.send(request).await.map_err(|error| failed(&error))?;
    let (parts, body) = response.into_parts();
    // The status decides; a body that is late or too long takes nothing back.
    let body = body.collect().await.unwrap_or_default();
    if parts.status.is_success() {
        return Ok(body);
    }
    Err(answered(parts.status, &parts.headers, &body))
}

/// A refusal by the guard and a redirect are mistakes of the configuration.
fn failed(error: &EgressError) -> DeliveryError {
    match error {
        EgressError::Dial(dial) if dial.is_refusal() => DeliveryError::refused(error.to_string()),
        EgressError::Redirect { .. } => DeliveryError::refused(error.to_string()),
        _ => DeliveryError::again(error.to_string()),
    }
}

fn answered(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> DeliveryError {
    let reason = format!("{status}: {}", quote(body));
    match status.as_u16() {
        408 | 425 | 429 | 500..=599 => DeliveryError::Again {
            reason,
            after: retry_after(headers),
        },
        _ => DeliveryError::Refused { reason },
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

/// One short line of what a server said.
pub(crate) fn quote(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(4096)])
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|character| !character.is_control())
        .take(QUOTED_CHARS_MAX)
        .collect()
}
