//! Numbers of keys or values, by how they are stored.
//!
//! Invariant: what was stored is widened in the order it is stored.

#![allow(
    unsafe_code,
    reason = "vectors of an instruction set that was found on the machine"
)]

use super::codes::Layout;
use super::kv::{BLOCK_TOKENS, KvDtype};
use super::room::Room;
use crate::half;
use crate::isa::{Isa, Kernel, Path};

/// Numbers of one kind, keys or values.
#[derive(Debug)]
pub(super) enum Store {
    F32(Room<f32>),
    F16(Room<u16>),
    Q8_0(Room<u8>, Layout),
}

impl Store {
    /// The system provides memory for the pages that are written.
    pub(super) fn new(dtype: KvDtype, heads: usize, head_dim: usize) -> Self {
        let numbers = heads * BLOCK_TOKENS * head_dim;
        match dtype {
            KvDtype::F32 => Self::F32(Room::new(numbers)),
            KvDtype::F16 => Self::F16(Room::new(numbers)),
            KvDtype::Q8_0 => {
                let layout = Layout::new(head_dim);
                Self::Q8_0(Room::new(heads * layout.bytes()), layout)
            }
        }
    }

    /// Stores `row` as number `slot` of head `head`. Numbers of a row are `step` apart and rows
    /// `head_dim / step`-fold so: `step` is [`BLOCK_TOKENS`] for keys, 1 for values.
    pub(super) fn store(&mut self, head: usize, slot: usize, keys: bool, row: &[f32]) {
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
            Self::Q8_0(blocks, layout) => {
                let block = &mut blocks[head * layout.bytes()..][..layout.bytes()];
                if keys {
                    layout.store_key(block, slot, row);
                } else {
                    layout.store_value(block, slot, row);
                }
            }
        }
    }

    /// Widens a block of head `head`, in the order it is stored.
    #[inline(always)]
    pub(super) fn widen(&self, head: usize, out: &mut [f32]) {
        let from = head * out.len();
        match self {
            Self::F32(numbers) => out.copy_from_slice(&numbers[from..][..out.len()]),
            Self::F16(numbers) => Path::best().run(WidenHalves {
                from: &numbers[from..][..out.len()],
                to: out,
            }),
            Self::Q8_0(..) => unreachable!("bytes are read as they are"),
        }
    }

    /// The `count` numbers of head `head`, if they are stored as they are used.
    #[inline(always)]
    pub(super) fn reals(&self, head: usize, count: usize) -> Option<&[f32]> {
        match self {
            Self::F32(numbers) => Some(&numbers[head * count..][..count]),
            Self::F16(_) | Self::Q8_0(..) => None,
        }
    }

    /// Where the numbers of head `head` begin, each of which has `count`.
    #[inline(always)]
    pub(super) fn start(&self, head: usize, count: usize) -> *const u8 {
        match self {
            Self::F32(numbers) => numbers[head * count..].as_ptr().cast(),
            Self::F16(numbers) => numbers[head * count..].as_ptr().cast(),
            Self::Q8_0(blocks, layout) => {
                blocks[head * layout.bytes()..][..layout.bytes()].as_ptr()
            }
        }
    }
}

/// Widens halves with the machine's own instruction where it has one.
struct WidenHalves<'a> {
    from: &'a [u16],
    to: &'a mut [f32],
}

impl Kernel for WidenHalves<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        // Vectors are read byte by byte, the lower first.
        let lanes = if cfg!(target_endian = "little") {
            S::LANES
        } else {
            usize::MAX
        };
        let (mut from, mut to) = (
            self.from.chunks_exact(lanes),
            self.to.chunks_exact_mut(lanes),
        );
        for (from, to) in from.by_ref().zip(to.by_ref()) {
            // SAFETY: passed on; both have as many numbers as a vector has lanes.
            unsafe { S::store(to.as_mut_ptr(), S::load_half(from.as_ptr().cast())) };
        }
        for (to, from) in to.into_remainder().iter_mut().zip(from.remainder()) {
            *to = half::widen(*from);
        }
    }
}

/// Puts `row` into every `step`-th place.
fn place<T>(places: &mut [T], step: usize, row: &[f32], narrow: impl Fn(f32) -> T) {
    for (place, x) in places.iter_mut().step_by(step).zip(row) {
        *place = narrow(*x);
    }
}
