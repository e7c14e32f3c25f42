//! The decoder that every family is a setting of.
//!
//! Decides the order of a layer's parts; what they compute is in `layers` and in the kernels,
//! how they are set in [`DecoderConfig`].
//!
//! Invariant: what a token gives depends on its sequence alone, to the last bit, whatever else is in the batch.

mod attention;
mod experts;
mod feed_forward;
mod linear;
mod packed;
mod workspace;

use inference_kernels::{KvCache, KvDtype, Matrix, Span, elementwise, pool};

use self::attention::AttentionLayer;
use self::feed_forward::FeedForward;
use self::workspace::Workspace;
use crate::config::DecoderConfig;
use crate::decoder::{Decoder, DecoderInfo};
use crate::error::ModelError;
use crate::layers::{RmsNorm, Rope, softcap};
use crate::names::{Names, Part};
use crate::segment::{self, Row, Segment};
use crate::weights::Weights;

/// Tokens that pass the layers together: enough to amortize reading weights,
/// few enough that their activations stay in the second-level cache.
pub(crate) const CHUNK: usize = 96;

/// Values that a thread adds at a time: some microseconds of work.
const TASK_VALUES: usize = 1 << 15;

/// A model with the keys and values of its sequences.
#[derive(Debug)]
pub(crate) struct Model {
    config: DecoderConfig,
    info: DecoderInfo,
    /// `[vocab, hidden]`
    embedding: Matrix,
    layers: Vec<Layer>,
    cache: KvCache,
    norm: RmsNorm,
    /// `[vocab, hidden]`; the embedding where both are one.
    head: Matrix,
    ropes: Vec<Rope>,
    workspace: Workspace,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Option<RmsNorm>,
    attention: AttentionLayer,
    attention_post_norm: Option<RmsNorm>,
    feed_forward_norm: Option<RmsNorm>,
    feed_forward: FeedForward,
    feed_forward_post_norm: Option<RmsNorm>,
}

impl Model {
    /// Binds the tensors of `weights` as `config` says, with room for `info.blocks` blocks.
    pub(crate) fn bind(
        weights: &Weights<'_>,
        names: Names,
        config: DecoderConfig,
        info: DecoderInfo,
        kv_dtype: KvDtype,
    ) -> Result<Self, ModelError> {
        let (vocab, hidden) = (config.vocab_size, config.hidden_size);
        let embedding = weights.table(names.embedding(), vocab, hidden)?;
        // A head beside a tied embedding is the embedding once more.
        let stored = weights.find(names.head()).is_some();
        let tied = config.tie_word_embeddings.unwrap_or(!stored);
        let head = if tied && !(names.gguf && stored) {
            weights.ready(embedding.clone())
        } else {
            weights.matrix(names.head(), vocab, hidden)?
        };
        let layers = (0..config.layers.len())
            .map(|number| Layer::bind(weights, names, &config, number))
            .collect::<Result<_, _>>()?;
        let norm = norm(weights, names.norm(), hidden, &config)?;
        weights.finish()?;
        let rope = |rope| Rope::new(rope, config.pairs, info.context_length);
        Ok(Self {
            embedding,
            cache: KvCache::new(
                config.layers.len(),
                info.blocks,
                config.num_key_value_heads,
                config.head_dim,
                kv_dtype,
            ),
            layers,
            norm,
            head,
            ropes: config.ropes.iter().map(rope).collect(),
            workspace: Workspace::new(&config),
            config,
            info,
        })
    }

    /// Passes at most [`CHUNK`] rows through all layers and adds the logits they want.
    fn pass(&mut self, spans: &[Span<'_>], rows: &[Row]) {
        let (work, config) = (&mut self.workspace, &self.config);
        work.begin(rows, &self.ropes);
        let residuals = work.residual.chunks_exact_mut(config.hidden_size);
        for (row, residual) in rows.iter().zip(residuals) {
            self.embedding.widen_row(row.token as usize, residual);
        }
        multiply(&mut work.residual, config.embedding_multiplier);
        for layer in &self.layers {
            layer.pass(config, &self.ropes, spans, &mut self.cache, work);
        }
        self.add_logits(rows);
    }

    fn add_logits(&mut self, rows: &[Row]) {
        let (work, config) = (&mut self.workspace, &self.config);
        let width = config.hidden_size;
        let residuals = rows.iter().zip(work.residual.chunks_exact(width));
        let wanted = residuals.filter(|(row, _)| row.wants_logits);
        let mut count = 0;
        for ((_, residual), normed) in wanted.zip(work.normed.chunks_exact_mut(width)) {
            self.norm.apply(residual, normed);
            count += 1;
        }
        if count == 0 {
            return;
        }
        let start = work.logits.len();
        work.logits.resize(start + count * config.vocab_size, 0.0);
        let logits = &mut work.logits[start..];
        self.head
            .multiply(&work.normed[..count * width], logits, &mut work.scratch);
        multiply(logits, config.logits_multiplier);
        if let Some(cap) = config.final_logit_softcapping {
            softcap(logits, cap);
        }
    }
}

impl Decoder for Model {
    fn info(&self) -> &DecoderInfo {
        &self.info
    }

    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<&mut [f32], ModelError> {
        let rows = segment::rows(batch, &self.info)?;
        let tables = segment::tables(batch);
        self.workspace.logits.clear();
        for rows in rows.chunks(CHUNK) {
            self.pass(&segment::spans(rows, &tables), rows);
        }
        Ok(&mut self.workspace.logits)
    }
}

impl Layer {
    fn bind(
        weights: &Weights<'_>,
        names: Names,
        config: &DecoderConfig,
        number: usize,
    ) -> Result<Self, ModelError> {
        let placement = config.norm.placement;
        let named = |wanted: bool, part| {
            let name = format!("{}.weight", names.layer(number, part));
            wanted
                .then(|| norm(weights, &name, config.hidden_size, config))
                .transpose()
        };
        Ok(Self {
            attention_norm: named(placement.before(), Part::AttentionNorm)?,
            attention_post_norm: named(placement.after(), Part::AttentionPostNorm)?,
            feed_forward_norm: named(placement.before(), Part::FeedForwardNorm)?,
            feed_forward_post_norm: named(placement.after(), Part::FeedForwardPostNorm)?,
            attention: AttentionLayer::bind(weights, names, config, number)?,
            feed_forward: FeedForward::bind(weights, names, config, number)?,
        })
    }

    fn pass(
        &self,
        config: &DecoderConfig,
        ropes: &[Rope],
        spans: &[Span<'_>],
        cache: &mut KvCache,
        work: &mut Workspace,
    ) {
        normalize(self.attention_norm.as_ref(), work);
        self.attention.apply(config, ropes, spans, cache, work);
        add(self.attention_post_norm.as_ref(), config, work);
        normalize(self.feed_forward_norm.as_ref(), work);
        self.feed_forward.apply(work);
        add(self.feed_forward_post_norm.as_ref(), config, work);
    }
}

/// Puts the residual stream, normalized or as it is, into `normed`.
fn normalize(norm: Option<&RmsNorm>, work: &mut Workspace) {
    match norm {
        Some(norm) => norm.apply(&work.residual, &mut work.normed),
        None => work.normed.copy_from_slice(&work.residual),
    }
}

/// Adds what is in `normed`, normalized or as it is, to the residual stream.
fn add(norm: Option<&RmsNorm>, config: &DecoderConfig, work: &mut Workspace) {
    if let Some(norm) = norm {
        norm.apply_in_place(&mut work.normed);
    }
    multiply(&mut work.normed, config.residual_multiplier);
    pool::share_chunks(&mut work.residual, TASK_VALUES, |number, residual| {
        let added = &work.normed[number * TASK_VALUES..][..residual.len()];
        elementwise::add(residual, added);
    });
}

#[allow(
    clippy::float_cmp,
    reason = "exactly one means that nothing is to be done"
)]
fn multiply(values: &mut [f32], factor: f32) {
    if factor != 1.0 {
        for value in values {
            *value *= factor;
        }
    }
}

fn norm(
    weights: &Weights<'_>,
    name: &str,
    width: usize,
    config: &DecoderConfig,
) -> Result<RmsNorm, ModelError> {
    let mut weight = weights.vector(name, width)?;
    for weight in &mut weight {
        *weight += config.norm.offset;
    }
    Ok(RmsNorm {
        weight,
        eps: config.norm.eps,
    })
}
