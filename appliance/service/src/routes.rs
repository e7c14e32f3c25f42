//! All HTTP routes of the appliance, joined, and who may use them.
//!
//! With a credentials file everything that shows or takes data asks for
//! credentials, and for the scope of what is done. Without one only loopback is listened on, and only requests
//! for local names are answered. Health and the console's own files are open.

use std::sync::Arc;

use appliance_http::auth::{self, CredentialsError, CredentialsFile, Scope};
use appliance_http::backend::ConsoleBackend;
use appliance_http::health::HealthSource;
use appliance_http::receiver::{self, Limits, Receiver};
use appliance_http::{assets, console, health, hosts};
use appliance_store::Ledger;
use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum::{Router, middleware};
use inference_core::Models;
use inference_core::embedding::Embedder;
use inference_openai::Grant;
use prometheus_client::registry::Registry;

use crate::config::Config;

/// The webhook and the credentials of all routes.
#[derive(Debug)]
pub(crate) struct Intake {
    receiver: Arc<Receiver<Ledger>>,
    credentials: Option<Arc<CredentialsFile>>,
}

impl Intake {
    /// Reads the credentials and registers the receiver's metrics.
    ///
    /// # Errors
    /// A credentials file that cannot be used.
    pub(crate) fn new(
        config: &Config,
        ledger: Ledger,
        registry: &mut Registry,
    ) -> Result<Self, CredentialsError> {
        let credentials = config
            .auth
            .credentials_file
            .as_deref()
            .map(CredentialsFile::open);
        Ok(Self {
            receiver: Arc::new(Receiver::new(ledger, Limits::default(), registry)),
            credentials: credentials.transpose()?.map(Arc::new),
        })
    }

    /// The webhook's receiver, to be drained at the end.
    pub(crate) fn receiver(&self) -> Arc<Receiver<Ledger>> {
        Arc::clone(&self.receiver)
    }
}

/// Everything that is served.
pub(crate) fn router(
    backend: Arc<dyn ConsoleBackend>,
    health: Arc<dyn HealthSource>,
    intake: Intake,
    models: Arc<dyn Models>,
    embedder: Option<Arc<dyn Embedder>>,
) -> Router {
    let data = Router::new()
        .merge(receiver::router(intake.receiver))
        .merge(console::router(backend));
    let inference = inference_openai::router_with(Arc::clone(&models), embedder);
    let (data, inference) = match intake.credentials {
        Some(credentials) => (
            data.layer(middleware::from_fn_with_state(
                Arc::clone(&credentials),
                auth::require,
            )),
            inference.layer(middleware::from_fn_with_state(credentials, require_key)),
        ),
        // Whoever may use this machine may also go first.
        None => (
            data.layer(middleware::from_fn(hosts::local_names_only)),
            inference
                .layer(Extension(Grant {
                    incident_priority: true,
                }))
                .layer(middleware::from_fn(hosts::local_names_only)),
        ),
    };
    Router::new()
        .merge(data)
        .merge(inference)
        .merge(inference_openai::health_router(models))
        .merge(health::router(health))
        .merge(assets::router())
        .fallback(console::not_found)
}

/// Middleware: as [`auth::require`], refusing in the words `OpenAI` clients know.
async fn require_key(
    State(credentials): State<Arc<CredentialsFile>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(scopes) = credentials.scopes(request.headers()) else {
        return inference_openai::unauthorized();
    };
    if !scopes.allow(Scope::Inference) {
        return inference_openai::forbidden("inference");
    }
    request.extensions_mut().insert(Grant {
        incident_priority: scopes.allow(Scope::Incident),
    });
    next.run(request).await
}
