//! Ollama's own addresses, for tools that speak nothing else.
//!
//! The same requests in other words: what is decided here is the translation alone. Streams
//! are lines of JSON, errors are `{"error": …}`.

mod answer;
mod catalog;
mod options;
mod request;
mod stream;

use axum::Json;
use axum::body::Body as HttpBody;
use axum::extract::{Extension, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use self::request::{Asked, Form};
use self::stream::Lines;
use crate::body::Body;
use crate::endpoint::{Endpoint, Grant};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::submit::Submitted;

pub(crate) use self::catalog::{embed, embed_one, ps, show, tags, version};

/// An error in Ollama's form.
#[derive(Debug)]
pub(crate) struct OllamaError(ApiError);

impl<E: Into<ApiError>> From<E> for OllamaError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for OllamaError {
    fn into_response(self) -> Response {
        let body = error_line(&self.0);
        let mut response = self.0.into_response();
        let json = Json(body).into_response();
        response.headers_mut().remove("content-length");
        let (parts, _) = response.into_parts();
        Response::from_parts(parts, json.into_body())
    }
}

/// An error as a line of a stream, or as a body.
fn error_line(error: &ApiError) -> Value {
    serde_json::json!({ "error": error.message })
}

/// `POST /api/chat`.
pub(crate) async fn chat(
    State(endpoint): State<Endpoint>,
    grant: Option<Extension<Grant>>,
    Body(body): Body,
) -> Result<Response, OllamaError> {
    answer(endpoint, grant, &body, Form::Chat).await
}

/// `POST /api/generate`.
pub(crate) async fn generate(
    State(endpoint): State<Endpoint>,
    grant: Option<Extension<Grant>>,
    Body(body): Body,
) -> Result<Response, OllamaError> {
    answer(endpoint, grant, &body, Form::Generate).await
}

async fn answer(
    endpoint: Endpoint,
    grant: Option<Extension<Grant>>,
    body: &[u8],
    form: Form,
) -> Result<Response, OllamaError> {
    let grant = grant.map(|Extension(grant)| grant).unwrap_or_default();
    let asked = request::read(Fields::parse(body)?, form, &endpoint, grant)?;
    let (wanted, streams) = match asked {
        Asked::Load(model) => {
            let loaded = catalog::load(&endpoint, model).await?;
            return Ok(Json(answer::loaded(form, &loaded)).into_response());
        }
        Asked::Write { wanted, stream } => (*wanted, stream),
    };
    let submitted: Submitted = endpoint.submit(wanted).await?;
    let mut lines = Lines::new(submitted, form);
    if streams {
        let body = HttpBody::from_stream(stream::body(lines));
        return Ok(([(CONTENT_TYPE, "application/x-ndjson")], body).into_response());
    }
    Ok(Json(lines.whole().await?).into_response())
}
