//! What a path of the API means.
//!
//! Keeps apart the three ways a path can be unknown: plain text for unknown
//! groups and roots, a Status for unknown resources of known groups, and
//! (elsewhere) a Status that names the object.

use crate::world::Resource;
use crate::world::resource::{RESOURCES, find};

/// A resource, one of its objects, or a subresource of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) resource: &'static Resource,
    /// Absent: all namespaces, or a cluster-scoped resource.
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
    /// Whether the path itself asks for a watch (`/api/v1/watch/…`).
    pub(crate) watch: bool,
}

impl Place {
    /// The namespace, empty if there is none.
    pub(crate) fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }
}

/// A page of discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// `/`
    Paths,
    /// `/api`
    CoreVersions,
    /// `/apis`
    Groups,
    /// `/apis/GROUP`
    Group(String),
    /// `/api/v1` and `/apis/GROUP/VERSION`
    GroupVersion(String, String),
}

/// What a path means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Resource(Place),
    /// A well-formed path of no known resource, by what it names.
    UnknownResource,
    /// 404 in plain text.
    NotFoundPage,
    Discovery(Page),
    /// `healthz`, `livez`, `readyz`, with an optional single check.
    Health(String),
    Version,
    /// `/openapi/v2` or below `/openapi/v3`.
    OpenApi(String),
}

impl Target {
    pub(crate) fn parse(path: &str) -> Self {
        let Some(inner) = path.strip_prefix('/') else {
            return Self::NotFoundPage;
        };
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let segments: Vec<String> = inner.split('/').map(decode).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if inner.is_empty() {
            return Self::Discovery(Page::Paths);
        }
        if segments.contains(&"") {
            return Self::NotFoundPage;
        }
        match segments[..] {
            ["api"] => Self::Discovery(Page::CoreVersions),
            ["apis"] => Self::Discovery(Page::Groups),
            ["api", "v1"] => Self::Discovery(Page::GroupVersion(String::new(), "v1".to_owned())),
            ["api", "v1", ref rest @ ..] => resource("", "v1", rest),
            ["api", ..] => Self::UnknownResource,
            ["apis", group, ..] if !is_group(group) => Self::NotFoundPage,
            ["apis", group] => Self::Discovery(Page::Group(group.to_owned())),
            ["apis", group, version] if is_version(group, version) => {
                Self::Discovery(Page::GroupVersion(group.to_owned(), version.to_owned()))
            }
            ["apis", group, version, ref rest @ ..] => resource(group, version, rest),
            ["version"] => Self::Version,
            ["healthz" | "livez" | "readyz", ..] => Self::Health(inner.to_owned()),
            ["openapi", "v2"] | ["openapi", "v3", ..] => Self::OpenApi(inner.to_owned()),
            _ => Self::NotFoundPage,
        }
    }
}

fn is_group(group: &str) -> bool {
    RESOURCES
        .iter()
        .any(|resource| !group.is_empty() && resource.group == group)
}

fn is_version(group: &str, version: &str) -> bool {
    RESOURCES
        .iter()
        .any(|resource| resource.group == group && resource.version == version)
}

fn resource(group: &str, version: &str, rest: &[&str]) -> Target {
    let (watch, rest) = match rest {
        ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
        rest => (false, rest),
    };
    let (namespace, rest) = match rest {
        // Objects of kind Namespace, and their two subresources, look like a namespace's content.
        ["namespaces"] | ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => {
            (None, rest)
        }
        ["namespaces", namespace, rest @ ..] => (Some((*namespace).to_owned()), rest),
        rest => (None, rest),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (plural, None, None),
        [plural, name] => (plural, Some(*name), None),
        [plural, name, subresource, ..] => (plural, Some(*name), Some(*subresource)),
        [] => return Target::UnknownResource,
    };
    let Some(resource) = find(group, version, plural) else {
        return Target::UnknownResource;
    };
    let scoped_right = match &namespace {
        Some(_) => resource.namespaced,
        None => !resource.namespaced || name.is_none(),
    };
    let known = subresource.is_none_or(|wanted| resource.subresources.contains(&wanted));
    let deep_enough = rest.len() <= 3 || subresource == Some("proxy");
    if !(scoped_right && known && deep_enough) {
        return Target::UnknownResource;
    }
    Target::Resource(Place {
        resource,
        namespace,
        name: name.map(str::to_owned),
        subresource: subresource.map(str::to_owned),
        watch,
    })
}

/// Undoes percent-encoding; broken escapes stay as they are.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escape = (bytes[index] == b'%')
            .then(|| bytes.get(index + 1..index + 3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = escape {
            plain.push(byte);
            index += 3;
        } else {
            plain.push(bytes[index]);
            index += 1;
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        let text = match Target::parse(path) {
            Target::Resource(place) => format!(
                "{} {} {} {}",
                place.resource.qualified(),
                place.namespace.as_deref().unwrap_or("-"),
                place.name.as_deref().unwrap_or("-"),
                place.subresource.as_deref().unwrap_or("-"),
            ),
            Target::UnknownResource => "unknown resource".to_owned(),
            Target::NotFoundPage => "not found page".to_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(text, expected, "{path}");
    }

    #[test]
    fn places_are_told_by_scope() {
        check("/api/v1/pods", "pods - - -");
        check("/api/v1/namespaces/shop/pods/a/log", "pods shop a log");
        check("/api/v1/namespaces/shop", "namespaces - shop -");
        check("/api/v1/namespaces/shop/status", "namespaces - shop status");
        check(
            "/apis/apps/v1/namespaces/shop/deployments/a/",
            "deployments.apps shop a -",
        );
        check(
            "/api/v1/nodes/node-1/proxy/stats/summary",
            "nodes - node-1 proxy",
        );
    }

    #[test]
    fn the_unknown_has_two_forms_without_an_object() {
        check("/api/v1/namespaces/shop/nodes", "unknown resource");
        check("/api/v1/pods/a", "unknown resource");
        check("/api/v2", "unknown resource");
        check("/apis/apps/v1beta1/deployments", "unknown resource");
        check("/api/v1/namespaces/shop/pods/a/nosub", "unknown resource");
        check("/apis/nope.example/v1", "not found page");
        check("//api/v1/pods", "not found page");
        check("/no/such/path", "not found page");
        check("/apis/metrics.k8s.io/v1beta1", "not found page");
    }
}
