//! Facts about probabilities of prompts and about thoughts that are cut short.

use inference_core::ThoughtLimit;

use super::*;

/// The tokens of a prompt and their probabilities, as they are told.
fn scored(engine: &LocalEngine, prompt: Vec<TokenId>) -> (Vec<TokenId>, Vec<TokenLogprobs>) {
    let request = GenerateRequest {
        prompt: Prompt::tokens(prompt),
        sampling: seeded(1, 2),
        logprobs: Some(3),
        prompt_logprobs: true,
        ..GenerateRequest::default()
    };
    let mut stream = engine.submit(request).expect("is taken");
    match block_on(stream.next()) {
        Some(Event::Prompt { tokens, logprobs }) => (tokens, logprobs),
        other => panic!("the prompt comes first, not {other:?}"),
    }
}

#[test]
fn tokens_are_as_likely_in_a_prompt_as_when_they_were_written() {
    let engine = engine();
    let written = GenerateRequest {
        logprobs: Some(3),
        ..request("the pod is not ready since", seeded(5, 40))
    };
    let prompt = engine.tokenize(&written.prompt);
    let (_, tokens, logprobs) = pieces(&engine, written);
    // Longer than a piece that is scored at once, and in the prefix cache by now.
    let whole = [prompt.clone(), tokens].concat();
    assert!(whole.len() > 40);
    let (told, scores) = scored(&engine, whole.clone());
    assert_eq!((told, scores.len()), (whole.clone(), whole.len() - 1));
    assert_eq!(scores[prompt.len() - 1..], logprobs);
    assert_eq!(scored(&engine, whole.clone()).1, scores);
    assert_eq!(scored(&engine, whole[..1].to_vec()).1, []);
}

#[test]
fn thoughts_are_closed_at_their_limit_and_not_before() {
    let engine = engine();
    let limited = |tokens, open: Option<&str>, constraint| GenerateRequest {
        constraint,
        thoughts: Some(ThoughtLimit {
            tokens,
            open: open.map(ToOwned::to_owned),
            close: "</think>".to_owned(),
        }),
        ..request("why", seeded(4, 60))
    };
    let (free, _) = answer(&engine, request("why", seeded(4, 60)));
    assert!(!free.contains("</think>"));
    let (text, outcome) = answer(&engine, limited(9, None, None));
    let (thought, _) = text.split_once("</think>").expect("is closed");
    assert!(free.starts_with(thought), "{text}");
    let close = engine.text.tokenizer.encode_continuation("</think>").len();
    assert_eq!(outcome.usage.forced_tokens, close);
    assert!(text.matches("</think>").count() == 1, "{text}");
    // A model that never opens any has none to close.
    let (text, _) = answer(&engine, limited(0, Some("<think>"), None));
    assert_eq!(text, free);
    // A grammar without a place for the mark is not broken.
    let digits = Some(Constraint::Regex("[0-9]{20}".to_owned()));
    let (text, _) = answer(&engine, limited(3, None, digits));
    assert!(
        text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_digit()),
        "{text}"
    );
}
