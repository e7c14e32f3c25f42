//! Which model is loaded, and where its file comes from.

use std::fs;
use std::io::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use inference_core::embedding::Embedder;
use inference_core::slot::EngineSlot;
use inference_embedding::{EmbeddingError, SentenceModel};
use inference_engine::{
    DecoderOptions, EngineOptions, KvDtype, LoadProblem, LocalEngine, Metrics, ModelSet,
    ModelSetOptions,
};
use inference_nn::{Activations, ModelError};
use models::{Embedded, Manifest};
use tracing::info;

use crate::config::{self, Config, Inference, Model};
use crate::machine::memory_bytes;
use crate::shelf::Shelf;

/// Keys and values of one model where the configuration does not say: an eighth of the memory,
/// within these bounds.
const KV_BYTES: std::ops::RangeInclusive<u64> = 256 << 20..=8 << 30;

/// A GGUF file that is ready to be mapped.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was trained on aliased names.
    pub aliases: bool,
}

/// Why no model file could be had.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// The embedded manifest is damaged.
    #[error(transparent)]
    Manifest(#[from] models::ManifestError),
    /// The embedded model could not be written where it can be mapped.
    #[error("write the starter model to {}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// The file that `config` asks for: its own, or the starter laid out in `folder`.
///
/// A file of the site's own may have a `manifest.json` beside it that says
/// whether it wants aliases; without one it does not.
///
/// # Errors
/// [`ModelFileError`] when the starter cannot be laid out.
pub fn file(config: &Model, folder: &Path) -> Result<ModelFile, ModelFileError> {
    match &config.file {
        Some(path) => Ok(ModelFile {
            path: path.clone(),
            aliases: manifest_beside(path).is_some_and(|manifest| manifest.aliases),
        }),
        None => lay_out(&models::starter()?, folder),
    }
}

/// Loads `file` on a thread of its own, since mapping and packing take a while.
///
/// # Errors
/// Why the file cannot be used, and what to do.
pub async fn load(
    config: &Model,
    inference: &Inference,
    file: &ModelFile,
    metrics: Metrics,
) -> anyhow::Result<Arc<LocalEngine>> {
    // A site's own model is large, and fast with bytes; the starter is small, and was judged with reals.
    let activations = if config.file.is_some() {
        Activations::Rounded
    } else {
        Activations::Exact
    };
    let options = EngineOptions {
        name: Shelf::name_at(&file.path),
        ..engine_options(config, inference, activations)
    };
    let path = file.path.clone();
    let loading = tokio::task::spawn_blocking(move || {
        LocalEngine::load(&path, &options, &metrics).map_err(|error| {
            let problem = explain(&error.problem);
            anyhow::anyhow!("{}: {problem}", error.path.display())
        })
    });
    Ok(Arc::new(loading.await??))
}

/// The model that turns texts into vectors, if the site names one; read on a thread of its own.
///
/// # Errors
/// Why its folder cannot be used.
pub async fn embedder(config: &Inference) -> anyhow::Result<Option<Arc<dyn Embedder>>> {
    let Some(folder) = config.embedding_model.clone() else {
        return Ok(None);
    };
    let opening = tokio::task::spawn_blocking(move || {
        SentenceModel::open(&folder, None).map_err(|error| {
            let problem = explain_embedding(&error);
            anyhow::anyhow!("inference.embedding_model {}: {problem}", folder.display())
        })
    });
    let embedder: Arc<dyn Embedder> = Arc::new(opening.await??);
    info!(
        model = embedder.model(),
        dimensions = embedder.dimensions(),
        "the embedding model is loaded"
    );
    Ok(Some(embedder))
}

/// `config` with the memory of `embedder` set aside: models that write share what is left.
///
/// # Errors
/// If nothing is left.
pub fn beside(config: &Config, embedder: Option<&dyn Embedder>) -> anyhow::Result<Config> {
    let Some(embedder) = embedder else {
        return Ok(config.clone());
    };
    let (budget, taken) = (memory_budget(&config.inference), embedder.memory_bytes());
    let left = budget.checked_sub(taken).filter(|left| *left > 0);
    let left = left.ok_or_else(|| {
        anyhow::anyhow!(
            "inference.embedding_model takes {taken} bytes and inference.memory_bytes_max is {budget}; use a smaller model or more memory (error page: model-too-large)"
        )
    })?;
    let mut config = config.clone();
    config.inference.memory_bytes_max = Some(left);
    Ok(config)
}

/// What is wrong with a model, and the error page that says what to do.
pub fn explain(problem: &LoadProblem) -> String {
    match problem {
        LoadProblem::Threads(_) => problem.to_string(),
        LoadProblem::Model(error) => paged(problem, page(error)),
        _ => paged(problem, "model-unusable"),
    }
}

/// As [`explain`], of a model that embeds.
pub fn explain_embedding(problem: &EmbeddingError) -> String {
    match problem {
        EmbeddingError::Model(error) => paged(problem, page(error)),
        EmbeddingError::Threads(_) => problem.to_string(),
        EmbeddingError::File { .. } => paged(problem, "model-unusable"),
    }
}

fn page(error: &ModelError) -> &'static str {
    match error {
        ModelError::Memory { .. } => "model-too-large",
        ModelError::Io(_) | ModelError::Malformed(_) => "model-damaged",
        _ => "model-unusable",
    }
}

fn paged(problem: &dyn std::fmt::Display, page: &str) -> String {
    format!("{problem} (error page: {page})")
}

/// The default model, in `slot`, and those that lie in the models directory.
pub fn set(config: &Config, slot: EngineSlot, metrics: Metrics) -> ModelSet {
    let inference = &config.inference;
    let directory = inference.models_dir.clone();
    let options = ModelSetOptions {
        directory: directory.unwrap_or_else(|| config.data_dir.join("models")),
        memory_bytes_max: memory_budget(inference),
        engine: engine_options(&config.model, inference, Activations::Rounded),
    };
    ModelSet::new(slot, options, metrics)
}

/// How a model is set up where nothing else is said.
pub(crate) fn engine_options(
    model: &Model,
    inference: &Inference,
    activations: Activations,
) -> EngineOptions {
    let kv_bytes = memory_bytes() / 8;
    EngineOptions {
        decoder: DecoderOptions {
            context_length_max: model.context_tokens_max,
            kv_bytes_max: inference
                .kv_bytes_max
                .unwrap_or(kv_bytes.clamp(*KV_BYTES.start(), *KV_BYTES.end())),
            activations,
            kv_dtype: match inference.kv_dtype {
                config::KvDtype::F32 => KvDtype::F32,
                config::KvDtype::F16 => KvDtype::F16,
                config::KvDtype::Q8 => KvDtype::Q8_0,
            },
        },
        memory_bytes_max: memory_budget(inference),
        queue_capacity: inference.queue_capacity,
        queue_patience: Duration::from_secs(inference.queue_patience_seconds),
        sequences_max: inference.sequences_max,
        speculation: inference.speculation,
        threads: model.threads.and_then(NonZero::new),
        ..EngineOptions::default()
    }
}

/// Bytes of all models together.
fn memory_budget(inference: &Inference) -> u64 {
    inference
        .memory_bytes_max
        .unwrap_or_else(|| memory_bytes() / 4 * 3)
}

fn manifest_beside(path: &Path) -> Option<Manifest> {
    let text = fs::read(path.with_file_name("manifest.json")).ok()?;
    let manifest: Manifest = serde_json::from_slice(&text).ok()?;
    let same_file = path
        .file_name()
        .is_some_and(|name| name == manifest.file.as_str());
    same_file.then_some(manifest)
}

/// Writes the embedded model next to the data, so that it is mapped like any
/// other; a file of that digest's name is complete, since it is renamed into place.
fn lay_out(starter: &Embedded, folder: &Path) -> Result<ModelFile, ModelFileError> {
    let digest = starter.manifest.sha256.get(..16).unwrap_or_default();
    let path = folder.join(format!("{}-{digest}.gguf", starter.manifest.name));
    let complete = fs::metadata(&path).is_ok_and(|found| found.len() == starter.manifest.bytes);
    if !complete {
        write_whole(&path, starter.gguf).map_err(|source| ModelFileError::Write {
            path: path.clone(),
            source,
        })?;
    }
    Ok(ModelFile {
        path,
        aliases: starter.manifest.aliases,
    })
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let temporary = path.with_extension("gguf.part");
    let mut file = fs::File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_served_is_what_is_measured() {
        let config = Config::default();
        let options = engine_options(&config.model, &config.inference, Activations::Rounded);
        let measured = DecoderOptions::fast();
        assert_eq!(options.decoder.kv_dtype, measured.kv_dtype);
        assert_eq!(options.decoder.activations, measured.activations);
    }
}
