//! The door: opens TCP connections to permitted destinations, and no others.
//!
//! Works for hyper's and kube's clients alike, as a tower service from URI to
//! stream. TLS lies on top and never changes where a connection goes.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use prometheus_client::registry::Registry;
use tokio::net::{TcpStream, lookup_host};

use crate::allow_list::{AllowList, Destination};
use crate::error::DialError;
use crate::metrics::{DestinationCounts, Metrics};

#[derive(Debug)]
struct Gate {
    allowed: AllowList,
    metrics: Metrics,
}

/// What may be dialled, and what was; cheap to clone, shared by all callers.
#[derive(Clone, Debug)]
pub struct Egress {
    gate: Arc<Gate>,
}

impl Egress {
    /// Permits exactly what `allowed` lists and counts under `anchorite_egress`.
    pub fn new(allowed: AllowList, registry: &mut Registry) -> Self {
        let metrics = Metrics::register(registry);
        Self {
            gate: Arc::new(Gate { allowed, metrics }),
        }
    }

    /// A connector that gives up on a connection after `connect_timeout`.
    pub fn connector(&self, connect_timeout: Duration) -> Connector {
        Connector {
            gate: Arc::clone(&self.gate),
            connect_timeout,
        }
    }

    /// The permitted destinations.
    pub fn allowed(&self) -> &AllowList {
        &self.gate.allowed
    }

    /// What was dialled and refused so far, by `host:port`.
    pub fn counts(&self) -> BTreeMap<String, DestinationCounts> {
        self.gate.metrics.counts()
    }
}

/// A `tower` service from a URI to a connection, for hyper and kube.
#[derive(Clone, Debug)]
pub struct Connector {
    gate: Arc<Gate>,
    connect_timeout: Duration,
}

impl Connector {
    /// Opens a connection to the host and port of `uri`.
    ///
    /// # Errors
    /// [`DialError`]; a refusal is counted and logged.
    pub async fn dial(&self, uri: &Uri) -> Result<TcpStream, DialError> {
        let wanted = Destination::of_uri(uri)?;
        let name = wanted.to_string();
        let result = match self.gate.allowed.find(&wanted) {
            Ok(permitted) => self.connect_in_time(permitted).await,
            Err(denied) => Err(denied),
        };
        self.gate.metrics.count(&name, result.as_ref().map(|_| ()));
        if let Err(error) = &result
            && error.is_refusal()
        {
            tracing::warn!(destination = name, %error, "egress refused");
        }
        result
    }

    async fn connect_in_time(&self, destination: &Destination) -> Result<TcpStream, DialError> {
        tokio::time::timeout(self.connect_timeout, connect(destination))
            .await
            .unwrap_or_else(|_| {
                Err(DialError::Timeout {
                    destination: destination.to_string(),
                    after: self.connect_timeout,
                })
            })
    }
}

/// Tries the addresses in order; one refused address refuses them all, since
/// a resolver that mixes inside and outside is not to be trusted.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the one place that dials"
)]
async fn connect(destination: &Destination) -> Result<TcpStream, DialError> {
    let addresses = resolve(destination).await?;
    for address in &addresses {
        destination.check_address(address.ip())?;
    }
    let mut reason = "the name has no address".to_owned();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Small requests must not wait for an acknowledgement; a
                // socket that cannot do that still works.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => reason = error.to_string(),
        }
    }
    Err(DialError::Connect {
        destination: destination.to_string(),
        reason,
    })
}

#[allow(
    clippy::disallowed_methods,
    reason = "this is the one place that dials"
)]
async fn resolve(destination: &Destination) -> Result<Vec<SocketAddr>, DialError> {
    let port = destination.port();
    if let Some(known) = destination.known_addresses() {
        return Ok(known
            .into_iter()
            .map(|ip| SocketAddr::new(ip, port))
            .collect());
    }
    lookup_host((destination.host(), port))
        .await
        .map(Iterator::collect)
        .map_err(|error| DialError::Resolve {
            destination: destination.to_string(),
            reason: error.to_string(),
        })
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.dial(&uri).await.map(TokioIo::new) })
    }
}
