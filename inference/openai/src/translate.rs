//! Requests of the wire into requests of the engine.
//!
//! Invariant: a field that would change the answer is honored or refused.

use std::collections::BTreeMap;

use inference_core::{ChatMessage, Constraint, Priority, Role, SamplingParams, TokenId};
use serde_json::json;

use crate::error::ApiError;
use crate::wire::{ChatRequest, Content, Message, OneOrMany, Part, ResponseFormat};

/// Most messages of a chat.
const MESSAGES_MAX: usize = 2048;

/// A request that makes sense, before the engine has judged its numbers.
#[derive(Debug)]
pub(crate) struct ValidRequest {
    pub(crate) messages: Vec<ChatMessage>,
    pub(crate) sampling: SamplingParams,
    pub(crate) constraint: Option<Constraint>,
    pub(crate) priority: Priority,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
}

impl ValidRequest {
    /// Judges `request`.
    pub(crate) fn try_new(request: ChatRequest) -> Result<Self, ApiError> {
        refuse(&request)?;
        let stream = request.stream.unwrap_or(false);
        let include_usage = request
            .stream_options
            .as_ref()
            .and_then(|options| options.include_usage)
            .unwrap_or(false);
        let sampling = sampling(&request)?;
        let constraint = request
            .response_format
            .map(constraint)
            .transpose()?
            .flatten();
        if request.messages.is_empty() || request.messages.len() > MESSAGES_MAX {
            let message = format!(
                "messages must have 1 to {MESSAGES_MAX} entries, not {}",
                request.messages.len()
            );
            return Err(ApiError::invalid(Some("messages"), message));
        }
        let messages = request
            .messages
            .into_iter()
            .map(message)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            messages,
            sampling,
            constraint,
            priority: Priority::Interactive,
            stream,
            include_usage,
        })
    }
}

/// Refuses what is known and not supported.
fn refuse(request: &ChatRequest) -> Result<(), ApiError> {
    let filled = |tools: &Option<Vec<_>>| tools.as_ref().is_some_and(|tools| !tools.is_empty());
    if filled(&request.tools) {
        return Err(ApiError::unsupported(
            "tools",
            "tools are not supported by this server; send the request without them",
        ));
    }
    if filled(&request.functions) {
        return Err(ApiError::unsupported(
            "functions",
            "functions are not supported by this server; send the request without them",
        ));
    }
    if let Some(n) = request.n.filter(|&n| n != 1) {
        return Err(ApiError::unsupported(
            "n",
            format!("n must be 1, not {n}; send the request several times instead"),
        ));
    }
    if request.logprobs == Some(true) {
        return Err(ApiError::unsupported(
            "logprobs",
            "logprobs are not supported by this server",
        ));
    }
    Ok(())
}

fn sampling(request: &ChatRequest) -> Result<SamplingParams, ApiError> {
    let defaults = SamplingParams::default();
    let max_tokens = request.max_completion_tokens.or(request.max_tokens);
    Ok(SamplingParams {
        temperature: request.temperature.unwrap_or(defaults.temperature),
        top_p: request.top_p.unwrap_or(defaults.top_p),
        top_k: request.top_k.map_or(defaults.top_k, saturate),
        min_p: request.min_p.unwrap_or(defaults.min_p),
        seed: request.seed.map(i64::cast_unsigned),
        max_tokens: max_tokens.map(saturate),
        stop: match &request.stop {
            None => Vec::new(),
            Some(OneOrMany::One(stop)) => vec![stop.clone()],
            Some(OneOrMany::Many(stops)) => stops.clone(),
        },
        repetition_penalty: request
            .repetition_penalty
            .unwrap_or(defaults.repetition_penalty),
        presence_penalty: request
            .presence_penalty
            .unwrap_or(defaults.presence_penalty),
        frequency_penalty: request
            .frequency_penalty
            .unwrap_or(defaults.frequency_penalty),
        logit_bias: request
            .logit_bias
            .as_ref()
            .map_or(Ok(BTreeMap::new()), logit_bias)?,
        ..SamplingParams::default()
    })
}

fn saturate(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn logit_bias(biases: &BTreeMap<String, f32>) -> Result<BTreeMap<TokenId, f32>, ApiError> {
    let wrong = |key: &str| {
        ApiError::invalid(
            Some("logit_bias"),
            format!("logit_bias has the key `{key}`, which is no token id"),
        )
    };
    biases
        .iter()
        .map(|(key, &bias)| Ok((key.parse().map_err(|_| wrong(key))?, bias)))
        .collect()
}

fn constraint(format: ResponseFormat) -> Result<Option<Constraint>, ApiError> {
    match format.kind.as_str() {
        "text" => Ok(None),
        "json_object" => Ok(Some(Constraint::JsonSchema(json!({ "type": "object" })))),
        "json_schema" => {
            let schema = format.json_schema.and_then(|format| format.schema);
            let missing = || {
                ApiError::invalid(
                    Some("response_format"),
                    "response_format.json_schema.schema is missing",
                )
            };
            Ok(Some(Constraint::JsonSchema(schema.ok_or_else(missing)?)))
        }
        other => {
            let message = format!(
                "response_format.type must be text, json_object or json_schema, not `{other}`"
            );
            Err(ApiError::invalid(Some("response_format"), message))
        }
    }
}

fn message(message: Message) -> Result<ChatMessage, ApiError> {
    let role = match message.role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        other => {
            let text =
                format!("a message's role must be system, user, assistant or tool, not `{other}`");
            return Err(ApiError::invalid(Some("messages"), text));
        }
    };
    if message.tool_calls.is_some_and(|calls| !calls.is_empty()) {
        return Err(ApiError::unsupported(
            "messages",
            "tool calls in messages are not supported by this server",
        ));
    }
    let content = match message.content {
        None => String::new(),
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => parts
            .into_iter()
            .map(part)
            .collect::<Result<Vec<_>, _>>()?
            .join("\n"),
    };
    Ok(ChatMessage::new(role, content))
}

fn part(part: Part) -> Result<String, ApiError> {
    if part.kind == "text" {
        return Ok(part.text.unwrap_or_default());
    }
    let message = format!(
        "content of type `{}` is not supported; send text",
        part.kind
    );
    Err(ApiError::unsupported("messages", message))
}
