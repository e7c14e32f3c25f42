//! `POST /v1/embeddings`: texts as vectors.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use inference_core::EngineError;
use inference_core::embedding::{Embedder, Embeddings};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::body::Body;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::sampling::OneOrMany;
use crate::submit::off_async;

/// Most texts of a request, as with `OpenAI`.
const TEXTS_MAX: usize = 2048;

/// How vectors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    #[default]
    Float,
    Base64,
}

/// Embeds texts.
pub(crate) async fn embed(
    State(endpoint): State<Endpoint>,
    Body(body): Body,
) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let model: Option<String> = fields.take("model")?;
    let encoding: Encoding = fields.take("encoding_format")?.unwrap_or_default();
    let dimensions: Option<usize> = fields.take("dimensions")?;
    let input: OneOrMany = fields.take("input").ok().flatten().ok_or_else(|| {
        ApiError::invalid(
            Some("input"),
            "input must be a text or a list of texts; token ids are not taken",
        )
    })?;
    let embedder = embedder(&endpoint, model.as_deref())?;
    let name = embedder.model().to_owned();
    check_dimensions(dimensions, embedder.dimensions())?;
    let embeddings = vectors(embedder, input.into_vec()).await?;
    let data = embeddings.vectors.iter().enumerate().map(|(index, vector)| {
        json!({ "object": "embedding", "index": index, "embedding": encode(vector, encoding) })
    });
    let data: Vec<Value> = data.collect();
    let tokens = embeddings.tokens;
    Ok(Json(json!({ "object": "list", "data": data, "model": name,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens } })))
}

/// The embedder of that name.
pub(crate) fn embedder(
    endpoint: &Endpoint,
    model: Option<&str>,
) -> Result<Arc<dyn Embedder>, ApiError> {
    let Some(embedder) = &endpoint.embedder else {
        return Err(ApiError::no_embedder());
    };
    match model {
        Some(name) if name != embedder.model() => Err(EngineError::UnknownModel {
            name: name.to_owned(),
            known: vec![embedder.model().to_owned()],
        }
        .into()),
        _ => Ok(Arc::clone(embedder)),
    }
}

/// The vectors of `texts`, computed off the async threads.
pub(crate) async fn vectors(
    embedder: Arc<dyn Embedder>,
    texts: Vec<String>,
) -> Result<Embeddings, ApiError> {
    if texts.is_empty() || texts.len() > TEXTS_MAX || texts.iter().any(String::is_empty) {
        return Err(ApiError::invalid(
            Some("input"),
            format!("input must be 1 to {TEXTS_MAX} texts, none of them empty"),
        ));
    }
    off_async(move || Ok(embedder.embed(&texts)?)).await
}

/// A model's vectors have one length; cutting them is right for a few models alone.
pub(crate) fn check_dimensions(wanted: Option<usize>, length: usize) -> Result<(), ApiError> {
    match wanted {
        Some(wanted) if wanted != length => Err(ApiError::unsupported(
            "dimensions",
            format!(
                "dimensions must be {length}, the length of this model's vectors, not {wanted}"
            ),
        )),
        _ => Ok(()),
    }
}

fn encode(vector: &[f32], encoding: Encoding) -> Value {
    match encoding {
        Encoding::Float => json!(vector),
        Encoding::Base64 => {
            let bytes: Vec<u8> = vector
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect();
            BASE64_STANDARD.encode(bytes).into()
        }
    }
}
