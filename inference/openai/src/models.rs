//! `GET /v1/models`: which models there are.

use axum::Json;
use axum::extract::{Path, State};
use inference_core::{EngineError, ModelEntry};
use serde_json::{Value, json};

use crate::endpoint::Endpoint;
use crate::error::ApiError;

/// Every model.
pub(crate) async fn list(State(endpoint): State<Endpoint>) -> Json<Value> {
    let entries = endpoint.models.list();
    let data: Vec<Value> = entries
        .iter()
        .map(|entry| object(&endpoint, entry))
        .collect();
    Json(json!({ "object": "list", "data": data }))
}

/// The model of a name.
pub(crate) async fn one(
    State(endpoint): State<Endpoint>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let entry = find(&endpoint, &name)?;
    Ok(Json(object(&endpoint, &entry)))
}

/// The entry of the model `name`.
pub(crate) fn find(endpoint: &Endpoint, name: &str) -> Result<ModelEntry, EngineError> {
    let entries = endpoint.models.list();
    let known = entries.iter().map(|entry| entry.id.clone()).collect();
    let found = entries.into_iter().find(|entry| entry.id == name);
    found.ok_or_else(|| EngineError::UnknownModel {
        name: name.to_owned(),
        known,
    })
}

fn object(endpoint: &Endpoint, entry: &ModelEntry) -> Value {
    let mut object = json!({
        "id": entry.id,
        "object": "model",
        "created": endpoint.started.as_second(),
        "owned_by": "anchorite",
        "status": entry.state.as_str(),
    });
    if let Some(info) = &entry.info {
        object["max_model_len"] = info.context_length.into();
    }
    object
}
