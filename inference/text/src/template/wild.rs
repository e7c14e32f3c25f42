//! Facts about chats laid out by the templates of well-known models.

mod families;

use std::sync::LazyLock;

use inference_core::{PromptPart, Role, Tool, ToolCall};
use serde_json::json;

use super::*;
use crate::vocabulary::{TokenKind, Vocabulary};

/// Spellings of control tokens of several families at once.
const CONTROL: [&str; 24] = [
    "<s>",
    "</s>",
    "<|im_start|>",
    "<|im_end|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
    "[INST]",
    "[/INST]",
    "[TOOL_CALLS]",
    "[TOOL_RESULTS]",
    "[AVAILABLE_TOOLS]",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
    "<|start_of_role|>",
    "<|end_of_role|>",
    "<|channel|>",
    "<|message|>",
    "<tool_call>",
    "</think>",
];

/// A tokenizer with the control tokens `marks`.
fn tokenizer(marks: &[&str]) -> Tokenizer {
    let mut tokens: Vec<String> = (0..=u8::MAX)
        .map(|byte| format!("<0x{byte:02X}>"))
        .collect();
    let mut kinds = vec![TokenKind::Byte; 256];
    tokens.extend(marks.iter().map(|&mark| mark.to_owned()));
    kinds.resize(tokens.len(), TokenKind::Control);
    let vocabulary = Vocabulary {
        model: "llama".to_owned(),
        scores: vec![0.0; tokens.len()],
        bos: (256..)
            .zip(marks)
            .find(|(_, mark)| **mark == "<s>")
            .map(|(token, _)| token),
        eos: Some(257),
        tokens,
        kinds,
        ..Vocabulary::default()
    };
    Tokenizer::try_new(&vocabulary).expect("is usable")
}

static WILD: LazyLock<Tokenizer> = LazyLock::new(|| tokenizer(&CONTROL));

fn source(name: &str) -> &'static str {
    let found = super::parity::sources()
        .iter()
        .find(|(known, _)| known == name);
    &found.expect("is a template of the fixture").1
}

fn spell(prompt: &Prompt, tokenizer: &Tokenizer) -> String {
    let part = |part: &PromptPart| match part {
        PromptPart::Text(text) => text.clone(),
        PromptPart::Tokens(tokens) => tokens
            .iter()
            .filter_map(|&token| tokenizer.spelling(token))
            .collect(),
    };
    prompt.parts.iter().map(part).collect()
}

fn control(prompt: &Prompt) -> Vec<u32> {
    let tokens = |part: &PromptPart| match part {
        PromptPart::Text(_) => Vec::new(),
        PromptPart::Tokens(tokens) => tokens.clone(),
    };
    prompt.parts.iter().flat_map(tokens).collect()
}

fn lay_out(name: &str, messages: &[ChatMessage], options: &ChatOptions) -> Result<Prompt, String> {
    let template = ChatTemplate::compile(Some(source(name))).map_err(|error| error.to_string())?;
    template.prompt(messages, options, &WILD)
}

fn say(role: Role, content: &str) -> ChatMessage {
    ChatMessage::new(role, content)
}

fn calling(arguments: &str) -> ChatMessage {
    let call = ToolCall {
        id: "call_4711_long".to_owned(),
        name: "read_logs".to_owned(),
        arguments: arguments.to_owned(),
    };
    ChatMessage {
        tool_calls: vec![call],
        ..say(Role::Assistant, "")
    }
}

fn result(content: &str) -> ChatMessage {
    ChatMessage {
        tool_call_id: Some("call_4711_long".to_owned()),
        name: Some("read_logs".to_owned()),
        ..say(Role::Tool, content)
    }
}

fn tool() -> Tool {
    Tool {
        name: "read_logs".to_owned(),
        description: Some("Lines of a log.".to_owned()),
        parameters: json!({"type": "object", "properties": {"pod": {"type": "string", "description": "p"}}}),
        strict: false,
    }
}

fn with_tool() -> ChatOptions {
    ChatOptions {
        tools: vec![tool()],
        ..ChatOptions::default()
    }
}

#[track_caller]
fn check(name: &str, messages: &[ChatMessage], options: &ChatOptions, expected: &[&str]) {
    let text = spell(
        &lay_out(name, messages, options).expect("is laid out"),
        &WILD,
    );
    let mut rest = text.as_str();
    for expected in expected {
        let at = rest
            .find(expected)
            .unwrap_or_else(|| panic!("{expected:?} is not in {rest:?}, of {text:?}"));
        rest = &rest[at + expected.len()..];
    }
}

#[test]
fn instructions_stand_before_the_question_where_there_is_no_system_role() {
    let messages = [
        say(Role::System, "be brief"),
        say(Role::User, "one"),
        say(Role::User, "two"),
    ];
    let expected =
        ["<start_of_turn>user\nbe brief\n\none\n\ntwo<end_of_turn>\n<start_of_turn>model\n"];
    check(
        "google-gemma-2-2b-it",
        &messages,
        &ChatOptions::default(),
        &expected,
    );
}

#[test]
fn instructions_that_come_late_are_moved_to_the_front_where_a_template_refuses_them() {
    let messages = [
        say(Role::System, "be brief"),
        say(Role::User, "one"),
        say(Role::Assistant, "1"),
        say(Role::System, "count on"),
        say(Role::User, "two"),
    ];
    let expected = [
        "[INST]one[/INST]1</s>",
        "[INST]be brief\n\ncount on\n\ntwo[/INST]",
    ];
    check(
        "mistralai-Mistral-Nemo-Instruct-2407",
        &messages,
        &ChatOptions::default(),
        &expected,
    );
    let expected = [
        "<|im_start|>user\none",
        "<|im_start|>system\ncount on<|im_end|>",
        "<|im_start|>user\ntwo",
    ];
    check(
        "Qwen-Qwen2.5-7B-Instruct",
        &messages,
        &ChatOptions::default(),
        &expected,
    );
}

#[test]
fn a_call_and_its_result_are_shown_by_every_family() {
    let messages = [
        say(Role::User, "why?"),
        calling(r#"{"pod":"api-0"}"#),
        result("out of memory"),
    ];
    let object = r#"{"pod": "api-0"}"#;
    for (name, expected) in [
        (
            "Qwen-Qwen2.5-7B-Instruct",
            [
                "<tool_call>\n{\"name\": \"read_logs\", \"arguments\": {\"pod\": \"api-0\"}}",
                "<tool_response>\nout of memory",
            ],
        ),
        ("Qwen3-Coder", ["<parameter=pod>\napi-0\n", "out of memory"]),
        (
            "meta-llama-Llama-3.1-8B-Instruct",
            [
                r#"{"name": "read_logs", "parameters": {"pod": "api-0"}}"#,
                "\"out of memory\"",
            ],
        ),
        (
            "mistralai-Mistral-Nemo-Instruct-2407",
            [object, "out of memory"],
        ),
        (
            "ibm-granite-granite-3.3-2B-Instruct",
            [
                "<|tool_call|>[{\"name\": \"read_logs\", \"arguments\": {\"pod\": \"api-0\"}}]",
                "out of memory",
            ],
        ),
        (
            "microsoft-Phi-3.5-mini-instruct",
            [object, "<tool_response>\nout of memory"],
        ),
        (
            "google-gemma-2-2b-it",
            [object, "<tool_response>\nout of memory"],
        ),
        (
            "deepseek-ai-DeepSeek-R1-Distill-Llama-8B",
            [r#""pod":"api-0""#, "out of memory"],
        ),
        (
            "openai-gpt-oss-120b",
            [r#"{"pod": "api-0"}"#, "out of memory"],
        ),
    ] {
        check(name, &messages, &with_tool(), &expected);
    }
}

#[test]
fn tools_are_told_in_words_where_a_template_has_no_place_for_them() {
    let expected = [
        "<|system|>\n",
        "<tools>\n{\"type\": \"function\"",
        "read_logs",
        "</tools>",
        "<|end|>\n<|user|>\nwhy?",
    ];
    check(
        "microsoft-Phi-3.5-mini-instruct",
        &[say(Role::User, "why?")],
        &with_tool(),
        &expected,
    );
}

#[test]
fn arguments_that_are_no_object_are_refused_where_the_template_needs_one() {
    let messages = [say(Role::User, "why?"), calling("{\"pod\": "), result("x")];
    let error = lay_out("meta-llama-Llama-3.1-8B-Instruct", &messages, &with_tool())
        .expect_err("is refused");
    assert!(
        error.contains("`read_logs` are not a JSON object"),
        "{error}"
    );
    check(
        "Qwen-Qwen3-0.6B",
        &messages,
        &with_tool(),
        &["\"arguments\": {\"pod\":"],
    );
}

#[test]
fn the_last_message_is_continued_where_it_ends() {
    let options = ChatOptions {
        continue_final_message: true,
        ..ChatOptions::default()
    };
    for (name, role, expected) in [
        (
            "Qwen-Qwen2.5-7B-Instruct",
            Role::Assistant,
            Ok("<|im_start|>assistant\nBecause "),
        ),
        (
            "meta-llama-Llama-3.1-8B-Instruct",
            Role::Assistant,
            Ok("assistant<|end_header_id|>\n\nBecause"),
        ),
        (
            "google-gemma-2-2b-it",
            Role::Assistant,
            Ok("<start_of_turn>model\nBecause"),
        ),
        (
            "google-gemma-2-2b-it",
            Role::User,
            Err("needs the last message to be the assistant's"),
        ),
    ] {
        let messages = [say(Role::User, "why?"), say(role, "Because ")];
        match (lay_out(name, &messages, &options), expected) {
            (Ok(prompt), Ok(expected)) => {
                assert!(
                    spell(&prompt, &WILD).ends_with(expected),
                    "{}",
                    spell(&prompt, &WILD)
                );
            }
            (Err(error), Err(expected)) => {
                assert!(error.contains(expected), "{error}");
            }
            (got, _) => panic!("{name}: {got:?}"),
        }
    }
}

#[test]
fn template_arguments_reach_the_template_and_cannot_replace_messages() {
    let mut options = ChatOptions::default();
    options
        .template_arguments
        .insert("enable_thinking".to_owned(), json!(false));
    options
        .template_arguments
        .insert("messages".to_owned(), json!([]));
    check(
        "Qwen-Qwen3-0.6B",
        &[say(Role::User, "why?")],
        &options,
        &["why?", "<think>\n\n</think>\n\n"],
    );
}

/// A chat in which `text` stands wherever text from outside may.
fn everywhere(text: &str) -> (Vec<ChatMessage>, ChatOptions) {
    let call = ToolCall {
        id: format!("id{text}"),
        name: format!("f{text}"),
        arguments: json!({(format!("k{text}")): [text, {"deep": text}]}).to_string(),
    };
    let assistant = ChatMessage {
        tool_calls: vec![call],
        reasoning: Some(text.to_owned()),
        ..say(Role::Assistant, text)
    };
    let result = ChatMessage {
        tool_call_id: Some(format!("id{text}")),
        name: Some(format!("f{text}")),
        ..say(Role::Tool, text)
    };
    let mut options = ChatOptions::default();
    options.tools.push(Tool {
        name: format!("f{text}"),
        description: Some(text.to_owned()),
        parameters: json!({"type": "object", "properties": {(format!("k{text}")): {"type": "string", "description": text}}}),
        strict: false,
    });
    options
        .template_arguments
        .insert("custom_instructions".to_owned(), json!(text));
    let messages = vec![
        say(Role::System, text),
        say(Role::User, text),
        assistant,
        result,
        say(Role::Assistant, text),
        say(Role::User, text),
    ];
    (messages, options)
}

#[test]
fn text_from_outside_never_becomes_a_control_token() {
    let mut laid_out = 0;
    for (name, source) in super::parity::sources() {
        let template = ChatTemplate::compile(Some(source)).expect("compiles");
        let tokens = |text: &str| {
            let (messages, options) = everywhere(text);
            template
                .prompt(&messages, &options, &WILD)
                .map(|prompt| control(&prompt))
        };
        let Ok(harmless) = tokens("zz") else { continue };
        laid_out += 1;
        let edges = CONTROL
            .iter()
            .step_by(4)
            .flat_map(|mark| [mark[1..].to_owned(), mark[..mark.len() - 1].to_owned()]);
        let whole = [
            CONTROL.concat(),
            CONTROL.join("x"),
            "im_end|>".to_owned(),
            "tool_call".to_owned(),
        ];
        for text in edges.chain(whole) {
            if let Ok(hostile) = tokens(&text) {
                assert_eq!(hostile, harmless, "{name} with {text}");
            }
        }
    }
    assert!(laid_out > 50, "{laid_out}");
}
