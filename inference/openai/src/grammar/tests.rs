//! Texts that each format's grammar takes and refuses, over a vocabulary of bytes and marks.

use inference_constrain::{ConstraintCompiler, ConstraintVocabulary};
use serde_json::json;

use super::*;
use inference_core::Tool;

/// Control tokens behind the 256 bytes.
const CONTROL: [&str; 9] = [
    "<|python_tag|>",
    "[TOOL_CALLS]",
    "[ARGS]",
    "<|tool_call|>",
    "<|channel|>",
    "<|message|>",
    "<|end|>",
    "<|start|>",
    "<|constrain|>",
];
const END: TokenId = 265;

fn control(spelling: &str) -> Option<TokenId> {
    let found = CONTROL.iter().position(|known| *known == spelling)?;
    TokenId::try_from(256 + found).ok()
}

fn compiler() -> ConstraintCompiler {
    let mut bytes: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
    bytes.extend(CONTROL.iter().map(|_| Vec::new()));
    bytes.push(Vec::new());
    let mut marks: Vec<(TokenId, String)> = (256..)
        .zip(CONTROL.iter().map(|mark| (*mark).to_owned()))
        .collect();
    marks.push((END, "<|eos|>".to_owned()));
    ConstraintCompiler::try_new(ConstraintVocabulary {
        bytes,
        control: marks,
        ends: vec![END],
        encode: Box::new(|text| text.bytes().map(TokenId::from).collect()),
    })
    .expect("is usable")
}

/// The tokens of `text`, marks as control tokens.
fn tokens(text: &str) -> Vec<TokenId> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mark = CONTROL.iter().find(|mark| rest.starts_with(**mark));
        let (length, found) = if let Some(mark) = mark {
            (mark.len(), control(mark).into_iter().collect())
        } else {
            let mut bytes = [0; 4];
            let text = first.encode_utf8(&mut bytes);
            let tokens: Vec<TokenId> = text.bytes().map(TokenId::from).collect();
            (text.len(), tokens)
        };
        tokens.extend(found);
        rest = &rest[length..];
    }
    tokens
}

fn tools(choice: Choice, parallel: bool) -> ToolUse {
    let tool = |name: &str| Tool {
        name: name.to_owned(),
        description: None,
        parameters: json!({"type": "object", "properties": {"ns": {"type": "string"}, "n": {"type": "integer"}},
            "required": ["ns"], "additionalProperties": false}),
        strict: true,
    };
    ToolUse {
        told: vec![tool("get_pods"), tool("get_logs")],
        callable: vec![0, 1],
        choice,
        parallel,
    }
}

struct Case {
    format: ToolFormat,
    tools: ToolUse,
    shape: Shape,
    thoughts: bool,
}

impl Case {
    fn new(format: ToolFormat, choice: Choice) -> Self {
        Self {
            format,
            tools: tools(choice, true),
            shape: Shape::Text,
            thoughts: false,
        }
    }

    fn accepts(&self, text: &str) -> bool {
        let reading = Reading {
            calls: self.tools.is_on().then_some(self.format),
            thoughts: self
                .thoughts
                .then(|| ("<think>".to_owned(), "</think>".to_owned())),
            channels: self.format == ToolFormat::Harmony,
            ..Reading::default()
        };
        let plan = Plan {
            tools: &self.tools,
            shape: &self.shape,
            reading: &reading,
            control: &control,
        };
        let constraint = constraint(&plan).expect("is sound").expect("is one");
        let mut matcher = compiler().compile(&constraint).expect("compiles");
        for token in tokens(text) {
            if !matcher.mask().expect("has a mask").allows(token) {
                return false;
            }
            matcher.consume(token).expect("is allowed");
        }
        matcher.may_end().expect("stands")
    }

    #[track_caller]
    fn check(&self, text: &str, accepted: bool) {
        assert_eq!(self.accepts(text), accepted, "{text}");
    }
}

const ARGUMENTS: &str = "{\"ns\": \"a\"}";

fn call(key: &str, name: &str) -> String {
    format!("{{\"name\": \"{name}\", \"{key}\": {ARGUMENTS}}}")
}

#[test]
fn free_text_stays_possible_and_a_mark_takes_hold() {
    let case = Case::new(ToolFormat::Hermes, Choice::Auto);
    let pods = call("arguments", "get_pods");
    case.check("all is well, {\"a\": 1}", true);
    case.check(
        &format!("let me look\n<tool_call>\n{pods}\n</tool_call>"),
        true,
    );
    case.check(
        &format!("<tool_call>\n{pods}\n</tool_call>\n<tool_call>\n{pods}\n</tool_call>"),
        true,
    );
    case.check("<tool_call>\nno", false);
    case.check("<tool_call>\n{\"name\": \"rm\"", false);
    case.check(
        "<tool_call>\n{\"name\": \"get_pods\", \"arguments\": {\"n\"",
        false,
    );
}

#[test]
fn calls_that_must_come_come_at_once_and_alone() {
    let case = Case::new(ToolFormat::Hermes, Choice::Must);
    let pods = call("arguments", "get_pods");
    case.check("a", false);
    case.check(&format!("<tool_call>\n{pods}\n</tool_call>"), true);
    let mut single = Case::new(ToolFormat::Hermes, Choice::Must);
    single.tools = tools(Choice::Must, false);
    single.check(&format!("<tool_call>\n{pods}\n</tool_call>"), true);
    single.check(&format!("<tool_call>\n{pods}\n</tool_call>\n"), false);
    single.tools.callable = vec![1];
    single.check(&format!("<tool_call>\n{pods}\n</tool_call>"), false);
}

#[test]
fn a_shape_beside_tools_is_a_call_or_the_shape() {
    let mut case = Case::new(ToolFormat::Hermes, Choice::Auto);
    case.shape = crate::shape::json_shape(
        None,
        json!({"type": "object", "properties": {"cause": {"type": "string"}}, "required": ["cause"], "additionalProperties": false}),
    );
    case.check("{\"cause\":\"x\"}", true);
    case.check(
        &format!(
            "<tool_call>\n{}\n</tool_call>",
            call("arguments", "get_logs")
        ),
        true,
    );
    case.check("text", false);
    case.check("{\"other\":", false);
}

#[test]
fn thoughts_may_come_first_and_are_free() {
    let mut case = Case::new(ToolFormat::Hermes, Choice::Must);
    case.thoughts = true;
    let pods = format!(
        "<tool_call>\n{}\n</tool_call>",
        call("arguments", "get_pods")
    );
    case.check(&format!("<think>\nso be it\n</think>\n\n{pods}"), true);
    case.check(&pods, true);
    let mut case = Case::new(ToolFormat::Hermes, Choice::Never);
    case.thoughts = true;
    case.shape = Shape::Choice(vec!["yes".to_owned(), "no".to_owned()]);
    case.check("<think>hm</think>no", true);
    case.check("maybe", false);
}

#[test]
fn each_format_writes_calls_its_way() {
    let pods = call("arguments", "get_pods");
    let auto = |format| Case::new(format, Choice::Auto);
    let llama = auto(ToolFormat::Llama3);
    let parameters = call("parameters", "get_pods");
    llama.check("hello", true);
    llama.check(&parameters, true);
    llama.check(&format!("<|python_tag|>{parameters}; {parameters}"), true);
    llama.check("{\"other\"", false);
    let mistral = auto(ToolFormat::Mistral);
    mistral.check("hello", true);
    mistral.check(&format!("[TOOL_CALLS]get_pods[ARGS]{ARGUMENTS}"), true);
    let functools = auto(ToolFormat::Functools);
    functools.check("hello", true);
    functools.check(&format!("functools[{pods}, {pods}]"), true);
    functools.check("functools[]", false);
    let granite = auto(ToolFormat::Granite);
    granite.check("hello", true);
    granite.check(&format!("so<|tool_call|>[{pods}]"), true);
    granite.check("<|tool_call|>[]", false);
}

#[test]
fn harmony_calls_or_says_the_final_word() {
    let case = Case::new(ToolFormat::Harmony, Choice::Auto);
    let called = format!(
        "<|channel|>commentary to=functions.get_pods <|constrain|>json<|message|>{ARGUMENTS}"
    );
    let thought = "<|channel|>analysis<|message|>hm<|end|><|start|>assistant";
    case.check(&format!("{thought}{called}"), true);
    case.check("<|channel|>final<|message|>all is well", true);
    case.check("hello", false);
    let case = Case::new(ToolFormat::Harmony, Choice::Must);
    case.check("<|channel|>final", false);
    case.check(&called, true);
}

#[test]
fn literals_and_expressions_are_written_safely() {
    let mut case = Case::new(ToolFormat::Hermes, Choice::Never);
    case.thoughts = true;
    case.shape = Shape::Regex("a/b\\/c".to_owned());
    case.check("a/b/c", true);
    case.shape = Shape::Choice(vec!["say \"no\"\n".to_owned(), "é".to_owned()]);
    case.check("say \"no\"\n", true);
    case.check("é", true);
}
