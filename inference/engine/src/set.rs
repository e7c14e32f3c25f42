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

use self::directory::Found;
use crate::local::{EngineOptions, LocalEngine};
use crate::metrics::Metrics;

/// Least memory for keys and values that a model is loaded with.
const KV_BYTES_MIN: u64 = 16 << 20;

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
        let granted = self.make_room(&mut state, model)?;
        let name = model.name.clone();
        let place = Place::Loading(model.bytes + granted);
        state.places.insert(name.clone(), place);
        drop(state);
        let loaded = self.load(model, granted);
        let mut state = self.lock();
        let used = state.uses;
        let (place, engine) = match loaded {
            Ok(engine) => {
                let place = Place::Ready {
                    engine: Arc::clone(&engine),
                    used,
                };
                (place, Ok(engine as Arc<dyn Engine>))
            }
            Err(reason) => {
                let error = cannot_load(model, reason.clone());
                (Place::Failed(reason), Err(error))
            }
        };
        state.places.insert(name, place);
        self.changed.notify_all();
        engine
    }

    /// Unloads what is idle until `model` fits; gives the bytes for its keys and values.
    fn make_room(&self, state: &mut State, model: &Found) -> Result<u64, EngineError> {
        let budget = self.options.memory_bytes_max;
        let wanted = self.options.engine.decoder.kv_bytes_max;
        loop {
            let free = budget.saturating_sub(state.bytes());
            if free >= model.bytes.saturating_add(wanted) {
                return Ok(wanted);
            }
            // Joins a thread that has nothing to do.
            if state.unload_one().is_some() {
                continue;
            }
            let granted = free.saturating_sub(model.bytes);
            return if granted >= KV_BYTES_MIN {
                Ok(granted)
            } else {
                let reason = format!(
                    "it needs {} MiB, {} MiB are free of the {} MiB for models; try again when others are idle, \
                     or raise `inference.memory_bytes_max`",
                    (model.bytes + KV_BYTES_MIN) >> 20,
                    free >> 20,
                    budget >> 20
                );
                Err(cannot_load(model, reason))
            };
        }
    }

    fn load(&self, model: &Found, kv_bytes_max: u64) -> Result<Arc<LocalEngine>, String> {
        let mut options = self.options.engine.clone();
        options.name = Some(model.name.clone());
        options.decoder.kv_bytes_max = kv_bytes_max;
        let loaded = LocalEngine::load(&model.path, &options, &self.metrics);
        loaded.map(Arc::new).map_err(|error| {
            tracing::warn!(model = model.name, %error, "a model cannot be loaded");
            error.problem.to_string()
        })
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

fn cannot_load(model: &Found, reason: String) -> EngineError {
    EngineError::CannotLoad {
        name: model.name.clone(),
        reason,
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
