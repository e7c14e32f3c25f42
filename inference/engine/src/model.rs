//! What a model file gives: a decoder, a tokenizer, a template, a constraint compiler.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use inference_constrain::{ConstraintCompiler, ConstraintVocabulary};
use inference_core::{EngineError, ModelInfo};
use inference_nn::gguf::Value;
use inference_nn::{Decoder, Gguf, ModelError, ModelSource};
use inference_text::{ChatTemplate, TextError, TokenKind, Tokenizer, Vocabulary};

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
}

/// Reads the model file at `path`.
pub(crate) fn load(
    path: &Path,
    options: &EngineOptions,
) -> Result<(Box<dyn Decoder>, ModelText), LoadProblem> {
    let source = ModelSource::open(path)?;
    let decoder = inference_nn::load(&source, options.decoder)?;
    let ModelSource::Gguf(gguf) = &source else {
        let what = "the engine reads tokens from GGUF files only; convert the folder to GGUF";
        return Err(ModelError::Unsupported(what.to_owned()).into());
    };
    let tokenizer = Arc::new(Tokenizer::try_new(&vocabulary(gguf)?)?);
    let architecture = &decoder.info().architecture;
    let template = match gguf.text("tokenizer.chat_template")? {
        Some(source) => ChatTemplate::compile(Some(source))?,
        None => ChatTemplate::built_in(architecture, &tokenizer)?,
    };
    let compiler = ConstraintCompiler::try_new(constraint_vocabulary(&tokenizer))?;
    let name = options
        .name
        .as_deref()
        .or(gguf.text("general.name")?.filter(|name| !name.is_empty()));
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or("model");
    let info = ModelInfo {
        name: name.unwrap_or(stem).to_owned(),
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
        },
    ))
}

/// The tokenizer metadata of a model file.
fn vocabulary(gguf: &Gguf) -> Result<Vocabulary, LoadProblem> {
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    let missing = |name: &str| ModelError::MissingKey(key(name));
    // Some converters write -1 or the largest number for "none".
    let token = |name: &str| {
        gguf.get(&key(name))
            .and_then(Value::as_u64)
            .and_then(|id| u32::try_from(id).ok())
            .filter(|&id| id != u32::MAX)
    };
    Ok(Vocabulary {
        model: gguf
            .text(&key("model"))?
            .ok_or_else(|| missing("model"))?
            .to_owned(),
        pre: gguf.text(&key("pre"))?.map(ToOwned::to_owned),
        tokens: gguf
            .texts(&key("tokens"))?
            .ok_or_else(|| missing("tokens"))?
            .to_vec(),
        kinds: gguf
            .integers(&key("token_type"))?
            .unwrap_or_default()
            .iter()
            .map(|&kind| TokenKind::from_number(kind))
            .collect(),
        scores: gguf.reals(&key("scores"))?.unwrap_or_default().to_vec(),
        merges: gguf.texts(&key("merges"))?.unwrap_or_default().to_vec(),
        bos: token("bos_token_id"),
        eos: token("eos_token_id"),
        eot: token("eot_token_id"),
        eom: token("eom_token_id"),
        unknown: token("unknown_token_id"),
        add_bos: gguf.flag(&key("add_bos_token"))?,
        add_space_prefix: gguf.flag(&key("add_space_prefix"))?,
    })
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
