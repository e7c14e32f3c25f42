//! The place of the one loaded model, empty or loading at times.
//!
//! Edges hold the slot, so that they answer while a model loads and see a
//! new one without a restart.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::models::{ModelEntry, ModelState, Models};

#[derive(Clone, Default)]
enum State {
    #[default]
    Empty,
    Loading,
    Ready(Arc<dyn Engine>),
}

/// The place of the one loaded model. Cheap to clone; clones share it.
#[derive(Clone, Default)]
pub struct EngineSlot {
    /// Written when a model comes or goes, read once per request.
    state: Arc<RwLock<State>>,
}

impl EngineSlot {
    /// A slot with `engine` in it.
    pub fn ready(engine: Arc<dyn Engine>) -> Self {
        let slot = Self::default();
        slot.set_ready(engine);
        slot
    }

    /// Says that a model is being loaded.
    pub fn set_loading(&self) {
        self.set(State::Loading);
    }

    /// Puts `engine` in.
    pub fn set_ready(&self, engine: Arc<dyn Engine>) {
        self.set(State::Ready(engine));
    }

    /// Takes the engine out.
    pub fn set_empty(&self) {
        self.set(State::Empty);
    }

    /// The engine.
    ///
    /// # Errors
    /// [`EngineError::Loading`] or [`EngineError::NoModel`].
    pub fn engine(&self) -> Result<Arc<dyn Engine>, EngineError> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Empty => Err(EngineError::NoModel),
            State::Loading => Err(EngineError::Loading),
            State::Ready(engine) => Ok(Arc::clone(engine)),
        }
    }

    fn set(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Models for EngineSlot {
    /// The loaded model; one that is still loading has no name yet.
    fn list(&self) -> Vec<ModelEntry> {
        let engine = self.engine().ok();
        let entry = |engine: Arc<dyn Engine>| ModelEntry {
            id: engine.model().name.clone(),
            info: Some(engine.model().clone()),
            state: ModelState::Ready,
        };
        engine.map(entry).into_iter().collect()
    }

    fn engine(&self, model: Option<&str>) -> Result<Arc<dyn Engine>, EngineError> {
        let engine = Self::engine(self)?;
        let loaded = &engine.model().name;
        match model {
            Some(name) if name != loaded => Err(EngineError::UnknownModel {
                name: name.to_owned(),
                known: vec![loaded.clone()],
            }),
            _ => Ok(engine),
        }
    }
}

impl fmt::Debug for EngineSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.engine() {
            Ok(engine) => engine.model().name.clone(),
            Err(error) => error.to_string(),
        };
        f.debug_tuple("EngineSlot").field(&state).finish()
    }
}
