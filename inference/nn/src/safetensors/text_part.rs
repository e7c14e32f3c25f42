//! The part for text of a checkpoint that reads pictures as well.
//!
//! Such a checkpoint has the settings of its decoder under `text_config`, its decoder's tensors behind a prefix, and
//! those of its eyes beside them. What is left is the checkpoint of the decoder alone, as it would be published by
//! itself; whether that can run is for the families to say.
//!
//! # Source
//! `Gemma3ForConditionalGeneration` and `Mistral3ForConditionalGeneration` of transformers 4 and 5.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::StoredTensor;
use crate::error::{ModelError, malformed};

/// Prefixes of a decoder's tensors, by what stands there in a checkpoint of the decoder alone.
const PREFIXES: [(&str, &str); 4] = [
    ("language_model.model.", "model."),
    ("language_model.lm_head.", "lm_head."),
    ("model.language_model.lm_head.", "lm_head."),
    ("model.language_model.", "model."),
];
/// Parts of models that see or hear, with or without `model.` in front.
const OTHER_SENSES: [&str; 8] = [
    "vision_tower.",
    "vision_model.",
    "vision_embed_tokens.",
    "visual.",
    "audio_tower.",
    "multi_modal_projector.",
    "mm_projector.",
    "patch_merger.",
];

/// The settings of the part for text, if `config` has one among others.
pub(super) fn config(config: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut text = config.get("text_config")?.as_object()?.clone();
    for (key, value) in defaults(text.get("model_type").and_then(Value::as_str)) {
        text.entry(key).or_insert(value);
    }
    Some(text)
}

/// What files leave out because it is what transformers takes by itself; Gemma 3's were saved so.
fn defaults(model_type: Option<&str>) -> Map<String, Value> {
    let defaults = match model_type {
        Some("gemma3_text") => json!({
            "vocab_size": 262_208,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "head_dim": 256,
            "hidden_activation": "gelu_pytorch_tanh",
            "max_position_embeddings": 131_072,
            "rms_norm_eps": 1e-6,
            "query_pre_attn_scalar": 256,
            "sliding_window": 4096,
        }),
        _ => Value::Null,
    };
    match defaults {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    }
}

/// The tensors of the part for text by their names in a checkpoint of it alone; those of other senses are left out.
///
/// # Errors
/// [`ModelError::Malformed`] if two of them would have one name.
pub(super) fn tensors(
    all: BTreeMap<String, StoredTensor>,
) -> Result<BTreeMap<String, StoredTensor>, ModelError> {
    let is_other = |name: &str| {
        let name = name.strip_prefix("model.").unwrap_or(name);
        OTHER_SENSES.iter().any(|sense| name.starts_with(sense))
    };
    let mut tensors = BTreeMap::new();
    for (name, tensor) in all.into_iter().filter(|(name, _)| !is_other(name)) {
        let plain = renamed(&name);
        if tensors.insert(plain, tensor).is_some() {
            return Err(malformed(format!(
                "the tensor `{name}` occurs under two names"
            )));
        }
    }
    Ok(tensors)
}

fn renamed(name: &str) -> String {
    let found = PREFIXES
        .iter()
        .find_map(|(prefix, plain)| Some(format!("{plain}{}", name.strip_prefix(prefix)?)));
    found.unwrap_or_else(|| name.to_owned())
}
