//! Failures, as the Status objects a real server sends.
//!
//! Wording, reasons and details follow the recorded answers; a client may
//! depend on each of them.

use serde_json::{Map, Value, json};

use super::path::Target;
use crate::world::Resource;

/// A failed request; boxed, since it travels in many results.
#[derive(Clone, Debug)]
pub(crate) struct Status(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    code: u16,
    /// Seconds of the `Retry-After` header.
    retry_after: Option<u32>,
    reason: &'static str,
    message: String,
    details: Option<Value>,
    metadata: Value,
}

impl Status {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            retry_after: None,
            reason,
            message: message.into(),
            details: None,
            metadata: json!({}),
        }))
    }

    fn with_details(mut self, details: Value) -> Self {
        self.0.details = Some(details);
        self
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// The user may not; said before anything about the object is known.
    pub(crate) fn forbidden(user: &str, target: &Target, verb: &str, path: &str) -> Self {
        let Target::Resource(place) = target else {
            let message = format!("forbidden: User {user:?} cannot {verb} path {path:?}");
            return Self::new(403, "Forbidden", message).with_details(json!({}));
        };
        let resource = place.resource;
        let object = match &place.name {
            Some(name) => format!("{} {name:?}", resource.qualified()),
            None => resource.qualified(),
        };
        let what = match &place.subresource {
            Some(subresource) => format!("{}/{subresource}", resource.plural),
            None => resource.plural.to_owned(),
        };
        // A namespace is authorized within itself.
        let scope = match (&place.namespace, &place.name) {
            (Some(namespace), _) => Some(namespace),
            (None, Some(name)) if resource.plural == "namespaces" => Some(name),
            _ => None,
        };
        let scope = match scope {
            Some(namespace) => format!("in the namespace {namespace:?}"),
            None => "at the cluster scope".to_owned(),
        };
        let message = format!(
            "{object} is forbidden: User {user:?} cannot {verb} resource {what:?} in API group {:?} {scope}",
            resource.group
        );
        let details = details(resource, place.name.as_deref());
        Self::new(403, "Forbidden", message).with_details(details)
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} not found", resource.qualified());
        Self::new(404, "NotFound", message).with_details(details(resource, Some(name)))
    }

    pub(crate) fn unknown_resource() -> Self {
        Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
        .with_details(json!({}))
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
        .with_details(json!({}))
    }

    pub(crate) fn not_acceptable(message: String) -> Self {
        Self::new(406, "NotAcceptable", message)
    }

    /// Nothing the path offers is accepted: said by the layer below the API.
    pub(crate) fn no_representation() -> Self {
        Self::not_acceptable(
            "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, \
             application/vnd.kubernetes.protobuf, application/json;stream=watch, \
             application/vnd.kubernetes.protobuf;stream=watch"
                .to_owned(),
        )
        .with_details(json!({}))
    }

    pub(crate) fn unsupported_media_type() -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: application/json",
        )
    }

    pub(crate) fn too_large() -> Self {
        Self::new(
            413,
            "RequestEntityTooLarge",
            "Request entity too large: limit is 1048576",
        )
    }

    /// 410, with a token to go on from if there is one.
    pub(crate) fn expired(message: impl Into<String>, token: Option<String>) -> Self {
        let mut status = Self::new(410, "Expired", message);
        if let Some(token) = token {
            status.0.metadata = json!({"continue": token});
        }
        status
    }

    /// 422 for an object or options of `kind`; each cause is a field and what is wrong with it.
    pub(crate) fn invalid(
        group: &str,
        kind: &str,
        name: &str,
        causes: &[(&str, &str, &str)],
    ) -> Self {
        let texts: Vec<String> = causes
            .iter()
            .map(|(_, message, field)| format!("{field}: {message}"))
            .collect();
        let wrong = match &texts[..] {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let whose = match (kind, group) {
            (kind, "") => kind.to_owned(),
            (kind, group) => format!("{kind}.{group}"),
        };
        let mut details = Map::new();
        if !name.is_empty() {
            details.insert("name".to_owned(), json!(name));
        }
        if !group.is_empty() {
            details.insert("group".to_owned(), json!(group));
        }
        if !kind.is_empty() {
            details.insert("kind".to_owned(), json!(kind));
        }
        let causes: Vec<Value> = causes
            .iter()
            .map(|(reason, message, field)| json!({"reason": reason, "message": message, "field": field}))
            .collect();
        details.insert("causes".to_owned(), json!(causes));
        Self::new(
            422,
            "Invalid",
            format!("{whose} {name:?} is invalid: {wrong}"),
        )
        .with_details(Value::Object(details))
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    /// 500 of something behind the server (a kubelet): there is no reason.
    pub(crate) fn behind(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }

    /// A list or get at a version that is not there yet.
    pub(crate) fn version_too_large(wanted: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        let causes =
            json!([{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]);
        let mut status = Self::new(504, "Timeout", message)
            .with_details(json!({"causes": causes, "retryAfterSeconds": 1}));
        status.0.retry_after = Some(1);
        status
    }

    /// HTTP status code.
    pub(crate) fn code(&self) -> u16 {
        self.0.code
    }

    /// Seconds of the `Retry-After` header.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        self.0.retry_after
    }

    /// The object that is sent, alone or as a watch's last event.
    pub(crate) fn object(&self) -> Value {
        let mut object = Map::new();
        object.insert("kind".to_owned(), json!("Status"));
        object.insert("apiVersion".to_owned(), json!("v1"));
        object.insert("metadata".to_owned(), self.0.metadata.clone());
        object.insert("status".to_owned(), json!("Failure"));
        object.insert("message".to_owned(), json!(self.0.message));
        if !self.0.reason.is_empty() {
            object.insert("reason".to_owned(), json!(self.0.reason));
        }
        if let Some(details) = &self.0.details {
            object.insert("details".to_owned(), details.clone());
        }
        object.insert("code".to_owned(), json!(self.0.code));
        Value::Object(object)
    }
}

fn details(resource: &Resource, name: Option<&str>) -> Value {
    let mut details = Map::new();
    if let Some(name) = name {
        details.insert("name".to_owned(), json!(name));
    }
    if !resource.group.is_empty() {
        details.insert("group".to_owned(), json!(resource.group));
    }
    details.insert("kind".to_owned(), json!(resource.plural));
    Value::Object(details)
}
