//! Several models side by side under one memory budget.
//!
//! The default model is loaded by the application and stays; incidents are worded by it. The
//! others lie in a directory, are loaded when first asked for, and the least recently used is
//! unloaded when another needs its memory and nobody uses it.
//!
//! Invariant: models that are loaded or being loaded never have more bytes together than the
//! budget, the default model counted.

mod directory;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use inference_core::slot::EngineSlot;
use inference_core::{Engine, EngineError, ModelEntry, ModelState, Models};
use inference_nn::MemoryPlan;

use self::directory::Found;
use crate::local::{EngineOptions, LocalEngine};
use crate::metrics::Metrics;
use crate::model::{self, LoadProblem};

/// How a set of models is set up.
#[derive(Clone, Debug)]
pub struct ModelSetOptions {
    /// Directory of models: `NAME.gguf`, or `NAME/` with a model inside.
    pub directory: PathBuf,
    /// Bytes of weights, keys and values of all loaded models together.
    pub memory_bytes_max: u64,
    /// How each is set up; its name is that of its file.
    pub engine: EngineOptions,
}

#[derive(Debug)]
enum Place {
    Unloaded,
    /// With the bytes set aside for it.
    Loading(u64),
    Ready {
        engine: Arc<LocalEngine>,
        /// Grows with each use of any model.
        used: u64,
    },
    Failed(String),
}

impl Place {
    fn bytes(&self) -> u64 {
        match self {
            Self::Unloaded | Self::Failed(_) => 0,
            Self::Loading(bytes) => *bytes,
            Self::Ready { engine, .. } => engine.memory_bytes(),
        }
    }

    fn state(&self) -> ModelState {
        match self {
            Self::Unloaded => ModelState::Unloaded,
            Self::Loading(_) => ModelState::Loading,
            Self::Ready { .. } => ModelState::Ready,
            Self::Failed(reason) => ModelState::Failed(reason.clone()),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    /// The default model and its file.
    default: Option<(Arc<LocalEngine>, PathBuf)>,
    /// The others that were asked for, by name.
    places: BTreeMap<String, Place>,
    uses: u64,
}

impl State {
    fn bytes(&self) -> u64 {
        let default = self
            .default
            .as_ref()
            .map_or(0, |(engine, _)| engine.memory_bytes());
        default + self.places.values().map(Place::bytes).sum::<u64>()
    }

    /// Takes the least recently used model out that nobody uses.
    fn unload_one(&mut self) -> Option<Arc<LocalEngine>> {
        let idle = self.places.iter().filter_map(|(name, place)| match place {
            // An edge that holds the engine may be about to submit.
            Place::Ready { engine, used }
                if Arc::strong_count(engine) == 1 && engine.health().is_idle() =>
            {
                Some((*used, name.clone()))
            }
            _ => None,
        });
        let (_, name) = idle.min()?;
        match self.places.insert(name.clone(), Place::Unloaded) {
            Some(Place::Ready { engine, .. }) => {
                tracing::info!(model = name, "unloaded for another model");
                Some(engine)
            }
            _ => None,
        }
    }
}

/// Several models side by side under one memory budget.
pub struct ModelSet {
    slot: EngineSlot,
    options: ModelSetOptions,
    metrics: Metrics,
    /// Held for moments; models are loaded outside.
    state: Mutex<State>,
    /// Woken when a model was loaded or not.
    changed: Condvar,
}

impl ModelSet {
    /// A set whose default model is what is in `slot`.
    pub fn new(slot: EngineSlot, options: ModelSetOptions, metrics: Metrics) -> Self {
        Self {
            slot,
            options,
            metrics,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Makes `engine`, loaded from `path`, the default model.
    pub fn set_default(&self, engine: Arc<LocalEngine>, path: PathBuf) {
        self.lock().default = Some((Arc::clone(&engine), path));
        self.slot.set_ready(engine);
    }

    /// Refuses new requests at every model and waits until those there are ended, at most for
    /// `patience`; says whether they did.
    pub fn drain(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let state = self.lock();
        let mut engines: Vec<Arc<LocalEngine>> = state
            .places
            .values()
            .filter_map(|place| match place {
                Place::Ready { engine, .. } => Some(Arc::clone(engine)),
                _ => None,
            })
            .collect();
        engines.extend(state.default.iter().map(|(engine, _)| Arc::clone(engine)));
        drop(state);
        let left = || deadline.saturating_duration_since(Instant::now());
        let mut ended = true;
        for engine in engines {
            // Even when time is up: it takes no new requests from then on.
            ended &= engine.drain(left());
        }
        ended
    }

    /// The models of the directory, without the default one.
    fn found(&self) -> Vec<Found> {
        let default = self
            .lock()
            .default
            .as_ref()
            .map(|(engine, path)| (engine.model().name.clone(), path.clone()));
        let is_default = |found: &Found| {
            default
                .as_ref()
                .is_some_and(|(name, path)| *name == found.name || *path == found.path)
        };
        let mut found = directory::scan(&self.options.directory);
        found.retain(|model| !is_default(model));
        found
    }

    /// The engine of `model`, loaded if it is not.
    fn load_once(&self, model: &Found) -> Result<Arc<dyn Engine>, EngineError> {
        let mut state = self.lock();
        loop {
            state.uses += 1;
            let now = state.uses;
            match state.places.get_mut(&model.name) {
                Some(Place::Ready { engine, used }) => {
                    *used = now;
                    return Ok(Arc::clone(engine) as Arc<dyn Engine>);
                }
                Some(Place::Loading(_)) => {
                    let woken = self.changed.wait(state);
                    state = woken.unwrap_or_else(PoisonError::into_inner);
                }
                Some(Place::Unloaded | Place::Failed(_)) | None => break,
            }
        }
        // Whoever asks from now on waits for this load.
        self.put(&mut state, model, Place::Loading(0));
        drop(state);
        let loaded = self.load(model);
        let mut state = self.lock();
        match loaded {
            Ok(engine) => {
                let place = Place::Ready {
                    engine: Arc::clone(&engine),
                    used: state.uses,
                };
                self.put(&mut state, model, place);
                Ok(engine as Arc<dyn Engine>)
            }
            Err(problem) => {
                tracing::warn!(model = model.name, %problem, "a model cannot be loaded");
                let reason = problem.to_string();
                self.put(&mut state, model, Place::Failed(reason.clone()));
                Err(EngineError::CannotLoad {
                    name: model.name.clone(),
                    reason,
                })
            }
        }
    }

    fn put(&self, state: &mut State, model: &Found, place: Place) {
        state.places.insert(model.name.clone(), place);
        self.changed.notify_all();
    }

    /// Makes room for `model` and loads it.
    fn load(&self, model: &Found) -> Result<Arc<LocalEngine>, LoadProblem> {
        let mut options = self.options.engine.clone();
        options.name = Some(model.name.clone());
        let plan = model::plan(&model.path, &options)?;
        let mut state = self.lock();
        options.memory_bytes_max = self.make_room(&mut state, &plan);
        self.put(&mut state, model, Place::Loading(options.memory_bytes_max));
        drop(state);
        let loaded = LocalEngine::load(&model.path, &options, &self.metrics);
        loaded.map(Arc::new).map_err(|error| error.problem)
    }

    /// Unloads what is idle until the model of `plan` fits with all its keys and values, or
    /// nothing is idle any more; gives the bytes it may take.
    fn make_room(&self, state: &mut State, plan: &MemoryPlan) -> u64 {
        let wanted = plan
            .fixed_bytes()
            .saturating_add(self.options.engine.decoder.kv_bytes_max);
        loop {
            let free = self.options.memory_bytes_max.saturating_sub(state.bytes());
            // Unloading joins a thread that has nothing to do.
            if free >= wanted || state.unload_one().is_none() {
                return free.min(wanted);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Models for ModelSet {
    fn list(&self) -> Vec<ModelEntry> {
        let found = self.found();
        let state = self.lock();
        let others = found.into_iter().map(|model| {
            let place = state.places.get(&model.name);
            let info = match place {
                Some(Place::Ready { engine, .. }) => Some(engine.model().clone()),
                _ => None,
            };
            ModelEntry {
                id: model.name,
                info,
                state: place.map_or(ModelState::Unloaded, Place::state),
            }
        });
        self.slot.list().into_iter().chain(others).collect()
    }

    fn engine(&self, model: Option<&str>) -> Result<Arc<dyn Engine>, EngineError> {
        let by_default = Models::engine(&self.slot, model);
        let (Some(name), Err(_)) = (model, &by_default) else {
            return by_default;
        };
        let found = self.found();
        match found.iter().find(|found| found.name == name) {
            Some(found) => self.load_once(found),
            // It may be the name of the one that is loading.
            None if matches!(by_default, Err(EngineError::Loading)) => by_default,
            None => Err(EngineError::UnknownModel {
                name: name.to_owned(),
                known: self.list().into_iter().map(|entry| entry.id).collect(),
            }),
        }
    }
}

impl fmt::Debug for ModelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelSet")
            .field("directory", &self.options.directory)
            .field("memory_bytes_max", &self.options.memory_bytes_max)
            .finish_non_exhaustive()
    }
}
