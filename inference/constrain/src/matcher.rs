//! Where a text stands in its grammar.

use std::fmt;

use inference_core::mask::TokenMask;
use inference_core::{EngineError, TokenId};
use llguidance::Matcher;
use llguidance::api::StopReason;

/// Where one answer stands in its grammar.
pub struct TokenMatcher {
    matcher: Matcher,
    forcing: bool,
}

impl TokenMatcher {
    pub(crate) fn new(matcher: Matcher) -> Self {
        Self {
            matcher,
            forcing: true,
        }
    }

    /// The same, telling forced tokens only where `forcing`; without, each is sampled of those allowed.
    #[must_use]
    pub fn forcing(self, forcing: bool) -> Self {
        Self { forcing, ..self }
    }

    /// Which tokens may come next; end tokens once the text may end.
    ///
    /// # Errors
    /// [`EngineError::Failed`] if the grammar passes its limits at this point.
    pub fn mask(&mut self) -> Result<TokenMask, EngineError> {
        let mask = self.matcher.compute_mask_or_eos().map_err(failed)?;
        Ok(TokenMask::from_words(mask.as_slice().to_vec()))
    }

    /// Tokens that must come next, which need not be sampled. Does not consume them.
    pub fn forced(&mut self) -> Vec<TokenId> {
        if self.forcing {
            self.matcher.compute_ff_tokens()
        } else {
            Vec::new()
        }
    }

    /// Notes that `token` was written.
    ///
    /// # Errors
    /// [`EngineError::Failed`] if the grammar does not allow it.
    pub fn consume(&mut self, token: TokenId) -> Result<(), EngineError> {
        self.matcher.consume_token(token).map_err(failed)
    }

    /// How many of `tokens`, from the first on, the grammar allows in a row. Consumes none.
    pub fn valid_prefix(&mut self, tokens: &[TokenId]) -> usize {
        // A number outside the vocabulary would end the matcher.
        let count = self
            .matcher
            .tok_env()
            .map_or(0, |environment| environment.tok_trie().vocab_size());
        let known = tokens
            .iter()
            .take_while(|&&token| (token as usize) < count)
            .count();
        self.matcher.validate_tokens(&tokens[..known]).unwrap_or(0)
    }

    /// Whether the text is complete and nothing may follow.
    pub fn is_complete(&self) -> bool {
        matches!(
            self.matcher.stop_reason(),
            StopReason::NoExtension | StopReason::NoExtensionBias | StopReason::EndOfSentence
        )
    }

    /// Whether the text may end here.
    ///
    /// # Errors
    /// [`EngineError::Failed`] if the grammar passed its limits.
    pub fn may_end(&mut self) -> Result<bool, EngineError> {
        self.matcher.is_accepting().map_err(failed)
    }
}

impl fmt::Debug for TokenMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenMatcher")
            .field("stop_reason", &self.matcher.stop_reason())
            .finish_non_exhaustive()
    }
}

fn failed(error: impl fmt::Display) -> EngineError {
    EngineError::Failed(format!("the grammar stopped: {error}"))
}
