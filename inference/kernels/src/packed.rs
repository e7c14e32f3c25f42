//! Products in whole numbers: packed weights times activations of signed bytes.
//!
//! Weights are packed once into tiles of rows that vectors read side by side, in as many bytes as
//! they were stored in. Activations are quantized for each product. `micro` has the arithmetic,
//! written once for all storage types and instruction sets.
//!
//! Invariant: a product is the same to the last bit however many tokens and matrices are in the call.

mod codes;
pub(crate) mod format;
mod input;
mod micro;
mod pack;
mod passes;
mod run;
mod slab;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use self::format::{Format, TILE_ROWS, with_format};
pub(crate) use self::input::Input;
pub(crate) use self::run::{Product, gated_is_fair, multiply, multiply_gated, prepare};
use crate::arena::Piece;
use crate::dtype::Dtype;
pub(crate) use crate::isa::Path;

/// The name of the instruction set that packed products run on, on this machine.
pub fn instruction_set() -> &'static str {
    Path::best().as_str()
}

/// A packed matrix.
#[derive(Clone)]
pub(crate) struct Packed {
    dtype: Dtype,
    rows: usize,
    columns: usize,
    tile_bytes: usize,
    /// `[tiles, units]` of the type's format.
    tiles: Arc<Piece>,
}

impl Packed {
    /// Packs `rows` stored rows of `columns` weights. `None` if there is no packed form for
    /// the type, or no memory for it.
    pub(crate) fn new(dtype: Dtype, bytes: &[u8], rows: usize, columns: usize) -> Option<Self> {
        let tile_bytes = with_format!(dtype, F => columns / F::UNIT * F::UNIT_BYTES)?;
        let mut tiles = Piece::new(rows.div_ceil(TILE_ROWS) * tile_bytes).ok()?;
        let row_bytes = dtype.row_bytes(columns);
        with_format!(dtype, F => pack::pack::<F>(bytes, row_bytes, &mut tiles))?;
        let tiles = Arc::new(tiles);
        Some(Self {
            dtype,
            rows,
            columns,
            tile_bytes,
            tiles,
        })
    }

    /// Columns that share a scale of activations.
    pub(crate) fn unit(&self) -> usize {
        with_format!(self.dtype, F => F::UNIT).unwrap_or(self.columns)
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.tiles.len()
    }

    /// Whether products of both with the same tokens may be made row by row side by side.
    pub(crate) fn pairs_with(&self, other: &Self) -> bool {
        (self.dtype, self.rows, self.columns) == (other.dtype, other.rows, other.columns)
    }

    fn tile_count(&self) -> usize {
        self.rows.div_ceil(TILE_ROWS)
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packed({} bytes)", self.tiles.len())
    }
}
