//! `POST /v1/responses`, without memory: every request carries the whole conversation.
//!
//! Decides what the items of a conversation mean as a chat. What needs a store
//! (`previous_response_id`, `store`, `background`) is refused, since nothing is kept.

mod input;
mod object;
mod stream;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use inference_core::{ChatMessage, Role};
use serde_json::{Map, Value};

use self::object::Envelope;
use crate::body::Body;
use crate::chat;
use crate::endpoint::{self, Endpoint, Grant};
use crate::error::ApiError;
use crate::events;
use crate::fields::Fields;
use crate::shape::{self, Shape};
use crate::submit::{Chat, Source, Wanted};
use crate::{messages, sampling, tools};

/// What `include` calls probabilities.
const LOGPROBS: &str = "message.output_text.logprobs";

/// What was asked for.
#[derive(Debug)]
struct Request {
    wanted: Wanted,
    stream: bool,
    /// Fields the answer repeats.
    echo: Map<String, Value>,
}

/// Answers a conversation.
pub(crate) async fn respond(
    State(endpoint): State<Endpoint>,
    grant: Option<Extension<Grant>>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, ApiError> {
    let grant = grant.map(|Extension(grant)| grant).unwrap_or_default();
    let request = read(Fields::parse(&body)?, &headers, grant)?;
    let mut submitted = endpoint.submit(request.wanted).await?;
    let envelope = Envelope::new(&submitted, request.echo);
    if request.stream {
        return Ok(events::respond(stream::ResponseStream::new(
            submitted, envelope,
        )));
    }
    let choices = chat::write_out(&mut submitted).await?;
    let output = choices.first().map(object::output).unwrap_or_default();
    let usage = object::usage(&chat::usage(submitted.prompt_tokens, &choices));
    let reason = choices.first().and_then(chat::Choice::finish_reason);
    Ok(Json(envelope.ended(output, reason, usage)).into_response())
}

fn read(mut fields: Fields, headers: &HeaderMap, grant: Grant) -> Result<Request, ApiError> {
    refuse(&fields)?;
    let echo = echo(&fields);
    let mut sampling = sampling::take(&mut fields)?;
    sampling.max_tokens = sampling::take_tokens(&mut fields, "max_output_tokens")?;
    let header = headers
        .get("x-priority")
        .and_then(|value| value.to_str().ok());
    let mut text = fields.take_object("text")?;
    let shape = text.take("format")?.map(shape::response_format);
    let mut reasoning = fields.take_object("reasoning")?;
    let mut effort = Fields::default();
    if let Some(word) = reasoning.take::<Value>("effort")? {
        effort = Fields::of(Map::from_iter([("reasoning_effort".to_owned(), word)]));
    }
    Ok(Request {
        echo,
        stream: fields.take("stream")?.unwrap_or(false),
        wanted: Wanted {
            model: fields.take("model")?,
            answers: 1,
            logprobs: logprobs(&mut fields)?,
            prompt_logprobs: false,
            thought_tokens: chat::thought_tokens(&mut fields)?,
            shape: shape.transpose()?.unwrap_or(Shape::Text),
            turn: endpoint::turn(&mut fields, header, grant)?,
            sampling,
            source: Source::Chat(Chat {
                messages: conversation(&mut fields)?,
                template_arguments: chat::template_arguments(&mut effort)?,
                continue_final_message: false,
                tools: tools::take(&mut fields)?,
            }),
        },
    })
}

/// Probabilities come with `top_logprobs`, or where `include` names them.
fn logprobs(fields: &mut Fields) -> Result<Option<usize>, ApiError> {
    let top: usize = fields.take("top_logprobs")?.unwrap_or(0);
    let include: Vec<String> = fields.take("include")?.unwrap_or_default();
    let named = include.iter().any(|name| name == LOGPROBS);
    Ok((named || top > 0).then_some(top))
}

fn conversation(fields: &mut Fields) -> Result<Vec<ChatMessage>, ApiError> {
    let mut messages = Vec::new();
    if let Some(instructions) = fields.take::<String>("instructions")? {
        messages.push(ChatMessage::new(Role::System, instructions));
    }
    messages.extend(input::read(fields.require("input")?)?);
    messages::check_count(messages.len())?;
    Ok(messages)
}

/// Refuses what needs a store.
fn refuse(fields: &Fields) -> Result<(), ApiError> {
    let unsupported = |name: &'static str, why: &str| {
        Err(ApiError::unsupported(
            name,
            format!("{name} is not supported: {why}"),
        ))
    };
    let kept = "this server keeps no responses; send the whole conversation as `input`";
    for name in ["previous_response_id", "conversation", "prompt"] {
        if fields.has(name) {
            return unsupported(name, kept);
        }
    }
    for name in ["store", "background"] {
        if fields.peek(name) == Some(&Value::Bool(true)) {
            return unsupported(name, kept);
        }
    }
    if fields.peek("truncation").and_then(Value::as_str) == Some("auto") {
        return unsupported("truncation", "nothing is left out in silence; send less");
    }
    Ok(())
}

/// The fields of the request that the answer repeats.
fn echo(fields: &Fields) -> Map<String, Value> {
    let names = [
        "instructions",
        "max_output_tokens",
        "metadata",
        "parallel_tool_calls",
        "reasoning",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
    ];
    let given = names.into_iter().filter_map(|name| {
        let value = fields.peek(name).filter(|value| !value.is_null())?;
        Some((name.to_owned(), value.clone()))
    });
    given.collect()
}
