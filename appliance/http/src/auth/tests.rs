//! Facts about credentials and their file.

use std::fs;

use axum::http::header;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;

const FILE: &str = "# intake\nbearer 0123456789abcdef\n\nBasic am:password with spaces\n";

#[track_caller]
fn check(authorization: &str, allowed: bool) {
    let credentials = Credentials::parse(FILE).expect("valid");
    let headers = [(
        header::AUTHORIZATION,
        authorization.parse().expect("header"),
    )]
    .into_iter()
    .collect();
    assert_eq!(
        credentials.scopes(&headers).is_some(),
        allowed,
        "{authorization}"
    );
}

#[test]
fn known_credentials_pass_and_no_others() {
    let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
    check("Bearer 0123456789abcdef", true);
    check("bearer 0123456789abcdef", true);
    check(&basic("am:password with spaces"), true);
    check("Bearer 0123456789abcdeF", false);
    check("Bearer 0123456789abcde", false);
    check("Bearer", false);
    check("Basic 0123456789abcdef", false);
    check(&basic("am:wrong"), false);
    check(&basic("0123456789abcdef"), false);
    assert!(
        Credentials::parse(FILE)
            .expect("valid")
            .scopes(&HeaderMap::new())
            .is_none()
    );
}

#[test]
fn two_authorization_headers_are_none() {
    let value: HeaderValue = "Bearer 0123456789abcdef".parse().expect("header");
    let mut headers = HeaderMap::new();
    headers.append(header::AUTHORIZATION, value.clone());
    headers.append(header::AUTHORIZATION, value);
    assert!(
        Credentials::parse(FILE)
            .expect("valid")
            .scopes(&headers)
            .is_none()
    );
}

#[test]
fn weak_and_broken_files_are_refused_without_showing_secrets() {
    for (text, expected) in [
        ("", "there are no credentials"),
        ("# only a comment", "there are no credentials"),
        ("bearer short", "the secret in line 1"),
        ("\nbasic 0123456789abcdef", "line 2 of the credentials"),
        ("token hunter2hunter2hunter2", "line 1 of the credentials"),
    ] {
        let error = Credentials::parse(text).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("hunter2"));
    }
    assert_eq!(
        format!("{:?}", Credentials::parse(FILE).expect("valid")),
        "Credentials(2 × <secret>)"
    );
}

#[test]
fn a_changed_file_is_followed_and_a_broken_one_is_not() {
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("tokens");
    fs::write(&path, FILE).expect("write");
    let file = CredentialsFile::open(&path).expect("open");
    let allow = |token: &str| {
        // As if a second had passed.
        let mut current = file.current.lock().expect("current");
        file.refresh(&mut current);
        drop(current);
        let headers = [(header::AUTHORIZATION, token.parse().expect("header"))]
            .into_iter()
            .collect();
        file.scopes(&headers).is_some()
    };
    assert!(allow("Bearer 0123456789abcdef"));
    fs::write(&path, "bearer another-token-of-ours").expect("write");
    assert!(allow("Bearer another-token-of-ours"));
    assert!(!allow("Bearer 0123456789abcdef"));
    fs::write(&path, "nonsense").expect("write");
    assert!(allow("Bearer another-token-of-ours"));
}

#[test]
fn a_key_is_known_by_its_hash_and_is_for_its_scopes() {
    // printf %s "$KEY" | sha256sum
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let file = format!("key sha256:{digest} inference,read");
    let credentials = Credentials::parse(&file).expect("valid");
    let headers = [(
        header::AUTHORIZATION,
        "Bearer test".parse().expect("header"),
    )]
    .into_iter()
    .collect();
    let scopes = credentials.scopes(&headers).expect("is known");
    assert!(scopes.allow(Scope::Inference) && scopes.allow(Scope::Read));
    assert!(!scopes.allow(Scope::Incident) && !scopes.allow(Scope::Admin));
    assert!(Scopes::ALL.allow(Scope::Receive));
    assert!(
        Scopes::parse("admin")
            .expect("is one")
            .allow(Scope::Incident)
    );
    for (line, expected) in [
        (
            format!("key sha256:{digest} everything"),
            "line 1 of the credentials names an unknown scope",
        ),
        (
            format!("key sha256:{digest}"),
            "line 1 of the credentials is neither",
        ),
        (
            "key sha256:12 read".to_owned(),
            "line 1 of the credentials is neither",
        ),
    ] {
        let error = Credentials::parse(&line).expect_err("is wrong").to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
