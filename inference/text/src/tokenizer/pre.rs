//! How text is split before byte-level BPE, by the name in `tokenizer.ggml.pre`.
//!
//! A wrong split gives tokens the model never saw, without any error; names
//! that are not known are therefore refused.
//!
//! # Source
//! The tokenizers published with the models; `llm_tokenizer_bpe` of llama.cpp lists the same expressions.

/// Names that are known.
pub(crate) const NAMES: [&str; 12] = [
    "llama-bpe",
    "llama3",
    "llama-v3",
    "qwen2",
    "deepseek-r1-qwen",
    "gpt-2",
    "phi-2",
    "default",
    "smollm",
    "starcoder",
    "refact",
    "command-r",
];

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// How text is split.
pub(super) struct Profile {
    /// Applied one after another; each match becomes a piece of its own.
    pub(super) expressions: &'static [&'static str],
    /// Whether a piece that is a token is taken whole.
    pub(super) ignore_merges: bool,
}

/// The profile called `name`.
pub(super) fn profile(name: &str) -> Option<Profile> {
    let (expressions, ignore_merges): (&[&str], _) = match name {
        "llama-bpe" | "llama3" | "llama-v3" => (&[LLAMA3], true),
        "qwen2" | "deepseek-r1-qwen" => (&[QWEN2], false),
        "gpt-2" | "phi-2" => (&[GPT2], false),
        "smollm" | "starcoder" | "refact" | "command-r" => (&[r"\p{N}", GPT2], false),
        "default" => (
            &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
            false,
        ),
        _ => return None,
    };
    Some(Profile {
        expressions,
        ignore_merges,
    })
}
