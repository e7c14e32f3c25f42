//! One GET to the API server, within the budget, and what its failure means.
//!
//! Decides when to try again; leaves to [`super::list`] and [`super::logs`]
//! what to do with the bytes. A body is never taken for a `Status` because the
//! status is 4xx: priority and fairness, aggregated APIs and unknown groups
//! answer in plain text.

use std::fmt;
use std::time::Duration;

use appliance_egress::DialError;
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, RETRY_AFTER};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use crate::text::quote;

use super::limits::{Budget, KubeLimits, Pace};

/// Tries of one call: the first and two more for a server that asks to wait.
const TRIES_MAX: usize = 3;

/// Why a call gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The server answered with an error.
    #[error("{status}{}", said(message))]
    Answered {
        /// The status.
        status: StatusCode,
        /// What it said, shortened; untrusted.
        message: String,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// No answer in time.
    #[error("timed out after {:.1} s", after.as_secs_f64())]
    Timeout {
        /// How long was waited.
        after: Duration,
    },
    /// The incident's calls or time are used up.
    #[error("not asked: {0}")]
    Budget(String),
    /// The answer is longer than permitted.
    #[error("the answer is longer than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// Nobody is there, or the guard refused.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// The connection broke before the answer was whole.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The objects are those a watch last knew.
    #[error("{reason}; what is shown is {:.0} s old", age.as_secs_f64())]
    Stale {
        /// Since when nothing was heard.
        age: Duration,
        /// Why there is nothing newer.
        reason: String,
    },
    /// The answer is not what the API promises.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

fn said(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": {message}")
    }
}

impl ApiError {
    /// The status the server answered with.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// How long to wait before trying again; `None` when that is no use.
    fn retry_in(&self) -> Option<Duration> {
        let at_once = Duration::from_millis(200);
        match self {
            Self::Broken(_) => Some(at_once),
            Self::Answered {
                status,
                retry_after,
                ..
            } => match status.as_u16() {
                429 => Some(retry_after.unwrap_or(Duration::from_secs(1))),
                502..=504 => Some(retry_after.unwrap_or(at_once)),
                _ => *retry_after,
            },
            _ => None,
        }
    }
}

/// Makes calls; shared by all incidents.
pub(crate) struct Caller {
    client: Client,
    slots: Semaphore,
    pace: Pace,
    request: Duration,
    body_bytes_max: usize,
}

/// kube's client does not print itself.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("pace", &self.pace)
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}

/// Media types of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// Plain JSON.
    Json,
    /// Text; `text/plain` alone is 406.
    Log,
}

impl Accept {
    fn header(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Log => "application/json, */*",
        }
    }
}

impl Caller {
    pub(crate) fn new(client: Client, limits: &KubeLimits) -> Self {
        Self {
            client,
            slots: Semaphore::new(limits.concurrent_max.max(1)),
            pace: Pace::new(limits.calls_per_second, limits.burst),
            request: limits.request,
            body_bytes_max: limits.body_bytes_max,
        }
    }

    /// The body of a successful GET.
    pub(crate) async fn get(
        &self,
        budget: &Budget,
        path: &str,
        accept: Accept,
    ) -> Result<Bytes, ApiError> {
        let mut tries = 1;
        loop {
            let error = match self.get_once(budget, path, accept).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => error,
            };
            if matches!(error, ApiError::Unreachable(_)) {
                budget.mark_unreachable();
            }
            match error.retry_in() {
                Some(wait) if tries < TRIES_MAX && wait < budget.left() => sleep(wait).await,
                _ => return Err(error),
            }
            tries += 1;
        }
    }

    async fn get_once(
        &self,
        budget: &Budget,
        path: &str,
        accept: Accept,
    ) -> Result<Bytes, ApiError> {
        let out_of_time = || ApiError::Budget("the time for this incident is used up".to_owned());
        let slot = timeout_at(budget.deadline, self.slots.acquire()).await;
        let _slot = slot.map_err(|_| out_of_time())?;
        if budget.is_unreachable() {
            return Err(ApiError::Unreachable(
                "an earlier call of this capture failed".to_owned(),
            ));
        }
        if !budget.claim_call() {
            return Err(ApiError::Budget(format!(
                "the {} calls for this incident are used up",
                budget.calls_max
            )));
        }
        let wait = self.pace.claim(Instant::now());
        if wait >= budget.left() {
            return Err(out_of_time());
        }
        sleep(wait).await;
        self.exchange(path, accept, self.request.min(budget.left()))
            .await
    }

    /// One exchange outside any budget, for health checks.
    pub(crate) async fn exchange(
        &self,
        path: &str,
        accept: Accept,
        after: Duration,
    ) -> Result<Bytes, ApiError> {
        let deadline = Instant::now() + after;
        timeout_at(deadline, async {
            let response = self.open(path, accept).await?;
            let (parts, body) = response.into_parts();
            let bytes = read(body, self.body_bytes_max).await?;
            if parts.status.is_success() {
                Ok(bytes)
            } else {
                Err(answered(parts.status, &parts.headers, &bytes))
            }
        })
        .await
        .unwrap_or(Err(ApiError::Timeout { after }))
    }

    /// The response of a GET as it comes, whatever its status.
    pub(crate) async fn open(
        &self,
        path: &str,
        accept: Accept,
    ) -> Result<Response<Body>, ApiError> {
        let request = Request::get(path)
            .header(ACCEPT, accept.header())
            .body(Body::empty())
            .map_err(|error| ApiError::Unreadable(error.to_string()))?;
        self.client
            .send(request)
            .await
            .map_err(|error| transport(&error))
    }
}

/// Reads a body up to `bytes_max`.
pub(crate) async fn read(mut body: Body, bytes_max: usize) -> Result<Bytes, ApiError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| transport(&error))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if whole.len() + data.len() > bytes_max {
            return Err(ApiError::TooLarge { bytes_max });
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// An error answer in words; its body may be a `Status`, plain text or HTML.
pub(crate) fn answered(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ApiError {
    let parsed: Option<StatusBody> = serde_json::from_slice(body).ok();
    let message = match parsed {
        Some(parsed) if parsed.kind == "Status" => parsed.message,
        _ => String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned(),
    };
    ApiError::Answered {
        status,
        message: quote(&message),
        retry_after: retry_after(headers),
    }
}

#[derive(serde::Deserialize)]
struct StatusBody {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    message: String,
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

fn transport(error: &kube::Error) -> ApiError {
    if let Some(dial) = DialError::find(error) {
        return ApiError::Unreachable(dial.to_string());
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    ApiError::Broken(quote(&innermost.to_string()))
}
