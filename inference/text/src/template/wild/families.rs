//! Facts about what is known of a family: its marks, and its template where a file has none.

use inference_core::ToolFormat;

use super::*;

#[track_caller]
fn check_traits(
    name: &str,
    tools: bool,
    format: ToolFormat,
    think: Option<[&str; 2]>,
    opened: bool,
) {
    let template = ChatTemplate::compile(Some(source(name))).expect("compiles");
    let traits = template.traits(&tokenizer(&["<s>", "</s>"]));
    let expected = ChatTraits {
        tools,
        tool_format: format,
        reasoning: think.map(|[open, close]| (open.to_owned(), close.to_owned())),
        reasoning_opened: opened,
    };
    assert_eq!(traits, expected, "{name}");
}

#[test]
fn marks_of_calls_and_thoughts_are_read_off_the_template() {
    use ToolFormat::{Granite, Harmony, Hermes, Llama3, Mistral};
    let think = Some(["<think>", "</think>"]);
    check_traits("Qwen-Qwen2.5-7B-Instruct", true, Hermes, None, false);
    check_traits("Qwen-Qwen3-0.6B", true, Hermes, think, false);
    check_traits("Qwen3.5-4B", true, Hermes, think, true);
    check_traits(
        "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
        false,
        Hermes,
        think,
        false,
    );
    check_traits(
        "meta-llama-Llama-3.1-8B-Instruct",
        true,
        Llama3,
        None,
        false,
    );
    check_traits(
        "meta-llama-Llama-3.2-3B-Instruct",
        true,
        Llama3,
        None,
        false,
    );
    check_traits(
        "meta-llama-Llama-3.3-70B-Instruct",
        true,
        Llama3,
        None,
        false,
    );
    check_traits(
        "mistralai-Mistral-Nemo-Instruct-2407",
        true,
        Mistral,
        None,
        false,
    );
    check_traits(
        "Mistral-Small-3.2-24B-Instruct-2506",
        true,
        Mistral,
        None,
        false,
    );
    check_traits(
        "mistralai-Ministral-3-14B-Reasoning-2512",
        true,
        Mistral,
        Some(["[THINK]", "[/THINK]"]),
        false,
    );
    check_traits(
        "ibm-granite-granite-3.3-2B-Instruct",
        true,
        Granite,
        think,
        false,
    );
    check_traits("openai-gpt-oss-120b", true, Harmony, None, false);
    check_traits("google-gemma-2-2b-it", false, Hermes, None, false);
    check_traits(
        "microsoft-Phi-3.5-mini-instruct",
        false,
        Hermes,
        None,
        false,
    );
}

#[test]
fn a_family_without_a_template_gets_its_own() {
    let messages = [
        say(Role::System, "be brief"),
        say(Role::User, "why?"),
        say(Role::Assistant, "so"),
        say(Role::User, "oh"),
    ];
    for (marks, expected) in [
        (
            &["<|im_start|>", "<|im_end|>"][..],
            "<|im_start|>user\nwhy?<|im_end|>",
        ),
        (
            &["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
            "<|start_header_id|>user<|end_header_id|>\n\nwhy?<|eot_id|>",
        ),
        (
            &["<start_of_turn>", "<end_of_turn>"],
            "<start_of_turn>user\nbe brief\n\nwhy?<end_of_turn>\n<start_of_turn>model\nso<end_of_turn>",
        ),
        (
            &["<|start_of_role|>", "<|end_of_role|>"],
            "<|start_of_role|>user<|end_of_role|>why?<|end_of_text|>",
        ),
        (
            &["[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"],
            "[SYSTEM_PROMPT]be brief[/SYSTEM_PROMPT][INST]why?[/INST]so",
        ),
        (&["[INST]", "[/INST]"], "[INST]be brief\n\nwhy?[/INST]so"),
        (
            &["<|user|>", "<|assistant|>", "<|end|>"],
            "<|system|>\nbe brief<|end|>\n<|user|>\nwhy?<|end|>",
        ),
        (
            &["<|start|>", "<|channel|>", "<|message|>"],
            "<|start|>user<|message|>why?<|end|>",
        ),
        (&["<x>", "<y>"], "<|im_start|>user\nwhy?<|im_end|>"),
    ] {
        let tokenizer = tokenizer(marks);
        let template = ChatTemplate::built_in("llama", &tokenizer).expect("compiles");
        let prompt = template
            .prompt(&messages, &ChatOptions::default(), &tokenizer)
            .expect("is laid out");
        let spelled = spell(&prompt, &tokenizer);
        assert!(spelled.contains(expected), "{marks:?}: {spelled:?}");
    }
}
