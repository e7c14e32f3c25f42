//! Errors of the console API as `application/problem+json` (RFC 9457).
//!
//! Decides status and code of each failure. The code's page in `docs/errors/`
//! says what to do next; it is embedded, since nobody here can search the web.
//!
//! Invariant: every [`Code`] has a page.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::backend::BackendError;

/// Seconds a client should wait when the appliance is busy; a queued analysis
/// takes about this long without a model.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Every way the console API and the webhook fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// No such path.
    NotFound,
    /// The path exists; the method does not.
    MethodNotAllowed,
    /// No such incident.
    IncidentNotFound,
    /// No analysis yet.
    AnalysisNotReady,
    /// No bundle.
    BundleNotFound,
    /// A query parameter is wrong.
    InvalidQuery,
    /// The body is wrong.
    InvalidBody,
    /// A webhook body that can never be read.
    WebhookInvalid,
    /// No or wrong credentials.
    Unauthorized,
    /// The credentials are for something else.
    Forbidden,
    /// A browser sent a change from another site, or the header is missing.
    CrossSite,
    /// Too much at once.
    Overloaded,
    /// A subsystem is down.
    Unavailable,
    /// A fault of ours.
    Internal,
}

impl Code {
    /// All codes, in the order of their pages.
    pub const ALL: [Self; 14] = [
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::IncidentNotFound,
        Self::AnalysisNotReady,
        Self::BundleNotFound,
        Self::InvalidQuery,
        Self::InvalidBody,
        Self::WebhookInvalid,
        Self::Unauthorized,
        Self::Forbidden,
        Self::CrossSite,
        Self::Overloaded,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The code in the problem document and in the page's address.
    pub fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The page that explains it, Markdown.
    pub fn page(self) -> &'static str {
        self.row().3
    }

    fn status(self) -> StatusCode {
        self.row().1
    }

    fn title(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> (&'static str, StatusCode, &'static str, &'static str) {
        macro_rules! page {
            ($code:literal) => {
                include_str!(concat!("../../../docs/errors/", $code, ".md"))
            };
        }
        macro_rules! row {
            ($code:literal, $status:ident, $title:literal) => {
                ($code, StatusCode::$status, $title, page!($code))
            };
        }
        match self {
            Self::NotFound => row!("not-found", NOT_FOUND, "No such address"),
            Self::MethodNotAllowed => {
                row!(
                    "method-not-allowed",
                    METHOD_NOT_ALLOWED,
                    "Method not allowed"
                )
            }
            Self::IncidentNotFound => row!("incident-not-found", NOT_FOUND, "No such incident"),
            Self::AnalysisNotReady => row!("analysis-not-ready", NOT_FOUND, "No analysis yet"),
            Self::BundleNotFound => row!("bundle-not-found", NOT_FOUND, "No bundle"),
            Self::InvalidQuery => row!("invalid-query", UNPROCESSABLE_ENTITY, "Invalid query"),
            Self::InvalidBody => row!("invalid-body", UNPROCESSABLE_ENTITY, "Invalid body"),
            Self::WebhookInvalid => row!("webhook-invalid", BAD_REQUEST, "Not a notification"),
            Self::Unauthorized => row!("unauthorized", UNAUTHORIZED, "Not signed in"),
            Self::Forbidden => row!("forbidden", FORBIDDEN, "Not for this credential"),
            Self::CrossSite => row!("cross-site", FORBIDDEN, "Change from elsewhere refused"),
            Self::Overloaded => row!("overloaded", SERVICE_UNAVAILABLE, "Too much at once"),
            Self::Unavailable => row!("unavailable", SERVICE_UNAVAILABLE, "Not available now"),
            Self::Internal => row!("internal", INTERNAL_SERVER_ERROR, "Internal error"),
        }
    }
}

/// A failure on its way to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What failed.
    pub code: Code,
    /// This case in words; shown to the client.
    pub detail: String,
}

impl Problem {
    /// A failure with its words.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

impl From<BackendError> for Problem {
    fn from(error: BackendError) -> Self {
        let code = match &error {
            BackendError::IncidentNotFound(_) => Code::IncidentNotFound,
            BackendError::AnalysisNotReady(_) => Code::AnalysisNotReady,
            BackendError::BundleNotFound(_) => Code::BundleNotFound,
            BackendError::Cursor => Code::InvalidQuery,
            BackendError::Overloaded => Code::Overloaded,
            BackendError::Unavailable(_) => Code::Unavailable,
            BackendError::Internal(reason) => {
                tracing::error!(%reason, "console request failed");
                return Self::new(Code::Internal, "the appliance's log has the reason");
            }
        };
        Self::new(code, error.to_string())
    }
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.code;
        let document = Document {
            r#type: format!("/errors/{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            code: code.as_str(),
            detail: &self.detail,
        };
        let mut response = (code.status(), Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if code.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_with_its_name_and_a_next_step() {
        for code in Code::ALL {
            let page = code.page();
            assert!(
                page.starts_with(&format!("# {}", code.as_str())),
                "{code:?}"
            );
            assert!(page.contains("## What to do"), "{code:?}");
        }
    }

    #[test]
    fn internal_reasons_are_not_shown() {
        let problem = Problem::from(BackendError::Internal("secret path".into()));
        assert!(!problem.detail.contains("secret"));
    }

    #[test]
    fn busy_answers_say_when_to_come_back() {
        let response = Problem::from(BackendError::Overloaded).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
}
