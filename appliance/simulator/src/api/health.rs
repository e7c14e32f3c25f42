//! Health and version.

use serde_json::json;

use super::query::Query;
use super::reply::Reply;

/// Checks a server names in its verbose answers.
const CHECKS: [&str; 8] = [
    "ping",
    "log",
    "etcd",
    "informer-sync",
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/priority-and-fairness-config-consumer",
    "poststarthook/rbac/bootstrap-roles",
];

/// Whether everyone may read `path`, without a token.
pub(super) fn is_public(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    matches!(path, "/version" | "/healthz" | "/livez" | "/readyz")
}

/// Answers `healthz`, `livez`, `readyz`, or one check of them.
pub(super) fn answer(path: &str, query: &Query) -> Reply {
    let (endpoint, check) = path.split_once('/').unwrap_or((path, ""));
    if !check.is_empty() {
        return if CHECKS.contains(&check) {
            Reply::text(200, "ok")
        } else {
            Reply::text(404, "404 page not found\n")
        };
    }
    if !query.flag("verbose") {
        return Reply::text(200, "ok");
    }
    let mut text = String::new();
    for check in CHECKS {
        let excluded = query.all("exclude").any(|excluded| excluded == check);
        let state = if excluded { "excluded: ok" } else { "ok" };
        text.push_str(&format!("[+]{check} {state}\n"));
    }
    text.push_str(&format!("{endpoint} check passed\n"));
    Reply::text(200, text)
}

/// The version served: that of the recorded server the answers follow.
pub(super) fn version() -> Reply {
    Reply::indented(json!({
        "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
        "minCompatibilityMajor": "1", "minCompatibilityMinor": "35", "gitVersion": "v1.36.2",
        "gitCommit": "0000000000000000000000000000000000000000", "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.26.6", "compiler": "gc",
        "platform": "linux/amd64",
    }))
}
