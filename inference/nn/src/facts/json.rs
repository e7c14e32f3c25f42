//! Values of `config.json`, and which of them may go unread.
//!
//! Such files are full of keys for training and for other programs; refusing every unknown one
//! would refuse every model. So it is the other way round here: words that change
//! what a model computes are listed, and refused where nobody asked for them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{bad, not_understood};
use crate::error::ModelError;

/// Parts of keys that change what a model computes, by the families that have them.
const MEANINGFUL: [&str; 24] = [
    "attention_chunk",
    "bidirectional",
    "clip_qkv",
    "conv_",
    "cross_attention",
    "dual_chunk",
    "expert",
    "global_head_dim",
    "kv_lora",
    "kv_shared",
    "layer_types",
    "logn_attn",
    "mamba",
    "mlp_only_layers",
    "moe_",
    "mrope",
    "no_rope",
    "per_layer",
    "q_lora",
    "quantization_config",
    "rope",
    "sliding_window",
    "softcap",
    "vision_config",
];

/// Keys with such a word that change nothing when a model is only read.
const HARMLESS: [&str; 5] = [
    "router_aux_loss_coef",
    "output_router_logits",
    "experts_implementation",
    "experts_per_token",
    "sliding_window_size",
];

/// Refuses what would change the model and was not asked for.
pub(super) fn refuse_unknown(
    json: &Map<String, Value>,
    asked: &BTreeSet<String>,
) -> Result<(), ModelError> {
    let unknown = json.iter().find(|(key, value)| {
        MEANINGFUL.iter().any(|word| key.contains(word))
            && !HARMLESS.contains(&key.as_str())
            && !asked.contains(*key)
            && says_something(value)
    });
    unknown.map_or(Ok(()), |(key, _)| Err(not_understood(key)))
}

/// Whether a value switches anything on.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(values) => !values.is_empty(),
        _ => true,
    }
}

/// The value of `key` that is not `null`.
fn present<'a>(json: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    json.get(key).filter(|value| !value.is_null())
}

fn typed<'a, T>(
    json: &'a Map<String, Value>,
    key: &str,
    expected: &str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>, ModelError> {
    present(json, key)
        .map(|value| read(value).ok_or_else(|| bad(key, expected)))
        .transpose()
}

pub(crate) fn number(json: &Map<String, Value>, key: &str) -> Result<Option<u64>, ModelError> {
    typed(json, key, "a whole number", Value::as_u64)
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "settings of models are 32-bit values"
)]
pub(crate) fn real(json: &Map<String, Value>, key: &str) -> Result<Option<f32>, ModelError> {
    typed(json, key, "a finite number", |value| {
        value
            .as_f64()
            .map(|real| real as f32)
            .filter(|real| real.is_finite())
    })
}

pub(crate) fn text<'a>(
    json: &'a Map<String, Value>,
    key: &str,
) -> Result<Option<&'a str>, ModelError> {
    typed(json, key, "text", Value::as_str)
}

pub(crate) fn flag(json: &Map<String, Value>, key: &str) -> Result<Option<bool>, ModelError> {
    typed(json, key, "true or false", Value::as_bool)
}

/// The object of `key`; `None` if absent.
pub(crate) fn object<'a>(
    json: &'a Map<String, Value>,
    key: &str,
) -> Result<Option<&'a Map<String, Value>>, ModelError> {
    typed(json, key, "an object", Value::as_object)
}

/// The reals of `key`; `None` if absent.
#[allow(
    clippy::cast_possible_truncation,
    reason = "settings of models are 32-bit values"
)]
pub(crate) fn reals(json: &Map<String, Value>, key: &str) -> Result<Option<Vec<f32>>, ModelError> {
    typed(json, key, "an array of numbers", |value| {
        let values = value.as_array()?.iter();
        values
            .map(|value| value.as_f64().map(|real| real as f32))
            .collect()
    })
}

/// The array of `key`; `None` if absent.
pub(crate) fn array<'a>(
    json: &'a Map<String, Value>,
    key: &str,
) -> Result<Option<&'a [Value]>, ModelError> {
    typed(json, key, "an array", |value| {
        value.as_array().map(Vec::as_slice)
    })
}
