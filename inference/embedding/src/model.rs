//! A model folder into an [`Embedder`].

use std::path::Path;

use inference_core::EngineError;
use inference_core::embedding::{Embedder, Embeddings};
use inference_kernels::pool::{self, Pool, default_threads};
use inference_nn::{ModelError, Safetensors};
use serde_json::{Map, Value};
use tokenizers::Tokenizer;

use crate::bert::Bert;

/// Most texts of one request.
const TEXTS_MAX: usize = 2048;
/// Most tokens of one request: what some seconds of work take.
const TOKENS_MAX: usize = 1 << 18;
/// Largest file beside the weights.
const FILE_BYTES_MAX: u64 = 1 << 26;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddingError {
    /// The weights or `config.json`.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Threads that compute.
    #[error("the system gives no threads to compute with: {0}; allow this process more of them")]
    Threads(#[from] std::io::Error),
    /// A file beside them.
    #[error("{file} is not usable: {problem}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// How rows become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pooling {
    Mean,
    First,
    Max,
}

/// A sentence model.
#[derive(Debug)]
pub struct SentenceModel {
    name: String,
    tokenizer: Tokenizer,
    bert: Bert,
    pooling: Pooling,
    /// Tokens of its window, those in front and behind counted.
    window: usize,
    parameters: u64,
    /// Bytes of the weights.
    bytes: u64,
    pool: Pool,
}

impl SentenceModel {
    /// Reads the model in `folder`; it is called `name`, or as the folder.
    ///
    /// # Errors
    /// [`EmbeddingError`] with the file and what is wrong with it.
    pub fn open(folder: &Path, name: Option<&str>) -> Result<Self, EmbeddingError> {
        let weights = Safetensors::open(folder)?;
        let bert = Bert::try_new(&weights)?;
        check_modules(folder)?;
        let settings = json(folder, "sentence_bert_config.json")?;
        let declared = settings.get("max_seq_length").and_then(Value::as_u64);
        let declared = declared
            .and_then(|window| usize::try_from(window).ok())
            .filter(|&window| window > 2);
        let stem = folder
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("embedding");
        Ok(Self {
            name: name.unwrap_or(stem).to_owned(),
            tokenizer: tokenizer(folder)?,
            pooling: pooling(&json(folder, "1_Pooling/config.json")?)?,
            window: declared.unwrap_or(usize::MAX).min(bert.positions()),
            parameters: weights
                .tensors()
                .map(|(_, tensor)| tensor.weights() as u64)
                .sum(),
            bytes: weights
                .tensors()
                .map(|(_, tensor)| tensor.range.len() as u64)
                .sum(),
            bert,
            pool: Pool::new(default_threads())?,
        })
    }

    /// Weights, counted.
    pub fn parameters(&self) -> u64 {
        self.parameters
    }

    /// Tokens of its window, those in front and behind counted.
    pub fn context_tokens(&self) -> usize {
        self.window
    }

    fn tokens(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| EngineError::Failed(error.to_string()))?;
        let tokens = encoding.get_ids().to_vec();
        match tokens.len() {
            0 => Err(EngineError::EmptyPrompt),
            length if length > self.window => Err(EngineError::TooLong {
                prompt_tokens: length,
                context_length: self.window,
            }),
            _ => Ok(tokens),
        }
    }

    /// The vector of `tokens`, of length one.
    fn vector(&self, tokens: &[u32]) -> Result<Vec<f32>, EngineError> {
        let rows = self.bert.forward(tokens).map_err(EngineError::Failed)?;
        let width = self.bert.width();
        let mut vector = match self.pooling {
            Pooling::First => rows[..width].to_vec(),
            Pooling::Mean | Pooling::Max => fold(&rows, width, self.pooling),
        };
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        for x in &mut vector {
            *x /= length;
        }
        Ok(vector)
    }
}

impl Embedder for SentenceModel {
    fn model(&self) -> &str {
        &self.name
    }

    fn dimensions(&self) -> usize {
        self.bert.width()
    }

    fn memory_bytes(&self) -> u64 {
        self.bytes
    }

    fn embed(&self, texts: &[String]) -> Result<Embeddings, EngineError> {
        let limit = |parameter, most: usize, found: usize| EngineError::Parameter {
            parameter,
            expected: format!("at most {most}"),
            found: found.to_string(),
        };
        if texts.len() > TEXTS_MAX {
            return Err(limit("the number of inputs", TEXTS_MAX, texts.len()));
        }
        let tokens = texts
            .iter()
            .map(|text| self.tokens(text))
            .collect::<Result<Vec<_>, _>>()?;
        let count = tokens.iter().map(Vec::len).sum();
        if count > TOKENS_MAX {
            return Err(limit("the tokens of all inputs", TOKENS_MAX, count));
        }
        // Several texts go to a thread each; the products of a single one are shared.
        let vector = |text: usize| self.vector(&tokens[text]);
        let vectors = self.pool.install(|| pool::collect(tokens.len(), vector));
        let vectors = vectors.into_iter().collect::<Result<_, _>>()?;
        Ok(Embeddings {
            vectors,
            tokens: count,
        })
    }
}

/// The mean or the greatest of each column.
fn fold(rows: &[f32], width: usize, pooling: Pooling) -> Vec<f32> {
    let mut folded = rows[..width].to_vec();
    for row in rows.chunks_exact(width).skip(1) {
        for (folded, x) in folded.iter_mut().zip(row) {
            *folded = if pooling == Pooling::Max {
                folded.max(*x)
            } else {
                *folded + x
            };
        }
    }
    if pooling == Pooling::Mean {
        let count = (rows.len() / width) as f32;
        for x in &mut folded {
            *x /= count;
        }
    }
    folded
}

/// Refuses steps behind the encoder that are not done here; without them the vectors would be others.
fn check_modules(folder: &Path) -> Result<(), EmbeddingError> {
    let file = "modules.json";
    let wrong = |problem: String| EmbeddingError::File {
        file: file.to_owned(),
        problem,
    };
    let Some(bytes) = read(folder, file)? else {
        return Ok(());
    };
    let modules: Vec<Map<String, Value>> =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    let kinds = modules
        .iter()
        .filter_map(|module| module.get("type").and_then(Value::as_str))
        .map(|kind| kind.rsplit('.').next().unwrap_or_default());
    match kinds
        .into_iter()
        .find(|kind| !matches!(*kind, "Transformer" | "Pooling" | "Normalize"))
    {
        Some(kind) => Err(wrong(format!(
            "the step `{kind}` is not supported; supported are Transformer, Pooling and Normalize"
        ))),
        None => Ok(()),
    }
}

fn pooling(settings: &Map<String, Value>) -> Result<Pooling, EmbeddingError> {
    let on = |mode: &str| {
        settings
            .get(&format!("pooling_mode_{mode}"))
            .and_then(Value::as_bool)
            == Some(true)
    };
    match (
        on("cls_token"),
        on("mean_tokens") || settings.is_empty(),
        on("max_tokens"),
    ) {
        (false, true, false) => Ok(Pooling::Mean),
        (true, false, false) => Ok(Pooling::First),
        (false, false, true) => Ok(Pooling::Max),
        _ => Err(EmbeddingError::File {
            file: "1_Pooling/config.json".to_owned(),
            problem: "only one of the poolings mean, cls and max is supported".to_owned(),
        }),
    }
}

/// The tokenizer, without the length it was cut and filled to in training; spellings of special tokens are text.
fn tokenizer(folder: &Path) -> Result<Tokenizer, EmbeddingError> {
    let file = "tokenizer.json";
    let wrong = |problem: String| EmbeddingError::File {
        file: file.to_owned(),
        problem,
    };
    let mut settings = json(folder, file)?;
    if settings.is_empty() {
        return Err(wrong(
            "it is missing; bring it from where the model is published".to_owned(),
        ));
    }
    for cut in ["truncation", "padding"] {
        settings.insert(cut.to_owned(), Value::Null);
    }
    let mut tokenizer: Tokenizer = serde_json::from_value(Value::Object(settings))
        .map_err(|error| wrong(error.to_string()))?;
    tokenizer.set_encode_special_tokens(true);
    Ok(tokenizer)
}

/// The JSON object in `folder`'s file `name`; an empty one where there is no such file.
fn json(folder: &Path, name: &str) -> Result<Map<String, Value>, EmbeddingError> {
    let Some(bytes) = read(folder, name)? else {
        return Ok(Map::new());
    };
    serde_json::from_slice(&bytes).map_err(|error| EmbeddingError::File {
        file: name.to_owned(),
        problem: error.to_string(),
    })
}

/// The bytes of `folder`'s file `name`, if there is one.
fn read(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, EmbeddingError> {
    let wrong = |problem: String| EmbeddingError::File {
        file: name.to_owned(),
        problem,
    };
    let path = folder.join(name);
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Ok(found) if found.len() > FILE_BYTES_MAX => {
            Err(wrong(format!("it has {} bytes", found.len())))
        }
        _ => std::fs::read(&path)
            .map(Some)
            .map_err(|error| wrong(error.to_string())),
    }
}
