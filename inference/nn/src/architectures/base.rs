//! What all families have in common, with the settings of most.

use super::rope::rope;
use crate::config::{
    Activation, AttentionConfig, DecoderConfig, LayerConfig, NormConfig, NormPlacement, Pairs,
    QkNorm,
};
use crate::error::ModelError;
use crate::facts::{Facts, Key, LAYERS_MAX, WIDTH_MAX, WINDOW_MAX, bad, missing};

const EPS: Key = Key("attention.layer_norm_rms_epsilon", "rms_norm_eps");

/// Pre-normalized layers with full attention, one rope of halves and `SwiGLU`.
pub(super) fn base(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let hidden_size = facts.required(Key("embedding_length", "hidden_size"), WIDTH_MAX)?;
    let heads = facts.required(
        Key("attention.head_count", "num_attention_heads"),
        WIDTH_MAX,
    )?;
    let kv_heads = facts.count(
        Key("attention.head_count_kv", "num_key_value_heads"),
        WIDTH_MAX,
    )?;
    let head_dim = facts
        .count(Key("attention.key_length", "head_dim"), WIDTH_MAX)?
        .unwrap_or(hidden_size / heads);
    let values = facts.count(Key("attention.value_length", ""), WIDTH_MAX)?;
    if values.is_some_and(|values| values != head_dim) {
        return Err(bad(
            "attention.value_length",
            "equal to attention.key_length",
        ));
    }
    let window = Key("context_length", "max_position_embeddings");
    let layers = facts.required(Key("block_count", "num_hidden_layers"), LAYERS_MAX)?;
    let layer = LayerConfig {
        rope: Some(0),
        sliding_window: None,
        experts: false,
    };
    Ok(DecoderConfig {
        architecture: facts.architecture()?.to_owned(),
        vocab_size: facts.vocab_size()?,
        hidden_size,
        intermediate_size: facts
            .required(Key("feed_forward_length", "intermediate_size"), WIDTH_MAX)?,
        num_attention_heads: heads,
        num_key_value_heads: kv_heads.unwrap_or(heads),
        head_dim,
        max_position_embeddings: facts.required(window, WINDOW_MAX)?,
        norm: NormConfig {
            eps: facts.positive(EPS)?.ok_or_else(|| missing(EPS.1))?,
            offset: 0.0,
            placement: NormPlacement::Pre,
        },
        qk_norm: QkNorm::None,
        activation: activation(facts)?,
        attention: AttentionConfig {
            scale: 1.0 / (head_dim as f32).sqrt(),
            softcap: None,
            sinks: false,
        },
        embedding_multiplier: 1.0,
        residual_multiplier: 1.0,
        logits_multiplier: 1.0,
        final_logit_softcapping: None,
        tie_word_embeddings: facts.flag(Key("", "tie_word_embeddings"))?,
        pairs: Pairs::Halves,
        ropes: vec![rope(facts, head_dim, None, 10_000.0)?],
        layers: vec![layer; layers],
        experts: None,
        fused: false,
        gpt_oss: false,
    })
}

/// The gate by its name in `config.json`; families of GGUF have one each.
fn activation(facts: &Facts<'_>) -> Result<Activation, ModelError> {
    let name = facts.text(Key("", "hidden_act"))?;
    let name = match facts.text(Key("", "hidden_activation"))? {
        Some(name) => Some(name),
        None => name,
    };
    match name {
        None | Some("silu") => Ok(Activation::Silu),
        Some("gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
        Some(other) => Err(ModelError::Unsupported(format!(
            "the activation `{other}` is not supported"
        ))),
    }
}

/// Which layers slide, where `config.json` lists them; `None` where it does not.
pub(super) fn sliding_layers(
    facts: &Facts<'_>,
    layers: usize,
) -> Result<Option<Vec<bool>>, ModelError> {
    let wrong = || {
        bad(
            "layer_types",
            "`full_attention` or `sliding_attention` for each layer",
        )
    };
    let Some(types) = facts.array("layer_types")? else {
        return Ok(None);
    };
    let sliding = types.iter().map(|kind| match kind.as_str() {
        Some("full_attention") => Ok(false),
        Some("sliding_attention") => Ok(true),
        _ => Err(wrong()),
    });
    let sliding = sliding.collect::<Result<Vec<_>, _>>()?;
    if sliding.len() != layers {
        return Err(wrong());
    }
    Ok(Some(sliding))
}

/// Lets the layers that `slides` picks see `window` positions, unless `layer_types` picks them.
pub(super) fn slide(
    facts: &Facts<'_>,
    config: &mut DecoderConfig,
    window: Option<usize>,
    slides: impl Fn(usize) -> bool,
) -> Result<(), ModelError> {
    let listed = sliding_layers(facts, config.layers.len())?;
    for (number, layer) in config.layers.iter_mut().enumerate() {
        let slides = listed
            .as_ref()
            .map_or_else(|| slides(number), |listed| listed[number]);
        if slides {
            layer.sliding_window = window;
        }
    }
    Ok(())
}
