//! An HTTP client with limits on everything, over the guarded connector.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use crate::allow_list::Destination;
use crate::body::LimitedBody;
use crate::connector::{Connector, Egress};
use crate::error::EgressError;
use crate::tls::{Roots, TlsError};

/// What one exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// To open a connection, name lookup included.
    pub connect: Duration,
    /// Until the headers of the response are there.
    pub response: Duration,
    /// Until the body has been read.
    pub total: Duration,
    /// Bytes of the body.
    pub body_bytes_max: usize,
}

impl Default for Limits {
    /// Two seconds to connect, ten for all, 16 MiB: a local service that needs
    /// more is broken in a way that waiting does not mend.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            response: Duration::from_secs(8),
            total: Duration::from_secs(10),
            body_bytes_max: 16 << 20,
        }
    }
}

/// An HTTP/1.1 client; cheap to clone, connections are kept and shared.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Pool<HttpsConnector<Connector>, Full<Bytes>>,
    limits: Limits,
}

impl Client {
    /// A client that reaches what `egress` permits and trusts `roots`.
    ///
    /// # Errors
    /// [`TlsError`] if the roots cannot be loaded.
    pub fn try_new(egress: &Egress, roots: &Roots, limits: Limits) -> Result<Self, TlsError> {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(roots.client_config()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(egress.connector(limits.connect));
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(4)
            .build(connector);
        Ok(Self { pool, limits })
    }

    /// Sends a request to an absolute URI and gives the body as it comes.
    ///
    /// Any status but a redirect is an answer.
    ///
    /// # Errors
    /// [`EgressError`]; a redirect is one.
    pub async fn send(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<LimitedBody>, EgressError> {
        let destination = Destination::of_uri(request.uri())?.to_string();
        let deadline = Instant::now() + self.limits.total;
        let response = self.headers(&destination, request.map(Full::new)).await?;
        if response.status().is_redirection() && response.status() != http::StatusCode::NOT_MODIFIED
        {
            return Err(EgressError::Redirect {
                destination,
                status: response.status(),
            });
        }
        let Limits {
            total,
            body_bytes_max,
            ..
        } = self.limits;
        Ok(response
            .map(|body| LimitedBody::new(body, destination, body_bytes_max, deadline, total)))
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`EgressError`]; a redirect is one.
    pub async fn fetch(&self, request: Request<Bytes>) -> Result<Response<Bytes>, EgressError> {
        let (parts, body) = self.send(request).await?.into_parts();
        Ok(Response::from_parts(parts, body.collect().await?))
    }

    async fn headers(
        &self,
        destination: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, EgressError> {
        tokio::time::timeout(self.limits.response, self.pool.request(request))
            .await
            .map_err(|_| EgressError::Timeout {
                destination: destination.to_owned(),
                after: self.limits.response,
            })?
            .map_err(|error| EgressError::exchange(destination, &error))
    }
}
