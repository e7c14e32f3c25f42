//! Messages of a chat as clients send them.

use inference_core::{ChatMessage, Role, ToolCall};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// Most messages of a chat.
pub(crate) const MESSAGES_MAX: usize = 2048;
/// Most calls in one message.
const CALLS_MAX: usize = 128;

/// A message.
#[derive(Debug, Deserialize)]
pub(crate) struct Message {
    role: String,
    content: Option<Content>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    tool_calls: Option<Vec<Call>>,
    tool_call_id: Option<String>,
    name: Option<String>,
}

/// A message's content: text, or parts of which only text is supported.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Content {
    /// Text.
    Text(String),
    /// Parts.
    Parts(Vec<Part>),
}

/// A part of a message's content.
#[derive(Debug, Deserialize)]
pub(crate) struct Part {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
}

/// A call the model asked for in an earlier turn.
#[derive(Debug, Deserialize)]
struct Call {
    id: Option<String>,
    function: Function,
}

#[derive(Debug, Deserialize)]
struct Function {
    name: String,
    arguments: Option<Value>,
}

/// The messages of a chat.
pub(crate) fn read(messages: Vec<Message>) -> Result<Vec<ChatMessage>, ApiError> {
    check_count(messages.len())?;
    messages.into_iter().map(message).collect()
}

/// Refuses none and too many.
pub(crate) fn check_count(count: usize) -> Result<(), ApiError> {
    if (1..=MESSAGES_MAX).contains(&count) {
        return Ok(());
    }
    let text = format!("messages must have 1 to {MESSAGES_MAX} entries, not {count}");
    Err(wrong(text))
}

fn message(message: Message) -> Result<ChatMessage, ApiError> {
    let calls = message.tool_calls.unwrap_or_default();
    if calls.len() > CALLS_MAX {
        return Err(wrong(format!(
            "a message may have at most {CALLS_MAX} tool_calls, not {}",
            calls.len()
        )));
    }
    Ok(ChatMessage {
        role: role(&message.role)?,
        content: message.content.map_or(Ok(String::new()), text)?,
        reasoning: message.reasoning_content.or(message.reasoning),
        tool_calls: calls.into_iter().map(call).collect(),
        tool_call_id: message.tool_call_id,
        name: message.name,
    })
}

/// The role of that name.
pub(crate) fn role(name: &str) -> Result<Role, ApiError> {
    match name {
        "system" | "developer" => Ok(Role::System),
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "tool" | "function" => Ok(Role::Tool),
        other => Err(wrong(format!(
            "a message's role must be system, developer, user, assistant or tool, not `{other}`"
        ))),
    }
}

/// The text of `content`.
pub(crate) fn text(content: Content) -> Result<String, ApiError> {
    match content {
        Content::Text(text) => Ok(text),
        Content::Parts(parts) => {
            let texts: Vec<String> = parts.into_iter().map(part).collect::<Result<_, _>>()?;
            Ok(texts.join("\n"))
        }
    }
}

fn part(part: Part) -> Result<String, ApiError> {
    match part.kind.as_str() {
        "text" | "input_text" | "output_text" | "reasoning_text" | "summary_text" => {
            Ok(part.text.unwrap_or_default())
        }
        "refusal" => Ok(part.refusal.unwrap_or_default()),
        other => Err(ApiError::unsupported(
            "messages",
            format!("content of type `{other}` is not supported; send text"),
        )),
    }
}

fn call(call: Call) -> ToolCall {
    ToolCall {
        id: call.id.unwrap_or_default(),
        name: call.function.name,
        arguments: arguments(call.function.arguments),
    }
}

/// Arguments as JSON text; some clients send the object itself.
pub(crate) fn arguments(arguments: Option<Value>) -> String {
    match arguments {
        None | Some(Value::Null) => Value::Object(Map::new()).to_string(),
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
    }
}

fn wrong(message: impl Into<String>) -> ApiError {
    ApiError::invalid(Some("messages"), message)
}
