use proptest::prelude::*;

use super::*;

const FIRING: &str = r#"{"receiver":"anchorite","status":"firing","alerts":[{"status":"firing",
 "labels":{"alertname":"KubePodCrashLooping","namespace":"shop","pod":"ads-0"},
 "annotations":{"summary":"Pod is crash looping."},"startsAt":"2026-11-20T10:00:00.5Z",
 "endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://p/graph","fingerprint":"00000000000000ab"}],
 "groupLabels":{"alertname":"KubePodCrashLooping"},"commonLabels":{},"commonAnnotations":null,
 "externalURL":"http://am:9093","version":"4","groupKey":"{}:{alertname=\"KubePodCrashLooping\"}",
 "truncatedAlerts":3,"notification_reason":"new group","routeLabels":{"a":["b",{"c":1}]}}"#;

#[track_caller]
fn check(body: &str, expected: &str) {
    let got = match parse(body.as_bytes()) {
        Ok(notification) => notification
            .alerts
            .iter()
            .map(|a| format!("{} {} {}", a.status.as_str(), a.name(), a.fingerprint))
            .collect::<Vec<_>>()
            .join("; "),
        Err(error) => error.to_string(),
    };
    assert!(
        got.starts_with(expected),
        "got {got:?}, expected {expected:?}"
    );
}

#[test]
fn a_message_of_alertmanager_0_34_is_read_whole() {
    let read = parse(FIRING.as_bytes()).expect("valid");
    assert_eq!(read.receiver, "anchorite");
    assert_eq!(read.group_key, "{}:{alertname=\"KubePodCrashLooping\"}");
    assert_eq!(read.truncated_alerts, 3);
    assert_eq!(read.reason, "new group");
    let alert = &read.alerts[0];
    assert_eq!(alert.ends_at, None, "year 1 means not ended");
    assert_eq!(alert.starts_at.to_string(), "2026-11-20T10:00:00.5Z");
    assert_eq!(alert.fingerprint, "00000000000000ab");
}

#[test]
fn missing_fields_are_no_reason_to_lose_an_alert() {
    check(r#"{"alerts":[{"labels":{"alertname":"A"}}]}"#, "firing A ");
    check(r#"{"alerts":[{}]}"#, "firing  cbf29ce484222325");
    check(r#"{"version":4,"alerts":null}"#, "");
    check(
        r#"{"alerts":[{"endsAt":"2026-11-20T10:00:00Z","labels":{"alertname":"A"}}]}"#,
        "resolved A",
    );
}

#[test]
fn scalars_of_the_wrong_type_become_text() {
    check(
        r#"{"alerts":[{"labels":{"alertname":7,"b":true,"c":null},"startsAt":"soon"}]}"#,
        "firing 7 ",
    );
}

#[test]
fn what_can_never_be_read_says_why() {
    check("", "the body is empty");
    check(" \n", "the body is empty");
    check("alerts=1", "the body is not valid JSON");
    check(r#"{"alerts":["#, "the body is not valid JSON: EOF");
    check(
        r#"{"alerts":[]} x"#,
        "the body is not valid JSON: trailing characters",
    );
    check(
        "[]",
        "the body is not an Alertmanager webhook message: invalid type",
    );
    check(
        r#"{"version":"5","alerts":[]}"#,
        "webhook message version \"5\" is not supported",
    );
    check(r#"{"text":"hello"}"#, "the message has no \"alerts\" list");
    check(
        r#"{"alerts":[{"labels":{"a":"1","a":"2"}}]}"#,
        "the body is not an Alertmanager webhook message: a label",
    );
    check(
        r#"{"alerts":[],"alerts":[]}"#,
        "the body is not an Alertmanager webhook message: duplicate field",
    );
}

#[test]
fn deep_nesting_is_refused_without_exhausting_the_stack() {
    let body = format!(r#"{{"x":{}"#, "[".repeat(1_000_000));
    assert!(matches!(
        parse(body.as_bytes()),
        Err(WebhookError::NotJson { .. })
    ));
}

#[test]
fn the_fingerprint_is_computed_as_alertmanager_does() {
    // Values read from a running Alertmanager 0.25 for these label sets.
    let labels = |pairs: &[(&str, &str)]| -> crate::alert::Labels {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    };
    assert_eq!(
        fingerprint::of(&labels(&[("alertname", "A"), ("namespace", "shop")])),
        "c5292e07e18e6484"
    );
    assert_eq!(
        fingerprint::of(&labels(&[("alertname", "Überlast"), ("pod", "ads-0")])),
        "043fba2eb459a7ea"
    );
}

#[test]
fn long_values_are_cut_and_stay_distinct() {
    let body = |end: &str| {
        format!(
            r#"{{"alerts":[{{"labels":{{"alertname":"A","path":"{}{end}"}}}}]}}"#,
            "é".repeat(9000)
        )
    };
    let read = |end| parse(body(end).as_bytes()).expect("valid").alerts.remove(0);
    let (one, other) = (read("1"), read("2"));
    assert!(one.labels["path"].len() <= 4096);
    assert!(one.labels["path"].contains("[cut from"));
    assert_ne!(one.id(), other.id());
}

#[test]
fn a_reason_never_echoes_a_whole_hostile_body() {
    let body = format!(r#"{{"alerts":"{}"}}"#, "x".repeat(1 << 20));
    let error = parse(body.as_bytes()).expect_err("a string is no list");
    assert!(error.to_string().len() < 400);
}

#[test]
fn ids_do_not_confuse_where_a_name_ends() {
    let id =
        |name: &str, value: &str| crate::alert::AlertId::of(&[(name.into(), value.into())].into());
    assert_ne!(id("ab", "c"), id("a", "bc"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_damage_to_a_real_message_makes_it_panic(at in 0..FIRING.len(), byte: u8, cut in 0..FIRING.len()) {
        let mut body = FIRING.as_bytes().to_vec();
        body[at] = byte;
        let _ = parse(&body);
        let _ = parse(&body[..cut]);
    }

    #[test]
    fn every_label_set_comes_back_as_sent(labels in prop::collection::btree_map("\\PC{1,20}", "\\PC{0,40}", 0..10)) {
        let body = serde_json::json!({"version": "4", "alerts": [{"status": "resolved", "labels": labels}]}).to_string();
        let read = parse(body.as_bytes()).expect("valid");
        prop_assert_eq!(&read.alerts[0].labels, &labels);
        prop_assert_eq!(read.alerts[0].status, AlertStatus::Resolved);
    }
}
