//! Which tokens end a turn, whatever `eos_token_id` says.
//!
//! Files often name one end and mean several, or mark the end of a turn as
//! plain text. Spellings tell.
//!
//! # Source
//! The list of end-of-generation tokens of llama.cpp (`llama-vocab.cpp`), which grew from models in the wild.

use inference_core::TokenId;

use crate::vocabulary::{TokenKind, Vocabulary};

/// Spellings of tokens that end a turn.
pub(super) const SPELLINGS: [&str; 25] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<end_of_turn>",
    "<|end_of_turn|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eom_id|>",
    "</s>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
    "<|fim_pad|>",
    "<|file_sep|>",
];

/// A vocabulary's ends, the declared ones first, and the kind of each token: ends are control tokens.
pub(super) fn settle(vocabulary: &Vocabulary) -> (Vec<TokenId>, Vec<TokenKind>) {
    let mut kinds: Vec<TokenKind> = (0..vocabulary.tokens.len())
        .map(|token| vocabulary.kind(token))
        .collect();
    let spelled: Vec<(TokenId, &str)> = (0..)
        .zip(&vocabulary.tokens)
        .filter(|&(token, spelling): &(TokenId, &String)| {
            SPELLINGS.contains(&spelling.as_str())
                && !is_text(vocabulary, spelling, kinds[token as usize])
        })
        .map(|(token, spelling)| (token, spelling.as_str()))
        .collect();
    let has = |wanted: &str| spelled.iter().any(|(_, spelling)| *spelling == wanted);
    // Harmony ends messages with `<|end|>` and turns with the others.
    let harmony = has("<|end|>")
        && ((has("<|return|>") && has("<|call|>")) || (has("<|calls|>") && has("<|flush|>")));
    let declared = [vocabulary.eos, vocabulary.eot, vocabulary.eom]
        .into_iter()
        .flatten();
    let by_spelling = spelled
        .iter()
        .filter(|(_, spelling)| !(harmony && *spelling == "<|end|>"))
        .map(|(token, _)| *token);
    let mut ends: Vec<TokenId> = Vec::new();
    for token in declared.chain(by_spelling) {
        if !ends.contains(&token) {
            ends.push(token);
        }
    }
    for &end in &ends {
        if let Some(kind) = kinds.get_mut(end as usize) {
            *kind = TokenKind::Control;
        }
    }
    (ends, kinds)
}

/// Whether a spelling like an end's is but text to this vocabulary: `</s>` is HTML's to many, and what merges give is text.
fn is_text(vocabulary: &Vocabulary, spelling: &str, kind: TokenKind) -> bool {
    let merged = |merge: &String| {
        let parts = merge.split_once(' ');
        parts.is_some_and(|(left, right)| spelling.strip_prefix(left) == Some(right))
    };
    kind == TokenKind::Normal && (spelling == "</s>" || vocabulary.merges.iter().any(merged))
}
