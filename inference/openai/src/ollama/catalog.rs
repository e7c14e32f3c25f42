//! Which models there are, in Ollama's words.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use inference_core::embedding::Embedder;
use inference_core::{ModelEntry, ModelInfo, ModelState};
use serde_json::{Value, json};

use super::OllamaError;
use super::request::known;
use crate::body::Body;
use crate::embeddings;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::models;
use crate::sampling::OneOrMany;
use crate::submit::off_async;

/// `GET /api/version`.
pub(crate) async fn version() -> Json<Value> {
    Json(json!({ "version": env!("CARGO_PKG_VERSION") }))
}

/// `GET /api/tags`: every model.
pub(crate) async fn tags(State(endpoint): State<Endpoint>) -> Json<Value> {
    let entries = endpoint.models.list();
    let models: Vec<Value> = entries
        .iter()
        .map(|entry| object(&endpoint, entry))
        .collect();
    Json(json!({ "models": models }))
}

/// `GET /api/ps`: every loaded model.
pub(crate) async fn ps(State(endpoint): State<Endpoint>) -> Json<Value> {
    let entries = endpoint.models.list();
    let loaded = entries
        .iter()
        .filter(|entry| entry.state == ModelState::Ready);
    let models: Vec<Value> = loaded.map(|entry| object(&endpoint, entry)).collect();
    Json(json!({ "models": models }))
}

/// `POST /api/show`: what is known of a model.
pub(crate) async fn show(
    State(endpoint): State<Endpoint>,
    Body(body): Body,
) -> Result<Json<Value>, OllamaError> {
    let mut fields = Fields::parse(&body)?;
    let name: Option<String> = fields.take("model")?;
    let name = name.or(fields.take("name")?).unwrap_or_default();
    let entry = models::find(&endpoint, &known(&endpoint, name))?;
    Ok(Json(shown(&endpoint, &entry)))
}

/// Loads `model` if it is not, and gives its name.
pub(super) async fn load(endpoint: &Endpoint, model: Option<String>) -> Result<String, ApiError> {
    let models = endpoint.models.clone();
    off_async(move || Ok(models.engine(model.as_deref())?.model().name.clone())).await
}

/// `POST /api/embed`: texts as vectors.
pub(crate) async fn embed(
    State(endpoint): State<Endpoint>,
    Body(body): Body,
) -> Result<Json<Value>, OllamaError> {
    let start = Instant::now();
    let mut fields = Fields::parse(&body)?;
    let input: OneOrMany = fields.require("input")?;
    let embedder = embedder(&endpoint, &mut fields)?;
    let name = embedder.model().to_owned();
    let wanted: Option<usize> = fields.take("dimensions")?;
    embeddings::check_dimensions(wanted, embedder.dimensions())?;
    let embeddings = embeddings::vectors(embedder, input.into_vec()).await?;
    let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Ok(Json(
        json!({ "model": name, "embeddings": embeddings.vectors,
        "total_duration": took, "prompt_eval_count": embeddings.tokens }),
    ))
}

/// `POST /api/embeddings`: one text as a vector, as Ollama had it first.
pub(crate) async fn embed_one(
    State(endpoint): State<Endpoint>,
    Body(body): Body,
) -> Result<Json<Value>, OllamaError> {
    let mut fields = Fields::parse(&body)?;
    let prompt: String = fields.require("prompt")?;
    let embedder = embedder(&endpoint, &mut fields)?;
    let embeddings = embeddings::vectors(embedder, vec![prompt]).await?;
    Ok(Json(json!({ "embedding": embeddings.vectors.first() })))
}

fn embedder(endpoint: &Endpoint, fields: &mut Fields) -> Result<Arc<dyn Embedder>, ApiError> {
    let model: Option<String> = fields.take("model")?;
    let model = model.map(|model| known(endpoint, model));
    embeddings::embedder(endpoint, model.as_deref())
}

fn object(endpoint: &Endpoint, entry: &ModelEntry) -> Value {
    json!({
        "name": entry.id,
        "model": entry.id,
        "modified_at": endpoint.started.to_string(),
        "details": details(entry.info.as_ref()),
    })
}

fn details(info: Option<&ModelInfo>) -> Value {
    let mut details = json!({ "format": "gguf" });
    if let Some(info) = info {
        details["family"] = info.architecture.as_str().into();
        details["families"] = json!([info.architecture]);
        details["parameter_size"] = parameters(info.parameters).into();
    }
    details
}

fn parameters(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{:.1}K", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}M", count as f64 / 1e6),
        _ => format!("{:.1}B", count as f64 / 1e9),
    }
}

fn shown(endpoint: &Endpoint, entry: &ModelEntry) -> Value {
    let mut capabilities = vec!["completion"];
    let mut model_info = json!({});
    if let Some(info) = &entry.info {
        // Tools are told in words where the template does not show them.
        capabilities.push("tools");
        if info.chat.reasoning.is_some() {
            capabilities.push("thinking");
        }
        model_info["general.architecture"] = info.architecture.as_str().into();
        model_info["general.parameter_count"] = info.parameters.into();
        model_info[format!("{}.context_length", info.architecture)] = info.context_length.into();
        model_info[format!("{}.vocab_size", info.architecture)] = info.vocab_size.into();
    }
    json!({
        "modified_at": endpoint.started.to_string(),
        "details": details(entry.info.as_ref()),
        "model_info": model_info,
        "capabilities": capabilities,
    })
}
