//! Which tokens end a turn, whatever `eos_token_id` says.
//!
//! Files often name one end and mean several, or mark the end of a turn as
//! plain text. Spellings tell.
//!
//! # Source
//! The list of end-of-generation tokens of llama.cpp (`llama-vocab.cpp`), which grew from models in the wild.

use inference_core::TokenId;

use crate::vocabulary::{TokenKind, Vocabulary};

/// Spellings of tokens that end a turn, or the place that a model of code fills in.
pub(super) const SPELLINGS: [&str; 34] = [
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
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
];

/// A vocabulary's ends, the declared ones first, and the kind of each token: ends are control tokens.
pub(super) fn settle(vocabulary: &Vocabulary) -> (Vec<TokenId>, Vec<TokenKind>) {
    let mut kinds: Vec<TokenKind> = (0..vocabulary.tokens.len())
        .map(|token| vocabulary.kind(token))
        .collect();
    let spelled = (0..)
        .zip(&vocabulary.tokens)
        .filter(|&(token, spelling): &(TokenId, &String)| {
            SPELLINGS.contains(&spelling.as_str())
                && !is_text(vocabulary, spelling, kinds[token as usize])
        })
        .map(|(token, _)| token);
    let declared = [vocabulary.eos, vocabulary.eot, vocabulary.eom]
        .into_iter()
        .flatten();
    let mut ends: Vec<TokenId> = Vec::new();
    for token in declared.chain(spelled) {
        if !ends.contains(&token) {
            ends.push(token);
        }
    }
    let others = within_turns(vocabulary, &ends);
    ends.retain(|&end| !others.contains(&spelling(vocabulary, end)));
    for &end in &ends {
        if let Some(kind) = kinds.get_mut(end as usize) {
            *kind = TokenKind::Control;
        }
    }
    (ends, kinds)
}

/// Spellings that end no turn beside these ends: harmony ends messages with `<|end|>` and turns with the others, and
/// two families have `</s>` as HTML.
fn within_turns(vocabulary: &Vocabulary, ends: &[TokenId]) -> Vec<&'static str> {
    let has = |wanted: &str| ends.iter().any(|&end| spelling(vocabulary, end) == wanted);
    let calls = has("<|call|>") || has("<|calls|>");
    let mut others = Vec::new();
    if calls && (has("<|return|>") || has("<|flush|>")) {
        others.push("<|end|>");
    }
    if has("<|tool_response>") || has("<|plamo:eos|>") {
        others.push("</s>");
    }
    others
}

fn spelling(vocabulary: &Vocabulary, token: TokenId) -> &str {
    let spelling = vocabulary.tokens.get(token as usize);
    spelling.map_or("", String::as_str)
}

/// Whether a spelling like an end's is but text to this vocabulary: `</s>` is HTML's to many, and what merges give is text.
fn is_text(vocabulary: &Vocabulary, spelling: &str, kind: TokenKind) -> bool {
    let merged = |merge: &String| {
        let parts = merge.split_once(' ');
        parts.is_some_and(|(left, right)| spelling.strip_prefix(left) == Some(right))
    };
    kind == TokenKind::Normal && (spelling == "</s>" || vocabulary.merges.iter().any(merged))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// A vocabulary behind one token for each byte, and which of its tokens llama.cpp ends generation at.
    #[derive(Deserialize)]
    struct Golden {
        tokens: Vec<String>,
        kinds: Vec<i64>,
        eos: u32,
        ends: Vec<u32>,
    }

    #[test]
    fn ends_are_those_of_llama_cpp() {
        let text = include_str!("../../fixtures/ends.json");
        let goldens: Vec<Golden> = serde_json::from_str(text).expect("is JSON");
        assert!(goldens.len() > 300, "{}", goldens.len());
        for golden in goldens {
            let vocabulary = Vocabulary {
                model: "gpt2".to_owned(),
                kinds: golden
                    .kinds
                    .iter()
                    .map(|&kind| TokenKind::from_number(kind))
                    .collect(),
                eos: Some(golden.eos),
                tokens: golden.tokens,
                ..Vocabulary::default()
            };
            let (mut ends, _) = settle(&vocabulary);
            ends.sort_unstable();
            assert_eq!(ends, golden.ends, "{:?}", vocabulary.tokens);
        }
    }
}
