//! What a runtime's pull error means.
//!
//! containerd, CRI-O and dockershim word the registry's answer differently;
//! the table keeps the parts they share, most telling first.

use super::Cause;
use crate::causes::view::mentions;

/// What the registry answered, least telling first so that `max` picks the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    /// Docker's "does not exist or may require login": either.
    DeniedOrAbsent,
    /// It has no such image.
    Absent,
    /// It wants other credentials.
    Denied,
    /// It does not answer.
    Silent,
    /// It has no variant for this platform.
    Foreign,
    /// It limits the rate.
    Limited,
    /// It was never asked: the reference is malformed or pulling is forbidden.
    Malformed,
    /// It answered, and the node has no room for the image.
    NoRoom,
}

impl Answer {
    pub(super) fn cause(self) -> Cause {
        match self {
            Self::Absent => Cause::ImageNotFound,
            Self::DeniedOrAbsent | Self::Denied => Cause::ImagePullAuth,
            Self::Silent => Cause::RegistryUnreachable,
            Self::Foreign => Cause::ImagePlatformMismatch,
            Self::Limited => Cause::RegistryRateLimited,
            Self::Malformed => Cause::ImageNameInvalid,
            Self::NoRoom => Cause::DiskPressure,
        }
    }
}

/// Fragments in lower case; the first row that matches decides.
const TABLE: &[(Answer, &[&str])] = &[
    (
        Answer::NoRoom,
        &["no space left on device", "disk quota exceeded"],
    ),
    (
        Answer::Malformed,
        &[
            "couldn't parse image",
            "invalid reference format",
            "did not resolve to an alias",
            "short name mode is enforcing",
            "short-name resolution enforced",
            "failed to apply default image tag",
            "is not present with pull policy of never",
            "errimageneverpull",
        ],
    ),
    (
        Answer::Limited,
        &[
            "toomanyrequests",
            "429 too many requests",
            "rate limit",
            "rate exceeded",
            "pull qps exceeded",
        ],
    ),
    (
        Answer::Foreign,
        &[
            "no match for platform",
            "no matching manifest for",
            "no image found in image index for architecture",
            "no image found in manifest list for architecture",
            "cannot be used on this platform",
            "does not match the specified platform",
        ],
    ),
    // The registry knows who asks, or says that it wants to.
    (
        Answer::Denied,
        &[
            "authorization token has expired",
            "no basic auth credentials",
            "incorrect username or password",
        ],
    ),
    (
        Answer::DeniedOrAbsent,
        &[
            "may require 'docker login'",
            "may require authorization",
            "requested access to the resource is denied",
        ],
    ),
    (
        Answer::Denied,
        &[
            "401 unauthorized",
            "403 forbidden",
            "insufficient_scope",
            "authentication required",
            "authorization failed",
            "unauthorized:",
            "denied:",
            "failed to authorize",
        ],
    ),
    (
        Answer::Silent,
        &[
            "no such host",
            "i/o timeout",
            "connection refused",
            "connection reset",
            "no route to host",
            "network is unreachable",
            "tls handshake timeout",
            "context deadline exceeded",
            "client.timeout exceeded",
            "request canceled while waiting for connection",
            "server misbehaving",
            "temporary failure in name resolution",
            "x509:",
            "server gave http response to https client",
            "proxyconnect tcp",
            "407 proxy authentication required",
            "500 internal server error",
            "502 bad gateway",
            "503 service unavailable",
            "504 gateway timeout",
            "registry is unavailable",
            "failed to do request",
            "error pinging docker registry",
            "pinging container registry",
        ],
    ),
    (
        Answer::Absent,
        &[
            "not found",
            "manifest unknown",
            "manifest_unknown",
            "name unknown",
            "name_unknown",
            "repository does not exist",
            "does not exist or no pull access",
            "no such image",
            "failed to resolve image",
        ],
    ),
];

/// What `text` says about `image`; `None` when it says nothing of the registry.
pub(super) fn classify(reason: &str, text: &str, image: &str) -> Option<Answer> {
    if matches!(reason, "InvalidImageName" | "ErrImageNeverPull") {
        return Some(Answer::Malformed);
    }
    if reason == "FailedToRetrieveImagePullSecret" {
        return None;
    }
    let text = without_image(text, image);
    let token_failed = mentions(
        &text,
        &[
            "failed to fetch anonymous token",
            "failed to fetch oauth token",
        ],
    );
    // A mirror that knows no such repository refuses the manifest as if it were private;
    // only a refused token or an explicit 401 asks for credentials.
    let manifest_refused = mentions(&text, &["403 forbidden"])
        && mentions(&text, &["/manifests/"])
        && !mentions(&text, &["token", "authoriz", "401"]);
    if manifest_refused {
        return Some(Answer::DeniedOrAbsent);
    }
    let silent = TABLE
        .iter()
        .any(|&(answer, fragments)| answer == Answer::Silent && mentions(&text, fragments));
    // A token server that cannot be reached says "failed to authorize" as well.
    if silent && (token_failed || mentions(&text, &["failed to authorize"])) {
        return Some(Answer::Silent);
    }
    TABLE
        .iter()
        .find(|(_, fragments)| mentions(&text, fragments))
        .map(|&(answer, _)| answer)
}

/// The message without the image's own words, which may hold any fragment.
fn without_image(text: &str, image: &str) -> String {
    let repository = repository_of(image);
    let path = repository
        .split_once('/')
        .map_or(repository, |(_, path)| path);
    let mut text = text.to_owned();
    for part in [image, repository, path] {
        if part.len() > 2 {
            text = text.replace(part, " ");
        }
    }
    text
}

/// An image reference without tag and digest.
pub(super) fn repository_of(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

/// The registry's host of an image reference; `docker.io` when it names none.
pub(super) fn registry_of(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => "docker.io",
    }
}
