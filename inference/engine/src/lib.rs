//! Runs models: a thread owns each, steps through all its requests at once, tokens stream out.
//!
//! [`LocalEngine`] is the [`Engine`](inference_core::Engine) of this process. What a request
//! means and who goes next is decided in `inference-core`; this crate has the clock, the threads
//! and the model, and sees to it that one request's failure or client's departure ends that
//! request alone.
//!
//! Invariant: every request taken ends with `Done` or `Failed`, unless its
//! stream was dropped, which ends it at the next step. What is written depends on the request
//! alone, not on what else runs.

mod answer;
mod local;
mod metrics;
mod model;
mod pace;
mod scores;
mod set;
mod shared;
mod stream;
mod warm_up;
mod worker;

pub use inference_nn::{DecoderOptions, KvDtype};

pub use self::local::{EngineHealth, EngineOptions, LocalEngine};
pub use self::metrics::Metrics;
pub use self::model::{LoadError, LoadProblem};
pub use self::set::{ModelSet, ModelSetOptions};
