//! `POST /v1/completions`: text or tokens are continued as they are, without a chat template.

mod answer;
mod stream;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use inference_core::{Prompt, TokenId};
use serde::Deserialize;

use self::answer::Envelope;
use crate::body::Body;
use crate::chat::{ANSWERS_MAX, answers};
use crate::endpoint::{self, Endpoint, Grant};
use crate::error::ApiError;
use crate::events;
use crate::fields::Fields;
use crate::submit::{Source, Submitted, Wanted};
use crate::{sampling, shape};

pub(crate) use self::answer::decode;

/// Most prompts of a request.
const PROMPTS_MAX: usize = 64;
/// Tokens written where the request does not say, as with `OpenAI`.
const MAX_TOKENS: usize = 16;

/// Prompts as clients send them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Prompts {
    Text(String),
    Tokens(Vec<TokenId>),
    Texts(Vec<String>),
    Lists(Vec<Vec<TokenId>>),
}

#[derive(Debug)]
struct Request {
    prompts: Vec<Prompt>,
    /// The same for each prompt but for the prompt itself.
    wanted: Wanted,
    echo: bool,
    stream: bool,
    include_usage: bool,
}

/// The answers to all prompts, being written.
pub(crate) struct Batch {
    /// One for each prompt.
    submitted: Vec<Submitted>,
    /// What each answer begins with: the prompt, if it is to be repeated.
    echoes: Vec<String>,
    /// Whether prompts come with the probabilities of their tokens.
    scored: bool,
}

/// Continues prompts.
pub(crate) async fn complete(
    State(endpoint): State<Endpoint>,
    grant: Option<Extension<Grant>>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, ApiError> {
    let grant = grant.map(|Extension(grant)| grant).unwrap_or_default();
    let request = read(Fields::parse(&body)?, &headers, grant)?;
    let mut batch = Batch {
        submitted: Vec::new(),
        echoes: Vec::new(),
        scored: request.wanted.prompt_logprobs,
    };
    for prompt in &request.prompts {
        let source = Source::Prompt(prompt.clone());
        let wanted = Wanted {
            source,
            ..request.wanted.clone()
        };
        let submitted = endpoint.submit(wanted).await?;
        let echo = if request.echo {
            answer::text_of(&*submitted.engine, prompt)
        } else {
            String::new()
        };
        batch.echoes.push(echo);
        batch.submitted.push(submitted);
    }
    let envelope = Envelope::new(&batch);
    if request.stream {
        let source = stream::CompletionStream::new(batch, envelope, request.include_usage);
        return Ok(events::respond(source));
    }
    Ok(Json(answer::collect(batch, &envelope).await?).into_response())
}

fn read(mut fields: Fields, headers: &HeaderMap, grant: Grant) -> Result<Request, ApiError> {
    if fields.has("suffix") {
        return Err(ApiError::unsupported(
            "suffix",
            "suffix is not supported: this server does not fill text in between",
        ));
    }
    let mut sampling = sampling::take(&mut fields)?;
    sampling.max_tokens = if fields.has("max_tokens") {
        sampling::take_tokens(&mut fields, "max_tokens")?
    } else {
        Some(MAX_TOKENS)
    };
    let echo = fields.take("echo")?.unwrap_or(false);
    let logprobs: Option<usize> = fields.take("logprobs")?;
    let answers = answers(&mut fields)?;
    if fields
        .take::<u64>("best_of")?
        .is_some_and(|best| best != answers as u64)
    {
        return Err(ApiError::unsupported(
            "best_of",
            "best_of must be n or absent",
        ));
    }
    let header = headers
        .get("x-priority")
        .and_then(|value| value.to_str().ok());
    let mut stream_options = fields.take_object("stream_options")?;
    Ok(Request {
        prompts: prompts(&mut fields, answers)?,
        echo,
        stream: fields.take("stream")?.unwrap_or(false),
        include_usage: stream_options.take("include_usage")?.unwrap_or(false),
        wanted: Wanted {
            model: fields.take("model")?,
            source: Source::Prompt(Prompt::default()),
            answers,
            logprobs,
            prompt_logprobs: echo && logprobs.is_some(),
            thought_tokens: None,
            shape: shape::take(&mut fields)?,
            turn: endpoint::turn(&mut fields, header, grant)?,
            sampling,
        },
    })
}

fn prompts(fields: &mut Fields, answers: usize) -> Result<Vec<Prompt>, ApiError> {
    let wrong = |message: String| ApiError::invalid(Some("prompt"), message);
    let prompts = match fields.take::<Prompts>("prompt") {
        Err(_) => {
            return Err(wrong(
                "prompt must be text, token ids, or a list of either".to_owned(),
            ));
        }
        Ok(None) => return Err(wrong("prompt is missing".to_owned())),
        Ok(Some(Prompts::Text(text))) => vec![Prompt::text(text)],
        Ok(Some(Prompts::Tokens(tokens))) if !tokens.is_empty() => vec![Prompt::tokens(tokens)],
        Ok(Some(Prompts::Tokens(_))) => Vec::new(),
        Ok(Some(Prompts::Texts(texts))) => texts.into_iter().map(Prompt::text).collect(),
        Ok(Some(Prompts::Lists(lists))) => lists.into_iter().map(Prompt::tokens).collect(),
    };
    let most = PROMPTS_MAX.min(PROMPTS_MAX * usize::try_from(ANSWERS_MAX).unwrap_or(1) / answers);
    if prompts.is_empty() || prompts.len() > most {
        return Err(wrong(format!(
            "prompt must have 1 to {most} entries, not {}",
            prompts.len()
        )));
    }
    Ok(prompts)
}
