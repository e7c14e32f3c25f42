//! How runtimes and registries word a pull that fails: what the registry
//! answered. Real wordings with names made up.

use super::message::{Answer, classify};

const IMAGE: &str = "reg.local/team/web:2";

#[track_caller]
fn check(answer: Answer, texts: &[&str]) {
    let wrong: Vec<String> = texts
        .iter()
        .filter(|text| classify("Failed", text, IMAGE) != Some(answer))
        .map(|text| format!("{text}\n    {:?}", classify("Failed", text, IMAGE)))
        .collect();
    assert!(wrong.is_empty(), "{answer:?}:\n{}", wrong.join("\n"));
}

#[test]
fn an_image_that_is_not_there_is_read_from_every_runtime_and_registry() {
    check(
        Answer::Absent,
        &[
            // containerd
            r#"Failed to pull image "reg.local/team/web:2": rpc error: code = NotFound desc = failed to pull and unpack image "reg.local/team/web:2": failed to resolve reference "reg.local/team/web:2": reg.local/team/web:2: not found"#,
            r#"Back-off pulling image "reg.local/team/web:2": ErrImagePull: failed to pull and unpack image "reg.local/team/web:2": failed to resolve reference "reg.local/team/web:2": reg.local/team/web:2: not found"#,
            r#"failed to pull and unpack image "reg.local/team/web:2": failed to resolve reference "reg.local/team/web:2": unexpected status from HEAD request to https://reg.local/v2/team/web/manifests/2: 404 Not Found"#,
            r#"failed to pull and unpack image "reg.local/team/web:2": failed to copy: httpReadSeeker: failed open: content at https://reg.local/v2/team/web/blobs/sha256:5f not found: not found"#,
            // CRI-O
            "rpc error: code = Unknown desc = reading manifest 2 in reg.local/team/web: manifest unknown",
            "initializing source docker://reg.local/team/web:2: reading manifest 2 in reg.local/team/web: manifest unknown: manifest tagged by \"2\" is not found",
            "reading manifest 2 in reg.local/team/web: name unknown: The repository with name 'team/web' does not exist in the registry with id '1234'",
            // docker
            "Error response from daemon: manifest for reg.local/team/web:2 not found: manifest unknown: manifest unknown",
            "Error response from daemon: manifest for reg.local/team/web:2 not found: manifest unknown: Requested image not found",
            // Harbor, Quay, Artifactory
            "rpc error: code = NotFound desc = unknown: artifact team/web:2 not found",
            "manifest unknown: Tag 2 was deleted or has expired. To pull, revive via time machine",
            "manifest unknown: The named manifest is not known to the registry.",
            "unknown: repository team/web not found",
        ],
    );
}

#[test]
fn credentials_are_read_from_every_runtime_and_registry() {
    check(
        Answer::Denied,
        &[
            r#"failed to resolve reference "reg.local/team/web:2": unexpected status from HEAD request to https://reg.local/v2/team/web/manifests/2: 401 Unauthorized"#,
            "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://reg.local/token?scope=repository%3Ateam%2Fweb%3Apull&service=reg.local: 403 Forbidden",
            "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized",
            "pull access denied for team/web, repository does not exist or may require 'docker login': denied: Your authorization token has expired. Reauthenticate and try again.",
            "Error response from daemon: Head \"https://reg.local/v2/team/web/manifests/2\": no basic auth credentials",
            "Error response from daemon: Head \"https://reg.local/v2/team/web/manifests/2\": unauthorized: incorrect username or password",
            "reading manifest 2 in reg.local/team/web: unauthorized: authentication required",
            "unable to retrieve auth token: invalid username/password: unauthorized: access to the requested resource is not authorized",
            "unauthorized: unauthorized to access repository: team/web, action: pull: unauthorized to access repository: team/web, action: pull",
            "unauthorized: authentication required, visit https://aka.example/authorization for more information.",
            "denied: access forbidden",
            "denied: The client does not have permission for manifest",
        ],
    );
    check(
        Answer::DeniedOrAbsent,
        &[
            "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
            "Error response from daemon: pull access denied for team/web, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
            "reading manifest 2 in docker.io/team/web: requested access to the resource is denied",
        ],
    );
}

#[test]
fn a_registry_that_does_not_answer_is_read_from_every_runtime() {
    check(
        Answer::Silent,
        &[
            r#"failed to do request: Head "https://reg.local/v2/team/web/manifests/2": dial tcp 10.0.0.5:443: i/o timeout"#,
            r#"failed to do request: Head "https://reg.local/v2/team/web/manifests/2": dial tcp: lookup reg.local on 10.0.0.10:53: no such host"#,
            r#"failed to do request: Head "https://reg.local/v2/team/web/manifests/2": dial tcp 10.0.0.5:443: connect: connection refused"#,
            r#"failed to do request: Head "https://reg.local/v2/team/web/manifests/2": EOF"#,
            r#"failed to do request: Head "https://reg.local/v2/team/web/manifests/2": tls: failed to verify certificate: x509: certificate signed by unknown authority"#,
            r#"failed to do request: Head "https://reg.local/v2/team/web/manifests/2": http: server gave HTTP response to HTTPS client"#,
            r#"failed to do request: Head "https://mirror.local/v2/team/web/manifests/2?ns=reg.local": x509: certificate has expired or is not yet valid"#,
            r#"failed to authorize: failed to fetch anonymous token: Get "https://reg.local/token": dial tcp 10.0.0.5:443: connect: no route to host"#,
            "pinging container registry reg.local: Get \"https://reg.local/v2/\": dial tcp 10.0.0.5:443: connect: network is unreachable",
            "Error response from daemon: Get \"https://reg.local/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
            "Error response from daemon: Get \"https://reg.local/v2/\": proxyconnect tcp: dial tcp 10.0.0.3:3128: i/o timeout",
            "Error response from daemon: Get \"https://reg.local/v2/\": net/http: TLS handshake timeout",
            "received unexpected HTTP status: 502 Bad Gateway",
            "unexpected status from HEAD request to https://reg.local/v2/team/web/manifests/2: 503 Service Unavailable",
            "error pulling image configuration: download failed after attempts=6: dial tcp 10.0.0.5:443: connect: connection refused",
        ],
    );
}

#[test]
fn limits_platforms_names_and_full_disks_are_read_from_every_runtime() {
    check(
        Answer::Limited,
        &[
            "unexpected status from HEAD request to https://reg.local/v2/team/web/manifests/2: 429 Too Many Requests",
            "429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit",
            "reading manifest 2 in docker.io/team/web: toomanyrequests: You have reached your pull rate limit.",
            "toomanyrequests: Rate exceeded",
            "pull QPS exceeded",
        ],
    );
    check(
        Answer::Foreign,
        &[
            "no match for platform in manifest: not found",
            "choosing image instance: no image found in manifest list for architecture \"arm64\", variant \"v8\", OS \"linux\"",
            "choosing image instance: no image found in image index for architecture \"arm64\", variant \"v8\", OS \"linux\"",
            "Error response from daemon: no matching manifest for linux/arm64/v8 in the manifest list entries",
            "image operating system \"windows\" cannot be used on this platform",
        ],
    );
    check(
        Answer::Malformed,
        &[
            "Failed to apply default image tag \"Reg.local/Web:2\": couldn't parse image name \"Reg.local/Web:2\": invalid reference format: repository name must be lowercase",
            "short-name \"web:2\" did not resolve to an alias and no unqualified-search registries are defined in \"/etc/containers/registries.conf\"",
            "short name mode is enforcing, but image name web:2 returns ambiguous list",
            "Container image \"web:2\" is not present with pull policy of Never",
        ],
    );
    check(
        Answer::NoRoom,
        &[
            "failed to extract layer sha256:5f: write /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/9/fs/usr/lib/x.so: no space left on device: unknown",
            "Error response from daemon: write /var/lib/docker/tmp/GetImageBlob1: no space left on device",
            "copying system image from manifest list: writing blob: storing blob to file \"/var/tmp/x\": write /var/tmp/x: no space left on device",
        ],
    );
}
