//! Rotary settings: keys and tensors of GGUF, both dialects of `config.json`.

use serde_json::{Map, Value};

use crate::error::ModelError;
use crate::facts::{Facts, Key, WIDTH_MAX, WINDOW_MAX, bad, json, not_understood};
use crate::layers::{RopeConfig, RopeScaling, Yarn};

/// Settings of `rope_parameters` or `rope_scaling` that are understood.
const KNOWN: [&str; 19] = [
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "factor",
    "finetuned",
    "full_attention",
    "high_freq_factor",
    "long_factor",
    "low_freq_factor",
    "mscale",
    "mscale_all_dim",
    "original_max_position_embeddings",
    "partial_rotary_factor",
    "rope_theta",
    "rope_type",
    "short_factor",
    "sliding_attention",
    "truncate",
    "type",
];

/// The rotation of layers of type `layer_type` (a key of transformers 5), with `theta` where the file says none.
pub(super) fn rope(
    facts: &Facts<'_>,
    head_dim: usize,
    layer_type: Option<&str>,
    theta: f32,
) -> Result<RopeConfig, ModelError> {
    if facts.is_gguf() {
        gguf(facts, head_dim, theta)
    } else {
        checkpoint(facts, head_dim, layer_type, theta)
    }
}

fn gguf(facts: &Facts<'_>, head_dim: usize, theta: f32) -> Result<RopeConfig, ModelError> {
    let dimensions = facts
        .count(Key("rope.dimension_count", ""), WIDTH_MAX)?
        .unwrap_or(head_dim);
    let theta = facts.positive(Key("rope.freq_base", ""))?.unwrap_or(theta);
    Ok(RopeConfig {
        theta,
        dimensions,
        scaling: gguf_scaling(facts, dimensions)?,
    })
}

fn gguf_scaling(facts: &Facts<'_>, dimensions: usize) -> Result<RopeScaling, ModelError> {
    let real = |key| facts.positive(Key(key, ""));
    let factor = match real("rope.scaling.factor")? {
        Some(factor) => Some(factor),
        None => real("rope.scale_linear")?,
    };
    let original = facts.count(Key("rope.scaling.original_context_length", ""), WINDOW_MAX)?;
    let attention_factor = real("rope.scaling.attn_factor")?.unwrap_or(1.0);
    let (fast, slow) = (
        real("rope.scaling.yarn_beta_fast")?,
        real("rope.scaling.yarn_beta_slow")?,
    );
    let kind = facts.text(Key("rope.scaling.type", ""))?;
    let weights = facts.weights;
    let divisors = weights.optional("rope_freqs.weight", dimensions / 2)?;
    let long = weights.optional("rope_factors_long.weight", dimensions / 2)?;
    let short = weights.optional("rope_factors_short.weight", dimensions / 2)?;
    if let (Some(long), Some(short)) = (long, short) {
        return Ok(RopeScaling::LongRope {
            short,
            long,
            original: original.ok_or_else(|| {
                bad(
                    "rope.scaling.original_context_length",
                    "there beside rope_factors_long.weight",
                )
            })?,
            attention_factor,
        });
    }
    match (kind, divisors) {
        (None | Some("none" | "linear"), Some(divisors)) if factor.is_none_or(is_one) => {
            Ok(RopeScaling::Divisors(divisors))
        }
        (Some("none"), None) => Ok(RopeScaling::None),
        (None | Some("linear"), None) => Ok(factor.map_or(RopeScaling::None, RopeScaling::Linear)),
        (Some("yarn"), None) => {
            let factor = factor.ok_or_else(|| bad("rope.scaling.factor", "there for yarn"))?;
            Ok(RopeScaling::Yarn(Yarn {
                factor,
                original: original
                    .ok_or_else(|| bad("rope.scaling.original_context_length", "there for yarn"))?,
                beta_fast: fast.unwrap_or(32.0),
                beta_slow: slow.unwrap_or(1.0),
                attention_factor: attention_factor * Yarn::attention_factor(factor),
                truncate: true,
            }))
        }
        (kind, _) => Err(unsupported(kind.unwrap_or("two kinds at once"))),
    }
}

#[allow(clippy::float_cmp, reason = "a factor of exactly one means none")]
fn is_one(factor: f32) -> bool {
    factor == 1.0
}

fn unsupported(kind: &str) -> ModelError {
    ModelError::Unsupported(format!(
        "rope scaling of type `{kind}` is not supported; supported are linear, llama3, yarn and longrope"
    ))
}

fn checkpoint(
    facts: &Facts<'_>,
    head_dim: usize,
    layer_type: Option<&str>,
    theta: f32,
) -> Result<RopeConfig, ModelError> {
    let empty = Map::new();
    let old = facts.object("rope_scaling")?;
    let outer = facts.object("rope_parameters")?.or(old).unwrap_or(&empty);
    let inner = match layer_type {
        Some(layer_type) => json::object(outer, layer_type)?,
        None => None,
    };
    let settings = inner.unwrap_or(outer);
    if let Some(key) = settings.iter().find_map(unknown) {
        return Err(not_understood(&format!("rope_parameters.{key}")));
    }
    let old = facts.positive(Key("", "rope_theta"))?;
    let theta = json::real(settings, "rope_theta")?.or(old).unwrap_or(theta);
    let old = facts.positive(Key("", "partial_rotary_factor"))?;
    let partial = json::real(settings, "partial_rotary_factor")?.or(old);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "truncation is what the reference does; a negative factor becomes 0 and is refused"
    )]
    let dimensions = partial.map_or(head_dim, |partial| (head_dim as f32 * partial) as usize);
    Ok(RopeConfig {
        theta,
        dimensions,
        scaling: checkpoint_scaling(facts, settings)?,
    })
}

fn unknown<'a>((key, value): (&'a String, &Value)) -> Option<&'a str> {
    (!KNOWN.contains(&key.as_str()) && !value.is_null()).then_some(key)
}

fn checkpoint_scaling(
    facts: &Facts<'_>,
    settings: &Map<String, Value>,
) -> Result<RopeScaling, ModelError> {
    let kind = match json::text(settings, "rope_type")? {
        Some(kind) => Some(kind),
        None => json::text(settings, "type")?,
    };
    let window = facts.required(Key("", "max_position_embeddings"), WINDOW_MAX)?;
    let original = match json::number(settings, "original_max_position_embeddings")? {
        Some(original) => usize::try_from(original).unwrap_or(usize::MAX),
        None => facts
            .count(Key("", "original_max_position_embeddings"), WINDOW_MAX)?
            .unwrap_or(window),
    };
    let optional = |key| json::real(settings, key);
    let required = |key: &str| {
        json::real(settings, key)?.ok_or_else(|| bad(&format!("rope_parameters.{key}"), "a number"))
    };
    match kind {
        None | Some("default") => Ok(RopeScaling::None),
        Some("linear") => required("factor").map(RopeScaling::Linear),
        Some("llama3") => Ok(RopeScaling::Llama3 {
            factor: required("factor")?,
            low_freq_factor: required("low_freq_factor")?,
            high_freq_factor: required("high_freq_factor")?,
            original,
        }),
        Some("yarn") => {
            let factor = optional("factor")?.unwrap_or(window as f32 / original as f32);
            Ok(RopeScaling::Yarn(Yarn {
                factor,
                original,
                beta_fast: optional("beta_fast")?.unwrap_or(32.0),
                beta_slow: optional("beta_slow")?.unwrap_or(1.0),
                attention_factor: yarn_attention(settings, factor)?,
                truncate: json::flag(settings, "truncate")?.unwrap_or(true),
            }))
        }
        Some("longrope" | "su") => {
            let divisors = |key: &str| {
                json::reals(settings, key)?
                    .ok_or_else(|| bad(&format!("rope_parameters.{key}"), "an array of numbers"))
            };
            let factor = optional("factor")?.unwrap_or(window as f32 / original as f32);
            Ok(RopeScaling::LongRope {
                short: divisors("short_factor")?,
                long: divisors("long_factor")?,
                original,
                attention_factor: optional("attention_factor")?
                    .unwrap_or_else(|| long_attention(factor, original)),
            })
        }
        Some(other) => Err(unsupported(other)),
    }
}

/// The multiplier of sines and cosines of YaRN.
fn yarn_attention(settings: &Map<String, Value>, factor: f32) -> Result<f32, ModelError> {
    if let Some(said) = json::real(settings, "attention_factor")? {
        return Ok(said);
    }
    let magnitude = |key| {
        let weight = json::real(settings, key)?.filter(|weight| *weight != 0.0);
        Ok::<_, ModelError>(weight.map(|w| w.mul_add(Yarn::attention_factor(factor) - 1.0, 1.0)))
    };
    Ok(match (magnitude("mscale")?, magnitude("mscale_all_dim")?) {
        (Some(some), Some(all)) => some / all,
        _ => Yarn::attention_factor(factor),
    })
}

/// The multiplier of sines and cosines of `LongRoPE`.
fn long_attention(factor: f32, original: usize) -> f32 {
    if factor <= 1.0 {
        1.0
    } else {
        (1.0 + factor.ln() / (original as f32).ln()).sqrt()
    }
}
