//! The arithmetic that inference spends its time in, by instruction set.
//!
//! Decides how stored weights are read, multiplied and attended over, and on which
//! instructions of the machine at hand. Leaves what the numbers mean to `inference-nn`.
//! Home of the workspace's `unsafe`: mapped files and vector intrinsics, each block with its contract.
//!
//! Invariant: what a token gets is the same to the last bit whatever other tokens are in the call.

#![allow(
    clippy::inline_always,
    reason = "only what is inlined into a function with target features is compiled for them"
)]

pub mod attention;
pub mod elementwise;
pub mod limits;
pub mod pool;

mod arena;
mod bf16;
mod bytes;
mod disjoint;
mod dtype;
mod error;
mod exact;
mod exp;
mod gated;
mod half;
mod isa;
mod mapping;
mod matrix;
mod packed;
mod quantize;
mod vectorized;
mod widen;

pub use self::attention::{Attend, BLOCK_TOKENS, KvCache, KvDtype, Span};
pub use self::bytes::{Bytes, Storage};
pub use self::dtype::Dtype;
pub use self::error::KernelError;
pub use self::gated::multiply_gated;
pub use self::mapping::Mapping;
pub use self::matrix::{Activations, Matrix, Scratch, multiply_many};
pub use self::packed::instruction_set;
pub use self::pool::Pool;
