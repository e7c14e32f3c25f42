use super::*;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn log(text: &str) -> ContainerLog {
    ContainerLog {
        namespace: "shop".into(),
        pod: "web".into(),
        container: "server".into(),
        previous: false,
        text: text.into(),
        truncated: String::new(),
    }
}

/// Checks shapes, counts and trouble of a log, in order of the shapes.
fn check(text: &str, expected: &[(&str, usize, bool)]) {
    let (mut found, left_out) = templates_of(&log(text), time("2026-01-02T00:00:00Z"));
    assert_eq!(left_out, 0);
    found.sort_by(|a, b| a.template.cmp(&b.template));
    let seen: Vec<(&str, usize, bool)> = found
        .iter()
        .map(|t| (t.template.as_str(), t.count, t.trouble))
        .collect();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(seen, expected, "log {text:?}");
}

#[test]
fn lines_of_one_shape_are_one_and_the_newest_is_kept() {
    let text =
        "2026-01-01T10:00:00.000000001Z took 3ms\n2026-01-01T10:00:01.000000001Z took 400ms\n";
    check(text, &[("took <*>", 2, false)]);
    let (found, _) = templates_of(&log(text), time("2026-01-02T00:00:00Z"));
    assert_eq!(found[0].exemplar, "took 400ms");
    assert_eq!(found[0].first, Some(time("2026-01-01T10:00:00.000000001Z")));
    assert_eq!(found[0].last, Some(time("2026-01-01T10:00:01.000000001Z")));
}

#[test]
fn json_lines_have_the_shape_of_what_they_say() {
    check(
        concat!(
            r#"{"level":"error","msg":"dial failed","error":"lookup db: no such host","ts":1767225600.1}"#,
            "\n",
            r#"{"level":50,"msg":"crashed"}"#,
            "\n",
            r#"{"severity":"info","message":"request done","http.resp.status":500}"#,
            "\n",
            r#"{"severity":"info","message":"request done","http.resp.status":200}"#,
            "\n",
            r#"{"severity":"info","message":"no failed items"}"#,
        ),
        &[
            ("error: crashed", 1, true),
            ("error: dial failed: lookup db: no such host", 1, true),
            ("no failed items", 1, false),
            ("request done", 1, false),
            ("request done status 500", 1, true),
        ],
    );
}

#[test]
fn levels_of_plain_lines_decide_and_words_where_there_is_none() {
    for (line, trouble) in [
        ("2026-01-01 10:00:00 [ERROR] x", true),
        ("E0101 10:00:00.1 1 a.go:1] x", true),
        ("I0101 10:00:00.1 1 a.go:1] sync failed items", false),
        ("level=warn msg=\"slow\"", false),
        ("level=warn msg=\"connection refused\"", true),
        ("time=x level=error msg=y", true),
        ("FATAL:  password authentication failed", true),
        ("fail: Some.Category[0]", true),
        ("INFO upstream connection refused", true),
        ("INFO processed without errors", false),
        ("errors=0 done", false),
        ("dial tcp: i/o timeout", true),
        ("GET /cart 502 30001ms", true),
        ("GET /cart 200 12ms", false),
        ("listening on 8080", false),
        ("java.lang.OutOfMemoryError: Java heap space", true),
    ] {
        let (found, _) = templates_of(&log(line), time("2026-01-02T00:00:00Z"));
        assert_eq!(found[0].trouble, trouble, "{line:?}");
    }
}

#[test]
fn stack_traces_are_one_entry_with_its_telling_line() {
    check(
        "java.lang.RuntimeException: x\n\tat a.B.c(B.java:1)\nCaused by: java.net.ConnectException: refused\n\t... 3 more\nnext\n",
        &[
            (
                "java.lang.RuntimeException: x | Caused by: java.net.ConnectException: refused",
                1,
                true,
            ),
            ("next", 1, false),
        ],
    );
    check(
        "Traceback (most recent call last):\n  File \"a.py\", line 1\n    f()\nValueError: bad port\nnext\n",
        &[
            (
                "Traceback (most recent call last): | ValueError: bad port",
                1,
                true,
            ),
            ("next", 1, false),
        ],
    );
    check(
        "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1 +0x1\n\nnext\n",
        &[
            ("next", 1, false),
            ("panic: boom | goroutine <*> [running]:", 1, true),
        ],
    );
    check(
        "fail: Some.Category[0]\n      Connection to db failed\ninfo: Other[1]\n      ok\n",
        &[
            (
                "fail: Some.Category[<*>] | Connection to db failed",
                1,
                true,
            ),
            ("info: Other[<*>] | ok", 1, false),
        ],
    );
}

#[test]
fn shapes_beyond_the_bound_are_counted_and_told() {
    let words = |at: usize| {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).expect("small"));
        format!("{}{}{}", letter(at), letter(at / 26), letter(at / 676))
    };
    let said: Vec<String> = (0..1000).map(|at| format!("said {}", words(at))).collect();
    let text = said.join("\n");
    let mut snapshot = Snapshot::default();
    snapshot.insert_log(log(&text));
    let (templates, gaps) = find(&snapshot, &[], Timestamp::UNIX_EPOCH);
    assert_eq!(templates.len(), CALM_MAX);
    assert!(gaps[0].detail.starts_with("900 lines"), "{gaps:?}");
}

/// Two pods of one Deployment; `old` and `new` are their logs.
fn check_new(old: Option<&str>, new: &str, expected: &[&str]) {
    use serde_json::json;
    let mut snapshot = Snapshot::default();
    let pod = |name: &str, set: &str, created: &str| {
        json!({"metadata": {"name": name, "labels": {"pod-template-hash": set},
            "creationTimestamp": created,
            "ownerReferences": [{"kind": "ReplicaSet", "name": format!("web-{set}"), "controller": true}]}})
    };
    let pods = json!([
        pod("old", "aaa", "2026-01-01T08:00:00Z"),
        pod("new", "bbb", "2026-01-01T10:00:05Z")
    ]);
    snapshot.insert_list("pods", "shop", pods).expect("known");
    for (pod, text) in [("old", old), ("new", Some(new))] {
        if let Some(text) = text {
            snapshot.insert_log(ContainerLog {
                pod: pod.into(),
                ..log(text)
            });
        }
    }
    let change = Change {
        at: time("2026-01-01T10:00:00Z"),
        kind: super::super::ChangeKind::Rollout,
        object: ObjectRef::namespaced("Deployment", "shop", "web"),
        what: String::new(),
        diff: Vec::new(),
        by: String::new(),
    };
    let (templates, _) = find(&snapshot, &[change], time("2026-01-01T10:30:00Z"));
    let mut seen: Vec<&str> = templates
        .iter()
        .filter(|t| t.new_since_change)
        .map(|t| t.template.as_str())
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, expected);
}

#[test]
fn shapes_are_new_where_older_pods_do_not_have_them() {
    check_new(Some("start\n"), "start\nno such host\n", &["no such host"]);
    check_new(None, "start\nno such host\n", &[]);
    check_new(Some("start\nno such host\n"), "no such host\n", &[]);
}

#[test]
fn times_of_lines_tell_novelty_within_one_pod() {
    check_new(
        None,
        "2026-01-01T09:59:59Z calm\n2026-01-01T10:00:01Z bad thing\n",
        &["bad thing"],
    );
}
