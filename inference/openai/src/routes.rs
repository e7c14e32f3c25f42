//! Which address does what.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use inference_core::Models;
use inference_core::embedding::Embedder;

use crate::body::BODY_BYTES_MAX;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::{
    chat, completions, embeddings, health, models, ollama, openapi, request_id, responses, tokens,
};

/// The `OpenAI` endpoint over `models`, which may come and go.
pub fn router(models: Arc<dyn Models>) -> Router {
    router_with(models, None)
}

/// As [`router`], with a model that embeds, if there is one.
pub fn router_with(models: Arc<dyn Models>, embedder: Option<Arc<dyn Embedder>>) -> Router {
    let endpoint = Endpoint::new(models, embedder);
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*name}", get(models::one))
        .route("/v1/chat/completions", post(chat::complete))
        // The base address some clients are given has no `/v1`.
        .route("/chat/completions", post(chat::complete))
        .route("/v1/completions", post(completions::complete))
        .route("/v1/responses", post(responses::respond))
        .route("/v1/embeddings", post(embeddings::embed))
        .route("/api/embed", post(ollama::embed))
        .route("/api/embeddings", post(ollama::embed_one))
        .route("/tokenize", post(tokens::tokenize))
        .route("/detokenize", post(tokens::detokenize))
        .route("/api/chat", post(ollama::chat))
        .route("/api/generate", post(ollama::generate))
        .route("/api/tags", get(ollama::tags))
        .route("/api/ps", get(ollama::ps))
        .route("/api/show", post(ollama::show))
        .route("/api/version", get(ollama::version))
        .route("/v1/openapi.json", get(openapi::document))
        .route("/v1/{*rest}", axum::routing::any(no_route))
        .method_not_allowed_fallback(no_route)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(request_id::name))
        .with_state(endpoint)
}

/// Whether a model can answer, at the address probes of other servers use; open to all.
pub fn health_router(models: Arc<dyn Models>) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .with_state(Endpoint::new(models, None))
}

/// The answer to a request without a key, or with an unknown one.
pub fn unauthorized() -> Response {
    ApiError::bad_key().into_response()
}

/// The answer to a request whose key is not for it; it needs `scope`.
pub fn forbidden(scope: &str) -> Response {
    ApiError::forbidden(format!(
        "this key may not do that; it needs the scope `{scope}`"
    ))
    .into_response()
}

async fn no_route(method: Method, uri: Uri) -> ApiError {
    ApiError::no_route(method.as_str(), uri.path())
}
