//! Ollama's requests in the words of this server.

use inference_core::{ChatMessage, Prompt, Role, ToolCall};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::options;
use crate::endpoint::{self, Endpoint, Grant};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::messages;
use crate::models;
use crate::shape::{self, Shape};
use crate::submit::{Chat, Source, Wanted};
use crate::tools;

/// Which of the two addresses was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Chat,
    Generate,
}

/// What was asked for.
#[derive(Debug)]
pub(super) enum Asked {
    /// Nothing but that the model be loaded.
    Load(Option<String>),
    /// An answer.
    Write { wanted: Box<Wanted>, stream: bool },
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Option<String>,
    thinking: Option<String>,
    images: Option<Vec<Value>>,
    tool_calls: Option<Vec<Call>>,
    tool_name: Option<String>,
    tool_call_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Call {
    function: Function,
}

#[derive(Debug, Deserialize)]
struct Function {
    name: String,
    arguments: Option<Value>,
}

/// Reads a request.
pub(super) fn read(
    mut fields: Fields,
    form: Form,
    endpoint: &Endpoint,
    grant: Grant,
) -> Result<Asked, ApiError> {
    refuse(&fields)?;
    let model: Option<String> = fields.take("model")?;
    let model = model.map(|model| known(endpoint, model));
    let stream = fields.take("stream")?.unwrap_or(true);
    let shape = match fields.take("format")? {
        None => Shape::Text,
        Some(format) => format_shape(format)?,
    };
    let template_arguments = thinking(fields.take("think")?);
    let sampling = options::sampling(fields.take_object("options")?)?;
    let logprobs = fields.take("logprobs")?.unwrap_or(false);
    let top: Option<usize> = fields.take("top_logprobs")?;
    let turn = endpoint::turn(&mut fields, None, grant)?;
    let source = match form {
        Form::Chat => chat(&mut fields, template_arguments)?,
        Form::Generate => generate(&mut fields, template_arguments)?,
    };
    let Some(source) = source else {
        return Ok(Asked::Load(model));
    };
    let wanted = Wanted {
        model,
        source,
        sampling,
        shape,
        answers: 1,
        logprobs: logprobs.then(|| top.unwrap_or(0)),
        prompt_logprobs: false,
        thought_tokens: None,
        turn,
    };
    Ok(Asked::Write {
        wanted: Box::new(wanted),
        stream,
    })
}

fn refuse(fields: &Fields) -> Result<(), ApiError> {
    for (name, why) in [
        ("suffix", "this server does not fill text in between"),
        ("images", "this server reads text alone"),
        (
            "template",
            "the model's own template is used; send `raw` for none",
        ),
        ("context", "send the conversation to /api/chat instead"),
    ] {
        let empty_text = matches!(fields.peek(name), Some(Value::String(text)) if text.is_empty());
        if fields.has(name) && !empty_text {
            return Err(ApiError::unsupported(
                name,
                format!("{name} is not supported: {why}"),
            ));
        }
    }
    Ok(())
}

/// Ollama's clients add a tag to names that have none.
pub(super) fn known(endpoint: &Endpoint, model: String) -> String {
    match model.strip_suffix(":latest") {
        Some(bare) if !models::is_known(endpoint, &model) => bare.to_owned(),
        _ => model,
    }
}

fn format_shape(format: Value) -> Result<Shape, ApiError> {
    match format {
        Value::String(word) if word.is_empty() => Ok(Shape::Text),
        Value::String(word) if word == "json" => Ok(shape::object()),
        schema @ Value::Object(_) => Ok(shape::json_shape(Some("format".to_owned()), schema)),
        _ => Err(ApiError::invalid(
            Some("format"),
            "format must be `json` or a JSON schema",
        )),
    }
}

fn thinking(think: Option<Value>) -> Map<String, Value> {
    let mut arguments = Map::new();
    match think {
        Some(Value::Bool(thinks)) => {
            arguments.insert("enable_thinking".to_owned(), thinks.into());
        }
        Some(Value::String(effort)) => {
            arguments.insert("enable_thinking".to_owned(), true.into());
            arguments.insert("reasoning_effort".to_owned(), effort.into());
        }
        _ => {}
    }
    arguments
}

fn chat(fields: &mut Fields, arguments: Map<String, Value>) -> Result<Option<Source>, ApiError> {
    let messages: Vec<Message> = fields.take("messages")?.unwrap_or_default();
    if messages.is_empty() {
        return Ok(None);
    }
    messages::check_count(messages.len())?;
    Ok(Some(Source::Chat(Chat {
        messages: messages
            .into_iter()
            .map(message)
            .collect::<Result<_, _>>()?,
        template_arguments: arguments,
        continue_final_message: false,
        tools: tools::take(fields)?,
    })))
}

fn generate(
    fields: &mut Fields,
    arguments: Map<String, Value>,
) -> Result<Option<Source>, ApiError> {
    let prompt: String = fields.take("prompt")?.unwrap_or_default();
    if prompt.is_empty() {
        return Ok(None);
    }
    if fields.take("raw")?.unwrap_or(false) {
        return Ok(Some(Source::Prompt(Prompt::text(prompt))));
    }
    let system: String = fields.take("system")?.unwrap_or_default();
    let mut messages = Vec::new();
    if !system.is_empty() {
        messages.push(ChatMessage::new(Role::System, system));
    }
    messages.push(ChatMessage::new(Role::User, prompt));
    Ok(Some(Source::Chat(Chat {
        messages,
        template_arguments: arguments,
        ..Chat::default()
    })))
}

fn message(message: Message) -> Result<ChatMessage, ApiError> {
    if message.images.is_some_and(|images| !images.is_empty()) {
        return Err(ApiError::unsupported(
            "messages",
            "images are not supported: this server reads text alone",
        ));
    }
    let calls = message.tool_calls.unwrap_or_default().into_iter();
    // Calls have no names of their own here, so they go by their number.
    let call = |(number, call): (usize, Call)| ToolCall {
        id: format!("call_{number}"),
        name: call.function.name,
        arguments: messages::arguments(Some(call.function.arguments.unwrap_or_else(|| json!({})))),
    };
    Ok(ChatMessage {
        reasoning: message.thinking,
        tool_calls: calls.enumerate().map(call).collect(),
        tool_call_id: message.tool_call_id,
        name: message.tool_name,
        ..ChatMessage::new(
            messages::role(&message.role)?,
            message.content.unwrap_or_default(),
        )
    })
}
