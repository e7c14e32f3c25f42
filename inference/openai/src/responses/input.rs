//! The items of a conversation as the messages of a chat.

use inference_core::{ChatMessage, Role, ToolCall};
use serde::Deserialize;
use serde_json::Value;

use crate::error::ApiError;
use crate::messages::{self, Content};

/// What `input` may be.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Input {
    Text(String),
    Items(Vec<Item>),
}

/// One item, of whatever type.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
    role: Option<String>,
    content: Option<Content>,
    name: Option<String>,
    arguments: Option<Value>,
    call_id: Option<String>,
    output: Option<Content>,
}

/// The messages that `input` stands for. Neighboring items of one turn of the model become one message.
pub(super) fn read(input: Input) -> Result<Vec<ChatMessage>, ApiError> {
    let items = match input {
        Input::Text(text) => return Ok(vec![ChatMessage::new(Role::User, text)]),
        Input::Items(items) => items,
    };
    let mut turns: Vec<ChatMessage> = Vec::with_capacity(items.len());
    for item in items {
        match item.kind.as_deref().unwrap_or("message") {
            "message" => turns.push(message(item)?),
            "function_call" => assistant(&mut turns).tool_calls.push(call(item)),
            "function_call_output" => turns.push(result(item)?),
            "reasoning" => {
                let thought = item.content.map_or(Ok(String::new()), messages::text)?;
                if !thought.is_empty() {
                    turns.push(ChatMessage {
                        reasoning: Some(thought),
                        ..ChatMessage::new(Role::Assistant, "")
                    });
                }
            }
            other => {
                return Err(ApiError::unsupported(
                    "input",
                    format!("items of type `{other}` are not supported"),
                ));
            }
        }
    }
    Ok(joined(turns))
}

fn message(item: Item) -> Result<ChatMessage, ApiError> {
    let role = item.role.as_deref().unwrap_or("user");
    let content = item.content.map_or(Ok(String::new()), messages::text)?;
    Ok(ChatMessage::new(messages::role(role)?, content))
}

/// The model's turn a call belongs to.
fn assistant(turns: &mut Vec<ChatMessage>) -> &mut ChatMessage {
    if !matches!(turns.last(), Some(last) if last.role == Role::Assistant) {
        turns.push(ChatMessage::new(Role::Assistant, ""));
    }
    let last = turns.len() - 1;
    &mut turns[last]
}

fn call(item: Item) -> ToolCall {
    ToolCall {
        id: item.call_id.unwrap_or_default(),
        name: item.name.unwrap_or_default(),
        arguments: messages::arguments(item.arguments),
    }
}

fn result(item: Item) -> Result<ChatMessage, ApiError> {
    Ok(ChatMessage {
        tool_call_id: item.call_id,
        ..ChatMessage::new(
            Role::Tool,
            item.output.map_or(Ok(String::new()), messages::text)?,
        )
    })
}

/// Thoughts, words and calls of one turn as one message.
fn joined(turns: Vec<ChatMessage>) -> Vec<ChatMessage> {
    let mut joined: Vec<ChatMessage> = Vec::with_capacity(turns.len());
    for turn in turns {
        match joined.last_mut() {
            Some(last) if last.role == Role::Assistant && turn.role == Role::Assistant => {
                last.content.push_str(&turn.content);
                last.reasoning = last.reasoning.take().or(turn.reasoning);
                last.tool_calls.extend(turn.tool_calls);
            }
            _ => joined.push(turn),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn items_of_one_turn_become_one_message() {
        let input = json!([
            {"role": "user", "content": "why"},
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
            {"type": "function_call", "call_id": "c1", "name": "get_pods", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "none"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ok"}]},
        ]);
        let messages = read(serde_json::from_value(input).expect("is input")).expect("is right");
        let roles: Vec<&str> = messages
            .iter()
            .map(|message| message.role.as_str())
            .collect();
        assert_eq!(roles, ["user", "assistant", "tool", "assistant"]);
        assert_eq!(messages[1].reasoning.as_deref(), Some("hm"));
        assert_eq!(messages[1].tool_calls[0].id, "c1");
        assert_eq!(messages[2].content, "none");
    }

    #[test]
    fn unknown_items_are_refused() {
        let input = json!([{"type": "computer_call"}]);
        assert!(read(serde_json::from_value(input).expect("is input")).is_err());
    }
}
