//! The body of a request, refused in our own words if it is too large.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;

use crate::error::ApiError;

/// Largest body: the longest window of text in any encoding, several times over.
pub(crate) const BODY_BYTES_MAX: usize = 8 << 20;

/// The bytes of a body.
#[derive(Debug)]
pub(crate) struct Body(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(ApiError::too_large(BODY_BYTES_MAX))
            }
            Err(rejection) => Err(ApiError::invalid(None, rejection.body_text())),
        }
    }
}
