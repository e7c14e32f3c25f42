//! Errors as `OpenAI` clients expect them.
//!
//! Clients classify errors by status, `type`, `code` and words of the message, so these are an interface.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use inference_core::{EngineError, ErrorKind};
use serde_json::{Value, json};

/// An error object with its status.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    parameter: Option<&'static str>,
    pub(crate) message: String,
    /// Tokens of a prompt that is too long, and of the window.
    window: Option<(usize, usize)>,
}

impl ApiError {
    fn new(
        status: StatusCode,
        kind: &'static str,
        code: Option<&'static str>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind,
            code,
            parameter: None,
            message: message.into(),
            window: None,
        }
    }

    /// The request is wrong, in the field `parameter` if it is known.
    pub(crate) fn invalid(parameter: Option<&'static str>, message: impl Into<String>) -> Self {
        let code = parameter.map(|_| "invalid_value");
        Self::wrong(code, parameter, message)
    }

    /// The request asks for what this server does not do.
    pub(crate) fn unsupported(parameter: &'static str, message: impl Into<String>) -> Self {
        Self::wrong(Some("unsupported_parameter"), Some(parameter), message)
    }

    /// The schema of an answer cannot be held to. Clients look for the first words.
    pub(crate) fn bad_schema(name: &str, reason: &str) -> Self {
        let message = format!("Invalid schema for response_format '{name}': {reason}");
        Self::wrong(
            Some("invalid_json_schema"),
            Some("response_format"),
            message,
        )
    }

    /// The schema of a tool's arguments cannot be held to.
    pub(crate) fn bad_function_schema(name: &str, reason: &str) -> Self {
        let message = format!("Invalid schema for function '{name}': {reason}");
        Self::wrong(Some("invalid_function_parameters"), Some("tools"), message)
    }

    fn wrong(
        code: Option<&'static str>,
        parameter: Option<&'static str>,
        message: impl Into<String>,
    ) -> Self {
        let error = Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_request_error",
            code,
            message,
        );
        Self { parameter, ..error }
    }

    /// The body is too large to be read.
    pub(crate) fn too_large(bytes_max: usize) -> Self {
        let message = format!("the body is too large; at most {bytes_max} bytes are read");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request_error",
            Some("request_too_large"),
            message,
        )
    }

    /// The caller may not do this.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "invalid_request_error",
            Some("insufficient_permissions"),
            message,
        )
    }

    /// The caller is not known. litellm looks for these very words.
    pub(crate) fn bad_key() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_request_error",
            Some("invalid_api_key"),
            "Incorrect API key provided. Send a key of this server's credentials file as `Authorization: Bearer KEY`.",
        )
    }

    /// There is no model that embeds.
    pub(crate) fn no_embedder() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            Some("model_not_found"),
            "no embedding model is loaded; name its folder in `inference.embedding_model`",
        )
    }

    /// There is nothing at this address.
    pub(crate) fn no_route(method: &str, path: &str) -> Self {
        let message = format!("There is no {method} {path}.");
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            Some("unknown_url"),
            message,
        )
    }

    /// Something here broke.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            None,
            message,
        )
    }

    /// The error object.
    pub(crate) fn body(&self) -> Value {
        let mut error = json!({
            "message": self.message,
            "type": self.kind,
            "param": self.parameter,
            "code": self.code,
        });
        if let Some((prompt_tokens, context_length)) = self.window {
            error["n_prompt_tokens"] = json!(prompt_tokens);
            error["n_ctx"] = json!(context_length);
        }
        json!({ "error": error })
    }

    fn code_of(error: &EngineError) -> Option<&'static str> {
        match error {
            EngineError::TooLong { .. } => Some("context_length_exceeded"),
            EngineError::Constraint { .. } => Some("invalid_json_schema"),
            EngineError::QueueFull { .. } => Some("rate_limit_exceeded"),
            EngineError::Loading => Some("model_loading"),
            EngineError::NoModel | EngineError::CannotLoad { .. } => Some("model_not_loaded"),
            EngineError::UnknownModel { .. } => Some("model_not_found"),
            EngineError::Parameter { .. } => Some("invalid_value"),
            EngineError::EmptyPrompt
            | EngineError::Template(_)
            | EngineError::Stopped
            | EngineError::Failed(_) => None,
        }
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let (status, kind) = match error.kind() {
            ErrorKind::Invalid => (StatusCode::BAD_REQUEST, "invalid_request_error"),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "invalid_request_error"),
            ErrorKind::Overloaded => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "server_error"),
            ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        let mut api = Self::new(status, kind, Self::code_of(&error), error.to_string());
        api.parameter = match error {
            EngineError::Parameter { parameter, .. } => Some(parameter),
            EngineError::TooLong {
                prompt_tokens,
                context_length,
            } => {
                let (prompt_tokens, context_length) =
                    (harmless(prompt_tokens), harmless(context_length));
                api.window = Some((prompt_tokens, context_length));
                let error = EngineError::TooLong {
                    prompt_tokens,
                    context_length,
                };
                api.message = error.to_string();
                Some("messages")
            }
            EngineError::EmptyPrompt | EngineError::Template(_) => Some("messages"),
            EngineError::UnknownModel { .. } | EngineError::CannotLoad { .. } => Some("model"),
            EngineError::Constraint { .. } => Some("response_format"),
            EngineError::QueueFull { .. }
            | EngineError::Loading
            | EngineError::NoModel
            | EngineError::Stopped
            | EngineError::Failed(_) => None,
        };
        api
    }
}

/// The number, or the next one without `429` in it: litellm takes those digits anywhere in an
/// error for an exceeded rate limit, and would send a prompt that is too long again and again.
fn harmless(mut number: usize) -> usize {
    while number.to_string().contains("429") {
        number += 1;
    }
    number
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let retry = matches!(
            self.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        );
        let mut response = (self.status, Json(self.body())).into_response();
        if retry {
            // A request takes seconds; clients add their own backoff.
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
