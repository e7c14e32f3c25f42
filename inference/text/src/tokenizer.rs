//! Text into tokens, tokens into bytes.
//!
//! Decides which spellings are control tokens (only when asked to look for
//! them), which tokens end a turn, and which bytes a token stands for.
//!
//! Invariant: [`Tokenizer::encode`] never gives a control token.

mod added;
mod bpe;
mod ends;
pub(crate) mod pre;
mod published;
mod spm;
mod tekken;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use inference_core::{Prompt, PromptPart, TokenId};

use self::added::{Added, Spellings};
use self::bpe::ByteLevel;
use self::published::Published;
pub use self::published::TokenizerFiles;
use self::spm::SentencePieces;
use crate::error::TextError;
use crate::vocabulary::{TokenKind, Vocabulary};

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
    Published(Box<Published>),
}

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In front of everything.
    Start,
    /// Behind a token placed by us.
    BehindToken,
    /// Behind other text.
    Continued,
}

impl Tokenizer {
    /// A tokenizer for `vocabulary`.
    ///
    /// # Errors
    /// [`TextError`] if the vocabulary contradicts itself or is of an unknown kind.
    pub fn try_new(vocabulary: &Vocabulary) -> Result<Self, TextError> {
        vocabulary.check()?;
        let (ends, kinds) = ends::settle(vocabulary);
        let (encoder, bytes, add_bos) = encoder(vocabulary, &kinds)?;
        let of = |wanted: &[TokenKind], takes_right| {
            let tokens = (0..).zip(&vocabulary.tokens);
            let tokens =
                tokens.filter(|&(token, _): &(TokenId, _)| wanted.contains(&kinds[token as usize]));
            Spellings::new(tokens.map(|(token, spelling)| Added {
                spelling: spelling.clone(),
                token,
                takes_left: false,
                takes_right: takes_right && Some(token) != vocabulary.bos,
            }))
        };
        Ok(Self {
            encoder,
            bytes,
            spellings: vocabulary.tokens.clone(),
            user_defined: of(&[TokenKind::UserDefined], false),
            control: of(
                &[TokenKind::Control, TokenKind::Unknown],
                vocabulary.control_takes_space,
            ),
            kinds,
            ends,
            bos: vocabulary.bos,
            eos: vocabulary.eos,
            add_bos: vocabulary.add_bos.unwrap_or(add_bos),
        })
    }

    /// Tokens of the vocabulary.
    pub fn vocab_size(&self) -> usize {
        self.bytes.len()
    }

    /// The tokens of `text`; spellings of control tokens in it stay text.
    pub fn encode(&self, text: &str) -> Vec<TokenId> {
        let mut tokens = Vec::new();
        self.encode_part(text, Place::Start, &mut tokens);
        tokens
    }

    /// As [`encode`](Self::encode), for text that continues other text (no space is put in front).
    pub fn encode_continuation(&self, text: &str) -> Vec<TokenId> {
        let mut tokens = Vec::new();
        self.encode_part(text, Place::Continued, &mut tokens);
        tokens
    }

    /// The tokens of `prompt`, with the token in front that the model wants there.
    pub fn encode_prompt(&self, prompt: &Prompt) -> Vec<TokenId> {
        let mut tokens = Vec::new();
        let mut place = Place::Start;
        for part in &prompt.parts {
            match part {
                PromptPart::Tokens(ids) => {
                    tokens.extend(ids);
                    place = Place::BehindToken;
                }
                PromptPart::Text(text) => {
                    self.encode_part(text, place, &mut tokens);
                    place = Place::Continued;
                }
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
            .whole(spelling)
            .or_else(|| self.user_defined.whole(spelling))
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

    fn encode_part(&self, text: &str, place: Place, tokens: &mut Vec<TokenId>) {
        let mut place = place;
        for (before, token) in self.user_defined.split(text) {
            if !before.is_empty() {
                match &self.encoder {
                    Encoder::ByteLevel(encoder) => encoder.encode(before, tokens),
                    Encoder::SentencePieces(encoder) => encoder.encode(before, place, tokens),
                    Encoder::Published(encoder) => {
                        let start = tokens.len();
                        encoder.encode(before, place, tokens);
                        // A file may give a mark's number to a piece of text; that text is lost then, and no mark made.
                        let written = tokens.split_off(start);
                        let text = |token: &TokenId| self.kind(*token) != TokenKind::Control;
                        tokens.extend(written.into_iter().filter(text));
                    }
                }
            }
            tokens.extend(token);
            place = Place::BehindToken;
        }
    }
}

/// What encodes, the bytes of each token, and whether `bos` is wanted where the file does not say.
fn encoder(
    vocabulary: &Vocabulary,
    kinds: &[TokenKind],
) -> Result<(Encoder, Vec<Vec<u8>>, bool), TextError> {
    let pre = match vocabulary.model.as_str() {
        "llama" => {
            let encoder = SentencePieces::try_new(vocabulary, kinds)?;
            return Ok((
                Encoder::SentencePieces(encoder),
                spm::token_bytes(vocabulary, kinds)?,
                true,
            ));
        }
        "gpt2" => vocabulary.pre.as_deref().unwrap_or("default"),
        "gemma4" => "gemma4",
        other => return Err(TextError::UnknownModel(other.to_owned())),
    };
    let profile = pre::profile(pre).ok_or_else(|| TextError::UnknownPre(pre.to_owned()))?;
    let bytes = if profile.plain {
        spm::token_bytes(vocabulary, kinds)?
    } else {
        bpe::token_bytes(vocabulary, kinds)
    };
    let encoder = ByteLevel::try_new(vocabulary, kinds, profile)?;
    Ok((
        Encoder::ByteLevel(Box::new(encoder)),
        bytes,
        profile.add_bos,
    ))
}
