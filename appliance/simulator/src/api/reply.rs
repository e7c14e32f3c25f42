//! Answers, and the headers every one of them carries.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::Stream;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::status::Status;

/// Bodies above this size are compressed for those who accept it, as a real server does.
const GZIP_ABOVE_BYTES: usize = 128 << 10;

/// How the asker wants the body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) pretty: bool,
    pub(crate) gzip: bool,
    pub(crate) head: bool,
}

enum Content {
    Json(Value),
    /// Indented whatever the style; without a final line feed.
    Indented(Value),
    Text(String),
    Stream(Body),
    Empty,
}

/// One answer.
pub(crate) struct Reply {
    code: u16,
    content: Content,
    content_type: &'static str,
    cache_control: &'static str,
    headers: Vec<(&'static str, String)>,
    metered: bool,
}

impl Reply {
    fn new(code: u16, content: Content, content_type: &'static str) -> Self {
        Self {
            code,
            content,
            content_type,
            cache_control: "no-cache, private",
            headers: Vec::new(),
            metered: true,
        }
    }

    pub(crate) fn json(value: Value) -> Self {
        Self::new(200, Content::Json(value), "application/json")
    }

    pub(crate) fn created(value: Value) -> Self {
        Self::new(201, Content::Json(value), "application/json")
    }

    pub(crate) fn indented(value: Value) -> Self {
        Self::new(200, Content::Indented(value), "application/json")
    }

    pub(crate) fn text(code: u16, text: impl Into<String>) -> Self {
        Self::new(
            code,
            Content::Text(text.into()),
            "text/plain; charset=utf-8",
        )
        .header("X-Content-Type-Options", "nosniff")
    }

    /// A container's log: plain text that is not metered.
    pub(crate) fn log(body: Body) -> Self {
        Self::new(200, Content::Stream(body), "text/plain").unmetered()
    }

    /// Lines of JSON as they come.
    pub(crate) fn watch<S>(lines: S) -> Self
    where
        S: Stream<Item = String> + Send + 'static,
    {
        use futures::StreamExt as _;
        let lines = lines.map(|line| Ok::<_, std::convert::Infallible>(line.into_bytes()));
        let body = Body::from_stream(lines);
        Self::new(200, Content::Stream(body), "application/json")
    }

    pub(crate) fn empty(code: u16) -> Self {
        Self::new(code, Content::Empty, "")
    }

    pub(crate) fn too_many_requests(seconds: u32) -> Self {
        Self::text(429, "Too many requests, please try again later.\n")
            .header("Retry-After", &seconds.to_string())
    }

    /// Long-running answers and refusals of identity pass by priority and fairness.
    pub(crate) fn unmetered(mut self) -> Self {
        self.metered = false;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn content_type(mut self, content_type: &'static str) -> Self {
        self.content_type = content_type;
        self
    }

    pub(crate) fn cache_control(mut self, cache_control: &'static str) -> Self {
        self.cache_control = cache_control;
        self
    }

    /// The response, with every header.
    pub(crate) fn finish(self, style: Style) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let mut set = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set("audit-id", &audit_id());
        set("cache-control", self.cache_control);
        if self.metered {
            set("x-kubernetes-pf-flowschema-uid", FLOW_SCHEMA_UID);
            set("x-kubernetes-pf-prioritylevel-uid", PRIORITY_LEVEL_UID);
        }
        if !self.content_type.is_empty() {
            set("content-type", self.content_type);
        }
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (
                header::HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) {
                headers.insert(name, value);
            }
        }
        let bytes = match self.content {
            Content::Stream(body) => {
                *response.body_mut() = body;
                return response;
            }
            Content::Empty => Vec::new(),
            Content::Text(text) => text.into_bytes(),
            Content::Json(value) if !style.pretty => format!("{value}\n").into_bytes(),
            Content::Json(value) | Content::Indented(value) => {
                serde_json::to_vec_pretty(&value).unwrap_or_default()
            }
        };
        if !style.head {
            *response.body_mut() = encode(bytes, style.gzip, response.headers_mut());
        }
        response
    }
}

impl From<Status> for Reply {
    fn from(status: Status) -> Self {
        let reply = Self::new(
            status.code(),
            Content::Json(status.object()),
            "application/json",
        );
        match status.retry_after() {
            Some(seconds) => reply.header("Retry-After", &seconds.to_string()),
            None => reply,
        }
    }
}

fn encode(bytes: Vec<u8>, gzip: bool, headers: &mut http::HeaderMap) -> Body {
    if !gzip || bytes.len() <= GZIP_ABOVE_BYTES {
        return Body::from(bytes);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    match encoder.write_all(&bytes).and_then(|()| encoder.finish()) {
        Ok(packed) => {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
            Body::from(packed)
        }
        Err(_) => Body::from(bytes),
    }
}

const FLOW_SCHEMA_UID: &str = "8b577e44-a38e-45ca-b3bb-d17292618694";
const PRIORITY_LEVEL_UID: &str = "613a9037-91a9-4092-a499-8c4ca555dfa6";

/// A fresh identifier in the form of a UUID, unique within the process.
fn audit_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let hash = blake3::hash(&count.to_le_bytes()).to_hex();
    let hex = hash.as_str();
    format!(
        "{}-{}-4{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}
