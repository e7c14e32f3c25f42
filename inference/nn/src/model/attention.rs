//! The attention part of a layer: projections, normalized and turned queries and keys, the sum over the past.

use inference_kernels::{Attend, KvCache, Span};

use super::linear::{Linear, multiply_all};
use super::workspace::Workspace;
use crate::config::{DecoderConfig, LayerConfig, QkNorm};
use crate::error::ModelError;
use crate::layers::{RmsNorm, Rope};
use crate::names::{Names, Part};
use crate::weights::Weights;

/// The attention part of a layer.
#[derive(Debug)]
pub(super) struct AttentionLayer {
    /// Its number.
    number: usize,
    layer: LayerConfig,
    /// `[heads * head_dim, hidden]`
    query: Linear,
    /// `[kv_heads * head_dim, hidden]`
    key: Linear,
    /// `[kv_heads * head_dim, hidden]`
    value: Linear,
    /// `[hidden, heads * head_dim]`
    output: Linear,
    /// Of one head or of all together.
    query_norm: Option<RmsNorm>,
    key_norm: Option<RmsNorm>,
    /// `[heads]`
    sinks: Option<Vec<f32>>,
}

impl AttentionLayer {
    pub(super) fn bind(
        weights: &Weights<'_>,
        names: Names,
        config: &DecoderConfig,
        number: usize,
    ) -> Result<Self, ModelError> {
        let name = |part| names.layer(number, part);
        let (hidden, queries, keys) =
            (config.hidden_size, config.query_width(), config.key_width());
        let [query, key, value] = if config.fused {
            let name = format!("{}.weight", name(Part::QueryKeyValue));
            weights
                .below(&name, [queries, keys, keys], hidden)?
                .map(Linear::from)
        } else {
            let linear = |part, rows| Linear::bind(weights, &name(part), rows, hidden);
            [
                linear(Part::Query, queries)?,
                linear(Part::Key, keys)?,
                linear(Part::Value, keys)?,
            ]
        };
        let qk_norm = |part, all| {
            let width = match config.qk_norm {
                QkNorm::None => return Ok(None),
                QkNorm::Head => config.head_dim,
                QkNorm::Full => all,
            };
            super::norm(weights, &format!("{}.weight", name(part)), width, config).map(Some)
        };
        let sinks = name(Part::Sinks) + if names.gguf { ".weight" } else { "" };
        let heads = config.num_attention_heads;
        Ok(Self {
            number,
            layer: config.layers[number],
            query,
            key,
            value,
            output: Linear::bind(weights, &name(Part::Output), hidden, queries)?,
            query_norm: qk_norm(Part::QueryNorm, queries)?,
            key_norm: qk_norm(Part::KeyNorm, keys)?,
            sinks: config
                .attention
                .sinks
                .then(|| weights.vector(&sinks, heads))
                .transpose()?,
        })
    }

    /// Takes `normed` and gives `normed`.
    pub(super) fn apply(
        &self,
        config: &DecoderConfig,
        ropes: &[Rope],
        spans: &[Span<'_>],
        cache: &mut KvCache,
        work: &mut Workspace,
    ) {
        multiply_all(
            [&self.query, &self.key, &self.value],
            &work.normed,
            [&mut work.queries, &mut work.keys, &mut work.values],
            &mut work.scratch,
        );
        if let (Some(query), Some(key)) = (&self.query_norm, &self.key_norm) {
            query.apply_in_place(&mut work.queries);
            key.apply_in_place(&mut work.keys);
        }
        if let Some(rope) = self.layer.rope {
            work.rotate(rope, &ropes[rope], config);
        }
        cache.store(self.number, spans, &work.keys, &work.values);
        let attend = Attend {
            heads: config.num_attention_heads,
            scale: config.attention.scale,
            window: self.layer.sliding_window,
            softcap: config.attention.softcap,
            sinks: self.sinks.as_deref(),
        };
        cache.attend(self.number, spans, attend, &work.queries, &mut work.mixed);
        self.output
            .multiply(&work.mixed, &mut work.normed, &mut work.scratch);
    }
}
