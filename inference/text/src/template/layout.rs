//! What a template is given: messages, tools and names, as transformers passes them.

use inference_core::{ChatOptions, Role, Tool};
use serde_json::{Map, Value as Json, json};

use super::capabilities::{Arguments, Capabilities};
use super::guard::Guard;
use super::turns::{Call, Turn, Turns};
use crate::tokenizer::Tokenizer;

/// Stands behind the seam; whether the template trims it tells whether it trims messages.
pub(super) const SEAM_SPACE: char = ' ';

/// The names a template reads.
pub(super) fn context(
    turns: &Turns,
    options: &ChatOptions,
    capabilities: &Capabilities,
    tokenizer: &Tokenizer,
    guard: &Guard<'_>,
) -> Json {
    let mut context = guard.map(&options.template_arguments);
    let messages = turns.turns.iter().map(|turn| message(turn, capabilities));
    let tools: Vec<Json> = options
        .tools
        .iter()
        .map(|tool| self::tool(tool, guard))
        .collect();
    let tools = (capabilities.tools && !tools.is_empty()).then_some(tools);
    for (name, value) in [
        ("messages", messages.collect()),
        ("tools", json!(tools)),
        ("documents", Json::Null),
        (
            "add_generation_prompt",
            json!(!options.continue_final_message),
        ),
        ("bos_token", json!(tokenizer.bos_spelling())),
        ("eos_token", json!(tokenizer.eos_spelling())),
    ] {
        context.insert(name.to_owned(), value);
    }
    Json::Object(context)
}

/// Cuts `text` at the seam, as transformers does: a template that trims messages leaves no space at the end.
pub(super) fn cut(text: &mut String, seam: char) -> Result<(), String> {
    let at = text.rfind(seam).ok_or(
        "this model's template does not show the last message as it is, so it cannot be continued",
    )?;
    let kept = text[at + seam.len_utf8()..].starts_with(SEAM_SPACE);
    text.truncate(at);
    if !kept {
        text.truncate(text.trim_end().len());
    }
    Ok(())
}

/// A tool as clients describe it.
pub(super) fn tool(tool: &Tool, guard: &Guard<'_>) -> Json {
    let mut function = Map::new();
    function.insert("name".to_owned(), json!(guard.text(&tool.name)));
    if let Some(description) = &tool.description {
        function.insert("description".to_owned(), json!(guard.text(description)));
    }
    function.insert("parameters".to_owned(), guard.json(&tool.parameters));
    json!({"type": "function", "function": function})
}

fn message(turn: &Turn, capabilities: &Capabilities) -> Json {
    let mut message = Map::new();
    let mut put = |name: &str, value: Json| message.insert(name.to_owned(), value);
    put("role", json!(turn.role.as_str()));
    let absent = capabilities.call.without_content && !turn.calls.is_empty();
    put(
        "content",
        if absent {
            Json::Null
        } else {
            content(&turn.content, capabilities)
        },
    );
    if let Some(reasoning) = &turn.reasoning {
        // Templates have settled on no single name.
        put("reasoning_content", json!(reasoning));
        put("thinking", json!(reasoning));
    }
    if !turn.calls.is_empty() {
        let calls = turn
            .calls
            .iter()
            .map(|call| self::call(call, capabilities.call.arguments));
        put("tool_calls", calls.collect());
    }
    if let Some(id) = &turn.call_id {
        put("tool_call_id", json!(id));
    }
    if let (Some(name), Role::Tool | Role::User) = (&turn.name, turn.role) {
        put("name", json!(name));
    }
    Json::Object(message)
}

fn content(text: &str, capabilities: &Capabilities) -> Json {
    if capabilities.parts {
        return json!([{"type": "text", "text": text}]);
    }
    json!(text)
}

fn call(call: &Call, wanted: Arguments) -> Json {
    let text = || json!(call.arguments_text);
    let arguments = match wanted {
        Arguments::Text => text(),
        Arguments::Object | Arguments::Both => call.arguments.clone().unwrap_or_else(text),
    };
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}})
}
