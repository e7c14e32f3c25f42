//! Facts about tokenizers over small vocabularies.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// All bytes in GPT-2's spelling, merges of some words, a control token and an added word.
fn byte_level(pre: &str) -> Vocabulary {
    let byte = |byte: u8| match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => char::from(byte).to_string(),
        0..=b' ' => char::from_u32(0x100 + u32::from(byte))
            .expect("is a character")
            .to_string(),
        0x7F..=0xA0 => char::from_u32(0x100 + 33 + u32::from(byte - 0x7F))
            .expect("is a character")
            .to_string(),
        0xAD => '\u{143}'.to_string(),
    };
    let mut tokens: Vec<String> = (0..=u8::MAX).map(byte).collect();
    tokens.extend(["th", "the", "Ġthe", "12", "<|im_end|>", "<think>"].map(str::to_owned));
    let mut kinds = vec![TokenKind::Normal; 260];
    kinds.extend([TokenKind::Control, TokenKind::UserDefined]);
    Vocabulary {
        model: "gpt2".to_owned(),
        pre: Some(pre.to_owned()),
        tokens,
        kinds,
        merges: ["t h", "th e", "Ġ the", "1 2"].map(str::to_owned).to_vec(),
        eos: Some(260),
        ..Vocabulary::default()
    }
}

fn sentence_pieces() -> Vocabulary {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁a", "abb"]
        .map(str::to_owned)
        .to_vec();
    let mut scores = vec![0.0, 0.0, 0.0, -1.0, -2.0, -3.0, -0.5, -0.7, -0.9];
    let mut kinds = vec![TokenKind::Normal; 9];
    (kinds[0], kinds[1], kinds[2]) = (TokenKind::Unknown, TokenKind::Control, TokenKind::Control);
    for byte in 0..=u8::MAX {
        tokens.push(format!("<0x{byte:02X}>"));
        scores.push(0.0);
        kinds.push(TokenKind::Byte);
    }
    Vocabulary {
        model: "llama".to_owned(),
        tokens,
        kinds,
        scores,
        bos: Some(1),
        eos: Some(2),
        unknown: Some(0),
        ..Vocabulary::default()
    }
}

#[track_caller]
fn check(vocabulary: &Vocabulary, text: &str, expected: &[&str]) {
    let tokenizer = Tokenizer::try_new(vocabulary).expect("is usable");
    let tokens = tokenizer.encode(text);
    let spellings: Vec<&str> = tokens
        .iter()
        .filter_map(|&token| tokenizer.spelling(token))
        .collect();
    assert_eq!(spellings, expected);
}

#[track_caller]
fn check_refused(vocabulary: &Vocabulary, expected: &str) {
    let error = Tokenizer::try_new(vocabulary)
        .expect_err("is wrong")
        .to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn bytes_are_merged_best_first() {
    check(&byte_level("gpt-2"), "the the", &["the", "Ġthe"]);
    check(&byte_level("gpt-2"), "th é", &["th", "Ġ", "Ã", "©"]);
}

#[test]
fn digits_are_split_as_the_model_was_trained() {
    check(&byte_level("gpt-2"), "12", &["12"]);
    check(&byte_level("qwen2"), "12", &["1", "2"]);
    check(&byte_level("smollm"), "12", &["1", "2"]);
    check(&byte_level("llama-bpe"), "1212", &["12", "1", "2"]);
}

#[test]
fn text_is_composed_where_the_model_was_trained_so() {
    let composed = ["Ã", "©"];
    check(&byte_level("qwen2"), "e\u{301}", &composed);
    check(&byte_level("llama-bpe"), "\u{e9}", &composed);
    check(&byte_level("llama-bpe"), "e\u{301}", &["e", "Ì", "\u{123}"]);
}

#[test]
fn ends_of_turns_are_known_by_their_spelling_and_are_control_tokens() {
    let mut vocabulary = byte_level("gpt-2");
    let first = u32::try_from(vocabulary.tokens.len()).expect("is small");
    for spelling in ["<|end|>", "<|return|>", "<|call|>", "<|eot_id|>"] {
        vocabulary.tokens.push(spelling.to_owned());
        vocabulary.kinds.push(TokenKind::UserDefined);
    }
    let tokenizer = Tokenizer::try_new(&vocabulary).expect("is usable");
    // `<|end|>` ends a message, not the turn, where `<|return|>` and `<|call|>` end turns.
    assert_eq!(tokenizer.ends(), [260, first + 1, first + 2, first + 3]);
    assert!(!tokenizer.encode("<|eot_id|>").contains(&(first + 3)));
    assert!(tokenizer.encode("<|end|>").contains(&first));
}

#[test]
fn white_space_behind_a_token_that_takes_it_is_dropped() {
    for (control_takes_space, expected) in [(false, [2, 3, 7].as_slice()), (true, &[2, 7])] {
        let vocabulary = Vocabulary {
            control_takes_space,
            ..sentence_pieces()
        };
        let tokenizer = Tokenizer::try_new(&vocabulary).expect("is usable");
        let parts = tokenizer.split_control("</s> a", '\u{FDD0}');
        assert_eq!(
            tokenizer.encode_prompt(&Prompt { parts }),
            [&[1], expected].concat()
        );
    }
}

#[test]
fn added_words_are_whole_and_control_tokens_stay_text() {
    check(&byte_level("gpt-2"), "<think>the", &["<think>", "the"]);
    let tokenizer = Tokenizer::try_new(&byte_level("gpt-2")).expect("is usable");
    assert!(!tokenizer.encode("a<|im_end|>").contains(&260));
    assert_eq!(tokenizer.ends(), [260]);
    assert_eq!(tokenizer.bytes(260), b"");
    assert_eq!(tokenizer.bytes(261), b"<think>");
}

#[test]
fn pieces_are_merged_by_score_from_the_left() {
    check(&sentence_pieces(), "ab", &["▁", "ab"]);
    check(&sentence_pieces(), "abb", &["▁", "abb"]);
    check(&sentence_pieces(), "aab", &["▁a", "ab"]);
    check(&sentence_pieces(), "é", &["▁", "<0xC3>", "<0xA9>"]);
    check(
        &Vocabulary {
            add_space_prefix: Some(false),
            ..sentence_pieces()
        },
        "a b",
        &["a", "▁", "b"],
    );
}

#[test]
fn a_prompt_begins_with_one_first_token() {
    let tokenizer = Tokenizer::try_new(&sentence_pieces()).expect("is usable");
    let tokens = |parts| tokenizer.encode_prompt(&Prompt { parts });
    let text = || PromptPart::Text("a".to_owned());
    assert_eq!(tokens(vec![text()]), [1, 7]);
    assert_eq!(tokens(vec![PromptPart::Tokens(vec![1]), text()]), [1, 7]);
}

#[test]
fn vocabularies_that_contradict_themselves_are_refused() {
    check_refused(
        &byte_level("rot13"),
        "the pre-tokenizer `rot13` is not known",
    );
    check_refused(
        &Vocabulary {
            model: "bert".to_owned(),
            ..byte_level("gpt-2")
        },
        "`bert` is not supported",
    );
    check_refused(
        &Vocabulary {
            eos: Some(900),
            ..byte_level("gpt-2")
        },
        "eos token is not among",
    );
    check_refused(
        &Vocabulary {
            kinds: vec![TokenKind::Normal],
            ..byte_level("gpt-2")
        },
        "token types",
    );
    check_refused(
        &Vocabulary {
            merges: vec!["th".to_owned()],
            ..byte_level("gpt-2")
        },
        "is not two spellings",
    );
    check_refused(
        &Vocabulary {
            scores: vec![],
            ..sentence_pieces()
        },
        "no scores",
    );
    let mut bytes = byte_level("gpt-2");
    bytes.tokens[usize::from(b'x')] = "xx".to_owned();
    check_refused(&bytes, "the byte 0x78 has no token");
    let mut pieces = sentence_pieces();
    pieces.tokens[9] = "<0x-1>".to_owned();
    check_refused(&pieces, "`<0x-1>` is not spelled like <0x0A>");
}

#[test]
fn text_without_tokens_never_gives_an_end_declared_as_unknown() {
    let mut vocabulary = sentence_pieces();
    let place = vocabulary
        .tokens
        .iter()
        .position(|token| token == "<0x78>")
        .expect("every byte has a token");
    vocabulary.kinds[place] = TokenKind::Unused;
    check(&vocabulary, "ax", &["▁a", "<unk>"]);
    vocabulary.eot = vocabulary.unknown;
    check(&vocabulary, "ax", &["▁a"]);
}

#[test]
fn text_of_a_megabyte_is_encoded_in_bounded_time() {
    let tokenizer = Tokenizer::try_new(&byte_level("llama-bpe")).expect("is usable");
    let hostile = " \n\t".repeat(100_000) + &"a".repeat(300_000);
    let bytes: usize = tokenizer
        .encode(&hostile)
        .iter()
        .map(|&token| tokenizer.bytes(token).len())
        .sum();
    assert_eq!(bytes, hostile.len());
}

/// Tokenizers of every kind that may spell any text, built once.
static ANY_TEXT: LazyLock<Vec<Tokenizer>> = LazyLock::new(|| {
    let mut vocabularies = ["gpt-2", "default", "deepseek-r1-qwen", "llama-bpe"]
        .map(byte_level)
        .to_vec();
    vocabularies.push(Vocabulary {
        add_space_prefix: Some(false),
        ..sentence_pieces()
    });
    vocabularies
        .iter()
        .map(|vocabulary| Tokenizer::try_new(vocabulary).expect("is usable"))
        .collect()
});

proptest! {
    #[test]
    fn the_bytes_of_the_tokens_are_the_bytes_of_the_text(text in "[^\u{2581}]*") {
        for tokenizer in ANY_TEXT.iter() {
            let tokens = tokenizer.encode(&text);
            let bytes: Vec<u8> = tokens.iter().flat_map(|&token| tokenizer.bytes(token).to_vec()).collect();
            prop_assert_eq!(&bytes, text.as_bytes());
        }
    }

    #[test]
    fn damaged_vocabularies_are_refused_or_usable_and_never_break(
        byte_level_one in any::<bool>(), at in any::<prop::sample::Index>(), spelling in ".{0,4}", kind in 0_i64..8,
        merge in ".{0,3} ?.{0,3}", score in any::<f32>(), special in any::<u32>(), text in ".{0,20}",
    ) {
        let mut vocabulary = if byte_level_one { byte_level("gpt-2") } else { sentence_pieces() };
        let at = at.index(vocabulary.tokens.len());
        vocabulary.tokens[at] = spelling;
        vocabulary.kinds[at] = TokenKind::from_number(kind);
        if let Some(place) = vocabulary.scores.get_mut(at) {
            *place = score;
        }
        vocabulary.merges.push(merge);
        vocabulary.eot = special.is_multiple_of(2).then_some(special % 600);
        if let Ok(tokenizer) = Tokenizer::try_new(&vocabulary) {
            let tokens = tokenizer.encode(&text);
            prop_assert!(tokens.iter().all(|&token| tokenizer.kind(token) != TokenKind::Control));
        }
    }
}
