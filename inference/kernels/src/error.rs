//! Why a kernel cannot take what it was given.

use crate::dtype::Dtype;

/// Why a kernel cannot take what it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// A matrix has no rows or no columns, or more weights than can be counted.
    #[error("a matrix of {rows} rows and {columns} columns cannot be; both must be above 0")]
    Shape {
        /// Outputs.
        rows: usize,
        /// Inputs.
        columns: usize,
    },
    /// A row is not a whole number of blocks.
    #[error("rows of {columns} weights are no whole number of {} blocks of {}", dtype.as_str(), dtype.block_weights())]
    Blocks {
        /// Inputs.
        columns: usize,
        /// How weights are stored.
        dtype: Dtype,
    },
    /// The bytes are not those of the shape.
    #[error("{rows} rows of {columns} {} weights take {expected} bytes, not {found}", dtype.as_str())]
    Length {
        /// Outputs.
        rows: usize,
        /// Inputs.
        columns: usize,
        /// How weights are stored.
        dtype: Dtype,
        /// Bytes the shape takes.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// A range lies outside its storage.
    #[error("bytes {start} to {end} lie outside a storage of {length} bytes")]
    Range {
        /// First byte.
        start: usize,
        /// Behind the last byte.
        end: usize,
        /// Bytes of the storage.
        length: usize,
    },
}
