//! How tokens are chosen, from the fields every generating address shares.
//!
//! The engine judges the numbers; here only their spelling on the wire is read.

use std::collections::BTreeMap;

use inference_core::{SamplingParams, TokenId};
use serde::Deserialize;

use crate::error::ApiError;
use crate::fields::Fields;

/// One text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them.
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// Takes the sampling fields. `max_tokens` is the caller's, since its name differs.
pub(crate) fn take(fields: &mut Fields) -> Result<SamplingParams, ApiError> {
    let mut sampling = SamplingParams::default();
    let numbers: [(&'static str, &mut f32); 7] = [
        ("temperature", &mut sampling.temperature),
        ("top_p", &mut sampling.top_p),
        ("min_p", &mut sampling.min_p),
        ("typical_p", &mut sampling.typical_p),
        ("presence_penalty", &mut sampling.presence_penalty),
        ("frequency_penalty", &mut sampling.frequency_penalty),
        ("repetition_penalty", &mut sampling.repetition_penalty),
    ];
    for (name, number) in numbers {
        *number = fields.take(name)?.unwrap_or(*number);
    }
    // Other servers write -1 for "off".
    let top_k: Option<i64> = fields.take("top_k")?;
    sampling.top_k = top_k.map_or(0, |top_k| usize::try_from(top_k).unwrap_or(0));
    sampling.seed = fields.take::<i64>("seed")?.map(i64::cast_unsigned);
    sampling.stop = fields
        .take::<OneOrMany>("stop")?
        .map_or_else(Vec::new, OneOrMany::into_vec);
    if let Some(biases) = fields.take("logit_bias")? {
        sampling.logit_bias = logit_bias(&biases)?;
    }
    Ok(sampling)
}

/// Takes a number of tokens; -1 means no limit, as with other servers.
pub(crate) fn take_tokens(
    fields: &mut Fields,
    name: &'static str,
) -> Result<Option<usize>, ApiError> {
    match fields.take::<i64>(name)? {
        None | Some(-1) => Ok(None),
        Some(number) => usize::try_from(number).map(Some).map_err(|_| {
            ApiError::invalid(
                Some(name),
                format!("{name} must be at least 1, not {number}"),
            )
        }),
    }
}

fn logit_bias(biases: &BTreeMap<String, f32>) -> Result<BTreeMap<TokenId, f32>, ApiError> {
    let wrong = |key: &str| {
        ApiError::invalid(
            Some("logit_bias"),
            format!("logit_bias has the key `{key}`, which is no token id"),
        )
    };
    biases
        .iter()
        .map(|(key, &bias)| Ok((key.parse().map_err(|_| wrong(key))?, bias)))
        .collect()
}

/// The seed of the answer numbered `index` of several to one request.
///
/// The first keeps the request's own, so that asking for more answers does not change it.
pub(crate) fn seed_of(seed: Option<u64>, index: usize) -> Option<u64> {
    // Steps of the golden ratio keep derived seeds of neighboring requests apart.
    seed.map(|seed| seed.wrapping_add((index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
}
