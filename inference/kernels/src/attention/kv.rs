//! Keys and values of one layer, in blocks of tokens.
//!
//! Within a block and head, keys are `[head_dim, BLOCK_TOKENS]`, so that 16 positions are
//! scored side by side, and values `[BLOCK_TOKENS, head_dim]`.

use super::Span;
use crate::{half, isa};

/// Tokens whose keys and values lie together.
pub const BLOCK_TOKENS: usize = 16;
/// Values of a head that share a scale when stored as bytes.
const GROUP: usize = 32;

/// How keys and values are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KvDtype {
    /// 32-bit reals.
    #[default]
    F32,
    /// 16-bit reals.
    F16,
    /// Signed bytes with a 16-bit scale for each 32 values of a head.
    Q8_0,
}

impl KvDtype {
    /// Bytes of one token's keys and values in one layer.
    pub fn token_bytes(self, kv_heads: usize, head_dim: usize) -> usize {
        let head = match self {
            Self::F32 => 4 * head_dim,
            Self::F16 => 2 * head_dim,
            Self::Q8_0 => head_dim + 2 * head_dim.div_ceil(GROUP),
        };
        2 * kv_heads * head
    }
}

/// Numbers of one kind, keys or values.
#[derive(Clone, Debug)]
enum Store {
    F32(Vec<f32>),
    F16(Vec<u16>),
    Q8 { codes: Vec<i8>, scales: Vec<u16> },
}

impl Store {
    /// The system provides memory for the pages that are written.
    fn new(dtype: KvDtype, heads: usize, head_dim: usize) -> Self {
        let numbers = heads * BLOCK_TOKENS * head_dim;
        match dtype {
            KvDtype::F32 => Self::F32(vec![0.0; numbers]),
            KvDtype::F16 => Self::F16(vec![0; numbers]),
            KvDtype::Q8_0 => Self::Q8 {
                codes: vec![0; numbers],
                scales: vec![0; heads * BLOCK_TOKENS * head_dim.div_ceil(GROUP)],
            },
        }
    }

    /// Stores `row` as number `slot` of head `head`. Numbers of a row are `step` apart and rows
    /// `head_dim / step`-fold so: `step` is [`BLOCK_TOKENS`] for keys, 1 for values.
    fn store(&mut self, head: usize, slot: usize, keys: bool, row: &[f32]) {
        let width = row.len();
        let (at, step) = if keys {
            (slot, BLOCK_TOKENS)
        } else {
            (slot * width, 1)
        };
        let at = head * BLOCK_TOKENS * width + at;
        match self {
            Self::F32(numbers) => place(&mut numbers[at..], step, row, |x| x),
            Self::F16(numbers) => place(&mut numbers[at..], step, row, half::narrow),
            Self::Q8 { codes, scales } => {
                let groups = width.div_ceil(GROUP);
                let scale_at = if keys { slot } else { slot * groups };
                let scales = &mut scales[head * BLOCK_TOKENS * groups + scale_at..];
                for (group, row) in row.chunks(GROUP).enumerate() {
                    let most = row.iter().fold(0.0, |most: f32, x| most.max(x.abs()));
                    let scale = half::narrow(most / 127.0);
                    let inverse = 1.0 / half::widen(scale).max(f32::MIN_POSITIVE);
                    scales[group * step] = scale;
                    let codes = &mut codes[at + group * GROUP * step..];
                    #[allow(clippy::cast_possible_truncation, reason = "casts of reals saturate")]
                    place(codes, step, row, |x| (x * inverse).round_ties_even() as i8);
                }
            }
        }
    }

    /// Widens a block of head `head`, in the order it is stored.
    #[inline(always)]
    fn widen(&self, head: usize, keys: bool, out: &mut [f32]) {
        let from = head * out.len();
        match self {
            Self::F32(numbers) => out.copy_from_slice(&numbers[from..][..out.len()]),
            Self::F16(numbers) => {
                for (out, bits) in out.iter_mut().zip(&numbers[from..]) {
                    *out = half::widen(*bits);
                }
            }
            Self::Q8 { codes, scales } => {
                let width = out.len() / BLOCK_TOKENS;
                let groups = width.div_ceil(GROUP);
                let codes = &codes[from..][..out.len()];
                let scales = &scales[head * BLOCK_TOKENS * groups..][..BLOCK_TOKENS * groups];
                if keys {
                    widen_keys(codes, scales, out);
                } else {
                    let rows = out.chunks_exact_mut(width).zip(codes.chunks_exact(width));
                    for ((out, codes), scales) in rows.zip(scales.chunks_exact(groups)) {
                        widen_values(codes, scales, out);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn widen_keys(codes: &[i8], scales: &[u16], out: &mut [f32]) {
    let scales = scales.as_chunks::<BLOCK_TOKENS>().0;
    let groups = out
        .chunks_mut(GROUP * BLOCK_TOKENS)
        .zip(codes.chunks(GROUP * BLOCK_TOKENS));
    for ((out, codes), scales) in groups.zip(scales) {
        let scales = scales.map(half::widen);
        let rows = out.as_chunks_mut::<BLOCK_TOKENS>().0.iter_mut();
        for (out, codes) in rows.zip(codes.as_chunks::<BLOCK_TOKENS>().0) {
            for ((out, code), scale) in out.iter_mut().zip(codes).zip(&scales) {
                *out = f32::from(*code) * scale;
            }
        }
    }
}

#[inline(always)]
fn widen_values(codes: &[i8], scales: &[u16], out: &mut [f32]) {
    let groups = out.chunks_mut(GROUP).zip(codes.chunks(GROUP)).zip(scales);
    for ((out, codes), scale) in groups {
        let scale = half::widen(*scale);
        for (out, code) in out.iter_mut().zip(codes) {
            *out = f32::from(*code) * scale;
        }
    }
}

/// Puts `row` into every `step`-th place.
fn place<T>(places: &mut [T], step: usize, row: &[f32], narrow: impl Fn(f32) -> T) {
    for (place, x) in places.iter_mut().step_by(step).zip(row) {
        *place = narrow(*x);
    }
}

/// Keys and values of one layer for a number of blocks of [`BLOCK_TOKENS`] tokens.
#[derive(Clone, Debug)]
pub struct KvLayer {
    kv_heads: usize,
    head_dim: usize,
    blocks: usize,
    /// `[blocks, kv_heads, head_dim, BLOCK_TOKENS]`
    keys: Store,
    /// `[blocks, kv_heads, BLOCK_TOKENS, head_dim]`
    values: Store,
}

impl KvLayer {
    /// Room for `blocks` blocks of keys and values, each of `kv_heads` heads of `head_dim` values.
    pub fn new(blocks: usize, kv_heads: usize, head_dim: usize, dtype: KvDtype) -> Self {
        Self {
            kv_heads,
            head_dim,
            blocks,
            keys: Store::new(dtype, blocks * kv_heads, head_dim),
            values: Store::new(dtype, blocks * kv_heads, head_dim),
        }
    }

    /// Heads of keys and values.
    pub fn kv_heads(&self) -> usize {
        self.kv_heads
    }

    /// Values of a head.
    pub fn head_dim(&self) -> usize {
        self.head_dim
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Stores the keys and values of the spans' tokens; both are `[tokens, kv_heads, head_dim]`.
    ///
    /// # Panics
    /// If lengths do not fit, or a block table is too short or names a block that is not there.
    pub fn store(&mut self, spans: &[Span<'_>], keys: &[f32], values: &[f32]) {
        let tokens: usize = spans.iter().map(|span| span.tokens).sum();
        let width = self.kv_heads * self.head_dim;
        assert_eq!(keys.len(), tokens * width, "keys for every token");
        assert_eq!(values.len(), tokens * width, "values for every token");
        let positions = spans.iter().flat_map(|span| {
            let end = span.position + span.tokens;
            (span.position..end).map(|position| (span.blocks, position))
        });
        let rows = keys.chunks_exact(width).zip(values.chunks_exact(width));
        for ((blocks, position), (keys, values)) in positions.zip(rows) {
            let block = blocks[position / BLOCK_TOKENS] as usize;
            let slot = position % BLOCK_TOKENS;
            let heads = keys.chunks_exact(self.head_dim);
            for (head, (keys, values)) in heads.zip(values.chunks_exact(self.head_dim)).enumerate()
            {
                let head = block * self.kv_heads + head;
                self.keys.store(head, slot, true, keys);
                self.values.store(head, slot, false, values);
            }
        }
    }

    /// The keys of a block's head, `[head_dim, BLOCK_TOKENS]`; `room` is for those that are stored narrow.
    #[inline(always)]
    pub(super) fn keys<'a>(&'a self, block: u32, head: usize, room: &'a mut Vec<f32>) -> &'a [f32] {
        self.numbers(&self.keys, block, head, true, room)
    }

    /// The values of a block's head, `[BLOCK_TOKENS, head_dim]`; `room` is for those that are stored narrow.
    #[inline(always)]
    pub(super) fn values<'a>(
        &'a self,
        block: u32,
        head: usize,
        room: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        self.numbers(&self.values, block, head, false, room)
    }

    /// Asks for a block's keys or values, which are read soon: blocks of one head lie far apart.
    #[inline(always)]
    pub(super) fn ask_for(&self, block: u32, head: usize, keys: bool) {
        let store = if keys { &self.keys } else { &self.values };
        let (head, count) = (
            block as usize * self.kv_heads + head,
            BLOCK_TOKENS * self.head_dim,
        );
        match store {
            Store::F32(numbers) => isa::prefetch(&numbers[head * count..][..count]),
            Store::F16(numbers) => isa::prefetch(&numbers[head * count..][..count]),
            Store::Q8 { codes, .. } => isa::prefetch(&codes[head * count..][..count]),
        }
    }

    #[inline(always)]
    fn numbers<'a>(
        &'a self,
        store: &'a Store,
        block: u32,
        head: usize,
        keys: bool,
        room: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        let (head, count) = (
            block as usize * self.kv_heads + head,
            BLOCK_TOKENS * self.head_dim,
        );
        if let Store::F32(numbers) = store {
            return &numbers[head * count..][..count];
        }
        room.resize(count, 0.0);
        store.widen(head, keys, room);
        room
    }
}
