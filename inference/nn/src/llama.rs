//! The llama architecture: pre-normalized decoder layers with rotary
//! positions, grouped-query attention and `SwiGLU`.
//!
//! Invariant: positions below `length` hold the keys and values of the tokens read there last.
//!
//! # Source
//! Touvron and others, "Llama 2" (arXiv:2307.09288).

mod config;
mod workspace;

use inference_core::TokenId;
use pulp::Arch;

use self::config::LlamaConfig;
use self::workspace::Workspace;
use crate::decoder::{Decoder, DecoderOptions};
use crate::error::ModelError;
use crate::gguf::Gguf;
use crate::layers::{Attention, KvCache, RmsNorm, Rope, add, swiglu};
use crate::matrix::{Matrix, vector};

/// Tokens that pass the layers together: enough to amortize widening weights,
/// few enough that their activations stay in the second-level cache.
const CHUNK: usize = 64;

/// A llama model with the keys and values of one sequence.
#[derive(Debug)]
pub(crate) struct Llama {
    config: LlamaConfig,
    window: usize,
    /// `[vocab, hidden]`
    embedding: Matrix,
    layers: Vec<Layer>,
    norm: RmsNorm,
    /// `[vocab, hidden]`; the embedding where the file has no other.
    head: Matrix,
    rope: Rope,
    attention: Attention,
    /// Tokens whose keys and values are kept.
    length: usize,
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
    cache: KvCache,
}

impl Llama {
    pub(crate) fn bind(gguf: &Gguf, options: DecoderOptions) -> Result<Self, ModelError> {
        let config = LlamaConfig::read(gguf)?;
        let window = config
            .max_position_embeddings
            .min(options.context_length_max)
            .max(1);
        check_kv_bytes(&config, window, options.kv_bytes_max)?;
        let (vocab, hidden) = (config.vocab_size, config.hidden_size);
        let embedding = Matrix::bind(gguf, "token_embd.weight", vocab, hidden)?;
        let head = match gguf.tensor("output.weight") {
            Some(_) => Matrix::bind(gguf, "output.weight", vocab, hidden)?,
            None => embedding.clone(),
        };
        let layers = (0..config.num_hidden_layers)
            .map(|layer| Layer::bind(gguf, &config, layer, window))
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
                arch: Arch::new(),
            },
            length: 0,
            workspace: Workspace::new(&config, CHUNK),
            config,
            window,
        })
    }

    /// Passes at most [`CHUNK`] tokens through all layers.
    fn pass(&mut self, tokens: &[TokenId], position: usize) {
        let Self {
            config,
            embedding,
            layers,
            rope,
            attention,
            workspace,
            ..
        } = self;
        workspace.begin(tokens.len(), position, rope);
        for (token, row) in tokens
            .iter()
            .zip(workspace.residual.chunks_exact_mut(config.hidden_size))
        {
            embedding.widen_row(*token as usize, row);
        }
        for layer in layers {
            layer.attend(workspace, *attention, position);
            layer.feed_forward(workspace);
        }
        self.length = position + tokens.len();
    }

    fn check(&self, tokens: &[TokenId], position: usize) -> Result<(), ModelError> {
        if tokens.is_empty() {
            return Err(ModelError::Input("there is no token to read".to_owned()));
        }
        if position > self.length {
            return Err(ModelError::Input(format!(
                "position {position} follows nothing; {} were read",
                self.length
            )));
        }
        if position + tokens.len() > self.window {
            let last = position + tokens.len();
            return Err(ModelError::Input(format!(
                "{last} tokens pass the window of {}",
                self.window
            )));
        }
        let unknown = tokens
            .iter()
            .find(|&&token| token as usize >= self.config.vocab_size);
        unknown.map_or(Ok(()), |token| {
            Err(ModelError::Input(format!(
                "token {token} is not in the vocabulary"
            )))
        })
    }
}

impl Decoder for Llama {
    fn vocab_size(&self) -> usize {
        self.config.vocab_size
    }

    fn context_length(&self) -> usize {
        self.window
    }

    fn read(&mut self, tokens: &[TokenId], position: usize) -> Result<(), ModelError> {
        self.check(tokens, position)?;
        for (chunk, tokens) in tokens.chunks(CHUNK).enumerate() {
            self.pass(tokens, position + chunk * CHUNK);
        }
        Ok(())
    }

    fn logits(&mut self) -> &mut [f32] {
        let Self {
            workspace,
            norm,
            head,
            config,
            ..
        } = self;
        let width = config.hidden_size;
        let last = workspace.residual.len() - width;
        norm.apply(&workspace.residual[last..], &mut workspace.normed[..width]);
        head.multiply(
            &workspace.normed[..width],
            &mut workspace.logits,
            &mut workspace.turned,
        );
        &mut workspace.logits
    }
}

impl Layer {
    fn bind(
        gguf: &Gguf,
        config: &LlamaConfig,
        number: usize,
        window: usize,
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
        let matrix = |part: &str, rows, columns| Matrix::bind(gguf, &name(part), rows, columns);
        Ok(Self {
            attention_norm: norm(gguf, &name("attn_norm"), config)?,
            query: matrix("attn_q", queries, hidden)?,
            key: matrix("attn_k", keys, hidden)?,
            value: matrix("attn_v", keys, hidden)?,
            output: matrix("attn_output", hidden, queries)?,
            feed_forward_norm: norm(gguf, &name("ffn_norm"), config)?,
            gate: matrix("ffn_gate", inner, hidden)?,
            up: matrix("ffn_up", inner, hidden)?,
            down: matrix("ffn_down", hidden, inner)?,
            cache: KvCache::new(config.num_key_value_heads, window, config.head_dim),
        })
    }

    fn attend(&mut self, work: &mut Workspace, attention: Attention, position: usize) {
        self.attention_norm.apply(&work.residual, &mut work.normed);
        self.query
            .multiply(&work.normed, &mut work.queries, &mut work.turned);
        self.key
            .multiply(&work.normed, &mut work.keys, &mut work.turned);
        self.value
            .multiply(&work.normed, &mut work.values, &mut work.turned);
        work.rotate(attention.head_dim);
        self.cache.store(position, &work.keys, &work.values);
        attention.apply(&self.cache, position, &work.queries, &mut work.mixed);
        self.output
            .multiply(&work.mixed, &mut work.normed, &mut work.turned);
        add(&mut work.residual, &work.normed);
    }

    fn feed_forward(&mut self, work: &mut Workspace) {
        self.feed_forward_norm
            .apply(&work.residual, &mut work.normed);
        self.gate
            .multiply(&work.normed, &mut work.gate, &mut work.turned);
        self.up
            .multiply(&work.normed, &mut work.up, &mut work.turned);
        swiglu(&mut work.gate, &work.up);
        self.down
            .multiply(&work.gate, &mut work.normed, &mut work.turned);
        add(&mut work.residual, &work.normed);
    }
}

/// Refuses a window whose keys and values would not fit, before anything is allocated.
fn check_kv_bytes(config: &LlamaConfig, window: usize, most: u64) -> Result<(), ModelError> {
    let sizes = [
        2 * size_of::<f32>(),
        config.num_hidden_layers,
        config.num_key_value_heads,
        config.head_dim,
    ];
    let per_token = sizes
        .iter()
        .try_fold(1_u64, |bytes, &size| bytes.checked_mul(size as u64));
    let fitting = most / per_token.unwrap_or(u64::MAX).max(1);
    if window as u64 <= fitting {
        return Ok(());
    }
    Err(ModelError::Unsupported(format!(
        "keys and values of {window} tokens do not fit {most} bytes; use a window of at most {fitting} tokens"
    )))
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
