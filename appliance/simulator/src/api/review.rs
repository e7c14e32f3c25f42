//! Access reviews: what the asker may do here.
//!
//! Everything may be read but what a fault forbids; nothing may be written.

use serde_json::{Value, json};

use super::Call;
use super::path::Place;
use super::reply::Reply;
use super::status::Status;
use crate::faults::Faults;

const MISSING: &str = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified";

/// Answers a review.
pub(super) fn answer(
    faults: &Faults,
    call: &Call,
    place: &Place,
    body: &[u8],
) -> Result<Reply, Status> {
    let content_type = call
        .content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if !matches!(content_type, "" | "application/json") {
        return Err(Status::unsupported_media_type());
    }
    if place.resource.kind == "SelfSubjectReview" {
        return Ok(Reply::created(json!({
            "kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
            "status": {"userInfo": {"username": call.user, "groups": ["system:authenticated"]}},
        })));
    }
    let review: Value = serde_json::from_slice(body).map_err(|error| {
        Status::bad_request(format!(
            "the object provided is unrecognized (must be of type SelfSubjectAccessReview): {error}"
        ))
    })?;
    let spec = review.get("spec").cloned().unwrap_or_default();
    let allowed = match (
        spec.get("resourceAttributes"),
        spec.get("nonResourceAttributes"),
    ) {
        (Some(wanted), None) => may_resource(faults, wanted),
        (None, Some(wanted)) => may_path(faults, wanted),
        _ => {
            let causes = [("FieldValueInvalid", MISSING, "spec.resourceAttributes")];
            return Err(Status::invalid("authorization.k8s.io", "", "", &causes));
        }
    };
    let status = if allowed {
        json!({"allowed": true, "reason": "RBAC: allowed by ClusterRoleBinding \"observer\" of ClusterRole \"observer\""})
    } else {
        json!({"allowed": false})
    };
    Ok(Reply::created(json!({
        "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {},
        "spec": spec, "status": status,
    })))
}

fn may_resource(faults: &Faults, wanted: &Value) -> bool {
    let text = |name| wanted.get(name).and_then(Value::as_str).unwrap_or_default();
    if !matches!(text("verb"), "get" | "list" | "watch") || text("resource") == "*" {
        return false;
    }
    let root = match text("group") {
        "" => "/api/v1".to_owned(),
        group => format!("/apis/{group}/v1"),
    };
    let mut path = match text("namespace") {
        "" => root,
        namespace => format!("{root}/namespaces/{namespace}"),
    };
    for part in [text("resource"), text("name"), text("subresource")] {
        if !part.is_empty() {
            path = format!("{path}/{part}");
        }
    }
    !faults.forbids(&path)
}

fn may_path(faults: &Faults, wanted: &Value) -> bool {
    let text = |name| wanted.get(name).and_then(Value::as_str).unwrap_or_default();
    let roots = [
        "/api", "/apis", "/healthz", "/livez", "/readyz", "/version", "/openapi",
    ];
    let path = text("path");
    let readable = roots
        .iter()
        .any(|root| path == *root || path.starts_with(&format!("{root}/")));
    text("verb") == "get" && readable && !faults.forbids(path)
}
