//! The tokenizer, the chat template and the name a model is published with.

use std::io::Read;
use std::path::Path;

use inference_nn::gguf::Value;
use inference_nn::{Gguf, ModelError};
use inference_text::{TokenKind, Tokenizer, TokenizerFiles, Vocabulary};

use super::LoadProblem;

/// Largest file beside the weights of a folder.
const FILE_BYTES_MAX: u64 = 1 << 27;

/// What a model reads and writes with.
pub(super) struct Words {
    pub(super) tokenizer: Tokenizer,
    pub(super) template: Option<String>,
    pub(super) name: Option<String>,
}

/// From the metadata of a GGUF file.
pub(super) fn from_gguf(gguf: &Gguf, architecture: &str) -> Result<Words, LoadProblem> {
    let mut vocabulary = vocabulary(gguf)?;
    // The sentence-piece models of this family were trained so, and no key says it.
    vocabulary.control_takes_space = architecture == "phi3" && vocabulary.model == "llama";
    let text = |key| gguf.text(key).map(|text| text.map(ToOwned::to_owned));
    Ok(Words {
        tokenizer: Tokenizer::try_new(&vocabulary)?,
        template: text("tokenizer.chat_template")?,
        name: text("general.name")?,
    })
}

/// From the files of a folder, as models are published.
pub(super) fn from_folder(folder: &Path) -> Result<Words, LoadProblem> {
    let read = |name: &str| read(&folder.join(name));
    let template =
        read("chat_template.jinja")?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let Some(tokenizer) = read("tokenizer.json")? else {
        let tekken = read("tekken.json")?.ok_or_else(|| {
            ModelError::Unsupported(
                "the folder has no tokenizer.json, nor Mistral's tekken.json; bring one beside the weights"
                    .to_owned(),
            )
        })?;
        return Ok(Words {
            tokenizer: Tokenizer::try_new(&Vocabulary::from_tekken(&tekken)?)?,
            template,
            name: None,
        });
    };
    let [tokenizer_config, generation_config, config] = [
        read("tokenizer_config.json")?,
        read("generation_config.json")?,
        read("config.json")?,
    ];
    let files = TokenizerFiles {
        tokenizer: &tokenizer,
        tokenizer_config: tokenizer_config.as_deref(),
        generation_config: generation_config.as_deref(),
        config: config.as_deref(),
        chat_template: template.as_deref(),
    };
    Ok(Words {
        tokenizer: Tokenizer::from_files(&files)?,
        template: files.template()?,
        name: None,
    })
}

/// The content of a file, if there is one.
fn read(path: &Path) -> Result<Option<Vec<u8>>, LoadProblem> {
    let file = match std::fs::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(ModelError::from)?,
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(ModelError::from)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let problem = format!("{} has more than {FILE_BYTES_MAX} bytes", path.display());
        return Err(ModelError::Unsupported(problem).into());
    }
    Ok(Some(bytes))
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
        ..Vocabulary::default()
    })
}
