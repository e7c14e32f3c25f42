//! `GET /health`: whether a model can answer, in the words of vLLM and llama.cpp.

use axum::Json;
use axum::extract::State;
use inference_core::{EngineError, ModelState};
use serde_json::{Value, json};

use crate::endpoint::Endpoint;
use crate::error::ApiError;

/// 200 if some model answers or can be loaded, else 503 and why.
pub(crate) async fn health(State(endpoint): State<Endpoint>) -> Result<Json<Value>, ApiError> {
    let states: Vec<ModelState> = endpoint
        .models
        .list()
        .into_iter()
        .map(|entry| entry.state)
        .collect();
    if states
        .iter()
        .any(|state| matches!(state, ModelState::Ready | ModelState::Unloaded))
    {
        return Ok(Json(json!({ "status": "ok" })));
    }
    // One model that is still loading is not in the list of a slot.
    match endpoint.models.engine(None) {
        Ok(_) => Ok(Json(json!({ "status": "ok" }))),
        Err(error) if states.contains(&ModelState::Loading) => {
            drop(error);
            Err(EngineError::Loading.into())
        }
        Err(error) => Err(error.into()),
    }
}
