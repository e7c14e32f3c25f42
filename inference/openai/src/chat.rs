//! `POST /v1/chat/completions`.
//!
//! Decides what a chat request means; the engine judges its numbers.

mod answer;
mod choice;
mod stream;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use inference_core::ChatOptions;
use serde_json::{Map, Value};

use self::answer::Envelope;
use crate::body::Body;
use crate::endpoint::{self, Endpoint, Grant};
use crate::error::ApiError;
use crate::events;
use crate::fields::Fields;
use crate::messages::{self, Message};
use crate::submit::{Chat, Source, Wanted};
use crate::{sampling, shape, tools};

pub(crate) use self::answer::{FINGERPRINT, usage, write_out};
pub(crate) use self::choice::Choice;

/// Most answers to one request.
pub(crate) const ANSWERS_MAX: u64 = 16;

/// How a chat is answered.
#[derive(Debug)]
struct Request {
    wanted: Wanted,
    stream: bool,
    include_usage: bool,
}

/// Answers a chat.
pub(crate) async fn complete(
    State(endpoint): State<Endpoint>,
    grant: Option<Extension<Grant>>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, ApiError> {
    let grant = grant.map(|Extension(grant)| grant).unwrap_or_default();
    let request = read(Fields::parse(&body)?, &headers, grant)?;
    let submitted = endpoint.submit(request.wanted).await?;
    let envelope = Envelope::new(&submitted);
    if request.stream {
        let source = stream::ChatStream::new(submitted, envelope, request.include_usage);
        return Ok(events::respond(source));
    }
    let answer = answer::collect(submitted, &envelope).await?;
    Ok(Json(answer).into_response())
}

fn read(mut fields: Fields, headers: &HeaderMap, grant: Grant) -> Result<Request, ApiError> {
    let messages: Vec<Message> = fields.require("messages")?;
    let mut stream_options = fields.take_object("stream_options")?;
    let mut sampling = sampling::take(&mut fields)?;
    let old = sampling::take_tokens(&mut fields, "max_tokens")?;
    sampling.max_tokens = sampling::take_tokens(&mut fields, "max_completion_tokens")?.or(old);
    let header = headers
        .get("x-priority")
        .and_then(|value| value.to_str().ok());
    Ok(Request {
        stream: fields.take("stream")?.unwrap_or(false),
        include_usage: stream_options.take("include_usage")?.unwrap_or(false),
        wanted: Wanted {
            model: fields.take("model")?,
            answers: answers(&mut fields)?,
            logprobs: logprobs(&mut fields)?,
            prompt_logprobs: false,
            thought_tokens: thought_tokens(&mut fields)?,
            shape: shape::take(&mut fields)?,
            turn: endpoint::turn(&mut fields, header, grant)?,
            sampling,
            source: Source::Chat(Chat {
                messages: messages::read(messages)?,
                template_arguments: template_arguments(&mut fields)?,
                continue_final_message: fields.take("continue_final_message")?.unwrap_or(false),
                tools: tools::take(&mut fields)?,
            }),
        },
    })
}

/// Takes how many answers are wanted.
pub(crate) fn answers(fields: &mut Fields) -> Result<usize, ApiError> {
    let answers = fields.take::<u64>("n")?.unwrap_or(1);
    if !(1..=ANSWERS_MAX).contains(&answers) {
        let message = format!("n must be from 1 to {ANSWERS_MAX}, not {answers}");
        return Err(ApiError::invalid(Some("n"), message));
    }
    Ok(usize::try_from(answers).unwrap_or(1))
}

fn logprobs(fields: &mut Fields) -> Result<Option<usize>, ApiError> {
    let wanted = fields.take("logprobs")?.unwrap_or(false);
    let top: Option<usize> = fields.take("top_logprobs")?;
    if top.is_some_and(|top| top > 0) && !wanted {
        let message = "top_logprobs needs `logprobs: true` beside it";
        return Err(ApiError::invalid(Some("top_logprobs"), message));
    }
    Ok(wanted.then(|| top.unwrap_or(0)))
}

/// How a chat is laid out, for those who only want to see its tokens.
pub(crate) fn chat_options(fields: &mut Fields) -> Result<ChatOptions, ApiError> {
    Ok(ChatOptions {
        tools: tools::take(fields)?.told,
        template_arguments: template_arguments(fields)?,
        continue_final_message: fields.take("continue_final_message")?.unwrap_or(false),
    })
}

/// Most tokens of the thoughts, by the names vLLM, llama.cpp and Qwen's own service have for it.
pub(crate) fn thought_tokens(fields: &mut Fields) -> Result<Option<usize>, ApiError> {
    for name in [
        "thinking_token_budget",
        "reasoning_budget_tokens",
        "thinking_budget_tokens",
        "thinking_budget",
    ] {
        if fields.has(name) {
            return sampling::take_tokens(fields, name);
        }
    }
    Ok(None)
}

/// What the template may read besides; the wish to think less or not at all among it.
pub(crate) fn template_arguments(fields: &mut Fields) -> Result<Map<String, Value>, ApiError> {
    let mut arguments: Map<String, Value> =
        fields.take("chat_template_kwargs")?.unwrap_or_default();
    if let Some(effort) = fields.take::<String>("reasoning_effort")? {
        let thinks = effort != "none";
        arguments
            .entry("enable_thinking")
            .or_insert(Value::Bool(thinks));
        if thinks {
            arguments
                .entry("reasoning_effort")
                .or_insert(Value::String(effort));
        }
    }
    Ok(arguments)
}
