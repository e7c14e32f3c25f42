//! Text into tokens, tokens into bytes.
//!
//! Decides which spellings are control tokens (only when asked to look for
//! them), which tokens end a turn, and which bytes a token stands for.
//!
//! Invariant: [`Tokenizer::encode`] never gives a control token.

mod added;
mod bpe;
pub(crate) mod pre;
mod spm;
#[cfg(test)]
mod tests;

use inference_core::{Prompt, PromptPart, TokenId};

use self::added::Spellings;
use self::bpe::ByteLevel;
use self::spm::SentencePieces;
use crate::error::TextError;
use crate::vocabulary::{TokenKind, Vocabulary};

/// Spellings of control tokens that end a turn, whatever `eos_token_id` says.
const END_SPELLINGS: [&str; 12] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eom_id|>",
    "<|return|>",
    "<|call|>",
    "<|end_of_turn|>",
    "<EOT>",
    "</s>",
];

/// Text into tokens, tokens into bytes.
#[derive(Debug)]
pub struct Tokenizer {
    encoder: Encoder,
    /// Bytes of each token's text; none for control tokens.
    bytes: Vec<Vec<u8>>,
    kinds: Vec<TokenKind>,
    spellings: Vec<String>,
    /// Spellings found in any text.
    user_defined: Spellings,
    /// Spellings found in templates alone.
    control: Spellings,
    ends: Vec<TokenId>,
    bos: Option<TokenId>,
    eos: Option<TokenId>,
    add_bos: bool,
}

#[derive(Debug)]
enum Encoder {
    ByteLevel(Box<ByteLevel>),
    SentencePieces(SentencePieces),
}

impl Tokenizer {
    /// A tokenizer for `vocabulary`.
    ///
    /// # Errors
    /// [`TextError`] if the vocabulary contradicts itself or is of an unknown kind.
    pub fn try_new(vocabulary: &Vocabulary) -> Result<Self, TextError> {
        vocabulary.check()?;
        let (encoder, bytes) = match vocabulary.model.as_str() {
            "gpt2" => {
                let bytes = bpe::token_bytes(vocabulary)?;
                (
                    Encoder::ByteLevel(Box::new(ByteLevel::try_new(vocabulary)?)),
                    bytes,
                )
            }
            "llama" => {
                let bytes = spm::token_bytes(vocabulary)?;
                (
                    Encoder::SentencePieces(SentencePieces::try_new(vocabulary)?),
                    bytes,
                )
            }
            other => return Err(TextError::UnknownModel(other.to_owned())),
        };
        let of = |kind| Spellings::new(vocabulary, kind);
        Ok(Self {
            encoder,
            bytes,
            kinds: (0..vocabulary.tokens.len())
                .map(|token| vocabulary.kind(token))
                .collect(),
            spellings: vocabulary.tokens.clone(),
            user_defined: of(TokenKind::UserDefined),
            control: of(TokenKind::Control),
            ends: ends(vocabulary),
            bos: vocabulary.bos,
            eos: vocabulary.eos,
            add_bos: vocabulary.add_bos.unwrap_or(vocabulary.model == "llama"),
        })
    }

    /// Tokens of the vocabulary.
    pub fn vocab_size(&self) -> usize {
        self.bytes.len()
    }

    /// The tokens of `text`; spellings of control tokens in it stay text.
    pub fn encode(&self, text: &str) -> Vec<TokenId> {
        self.encode_part(text, true)
    }

    /// As [`encode`](Self::encode), for text that continues other text (no space is put in front).
    pub fn encode_continuation(&self, text: &str) -> Vec<TokenId> {
        self.encode_part(text, false)
    }

    /// The tokens of `prompt`, with the token in front that the model wants there.
    pub fn encode_prompt(&self, prompt: &Prompt) -> Vec<TokenId> {
        let mut tokens = Vec::new();
        for part in &prompt.parts {
            match part {
                PromptPart::Tokens(ids) => tokens.extend(ids),
                PromptPart::Text(text) => tokens.extend(self.encode(text)),
            }
        }
        if let (true, Some(bos)) = (self.add_bos, self.bos)
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
        }
        tokens
    }

    /// Splits `text`, which must be trusted, at the spellings of control tokens.
    ///
    /// `breaker` is taken out of the text between them: a spelling with a
    /// breaker inside is not one.
    pub(crate) fn split_control(&self, text: &str, breaker: char) -> Vec<PromptPart> {
        let mut parts = Vec::new();
        for (before, token) in self.control.split(text) {
            let before = before.replace(breaker, "");
            if !before.is_empty() {
                parts.push(PromptPart::Text(before));
            }
            parts.extend(token.map(|token| PromptPart::Tokens(vec![token])));
        }
        parts
    }

    /// Puts `breaker` into every spelling of a control token in `text`.
    pub(crate) fn break_control(&self, text: &str, breaker: char) -> String {
        self.control.break_up(text, breaker)
    }

    /// The bytes `token` adds to a text; none for control tokens and unknown numbers.
    pub fn bytes(&self, token: TokenId) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], Vec::as_slice)
    }

    /// As [`bytes`](Self::bytes), but for control tokens the bytes of their spelling.
    pub fn bytes_or_spelling(&self, token: TokenId) -> &[u8] {
        match self.kind(token) {
            TokenKind::Control => self.spelling(token).unwrap_or_default().as_bytes(),
            _ => self.bytes(token),
        }
    }

    /// The control token that is spelled `spelling`, if there is one.
    pub fn control_token(&self, spelling: &str) -> Option<TokenId> {
        self.control.whole(spelling)
    }

    /// How `token` is spelled in the model file.
    pub fn spelling(&self, token: TokenId) -> Option<&str> {
        self.spellings.get(token as usize).map(String::as_str)
    }

    /// What `token` is for; unknown numbers are unused.
    pub fn kind(&self, token: TokenId) -> TokenKind {
        self.kinds
            .get(token as usize)
            .copied()
            .unwrap_or(TokenKind::Unused)
    }

    /// The control token or added word spelled `spelling`.
    pub fn special(&self, spelling: &str) -> Option<TokenId> {
        self.control
            .token(spelling)
            .or_else(|| self.user_defined.token(spelling))
    }

    /// Tokens that end a turn, the declared one first; may be empty.
    pub fn ends(&self) -> &[TokenId] {
        &self.ends
    }

    /// Whether `token` ends a turn.
    pub fn is_end(&self, token: TokenId) -> bool {
        self.ends.contains(&token)
    }

    /// The spelling of the token prompts begin with.
    pub fn bos_spelling(&self) -> &str {
        self.bos
            .and_then(|token| self.spelling(token))
            .unwrap_or_default()
    }

    /// The spelling of the declared end token.
    pub fn eos_spelling(&self) -> &str {
        self.eos
            .and_then(|token| self.spelling(token))
            .unwrap_or_default()
    }

    fn encode_part(&self, text: &str, first: bool) -> Vec<TokenId> {
        let mut tokens = Vec::new();
        let mut first = first;
        for (before, token) in self.user_defined.split(text) {
            match &self.encoder {
                Encoder::ByteLevel(encoder) => encoder.encode(before, &mut tokens),
                Encoder::SentencePieces(encoder) => encoder.encode(before, first, &mut tokens),
            }
            tokens.extend(token);
            first = false;
        }
        tokens
    }
}

fn ends(vocabulary: &Vocabulary) -> Vec<TokenId> {
    let declared = [vocabulary.eos, vocabulary.eot, vocabulary.eom];
    let mut ends: Vec<TokenId> = declared.into_iter().flatten().collect();
    let spelled = (0..)
        .zip(&vocabulary.tokens)
        .filter(|&(token, spelling): &(TokenId, _)| {
            vocabulary.kind(token as usize) == TokenKind::Control
                && END_SPELLINGS.contains(&spelling.as_str())
        });
    ends.extend(spelled.map(|(token, _)| token));
    let mut seen = Vec::new();
    ends.retain(|token| {
        !seen.contains(token) && {
            seen.push(*token);
            true
        }
    });
    ends
}
