//! Series from a Prometheus or VictoriaMetrics beside the cluster.
//!
//! Decides how many queries an incident gets and what their failure means;
//! `queries` decides what is asked, `answer` how an answer is read.
//!
//! Invariant: a capture never fails; what could not be had is a gap.

mod answer;
mod queries;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use appliance_core::ports::{CaptureRequest, PortFuture, SnapshotSource};
use appliance_core::snapshot::{Gap, Series, Snapshot};
use appliance_egress::{
    Client, Destination, DialError, Egress, EgressError, Limits, Roots, TlsError,
};
use bytes::Bytes;
use futures::stream::StreamExt;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode, Uri};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::gaps::fold;
use crate::text::{encode, quote};

use self::queries::{Query, Window};

/// What queries may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusLimits {
    /// For one query.
    pub query: Duration,
    /// For all queries of one incident.
    pub capture: Duration,
    /// Queries at once.
    pub concurrent_max: usize,
    /// Series kept of one query.
    pub series_max: usize,
    /// Samples of one series.
    pub points_max: usize,
    /// Bytes of one answer.
    pub body_bytes_max: usize,
}

impl Default for PrometheusLimits {
    /// An hour at 15 s are 240 points; a namespace of a hundred pods is 200 series.
    fn default() -> Self {
        Self {
            query: Duration::from_secs(4),
            capture: Duration::from_secs(8),
            concurrent_max: 4,
            series_max: 200,
            points_max: 240,
            body_bytes_max: 16 << 20,
        }
    }
}

/// Configuration of a [`PrometheusSource`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrometheusOptions {
    /// `http://host:port`, with a path prefix where there is one.
    pub url: String,
    /// Bearer token, read for each query since it may rotate.
    pub token_file: Option<PathBuf>,
    /// Whom to trust for `https`.
    pub roots: Roots,
    /// What queries may cost.
    pub limits: PrometheusLimits,
}

impl PrometheusOptions {
    /// Host and port, for the list of permitted destinations.
    ///
    /// # Errors
    /// [`DialError`] if the address is none.
    pub fn destination(&self) -> Result<Destination, DialError> {
        let uri: Uri = self.url.parse().map_err(|_| DialError::NotDialable {
            uri: self.url.clone(),
        })?;
        Destination::of_uri(&uri)
    }
}

/// Why there is no way to Prometheus.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusSetupError {
    /// The address is none, or not permitted.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Why a query gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No answer.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// An answer that is an error.
    #[error("{status}: {message}")]
    Answered {
        /// The status.
        status: StatusCode,
        /// What was said, shortened; untrusted.
        message: String,
    },
    /// An answer that is not what the API promises.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
    /// The token file cannot be used.
    #[error("the token file cannot be read: {0}")]
    Token(String),
    /// The incident's time is used up.
    #[error("not asked: the time for this incident is used up")]
    OutOfTime,
}

/// Asks a Prometheus-compatible server.
#[derive(Clone, Debug)]
pub struct PrometheusSource {
    client: Client,
    base: String,
    token_file: Option<PathBuf>,
    limits: PrometheusLimits,
}

impl PrometheusSource {
    /// Prepares access; the server itself may be away and come later.
    ///
    /// # Errors
    /// [`PrometheusSetupError`] if the configuration is unusable or the server
    /// is not a permitted destination.
    pub fn try_new(
        options: &PrometheusOptions,
        egress: &Egress,
    ) -> Result<Self, PrometheusSetupError> {
        egress.allowed().find(&options.destination()?)?;
        let limits = options.limits.clone();
        let of_client = Limits {
            response: limits.query,
            total: limits.query,
            body_bytes_max: limits.body_bytes_max,
            ..Limits::default()
        };
        Ok(Self {
            client: Client::try_new(egress, &options.roots, of_client)?,
            base: options.url.trim_end_matches('/').to_owned(),
            token_file: options.token_file.clone(),
            limits,
        })
    }

    /// Whether the server answers queries.
    ///
    /// # Errors
    /// [`QueryError`] saying why not.
    pub async fn ping(&self) -> Result<(), QueryError> {
        self.instant("", "vector(1)", Timestamp::now())
            .await
            .map(|_| ())
    }

    /// Evaluates `expression` at one moment; `name` is given to series without one.
    ///
    /// # Errors
    /// [`QueryError`].
    pub async fn instant(
        &self,
        name: &str,
        expression: &str,
        at: Timestamp,
    ) -> Result<Vec<Series>, QueryError> {
        let path = format!(
            "/api/v1/query?query={}&time={}",
            encode(expression),
            at.as_second()
        );
        let body = self.get(&path).await?;
        answer::parse(name, &body)
    }

    /// Evaluates `expression` over `window`; `name` is given to series without one.
    ///
    /// # Errors
    /// [`QueryError`].
    async fn range(
        &self,
        name: &str,
        expression: &str,
        window: &Window,
    ) -> Result<Vec<Series>, QueryError> {
        let path = format!(
            "/api/v1/query_range?query={}&start={}&end={}&step={}",
            encode(expression),
            window.from,
            window.until,
            window.step_seconds
        );
        let body = self.get(&path).await?;
        answer::parse(name, &body)
    }

    async fn get(&self, path: &str) -> Result<Bytes, QueryError> {
        let mut request = Request::get(format!("{}{path}", self.base))
            .body(Bytes::new())
            .map_err(|error| QueryError::Unreadable(error.to_string()))?;
        if let Some(token) = self.token().await? {
            request.headers_mut().insert(AUTHORIZATION, token);
        }
        let (parts, body) = self.client.fetch(request).await?.into_parts();
        if parts.status.is_success() {
            return Ok(body);
        }
        Err(QueryError::Answered {
            status: parts.status,
            message: answer::error_message(&body),
        })
    }

    async fn token(&self) -> Result<Option<HeaderValue>, QueryError> {
        let Some(path) = &self.token_file else {
            return Ok(None);
        };
        let token = tokio::fs::read_to_string(path)
            .await
            .map_err(|error| QueryError::Token(error.to_string()))?;
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
            .map_err(|_| QueryError::Token("it holds more than a token".to_owned()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    async fn ask(
        &self,
        query: &Query,
        window: &Window,
        deadline: Instant,
    ) -> Result<Vec<Series>, QueryError> {
        let work = async {
            if query.over_time {
                self.range(query.name, &query.expression, window).await
            } else {
                self.instant(query.name, &query.expression, window.end)
                    .await
            }
        };
        timeout_at(deadline, work)
            .await
            .unwrap_or(Err(QueryError::OutOfTime))
    }

    async fn capture_into(&self, request: &CaptureRequest, snapshot: &mut Snapshot) {
        let window = Window::of(request, self.limits.points_max);
        let deadline = Instant::now() + self.limits.capture;
        let queries = queries::of(request, &window);
        let asked = queries.len();
        let answers: Vec<_> = futures::stream::iter(queries)
            .map(|query| async {
                let answer = self.ask(&query, &window, deadline).await;
                (query, answer)
            })
            .buffered(self.limits.concurrent_max.max(1))
            .collect()
            .await;
        let failed = answers.iter().filter(|(_, answer)| answer.is_err()).count();
        for (query, answer) in answers {
            let source = format!("metrics {}", query.name);
            match answer {
                Ok(series) => self.keep(&source, series, request, snapshot),
                Err(error) => snapshot.gaps.push(Gap {
                    source,
                    detail: error.to_string(),
                }),
            }
        }
        if snapshot.series.is_empty() && failed == 0 && asked > 0 {
            snapshot.gaps.push(Gap {
                source: "metrics".to_owned(),
                detail: format!(
                    "Prometheus answered, but has no series for any of {asked} queries"
                ),
            });
        }
        snapshot.gaps = fold(std::mem::take(&mut snapshot.gaps));
    }

    /// Keeps the series of the subjects first when there are too many.
    fn keep(
        &self,
        source: &str,
        mut series: Vec<Series>,
        request: &CaptureRequest,
        snapshot: &mut Snapshot,
    ) {
        let total = series.len();
        if total > self.limits.series_max {
            series.sort_by_key(|series| !is_about_subject(series, request));
            series.truncate(self.limits.series_max);
            snapshot.gaps.push(Gap {
                source: source.to_owned(),
                detail: format!("{} of {total} series were kept", self.limits.series_max),
            });
        }
        for one in &mut series {
            one.samples.truncate(self.limits.points_max + 1);
        }
        snapshot.series.extend(series);
    }
}

fn is_about_subject(series: &Series, request: &CaptureRequest) -> bool {
    series.labels.values().any(|value| {
        request
            .subjects
            .iter()
            .any(|subject| value.starts_with(&subject.name))
    })
}

impl SnapshotSource for PrometheusSource {
    fn capture<'a>(&'a self, request: &'a CaptureRequest) -> PortFuture<'a, Snapshot> {
        Box::pin(async move {
            let mut snapshot = Snapshot {
                captured_at: Timestamp::now(),
                source: quote(&self.base),
                ..Snapshot::default()
            };
            self.capture_into(request, &mut snapshot).await;
            snapshot
        })
    }
}
