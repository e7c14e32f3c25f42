//! The llama architecture: pre-normalized decoder layers with rotary
//! positions, grouped-query attention and `SwiGLU`.
//!
//! Invariant: a block's places hold the keys and values of the tokens read there last.
//!
//! # Source
//! Touvron and others, "Llama 2" (arXiv:2307.09288).

mod config;
mod workspace;

use inference_kernels::Matrix;
use inference_kernels::elementwise::{add, silu_mul};

use self::config::LlamaConfig;
use self::workspace::Workspace;
use crate::decoder::{Decoder, DecoderInfo, DecoderOptions};
use crate::error::ModelError;
use crate::gguf::Gguf;
use crate::layers::{Attention, KvLayer, RmsNorm, Rope};
use crate::matrix::{matrix, vector};
use crate::segment::{self, BLOCK_TOKENS, Row, Segment};

/// Tokens that pass the layers together: enough to amortize widening weights,
/// few enough that their activations stay in the second-level cache.
const CHUNK: usize = 64;
/// Most windows that keys and values are kept for, however much memory may be used.
const WINDOWS_MAX: u64 = 64;

/// A llama model with the keys and values of its sequences.
#[derive(Debug)]
pub(crate) struct Llama {
    config: LlamaConfig,
    info: DecoderInfo,
    /// `[vocab, hidden]`
    embedding: Matrix,
    layers: Vec<Layer>,
    norm: RmsNorm,
    /// `[vocab, hidden]`; the embedding where the file has no other.
    head: Matrix,
    rope: Rope,
    attention: Attention,
    workspace: Workspace,
}

#[derive(Debug)]
struct Layer {
    attention_norm: RmsNorm,
    /// `[heads * head_dim, hidden]`
    query: Matrix,
    /// `[kv_heads * head_dim, hidden]`
    key: Matrix,
    /// `[kv_heads * head_dim, hidden]`
    value: Matrix,
    /// `[hidden, heads * head_dim]`
    output: Matrix,
    feed_forward_norm: RmsNorm,
    /// `[intermediate, hidden]`
    gate: Matrix,
    /// `[intermediate, hidden]`
    up: Matrix,
    /// `[hidden, intermediate]`
    down: Matrix,
    cache: KvLayer,
}

impl Llama {
    pub(crate) fn bind(gguf: &Gguf, options: DecoderOptions) -> Result<Self, ModelError> {
        let config = LlamaConfig::read(gguf)?;
        let info = info(gguf, &config, options)?;
        let (vocab, hidden) = (config.vocab_size, config.hidden_size);
        let embedding = matrix(gguf, "token_embd.weight", vocab, hidden)?;
        let head = match gguf.tensor("output.weight") {
            Some(_) => matrix(gguf, "output.weight", vocab, hidden)?,
            None => embedding.clone(),
        };
        let layers = (0..config.num_hidden_layers)
            .map(|layer| Layer::bind(gguf, &config, layer, info.blocks))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            embedding,
            layers,
            norm: norm(gguf, "output_norm.weight", &config)?,
            head,
            rope: rope(gguf, &config)?,
            attention: Attention {
                heads: config.num_attention_heads,
                kv_heads: config.num_key_value_heads,
                head_dim: config.head_dim,
            },
            workspace: Workspace::new(&config, CHUNK),
            config,
            info,
        })
    }

    /// Passes at most [`CHUNK`] rows through all layers and adds the logits they want.
    fn pass(&mut self, batch: &[Segment<'_>], rows: &[Row]) {
        let Self {
            config,
            embedding,
            layers,
            rope,
            attention,
            workspace,
            ..
        } = self;
        workspace.begin(rows, rope);
        for (row, residual) in rows
            .iter()
            .zip(workspace.residual.chunks_exact_mut(config.hidden_size))
        {
            embedding.widen_row(row.token as usize, residual);
        }
        for layer in layers {
            layer.attend(workspace, *attention, batch, rows);
            layer.feed_forward(workspace);
        }
        self.add_logits(rows);
    }

    fn add_logits(&mut self, rows: &[Row]) {
        let (work, width) = (&mut self.workspace, self.config.hidden_size);
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
        work.logits
            .resize(start + count * self.config.vocab_size, 0.0);
        self.head.multiply(
            &work.normed[..count * width],
            &mut work.logits[start..],
            &mut work.scratch,
        );
    }
}

impl Decoder for Llama {
    fn info(&self) -> &DecoderInfo {
        &self.info
    }

    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<&mut [f32], ModelError> {
        let rows = segment::rows(batch, &self.info)?;
        self.workspace.logits.clear();
        for rows in rows.chunks(CHUNK) {
            self.pass(batch, rows);
        }
        Ok(&mut self.workspace.logits)
    }
}

impl Layer {
    fn bind(
        gguf: &Gguf,
        config: &LlamaConfig,
        number: usize,
        blocks: usize,
    ) -> Result<Self, ModelError> {
        let name = |part: &str| format!("blk.{number}.{part}.weight");
        for bias in ["attn_q", "attn_k", "attn_v", "attn_output"] {
            let name = format!("blk.{number}.{bias}.bias");
            if gguf.tensor(&name).is_some() {
                return Err(ModelError::Unsupported(format!(
                    "the tensor `{name}` is not supported; use a llama without biases"
                )));
            }
        }
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let queries = config.num_attention_heads * config.head_dim;
        let keys = config.num_key_value_heads * config.head_dim;
        let bind = |part: &str, rows, columns| matrix(gguf, &name(part), rows, columns);
        Ok(Self {
            attention_norm: norm(gguf, &name("attn_norm"), config)?,
            query: bind("attn_q", queries, hidden)?,
            key: bind("attn_k", keys, hidden)?,
            value: bind("attn_v", keys, hidden)?,
            output: bind("attn_output", hidden, queries)?,
            feed_forward_norm: norm(gguf, &name("ffn_norm"), config)?,
            gate: bind("ffn_gate", inner, hidden)?,
            up: bind("ffn_up", inner, hidden)?,
            down: bind("ffn_down", hidden, inner)?,
            cache: KvLayer::new(blocks, config.num_key_value_heads, config.head_dim),
        })
    }

    fn attend(
        &mut self,
        work: &mut Workspace,
        attention: Attention,
        batch: &[Segment<'_>],
        rows: &[Row],
    ) {
        self.attention_norm.apply(&work.residual, &mut work.normed);
        self.query
            .multiply(&work.normed, &mut work.queries, &mut work.scratch);
        self.key
            .multiply(&work.normed, &mut work.keys, &mut work.scratch);
        self.value
            .multiply(&work.normed, &mut work.values, &mut work.scratch);
        work.rotate(attention.head_dim);
        let width = attention.kv_heads * attention.head_dim;
        let pairs = work
            .keys
            .chunks_exact(width)
            .zip(work.values.chunks_exact(width));
        for (row, (key, value)) in rows.iter().zip(pairs) {
            self.cache
                .store(batch[row.segment].blocks, row.position, key, value);
        }
        attention.apply(&self.cache, batch, rows, &work.queries, &mut work.mixed);
        self.output
            .multiply(&work.mixed, &mut work.normed, &mut work.scratch);
        add(&mut work.residual, &work.normed);
    }

    fn feed_forward(&mut self, work: &mut Workspace) {
        self.feed_forward_norm
            .apply(&work.residual, &mut work.normed);
        self.gate
            .multiply(&work.normed, &mut work.gate, &mut work.scratch);
        self.up
            .multiply(&work.normed, &mut work.up, &mut work.scratch);
        silu_mul(&mut work.gate, &work.up);
        self.down
            .multiply(&work.gate, &mut work.normed, &mut work.scratch);
        add(&mut work.residual, &work.normed);
    }
}

/// What the model is and how many blocks it gets; refuses a window whose keys and
/// values would not fit, before anything is allocated.
fn info(
    gguf: &Gguf,
    config: &LlamaConfig,
    options: DecoderOptions,
) -> Result<DecoderInfo, ModelError> {
    let window = config
        .max_position_embeddings
        .min(options.context_length_max)
        .max(1);
    let sizes = [
        2 * size_of::<f32>(),
        config.num_hidden_layers,
        config.num_key_value_heads,
        config.head_dim,
    ];
    let per_token = sizes
        .iter()
        .try_fold(1_u64, |bytes, &size| bytes.checked_mul(size as u64));
    let per_token = per_token.unwrap_or(u64::MAX).max(1);
    let fitting = options.kv_bytes_max / per_token.saturating_mul(BLOCK_TOKENS as u64);
    let needed = window.div_ceil(BLOCK_TOKENS) as u64;
    if needed > fitting {
        return Err(ModelError::Unsupported(format!(
            "keys and values of {window} tokens do not fit {} bytes; use a window of at most {} tokens",
            options.kv_bytes_max,
            fitting * BLOCK_TOKENS as u64
        )));
    }
    let blocks = fitting.min(needed * WINDOWS_MAX).min(u32::MAX.into());
    Ok(DecoderInfo {
        architecture: "llama".to_owned(),
        vocab_size: config.vocab_size,
        context_length: window,
        blocks: usize::try_from(blocks).unwrap_or(usize::MAX),
        kv_bytes_per_token: per_token,
        weights_bytes: gguf.tensors().map(|tensor| tensor.range.len() as u64).sum(),
        parameters: gguf.tensors().map(|tensor| tensor.weights() as u64).sum(),
    })
}

fn norm(gguf: &Gguf, name: &str, config: &LlamaConfig) -> Result<RmsNorm, ModelError> {
    Ok(RmsNorm {
        weight: vector(gguf, name, config.hidden_size)?,
        eps: config.rms_norm_eps,
    })
}

fn rope(gguf: &Gguf, config: &LlamaConfig) -> Result<Rope, ModelError> {
    let pairs = config.rope_dimensions / 2;
    let divisors = match gguf.tensor("rope_freqs.weight") {
        Some(_) => Some(vector(gguf, "rope_freqs.weight", pairs)?),
        None => None,
    };
    Ok(Rope::new(
        config.rope_dimensions,
        config.rope_theta,
        config.rope_factor,
        divisors.as_deref(),
    ))
}
