//! The tokenizer metadata of a model file.

use inference_core::TokenId;

use crate::error::TextError;

/// Longest token, bytes; real vocabularies stay below a few hundred.
pub(crate) const TOKEN_BYTES_MAX: usize = 4096;

/// What a token is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenKind {
    /// A piece of text.
    #[default]
    Normal,
    /// Stands for text the vocabulary cannot spell.
    Unknown,
    /// Structure, such as the end of a turn; never text.
    Control,
    /// A word added whole; found in text before anything else.
    UserDefined,
    /// Not used.
    Unused,
    /// A single byte, spelled `<0x0A>`.
    Byte,
}

impl TokenKind {
    /// The kind of a number in `tokenizer.ggml.token_type`; unknown numbers are normal.
    pub fn from_number(number: i64) -> Self {
        match number {
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => Self::Normal,
        }
    }
}

/// The tokenizer metadata of a model file, under `tokenizer.ggml`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vocabulary {
    /// `model`: `gpt2` (byte-level BPE), `llama` (sentence pieces merged by score) or `gemma4` (BPE over plain text).
    pub model: String,
    /// `pre`: how text is split before byte-level BPE.
    pub pre: Option<String>,
    /// `tokens`, spelled as the file spells them.
    pub tokens: Vec<String>,
    /// `token_type`, one per token or none at all.
    pub kinds: Vec<TokenKind>,
    /// `scores`, one per token or none at all.
    pub scores: Vec<f32>,
    /// `merges`, best first, each two spellings with a space between.
    pub merges: Vec<String>,
    /// `bos_token_id`
    pub bos: Option<TokenId>,
    /// `eos_token_id`
    pub eos: Option<TokenId>,
    /// `eot_token_id`
    pub eot: Option<TokenId>,
    /// `eom_token_id`
    pub eom: Option<TokenId>,
    /// `unknown_token_id`
    pub unknown: Option<TokenId>,
    /// `add_bos_token`: whether a prompt begins with `bos`.
    pub add_bos: Option<bool>,
    /// `add_space_prefix`: whether text gets a space in front (sentence pieces only).
    pub add_space_prefix: Option<bool>,
    /// Whether white space behind a control token belongs to it, as in the first Phi 3 models; no key says so.
    pub control_takes_space: bool,
}

impl Vocabulary {
    pub(crate) fn check(&self) -> Result<(), TextError> {
        let count = self.tokens.len();
        let wrong = |what: String| Err(TextError::Vocabulary(what));
        if count == 0 || u32::try_from(count).is_err() {
            return wrong(format!("it has {count} tokens"));
        }
        for (what, length) in [
            ("token types", self.kinds.len()),
            ("scores", self.scores.len()),
        ] {
            if length != 0 && length != count {
                return wrong(format!("{count} tokens have {length} {what}"));
            }
        }
        if let Some(token) = self
            .tokens
            .iter()
            .find(|token| token.len() > TOKEN_BYTES_MAX)
        {
            return wrong(format!("a token has {} bytes", token.len()));
        }
        let named = [
            ("bos", self.bos),
            ("eos", self.eos),
            ("eot", self.eot),
            ("eom", self.eom),
            ("unknown", self.unknown),
        ];
        for (what, token) in named {
            if token.is_some_and(|token| token as usize >= count) {
                return wrong(format!("its {what} token is not among its {count} tokens"));
            }
        }
        Ok(())
    }

    pub(crate) fn kind(&self, token: usize) -> TokenKind {
        self.kinds.get(token).copied().unwrap_or_default()
    }
}
