use super::*;

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn fold(last: Option<&str>) -> EventFold {
    EventFold {
        object: ObjectRef::namespaced("Pod", "shop", "web"),
        event_type: "Warning".into(),
        reason: "BackOff".into(),
        message: String::new(),
        count: 1,
        first: None,
        last: last.map(time),
        component: String::new(),
    }
}

fn check_stale(last: Option<&str>, rule_for_minutes: i64, expected: bool) {
    let stale = fold(last).is_stale(
        time("2026-01-01T12:00:00Z"),
        SignedDuration::from_mins(rule_for_minutes),
    );
    assert_eq!(stale, expected, "{last:?}");
}

#[test]
fn an_event_is_stale_a_quarter_of_an_hour_before_the_rule_began_to_wait() {
    check_stale(Some("2026-01-01T11:50:00Z"), 0, false);
    check_stale(Some("2026-01-01T11:44:00Z"), 0, true);
    check_stale(Some("2026-01-01T11:44:00Z"), 15, false);
    check_stale(Some("2026-01-01T13:00:00Z"), 0, false);
    check_stale(None, 0, false);
}

#[test]
fn changes_before_a_time_are_those_in_the_window() {
    let change = |at: &str| Change {
        at: time(at),
        kind: ChangeKind::Edited,
        object: ObjectRef::cluster("Node", "n"),
        what: at.to_owned(),
        diff: Vec::new(),
        by: String::new(),
    };
    let facts = Facts {
        changes: vec![
            change("2026-01-01T12:00:01Z"),
            change("2026-01-01T12:00:00Z"),
            change("2026-01-01T11:00:00Z"),
            change("2026-01-01T10:59:59Z"),
        ],
        ..Facts::default()
    };
    let seen: Vec<&str> = facts
        .changes_before(time("2026-01-01T12:00:00Z"), SignedDuration::from_hours(1))
        .map(|change| change.what.as_str())
        .collect();
    assert_eq!(seen, ["2026-01-01T12:00:00Z", "2026-01-01T11:00:00Z"]);
}

#[test]
fn changes_of_series_are_put_in_words() {
    for (before, after, expected) in [
        (0.1, 0.92, "rose 9.2-fold"),
        (1.0, 1.5, "rose by 50 %"),
        (1.0, 0.6, "fell by 40 %"),
        (2.0, 0.0, "fell to zero"),
        (0.0, 2.0, "rose from zero"),
    ] {
        let verdict = MetricVerdict {
            query: String::new(),
            name: String::new(),
            labels: std::collections::BTreeMap::new(),
            before,
            after,
            score: 0.0,
            last: after,
        };
        assert_eq!(verdict.in_words(), expected);
    }
}
