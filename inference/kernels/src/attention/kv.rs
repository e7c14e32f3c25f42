//! Keys and values of all layers, in blocks of tokens.
//!
//! Within a block and head, reals of keys are `[head_dim, BLOCK_TOKENS]`, so that 16 positions are
//! scored side by side, and values `[BLOCK_TOKENS, head_dim]`. What one sequence has of all layers lies near each
//! other, so that a short one takes few pages. How bytes lie is in `codes/layout.rs`.

use super::Span;
use super::codes::Layout;
use super::reals::Numbers;
use super::store::Store;

/// Tokens whose keys and values lie together.
pub const BLOCK_TOKENS: usize = 16;

/// Bytes that memory gives at a time.
pub(super) const LINE: usize = 64;

/// Neighboring blocks whose keys or values of one head lie together: a sequence has most of its blocks in order, and
/// memory is read fastest in order. More of them brought no more.
const RUN: usize = 8;

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
            Self::Q8_0 => Layout::new(head_dim).bytes() / BLOCK_TOKENS,
        };
        2 * kv_heads * head
    }
}

/// Keys and values of a number of layers for a number of blocks of [`BLOCK_TOKENS`] tokens.
#[derive(Debug)]
pub struct KvCache {
    layers: usize,
    kv_heads: usize,
    head_dim: usize,
    blocks: usize,
    /// `[blocks / RUN, layers, kv_heads, 2, RUN]` blocks: keys, then values.
    store: Store,
}

impl KvCache {
    /// Room for `blocks` blocks of keys and values of `layers` layers, each of `kv_heads` heads of `head_dim` values.
    pub fn new(
        layers: usize,
        blocks: usize,
        kv_heads: usize,
        head_dim: usize,
        dtype: KvDtype,
    ) -> Self {
        let places = blocks.next_multiple_of(RUN) * layers * kv_heads * 2;
        Self {
            layers,
            kv_heads,
            head_dim,
            blocks,
            store: Store::new(dtype, places, head_dim),
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

    /// Stores layer `layer`'s keys and values of the spans' tokens; both are `[tokens, kv_heads, head_dim]`.
    ///
    /// # Panics
    /// If lengths do not fit, or a block table is too short or names a block that is not there.
    pub fn store(&mut self, layer: usize, spans: &[Span<'_>], keys: &[f32], values: &[f32]) {
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
            let block = blocks[position / BLOCK_TOKENS];
            let slot = position % BLOCK_TOKENS;
            let heads = keys.chunks_exact(self.head_dim);
            for (head, (keys, values)) in heads.zip(values.chunks_exact(self.head_dim)).enumerate()
            {
                let head = Head { layer, head };
                let [at_keys, at_values] = [true, false].map(|keys| self.place(block, head, keys));
                self.store.store(at_keys, slot, true, keys);
                self.store.store(at_values, slot, false, values);
            }
        }
    }

    /// Where a block's keys or values of a head lie among all.
    #[inline(always)]
    fn place(&self, block: u32, Head { layer, head }: Head, keys: bool) -> usize {
        let block = block as usize;
        assert!(
            block < self.blocks && layer < self.layers,
            "a block and a layer that are there"
        );
        let head = (block / RUN * self.layers + layer) * self.kv_heads + head;
        (2 * head + usize::from(!keys)) * RUN + block % RUN
    }

    /// How keys and values are stored.
    pub(super) fn dtype(&self) -> KvDtype {
        match self.store {
            Store::F32(_) => KvDtype::F32,
            Store::F16(_) => KvDtype::F16,
            Store::Q8_0(..) => KvDtype::Q8_0,
        }
    }

    /// How blocks of a head lie that are stored as bytes.
    #[inline(always)]
    pub(super) fn layout(&self) -> Layout {
        Layout::new(self.head_dim)
    }

    /// The keys, `[head_dim, BLOCK_TOKENS]`, or values, `[BLOCK_TOKENS, head_dim]`, of a block's head; `room` is
    /// for what does not go straight into registers.
    ///
    /// # Safety
    /// As [`Numbers`].
    #[inline(always)]
    #[allow(unsafe_code, reason = "passes the contract of what it calls on")]
    pub(super) unsafe fn numbers<N: Numbers>(
        &self,
        block: u32,
        head: Head,
        keys: bool,
        room: &mut [f32],
    ) -> N {
        let place = self.place(block, head, keys);
        // SAFETY: passed on.
        unsafe { N::of(&self.store, place, self.head_dim, room) }
    }

    /// Where a block's keys or values begin.
    #[inline(always)]
    pub(super) fn start(&self, block: u32, head: Head, keys: bool) -> *const u8 {
        let place = self.place(block, head, keys);
        self.store.start(place, BLOCK_TOKENS * self.head_dim)
    }
}

/// One head of one layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) layer: usize,
    pub(super) head: usize,
}
