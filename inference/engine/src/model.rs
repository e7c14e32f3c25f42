//! What a model file gives: a decoder, a tokenizer, a template, a constraint compiler.

mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use inference_constrain::{ConstraintCompiler, ConstraintVocabulary};
use inference_core::{EngineError, ModelInfo};
use inference_nn::gguf::Part;
use inference_nn::{Decoder, DecoderOptions, MemoryPlan, ModelError, ModelSource};
use inference_text::{ChatTemplate, TextError, TokenKind, Tokenizer};

use crate::local::EngineOptions;

/// Why a model file cannot be used; names the file.
#[derive(Debug, thiserror::Error)]
#[error("cannot load the model {path}: {problem}", path = path.display())]
pub struct LoadError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it and what to do.
    #[source]
    pub problem: LoadProblem,
}

/// What is wrong with a model file.
#[derive(Debug, thiserror::Error)]
pub enum LoadProblem {
    /// The file or its weights.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Its vocabulary or template.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Its vocabulary does not allow constrained decoding.
    #[error(transparent)]
    Constraint(#[from] EngineError),
    /// The threads for it cannot be started.
    #[error("its threads cannot be started: {0}; lower the number of threads")]
    Threads(String),
}

/// The sides of a model that many threads use at once.
#[derive(Debug)]
pub(crate) struct ModelText {
    pub(crate) info: ModelInfo,
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) template: ChatTemplate,
    pub(crate) compiler: ConstraintCompiler,
    /// Bytes of the model but for keys and values.
    pub(crate) fixed_bytes: u64,
}

/// What the model at `path` takes, without loading it.
pub(crate) fn plan(path: &Path, options: &EngineOptions) -> Result<MemoryPlan, LoadProblem> {
    let source = ModelSource::open(path)?;
    Ok(MemoryPlan::new(&source, options.decoder)?)
}

/// The decoder's options with as much memory for keys and values as the rest of the model leaves.
fn fitted(plan: &MemoryPlan, options: &EngineOptions) -> Result<DecoderOptions, ModelError> {
    let left = plan.fit(options.memory_bytes_max)?;
    Ok(DecoderOptions {
        kv_bytes_max: left.min(options.decoder.kv_bytes_max),
        ..options.decoder
    })
}

/// Reads the model file at `path`.
pub(crate) fn load(
    path: &Path,
    options: &EngineOptions,
) -> Result<(Box<dyn Decoder>, ModelText), LoadProblem> {
    let source = ModelSource::open(path)?;
    if source.left_out() > 0 {
        tracing::info!(
            tensors = source.left_out(),
            "the part of the model that sees or hears was left out; it reads text alone"
        );
    }
    let plan = MemoryPlan::new(&source, options.decoder)?;
    let decoder = inference_nn::load(&source, fitted(&plan, options)?)?;
    let architecture = &decoder.info().architecture;
    let words = match &source {
        ModelSource::Gguf(gguf) => words::from_gguf(gguf, architecture)?,
        ModelSource::Safetensors(_) => words::from_folder(path)?,
    };
    let tokenizer = Arc::new(words.tokenizer);
    let template = match &words.template {
        Some(source) => ChatTemplate::compile(Some(source))?,
        None => ChatTemplate::built_in(architecture, &tokenizer)?,
    };
    let compiler = ConstraintCompiler::try_new(constraint_vocabulary(&tokenizer))?;
    let name = options
        .name
        .as_deref()
        .or(words.name.as_deref().filter(|name| !name.is_empty()));
    let stem = stem(path).unwrap_or_else(|| "model".to_owned());
    let info = ModelInfo {
        name: name.map_or(stem, ToOwned::to_owned),
        architecture: architecture.clone(),
        context_length: decoder.info().context_length,
        vocab_size: decoder.info().vocab_size,
        chat: template.traits(&tokenizer),
        parameters: decoder.info().parameters,
    };
    Ok((
        decoder,
        ModelText {
            info,
            tokenizer,
            template,
            compiler,
            fixed_bytes: plan.fixed_bytes(),
        },
    ))
}

/// The model's name by its file or folder; numbers of parts are left out.
pub(crate) fn stem(path: &Path) -> Option<String> {
    if let Some(part) = Part::of(path) {
        return Some(part.stem);
    }
    // A folder's name may hold dots.
    let last = if path.is_dir() {
        path.file_name()
    } else {
        path.file_stem()
    };
    Some(last?.to_str()?.to_owned())
}

fn constraint_vocabulary(tokenizer: &Arc<Tokenizer>) -> ConstraintVocabulary {
    let tokens = || 0..u32::try_from(tokenizer.vocab_size()).unwrap_or(u32::MAX);
    let control = tokens().filter(|&token| tokenizer.kind(token) == TokenKind::Control);
    let control = control.filter_map(|token| Some((token, tokenizer.spelling(token)?.to_owned())));
    let encoder = Arc::clone(tokenizer);
    ConstraintVocabulary {
        bytes: tokens()
            .map(|token| tokenizer.bytes(token).to_vec())
            .collect(),
        control: control.collect(),
        ends: tokenizer.ends().to_vec(),
        encode: Box::new(move |text| encoder.encode_continuation(text)),
    }
}
