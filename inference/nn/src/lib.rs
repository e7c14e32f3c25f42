//! Decoder models: weights out of GGUF files, logits out of tokens.
//!
//! [`gguf`] judges a file before anything believes it; [`load`] binds the
//! tensors of a known architecture; a [`Decoder`] turns tokens into logits.
//! What tokens mean, which one comes next and who asks is left to others.
//!
//! Invariant: a hostile or damaged file is an error, never a panic, never an
//! allocation larger than a small multiple of the file.

pub mod gguf;

mod decoder;
mod error;
mod layers;
mod llama;
mod matrix;
mod segment;
mod source;

pub use self::decoder::{Decoder, DecoderInfo, DecoderOptions, KvDtype, load};
pub use self::error::ModelError;
pub use self::gguf::Gguf;
pub use self::segment::{BLOCK_TOKENS, BlockId, Logits, Segment};
pub use self::source::ModelSource;
