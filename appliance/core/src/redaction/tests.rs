use proptest::prelude::*;
use serde_json::json;

use super::*;

fn check(text: &str, expected: &str) {
    assert_eq!(redact_text(text), expected, "redacting {text:?}");
    assert_eq!(redact_text(expected), expected, "a second time");
}

fn stays(text: &str) {
    check(text, text);
}

#[test]
fn tokens_of_known_shape_go() {
    let jwt = format!(
        "eyJhbGciOiJIUzI1NiJ9.{}.{}",
        "eyJzdWIiOiIxMjM0NTY3ODkwIn0",
        "a".repeat(30)
    );
    check(&format!("got {jwt} back"), "got <redacted:token> back");
    check("id AKIAIOSFODNN7EXAMPLE used", "id <redacted:token> used");
    check(&format!("ghp_{}", "a1".repeat(18)), "<redacted:token>");
    check(
        "Authorization: Bearer abc.def-123",
        "Authorization: Bearer <redacted:authorization>",
    );
    check(
        "authorization: Basic dXNlcjpwYXNzMQ==",
        "authorization: Basic <redacted:authorization>",
    );
    check(
        "sent bearer 0123456789abcdef",
        "sent bearer <redacted:bearer>",
    );
    check(
        "Set-Cookie: sid=abc; path=/",
        "Set-Cookie: <redacted:cookie>",
    );
}

#[test]
fn named_values_go() {
    check("DB_PASSWORD=hunter", "DB_PASSWORD=<redacted:value>");
    check(
        r#"{"password":"a \" b","user":"x"}"#,
        r#"{"password":"<redacted:value>","user":"x"}"#,
    );
    check(
        r#"{\"token\":\"abc\"}"#,
        r#"{\"token\":\"<redacted:value>\"}"#,
    );
    check(
        "GET /x?api_key=k1&y=2",
        "GET /x?api_key=<redacted:value>&y=2",
    );
    check(
        "db:\n  password: correcthorse\n",
        "db:\n  password: <redacted:value>\n",
    );
    check(
        "aws_secret_access_key = abc/def+1",
        "aws_secret_access_key = <redacted:value>",
    );
    check("password: s3cr3t!", "password: <redacted:value>");
    check(
        "a token=x1y2z3, password='p q'",
        "a token=<redacted:value>, password='<redacted:value>'",
    );
}

#[test]
fn passwords_in_addresses_go_and_the_rest_stays() {
    check(
        "dial postgres://app:pa%20ss@db.shop:5432/x?y=1",
        "dial postgres://app:<redacted:url-password>@db.shop:5432/x?y=1",
    );
    check(
        "redis://:p@cache:6379",
        "redis://:<redacted:url-password>@cache:6379",
    );
    check(
        "root:pw@tcp(mysql:3306)/db",
        "root:<redacted:url-password>@tcp(mysql:3306)/db",
    );
}

#[test]
fn private_keys_go_whole_or_cut_off() {
    check(
        "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----\nb",
        "a\n<redacted:private-key>\nb",
    );
    check(
        r#""key":"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n""#,
        r#""key":"<redacted:private-key>\n""#,
    );
    check(
        "-----BEGIN PRIVATE KEY-----\nMIIEabc",
        "<redacted:private-key>",
    );
}

#[test]
fn diagnostic_text_stays() {
    for text in [
        "dial tcp 10.96.0.10:5432: connect: connection refused",
        "password authentication failed for user \"app\"",
        "Access denied for user 'root'@'10.0.0.1' (using password: YES)",
        "error: token: expired",
        "secret \"db-credentials\" not found",
        "MountVolume.SetUp failed for volume \"token\" : secret \"x-token-abc12\" not found",
        "sync secret=\"shop/db-creds\" done",
        "pods \"web-6f89c99b76-pxl47\" is forbidden",
        "Failed to pull image \"registry.example/shop/web:v1@sha256:ff1a059bb8f1226b77b42a9102344cfc4b669a04696eb44aeed3db8ae2b04e9e\"",
        "http://web.shop:8080/path?mail=a@b",
        "couldn't find key password in Secret shop/db",
        "passwordFile=/etc/db/pw tokenTTL=30s secretName: db",
        "max_token=512 password=/run/secrets/db password=$(DB_PASSWORD)",
        "no bearer token given; Bearer realm=\"x\"",
        "basic authentication required",
        "-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----",
        "HOME=/x PWD=/app",
    ] {
        stays(text);
    }
}

#[test]
fn a_secret_keeps_its_keys_only() {
    let mut secret = json!({
        "kind": "Secret",
        "metadata": {"name": "db", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"p\":\"cHc=\"}}",
            "owner": "team-a"}},
        "data": {"password": "cHc=", "user": "YQ=="},
        "stringData": {"x": "y"},
    });
    redact_object(&mut secret);
    assert_eq!(
        secret,
        json!({
            "kind": "Secret",
            "metadata": {"name": "db", "annotations": {"owner": "team-a"}},
            "data": {"password": "", "user": ""},
            "stringData": {"x": ""},
        })
    );
}

#[test]
fn environment_flags_and_remembered_objects_lose_values() {
    let applied = r#"{"env":[{"name":"API_TOKEN","value":"abc"}]}"#;
    let mut pod = json!({
        "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}},
        "env": [
            {"name": "DB_PASSWORD", "value": "hunter"},
            {"name": "DB_HOST", "value": "mysql.shop"},
            {"name": "DB_PASSWORD_FILE", "value": "/etc/pw"},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "t", "key": "token"}}},
        ],
        "args": ["--password", "p1", "--port", "80", "--token=abc"],
    });
    redact_object(&mut pod);
    assert_eq!(pod["env"][0]["value"], "<redacted:value>");
    assert_eq!(pod["env"][1]["value"], "mysql.shop");
    assert_eq!(pod["env"][2]["value"], "/etc/pw");
    assert_eq!(pod["env"][3]["valueFrom"]["secretKeyRef"]["key"], "token");
    assert_eq!(
        pod["args"],
        json!([
            "--password",
            "<redacted:value>",
            "--port",
            "80",
            "--token=<redacted:value>"
        ])
    );
    let applied =
        &pod["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
    assert!(applied.as_str().is_some_and(|text| !text.contains("abc")));
}

#[test]
fn hostile_lines_take_linear_time() {
    for unit in [
        "a",
        "token=",
        "token:",
        "://a:",
        "-----BEGIN PRIVATE KEY-----",
        "password: x ",
        "\\\"",
        "eyJ",
    ] {
        redact_text(&unit.repeat(1_000_000 / unit.len()));
    }
}

proptest! {
    #[test]
    fn a_password_goes_whatever_stands_around_it(
        before in "(\\PC|token|password|[:=\"'\\\\ \n/@]|://|bearer |-----){0,40}",
        after in "(\\PC|token|password|[:=\"'\\\\ \n/@]|://|bearer |-----){0,40}",
    ) {
        let text = format!("{before} db_password=S3cr3tPlanted {after}");
        prop_assert!(!redact_text(&text).contains("S3cr3tPlanted"));
    }
}
