//! Takes Alertmanager's webhook: `POST /api/v1/alertmanager`.
//!
//! Answers 200 with an empty body once the notification is durable, and not
//! before. Alertmanager tries again after 5xx and lost connections, and after
//! nothing else: so whatever may be accepted later is 503, what can never be
//! read is 400, and 413 and 429 do not occur. Leaves what a notification
//! means to the core, and being durable to the journal behind [`Accept`].
//!
//! Invariants: memory for bodies stays within [`Limits::bytes_in_flight_max`];
//! every request ends within [`Limits::deadline`].
//!
//! # Source
//! `notify/webhook/webhook.go` and `notify/util.go` (`Retrier`) of Alertmanager 0.34.

mod budget;
mod metrics;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use appliance_core::alert::AlertStatus;
use appliance_core::alert::webhook::{self, WebhookError};
use appliance_store::{AcceptError, Ledger};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;

use self::budget::{Budget, Claim};
use self::metrics::{Metrics, Refusal};
use crate::error::{Code, Problem};

/// Where Alertmanager posts to.
pub const PATH: &str = "/api/v1/alertmanager";

/// Bodies up to this size are parsed on the spot; larger ones would hold up
/// other requests and go to a thread of their own.
const PARSE_INLINE_BYTES_MAX: usize = 64 << 10;

/// Whatever makes a notification durable.
pub trait Accept: Send + Sync + 'static {
    /// Answers the sequence number once `body` is durable. Must not wait for
    /// anything else.
    fn accept(
        &self,
        body: Bytes,
        sender: &str,
    ) -> impl Future<Output = Result<u64, AcceptError>> + Send;
}

impl Accept for Ledger {
    async fn accept(&self, body: Bytes, sender: &str) -> Result<u64, AcceptError> {
        self.accept_notification(body, sender, jiff::Timestamp::now())
            .await
    }
}

/// Bounds of the receiver.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest body. 100 000 alerts of a whole group are about 93 MB.
    pub body_bytes_max: usize,
    /// Most bytes of bodies held at once.
    pub bytes_in_flight_max: usize,
    /// Longest time from the request's head to the answer. Below the ten
    /// seconds after which Alertmanager's shortest flush gives up.
    pub deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 128 << 20,
            bytes_in_flight_max: 256 << 20,
            deadline: Duration::from_secs(8),
        }
    }
}

/// The webhook's endpoint.
#[derive(Debug)]
pub struct Receiver<A> {
    accept: A,
    limits: Limits,
    budget: Budget,
    metrics: Metrics,
    draining: AtomicBool,
}

impl<A: Accept> Receiver<A> {
    /// A receiver that hands notifications to `accept` and counts in `registry`.
    pub fn new(accept: A, limits: Limits, registry: &mut Registry) -> Self {
        Self {
            accept,
            limits,
            budget: Budget::new(limits.bytes_in_flight_max),
            metrics: Metrics::register(registry),
            draining: AtomicBool::new(false),
        }
    }

    /// Accepts nothing more: the appliance is stopping, and Alertmanager
    /// shall try again with its successor.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Bytes of bodies held now.
    pub fn bytes_in_flight(&self) -> usize {
        self.budget.used()
    }

    /// Handles one request, from its head to the answer.
    async fn receive(&self, request: Request) -> Response {
        let started = Instant::now();
        self.metrics.received.inc();
        let answered = tokio::time::timeout(self.limits.deadline, self.process(request)).await;
        match answered.unwrap_or(Err(Refused::Deadline)) {
            Ok(()) => {
                self.metrics.stored.inc();
                self.metrics
                    .ack_seconds
                    .observe(started.elapsed().as_secs_f64());
                StatusCode::OK.into_response()
            }
            Err(refused) => {
                self.metrics.refused(refused.reason());
                tracing::warn!(reason = %refused, "a notification was refused");
                refused.problem().into_response()
            }
        }
    }

    async fn process(&self, request: Request) -> Result<(), Refused> {
        if self.draining.load(Ordering::Relaxed) {
            return Err(Refused::Draining);
        }
        let sender = sender(&request);
        // Held until the answer: the body's bytes are with us until then.
        let mut claim = self.budget.claim();
        let body = self.read(request, &mut claim).await?;
        let (body, tally) = parse(body).await?;
        let bytes = body.len() as u64;
        self.accept.accept(body, &sender).await?;
        self.metrics.count(bytes, &tally);
        Ok(())
    }

    async fn read(&self, request: Request, claim: &mut Claim<'_>) -> Result<Bytes, Refused> {
        // Only what has arrived is held, but what cannot be is refused at once.
        let stated = content_length(request.headers()).unwrap_or(0);
        self.within_limit(stated)?;
        let mut body: Body = request.into_body();
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refused::Interrupted)?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            self.admit(claim, read.len() + data.len())?;
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    }

    /// Lets the claim grow to `bytes`, if the limits allow.
    fn admit(&self, claim: &mut Claim<'_>, bytes: usize) -> Result<(), Refused> {
        self.within_limit(bytes)?;
        if claim.grow_to(bytes) {
            Ok(())
        } else {
            Err(Refused::Overloaded)
        }
    }

    fn within_limit(&self, bytes: usize) -> Result<(), Refused> {
        let max = self.limits.body_bytes_max;
        if bytes <= max {
            Ok(())
        } else {
            Err(Refused::TooLarge { max })
        }
    }
}

/// The receiver's route. Credentials are a layer around it:
/// [`crate::auth::require`].
pub fn router<A: Accept>(receiver: Arc<Receiver<A>>) -> Router {
    Router::new()
        .route(PATH, post(handle::<A>))
        // Our own limit answers 503 where axum's would answer 413.
        .layer(DefaultBodyLimit::disable())
        .with_state(receiver)
}

async fn handle<A: Accept>(State(receiver): State<Arc<Receiver<A>>>, request: Request) -> Response {
    receiver.receive(request).await
}

/// What a notification holds, for the counters.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    firing: u64,
    resolved: u64,
    truncated: u64,
}

/// Finds out whether the body is a notification, in constant memory.
async fn parse(body: Bytes) -> Result<(Bytes, Tally), Refused> {
    let tally = if body.len() <= PARSE_INLINE_BYTES_MAX {
        tally(&body)
    } else {
        let body = body.clone();
        let parsed = tokio::task::spawn_blocking(move || tally(&body)).await;
        parsed.map_err(|_| Refused::Internal)?
    };
    Ok((body, tally?))
}

fn tally(body: &[u8]) -> Result<Tally, WebhookError> {
    let mut tally = Tally::default();
    let notification = webhook::parse_each(body, |alert| match alert.status {
        AlertStatus::Firing => tally.firing += 1,
        AlertStatus::Resolved => tally.resolved += 1,
    })?;
    tally.truncated = notification.truncated_alerts;
    Ok(tally)
}

/// The peer's address. Forwarding headers are not believed: anyone can set them.
fn sender(request: &Request) -> String {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map(|ConnectInfo(address)| address.ip().to_string())
        .unwrap_or_default()
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Why a notification was refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Invalid(#[from] WebhookError),
    #[error(transparent)]
    Accept(#[from] AcceptError),
    #[error("too many bytes of notifications at once; send it again")]
    Overloaded,
    #[error(
        "the body is larger than {max} bytes; set `max_alerts` in the receiver's configuration"
    )]
    TooLarge { max: usize },
    #[error("it took too long; send it again")]
    Deadline,
    #[error("the appliance is stopping; send it again")]
    Draining,
    #[error("the connection broke off before the body's end")]
    Interrupted,
    #[error("reading the body failed")]
    Internal,
}

impl Refused {
    fn reason(&self) -> Refusal {
        match self {
            Self::Invalid(_) => Refusal::Invalid,
            Self::Accept(AcceptError::Overloaded) | Self::Overloaded => Refusal::Overloaded,
            Self::Accept(AcceptError::Unavailable(_)) => Refusal::Unavailable,
            Self::TooLarge { .. } => Refusal::TooLarge,
            Self::Deadline => Refusal::Deadline,
            Self::Draining => Refusal::Draining,
            Self::Interrupted => Refusal::Interrupted,
            Self::Internal => Refusal::Internal,
        }
    }

    /// The answer. All but the first may pass, so all but the first are 5xx.
    fn problem(&self) -> Problem {
        let code = match self.reason() {
            Refusal::Invalid => Code::WebhookInvalid,
            Refusal::Overloaded => Code::Overloaded,
            Refusal::Unavailable
            | Refusal::TooLarge
            | Refusal::Deadline
            | Refusal::Draining
            | Refusal::Interrupted => Code::Unavailable,
            Refusal::Internal => Code::Internal,
        };
        Problem::new(code, self.to_string())
    }
}
