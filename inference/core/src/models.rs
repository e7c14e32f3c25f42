//! The port through which an edge finds the engine of a model by its name.
//!
//! Decides what an edge may know of models that are not loaded. Leaves files, memory and
//! loading to `inference-engine`.

use std::fmt;
use std::sync::Arc;

use crate::engine::{Engine, ModelInfo};
use crate::error::EngineError;

/// Whether a model can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelState {
    /// It is on the disk; the first request for it loads it.
    Unloaded,
    /// It is being loaded.
    Loading,
    /// It answers.
    Ready,
    /// It could not be loaded, and why.
    Failed(String),
}

impl ModelState {
    /// The state's name on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unloaded => "unloaded",
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Failed(_) => "failed",
        }
    }
}

/// A model that clients may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelEntry {
    /// The name clients ask for.
    pub id: String,
    /// What is known of it, once it was loaded.
    pub info: Option<ModelInfo>,
    /// Whether it can answer.
    pub state: ModelState,
}

/// The models of this process.
pub trait Models: fmt::Debug + Send + Sync {
    /// Every model there is, the default one first.
    fn list(&self) -> Vec<ModelEntry>;

    /// The engine of `model`, or of the default model where no name is given.
    ///
    /// May load the model, which takes seconds: call it off the async threads.
    ///
    /// # Errors
    /// [`EngineError::UnknownModel`] for a name that is not among [`list`](Self::list),
    /// [`EngineError::Loading`], [`EngineError::NoModel`], or why it cannot be loaded.
    fn engine(&self, model: Option<&str>) -> Result<Arc<dyn Engine>, EngineError>;
}
