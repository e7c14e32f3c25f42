//! Activations of the tokens in flight, allocated once.

use inference_kernels::Scratch;

use super::config::LlamaConfig;
use crate::layers::Rope;
use crate::segment::Row;

/// Activations of the tokens in flight; each is `[tokens, width]`.
#[derive(Debug)]
pub(super) struct Workspace {
    widths: Widths,
    /// `[tokens, hidden]`
    pub(super) residual: Vec<f32>,
    /// `[tokens, hidden]`
    pub(super) normed: Vec<f32>,
    /// `[tokens, heads * head_dim]`
    pub(super) queries: Vec<f32>,
    /// `[tokens, kv_heads * head_dim]`
    pub(super) keys: Vec<f32>,
    /// `[tokens, kv_heads * head_dim]`
    pub(super) values: Vec<f32>,
    /// `[tokens, heads * head_dim]`
    pub(super) mixed: Vec<f32>,
    /// `[tokens, intermediate]`
    pub(super) gate: Vec<f32>,
    /// `[tokens, intermediate]`
    pub(super) up: Vec<f32>,
    /// What matrix products reuse.
    pub(super) scratch: Scratch,
    /// `[rows that want them, vocab]`
    pub(super) logits: Vec<f32>,
    /// Sine and cosine of each token's pairs.
    angles: Vec<Vec<(f32, f32)>>,
}

#[derive(Clone, Copy, Debug)]
struct Widths {
    hidden: usize,
    queries: usize,
    keys: usize,
    intermediate: usize,
}

impl Workspace {
    pub(super) fn new(config: &LlamaConfig, tokens: usize) -> Self {
        let widths = Widths {
            hidden: config.hidden_size,
            queries: config.num_attention_heads * config.head_dim,
            keys: config.num_key_value_heads * config.head_dim,
            intermediate: config.intermediate_size,
        };
        let room = |width: usize| Vec::with_capacity(tokens * width);
        Self {
            widths,
            residual: room(widths.hidden),
            normed: room(widths.hidden),
            queries: room(widths.queries),
            keys: room(widths.keys),
            values: room(widths.keys),
            mixed: room(widths.queries),
            gate: room(widths.intermediate),
            up: room(widths.intermediate),
            scratch: Scratch::default(),
            logits: Vec::new(),
            angles: vec![Vec::new(); tokens],
        }
    }

    /// Makes ready for `rows`.
    pub(super) fn begin(&mut self, rows: &[Row], rope: &Rope) {
        self.resize(rows.len());
        for (row, angles) in rows.iter().zip(&mut self.angles) {
            rope.angles(row.position, angles);
        }
    }

    /// Rotates queries and keys by their positions.
    pub(super) fn rotate(&mut self, head_dim: usize) {
        let queries = self.queries.chunks_exact_mut(self.widths.queries);
        let keys = self.keys.chunks_exact_mut(self.widths.keys);
        for ((queries, keys), angles) in queries.zip(keys).zip(&self.angles) {
            Rope::rotate(queries, head_dim, angles);
            Rope::rotate(keys, head_dim, angles);
        }
    }

    fn resize(&mut self, tokens: usize) {
        let Widths {
            hidden,
            queries,
            keys,
            intermediate,
        } = self.widths;
        self.residual.resize(tokens * hidden, 0.0);
        self.normed.resize(tokens * hidden, 0.0);
        self.queries.resize(tokens * queries, 0.0);
        self.keys.resize(tokens * keys, 0.0);
        self.values.resize(tokens * keys, 0.0);
        self.mixed.resize(tokens * queries, 0.0);
        self.gate.resize(tokens * intermediate, 0.0);
        self.up.resize(tokens * intermediate, 0.0);
    }
}
