//! Runs a model: one thread owns it, requests wait by priority, tokens stream out.
//!
//! [`LocalEngine`] is the [`Engine`](inference_core::Engine) of this process. What a request
//! means is decided in `inference-core`; this crate decides when it runs and
//! sees to it that one request's failure or client's departure ends that request alone.
//!
//! Invariant: every request taken ends with `Done` or `Failed`, unless its
//! stream was dropped, which ends it at the next chunk or step.

mod local;
mod metrics;
mod model;
mod run;
mod shared;
mod stream;
mod worker;

pub use inference_nn::DecoderOptions;

pub use self::local::{EngineHealth, EngineOptions, LocalEngine};
pub use self::metrics::Metrics;
pub use self::model::{LoadError, LoadProblem};
