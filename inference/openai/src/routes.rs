//! The addresses below `/v1`.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use inference_core::slot::EngineSlot;
use inference_core::{ChatOptions, Engine, GenerateRequest, Generation};
use jiff::Timestamp;
use serde_json::Value;

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::stream;
use crate::translate::ValidRequest;
use crate::wire::ChatRequest;

/// Largest body: the longest window of text in any encoding, several times over.
const BODY_BYTES_MAX: usize = 8 << 20;

#[derive(Clone, Debug)]
struct Endpoint {
    slot: EngineSlot,
    started: Timestamp,
    /// Answers given, for their names.
    answers: Arc<AtomicU64>,
}

/// The `OpenAI` endpoint over the model in `slot`, which may come and go.
pub fn router(slot: EngineSlot) -> Router {
    let endpoint = Endpoint {
        slot,
        started: Timestamp::now(),
        answers: Arc::default(),
    };
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/models/{*name}", get(model))
        .route("/v1/chat/completions", post(chat))
        .route("/v1/{*rest}", axum::routing::any(no_route))
        .method_not_allowed_fallback(no_route)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(endpoint)
}

async fn models(State(endpoint): State<Endpoint>) -> Json<Value> {
    let engine = endpoint.slot.engine().ok();
    Json(answer::models(
        engine.as_deref().map(Engine::model),
        endpoint.started,
    ))
}

async fn model(
    State(endpoint): State<Endpoint>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let engine = endpoint.slot.engine()?;
    check_model(&name, &*engine)?;
    Ok(Json(
        answer::models(Some(engine.model()), endpoint.started)["data"][0].take(),
    ))
}

async fn chat(
    State(endpoint): State<Endpoint>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = body.map_err(|rejection| ApiError::invalid(None, rejection.body_text()))?;
    let request: ChatRequest = serde_json::from_slice(&body).map_err(|error| {
        ApiError::invalid(None, format!("the body is not a chat request: {error}"))
    })?;
    let engine = endpoint.slot.engine()?;
    if let Some(name) = &request.model {
        check_model(name, &*engine)?;
    }
    let request = ValidRequest::try_new(request)?;
    let (streaming, include_usage) = (request.stream, request.include_usage);
    let answer = endpoint.answer(engine.model().name.clone());
    let generation = submit(Arc::clone(&engine), request).await?;
    if streaming {
        return Ok(stream::respond(generation, engine, answer, include_usage).into_response());
    }
    let (text, outcome) = generation.collect(|_| ()).await?;
    Ok(Json(answer.completion(&text, outcome.finish_reason, outcome.usage)).into_response())
}

/// Lays out, tokenizes, compiles and queues, off the async threads.
async fn submit(engine: Arc<dyn Engine>, request: ValidRequest) -> Result<Generation, ApiError> {
    let submit = move || {
        let prompt = engine.chat_prompt(&request.messages, &ChatOptions::default())?;
        let ValidRequest {
            sampling,
            constraint,
            priority,
            ..
        } = request;
        engine.submit(GenerateRequest {
            prompt,
            sampling,
            constraint,
            logprobs: None,
            control_text: false,
            priority,
        })
    };
    let submitted = tokio::task::spawn_blocking(submit).await;
    Ok(submitted.map_err(|_| ApiError::internal("an internal error ended this request"))??)
}

async fn no_route(method: Method, uri: Uri) -> ApiError {
    ApiError::no_route(method.as_str(), uri.path())
}

fn check_model(asked: &str, engine: &dyn Engine) -> Result<(), ApiError> {
    let loaded = &engine.model().name;
    if asked == loaded {
        Ok(())
    } else {
        Err(ApiError::model_not_found(asked, loaded))
    }
}

impl Endpoint {
    fn answer(&self, model: String) -> Answer {
        let created = Timestamp::now();
        let number = self.answers.fetch_add(1, Ordering::Relaxed);
        let id = format!("chatcmpl-{:x}-{number}", created.as_microsecond());
        Answer {
            id,
            created: created.as_second(),
            model,
        }
    }
}
