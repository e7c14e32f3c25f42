//! Facts about readers, each held for every cutting of the text.

use proptest::prelude::*;

use super::*;

fn reading(format: Option<ToolFormat>, thoughts: bool, inside: bool) -> Reading {
    Reading {
        calls: format,
        names: vec!["get_pods".to_owned(), "get_logs".to_owned()],
        thoughts: thoughts.then(|| ("<think>".to_owned(), "</think>".to_owned())),
        inside,
        channels: format == Some(ToolFormat::Harmony),
    }
}

/// Pieces in short: `think(…)`, `call name(arguments)`, and content as it is.
fn read(reading: &Reading, pieces: &[&str]) -> String {
    let mut reader = AnswerReader::new(reading);
    let mut all: Vec<Piece> = pieces.iter().flat_map(|piece| reader.push(piece)).collect();
    all.extend(reader.finish());
    let mut text = String::new();
    for piece in joined(all) {
        match piece {
            Piece::Reasoning(thought) => text.push_str(&format!("think({thought})")),
            Piece::Content(content) => text.push_str(&content),
            Piece::Call(name) => text.push_str(&format!("call {name} ")),
            Piece::Arguments(arguments) => text.push_str(&format!("({arguments})")),
        }
    }
    text
}

/// Reads `text` whole, in characters, and cut in two at every place.
#[track_caller]
fn check(reading: &Reading, text: &str, expected: &str) {
    assert_eq!(read(reading, &[text]), expected);
    let characters: Vec<String> = text.chars().map(String::from).collect();
    let singles: Vec<&str> = characters.iter().map(String::as_str).collect();
    assert_eq!(read(reading, &singles), expected, "in characters");
    for (at, _) in text.char_indices() {
        assert_eq!(
            read(reading, &[&text[..at], &text[at..]]),
            expected,
            "cut at {at}"
        );
    }
}

#[track_caller]
fn check_calls(format: ToolFormat, text: &str, expected: &str) {
    check(&reading(Some(format), false, false), text, expected);
}

#[test]
fn thoughts_are_split_off_with_their_white_space() {
    let reading = |inside| reading(None, true, inside);
    check(
        &reading(false),
        "<think>\nhm </ th\n</think>\n\nyes",
        "think(\nhm </ th)yes",
    );
    check(&reading(false), "  <think></think>yes", "yes");
    check(&reading(false), "no <think>", "no <think>");
    check(&reading(false), "<thin", "<thin");
    check(
        &reading(true),
        "hm\n</think>\n\nyes</think>",
        "think(hm)yes</think>",
    );
    check(&reading(true), "cut of", "think(cut of)");
}

#[test]
fn hermes_calls_stand_between_marks() {
    let hermes = ToolFormat::Hermes;
    check_calls(
        hermes,
        "Let me look.\n<tool_call>\n{\"name\": \"get_pods\", \"arguments\": {\"ns\": \"a}\\\"\"}}\n</tool_call>",
        "Let me look.call get_pods ({\"ns\": \"a}\\\"\"})",
    );
    check_calls(
        hermes,
        "<tool_call>{\"arguments\":{},\"name\":\"get_pods\"}</tool_call>\n<tool_call>\n{\"name\":\"get_logs\"}\n</tool_call>\n",
        "call get_pods ({})call get_logs ({})",
    );
    check_calls(hermes, "a <tool_cal b ", "a <tool_cal b ");
    check_calls(hermes, "x <tool_call>\nnot json", "x <tool_call>\nnot json");
    check_calls(
        hermes,
        "<tool_call>\n{\"name\": \"get_pods\", \"arguments\": {\"a\": [1, 2",
        "call get_pods ({\"a\": [1, 2)",
    );
    check_calls(
        hermes,
        "<tool_call>{\"name\": \"get_pods\", \"arguments\": \"{\\\"a\\\": 1}\", \"id\": 7}</tool_call>",
        "call get_pods ({\"a\": 1})",
    );
}

#[test]
fn llama_calls_may_have_no_mark() {
    let llama = ToolFormat::Llama3;
    check_calls(
        llama,
        "{\"name\": \"get_pods\", \"parameters\": {\"n\": 1}}",
        "call get_pods ({\"n\": 1})",
    );
    check_calls(
        llama,
        "<|python_tag|>{\"name\": \"get_pods\", \"parameters\": {}}; {\"name\": \"get_logs\", \"parameters\": {}}",
        "call get_pods ({})call get_logs ({})",
    );
    check_calls(
        llama,
        "{\"name\": \"Ann\", \"age\": 3}",
        "{\"name\": \"Ann\", \"age\": 3}",
    );
    check_calls(llama, "{\"cause\": 1}", "{\"cause\": 1}");
    check_calls(llama, "plain {\"name\"", "plain {\"name\"");
}

#[test]
fn mistral_calls_are_a_list_or_names_with_arguments() {
    let mistral = ToolFormat::Mistral;
    check_calls(
        mistral,
        "[TOOL_CALLS][{\"name\": \"get_pods\", \"arguments\": {}}, {\"name\": \"get_logs\", \"arguments\": {\"a\": \"]\"}}]",
        "call get_pods ({})call get_logs ({\"a\": \"]\"})",
    );
    check_calls(
        mistral,
        "ok[TOOL_CALLS]get_pods[ARGS]{\"a\": {}}[TOOL_CALLS]get_logs[CALL_ID]abc123def[ARGS]{}",
        "okcall get_pods ({\"a\": {}})call get_logs ({})",
    );
}

#[test]
fn lists_behind_other_marks_are_calls() {
    check_calls(
        ToolFormat::Functools,
        "functools[{\"name\": \"get_pods\", \"arguments\": {\"a\": 1}}]",
        "call get_pods ({\"a\": 1})",
    );
    check_calls(
        ToolFormat::Functools,
        "the functools module",
        "the functools module",
    );
    check_calls(
        ToolFormat::Granite,
        "<|tool_call|>[{\"name\": \"get_pods\", \"arguments\": {}}]",
        "call get_pods ({})",
    );
    check_calls(ToolFormat::Functools, "functools[ ] none", "none");
    check_calls(
        ToolFormat::Functools,
        "functools[ 1, 2]",
        "functools[ 1, 2]",
    );
}

#[test]
fn harmony_has_channels() {
    let harmony = ToolFormat::Harmony;
    check_calls(
        harmony,
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>yes",
        "think(hm)yes",
    );
    check_calls(
        harmony,
        "<|channel|>commentary to=functions.get_pods <|constrain|>json<|message|>{\"a\": 1}<|call|>",
        "call get_pods ({\"a\": 1})",
    );
    check_calls(harmony, "just text", "just text");
}

#[test]
fn thoughts_come_before_calls() {
    check(
        &reading(Some(ToolFormat::Hermes), true, false),
        "<think>\nI could <tool_call>\n</think>\n\n<tool_call>\n{\"name\": \"get_pods\", \"arguments\": {}}\n</tool_call>",
        "think(\nI could <tool_call>)call get_pods ({})",
    );
}

proptest! {
    #[test]
    fn any_text_is_read_the_same_however_it_is_cut(
        words in prop::collection::vec(prop::sample::select(vec![
            "<think>", "</think>", "<tool_call>", "</tool_call>", "{\"name\": \"get_pods\"", ", \"arguments\": ", "{}", "}", "[", "]", "\n", "é", "functools",
            "<|python_tag|>", "[TOOL_CALLS]", "[ARGS]", "<|channel|>", "<|message|>", "final", "<|end|>", ";", "\"", "\\", "1", "x ",
        ]), 0..16),
        format in prop::sample::select(vec![ToolFormat::Hermes, ToolFormat::Llama3, ToolFormat::Mistral, ToolFormat::Functools, ToolFormat::Granite, ToolFormat::Harmony]),
        thoughts: bool,
        cut in 1_usize..6,
    ) {
        let text = words.concat();
        let reading = reading(Some(format), thoughts, false);
        let characters: Vec<char> = text.chars().collect();
        let chunks: Vec<String> = characters.chunks(cut).map(|chunk| chunk.iter().collect()).collect();
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        prop_assert_eq!(read(&reading, &chunks), read(&reading, &[&text]));
    }
}
