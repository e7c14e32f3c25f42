//! `POST /tokenize` and `POST /detokenize`, in the words of vLLM and of llama.cpp.

use axum::Json;
use axum::extract::State;
use inference_core::{Engine, EngineError, Prompt, TokenId};
use serde_json::{Value, json};

use crate::body::Body;
use crate::chat;
use crate::completions::decode;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::messages::{self, Message};
use crate::submit::off_async;

/// The tokens of a text or a chat.
pub(crate) async fn tokenize(
    State(endpoint): State<Endpoint>,
    Body(body): Body,
) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let model: Option<String> = fields.take("model")?;
    let prompt: Option<String> = match fields.take("prompt")? {
        None => fields.take("content")?,
        prompt => prompt,
    };
    let chat: Option<Vec<Message>> = fields.take("messages")?;
    let pieces = fields.take("with_pieces")?.unwrap_or(false)
        || fields.take("return_token_strs")?.unwrap_or(false);
    // llama.cpp leaves them out unless asked, vLLM puts them in.
    let special = match fields.take("add_special_tokens")? {
        None => fields.take("add_special")?.unwrap_or(prompt.is_none()),
        Some(special) => special,
    };
    let messages = chat.map(messages::read).transpose()?;
    let options = chat::chat_options(&mut fields)?;
    off_async(move || {
        let engine = endpoint.models.engine(model.as_deref())?;
        let tokens = match (prompt, messages) {
            (Some(text), _) => text_tokens(&*engine, text, special),
            (None, Some(messages)) => engine.tokenize(&engine.chat_prompt(&messages, &options)?),
            (None, None) => {
                return Err(ApiError::invalid(
                    Some("prompt"),
                    "send prompt, content or messages",
                ));
            }
        };
        Ok(Json(described(&*engine, &tokens, pieces)))
    })
    .await
}

/// The text of tokens.
pub(crate) async fn detokenize(
    State(endpoint): State<Endpoint>,
    Body(body): Body,
) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let model: Option<String> = fields.take("model")?;
    let tokens: Vec<TokenId> = fields.require("tokens")?;
    off_async(move || {
        let engine = endpoint.models.engine(model.as_deref())?;
        let vocab_size = engine.model().vocab_size;
        if let Some(token) = tokens.iter().find(|&&token| token as usize >= vocab_size) {
            return Err(EngineError::Parameter {
                parameter: "tokens",
                expected: format!("token ids below {vocab_size}"),
                found: token.to_string(),
            }
            .into());
        }
        let text = decode(&*engine, &tokens);
        Ok(Json(json!({ "prompt": text, "content": text })))
    })
    .await
}

fn text_tokens(engine: &dyn Engine, text: String, special: bool) -> Vec<TokenId> {
    let mut tokens = engine.tokenize(&Prompt::text(text));
    let leading = engine.tokenize(&Prompt::default());
    if !special && tokens.starts_with(&leading) {
        tokens.drain(..leading.len());
    }
    tokens
}

fn described(engine: &dyn Engine, tokens: &[TokenId], pieces: bool) -> Value {
    let mut object = json!({
        "count": tokens.len(),
        "max_model_len": engine.model().context_length,
        "tokens": tokens,
    });
    if pieces {
        let piece =
            |&token: &TokenId| String::from_utf8_lossy(engine.token_bytes(token)).into_owned();
        object["token_strs"] = tokens.iter().map(piece).collect();
    }
    object
}
