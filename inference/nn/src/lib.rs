//! Decoder models: weights out of GGUF or safetensors files, logits out of tokens.
//!
//! [`gguf`] and [`safetensors`] judge files before anything believes them; [`load`] reads what
//! family a model is of and binds its tensors; a [`Decoder`] turns tokens into logits.
//! What tokens mean, which one comes next and who asks is left to others.
//!
//! Invariant: a hostile or damaged file is an error, never a panic, never an
//! allocation larger than a small multiple of the file.

pub mod gguf;
pub mod safetensors;

mod architectures;
mod config;
mod decoder;
mod error;
mod facts;
mod layers;
mod model;
mod names;
mod plan;
mod segment;
mod source;
mod weights;

pub use inference_kernels::pool::{Pool, default_threads, share_chunks};
pub use inference_kernels::{Activations, KvDtype};

pub use self::decoder::{Decoder, DecoderInfo, DecoderOptions, load};
pub use self::error::ModelError;
pub use self::gguf::Gguf;
pub use self::plan::MemoryPlan;
pub use self::safetensors::Safetensors;
pub use self::segment::{BLOCK_TOKENS, BlockId, Logits, Segment};
pub use self::source::ModelSource;
