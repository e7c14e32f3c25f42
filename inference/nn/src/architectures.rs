//! The families of models that run here, each told apart by a few settings of one decoder.
//!
//! Decides how a file's metadata becomes a [`DecoderConfig`]; whether its tensors fit is
//! decided when they are bound.

mod base;
mod gemma;
mod gpt_oss;
mod granite;
mod llama;
mod olmo;
mod phi;
mod qwen;
mod rope;
mod smollm;

use crate::config::DecoderConfig;
use crate::error::ModelError;
use crate::facts::Facts;

type Read = fn(&Facts<'_>) -> Result<DecoderConfig, ModelError>;

/// A family of models.
struct Family {
    /// `general.architecture` of GGUF; empty where GGUF has it under another's name.
    gguf: &'static str,
    /// `model_type` of `config.json`.
    model_type: &'static str,
    read: Read,
}

const FAMILIES: [Family; 12] = [
    family("llama", "llama", llama::llama),
    family("", "mistral", llama::mistral),
    family("qwen2", "qwen2", qwen::qwen2),
    family("qwen3", "qwen3", qwen::qwen3),
    family("qwen3moe", "qwen3_moe", qwen::qwen3_moe),
    family("phi3", "phi3", phi::phi3),
    family("gemma2", "gemma2", gemma::gemma2),
    family("gemma3", "gemma3_text", gemma::gemma3),
    family("granite", "granite", granite::granite),
    family("smollm3", "smollm3", smollm::smollm3),
    family("olmo2", "olmo2", olmo::olmo2),
    family("gpt-oss", "gpt_oss", gpt_oss::gpt_oss),
];

const fn family(gguf: &'static str, model_type: &'static str, read: Read) -> Family {
    Family {
        gguf,
        model_type,
        read,
    }
}

/// The families' names in files, for people.
pub(crate) fn supported() -> String {
    let names: Vec<&str> = FAMILIES.iter().map(|family| family.model_type).collect();
    names.join(", ")
}

/// Reads what the file says about its model.
///
/// # Errors
/// [`ModelError`] with what is missing, wrong or not supported; an unknown architecture by its name.
pub(crate) fn read(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let architecture = facts.architecture()?;
    let family = FAMILIES.iter().find(|family| {
        let name = if facts.is_gguf() {
            family.gguf
        } else {
            family.model_type
        };
        name == architecture
    });
    let Some(family) = family else {
        let sentences = if architecture.contains("bert") {
            "; a sentence model is carried in as a folder with config.json, tokenizer.json and .safetensors files"
        } else {
            ""
        };
        return Err(ModelError::Unsupported(format!(
            "the architecture `{architecture}` is not supported; supported are {}{sentences}",
            supported()
        )));
    };
    let config = (family.read)(facts)?;
    facts.finish()?;
    config.check()
}
