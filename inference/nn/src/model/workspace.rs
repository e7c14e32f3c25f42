//! Activations of the tokens in flight.

use inference_kernels::{Scratch, pool};

use crate::config::DecoderConfig;
use crate::layers::Rope;
use crate::segment::Row;

/// Values that a thread rotates at a time.
const TASK_VALUES: usize = 1 << 14;

/// Activations of the tokens in flight; each is `[tokens, width]`.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    /// Widths of the residual stream, of queries, and of keys and values.
    widths: [usize; 3],
    /// `[tokens, hidden]`
    pub(super) residual: Vec<f32>,
    /// What goes into a part and what comes out of it, `[tokens, hidden]`.
    pub(super) normed: Vec<f32>,
    /// What goes into a part while it fills `normed`, `[tokens, hidden]`.
    pub(super) input: Vec<f32>,
    /// `[tokens, heads * head_dim]`
    pub(super) queries: Vec<f32>,
    /// `[tokens, kv_heads * head_dim]`
    pub(super) keys: Vec<f32>,
    /// `[tokens, kv_heads * head_dim]`
    pub(super) values: Vec<f32>,
    /// `[tokens, heads * head_dim]`
    pub(super) mixed: Vec<f32>,
    /// What goes into an expert, `[tokens that chose it, hidden]`.
    pub(super) gathered: Vec<f32>,
    /// What comes out of it.
    pub(super) given: Vec<f32>,
    /// What matrix products reuse.
    pub(super) scratch: Scratch,
    /// `[rows that want them, vocab]`
    pub(super) logits: Vec<f32>,
    /// Sine and cosine of each token's pairs, by rope.
    angles: Vec<Vec<Vec<(f32, f32)>>>,
}

impl Workspace {
    pub(super) fn new(config: &DecoderConfig) -> Self {
        Self {
            widths: [config.hidden_size, config.query_width(), config.key_width()],
            ..Self::default()
        }
    }

    /// Makes ready for `rows`.
    pub(super) fn begin(&mut self, rows: &[Row], ropes: &[Rope]) {
        let [hidden, queries, keys] = self.widths.map(|width| rows.len() * width);
        self.residual.resize(hidden, 0.0);
        self.normed.resize(hidden, 0.0);
        self.queries.resize(queries, 0.0);
        self.mixed.resize(queries, 0.0);
        self.keys.resize(keys, 0.0);
        self.values.resize(keys, 0.0);
        self.angles.resize_with(ropes.len(), Vec::new);
        for (angles, rope) in self.angles.iter_mut().zip(ropes) {
            angles.resize_with(rows.len(), Vec::new);
            for (row, angles) in rows.iter().zip(angles) {
                rope.angles(row.position, angles);
            }
        }
    }

    /// Rotates queries and keys by their positions, as rope `number` does.
    pub(super) fn rotate(&mut self, number: usize, rope: &Rope, config: &DecoderConfig) {
        let [_, queries, keys] = self.widths;
        let angles = &self.angles[number];
        for (values, width) in [(&mut self.queries, queries), (&mut self.keys, keys)] {
            // Some microseconds of work at a time.
            let tokens = (TASK_VALUES / width).max(1);
            pool::share_chunks(values, tokens * width, |task, values| {
                let angles = &angles[task * tokens..];
                for (values, angles) in values.chunks_exact_mut(width).zip(angles) {
                    rope.rotate(values, config.head_dim, angles);
                }
            });
        }
    }
}
