//! Events, folded: one fact per object, reason and message shape.
//!
//! Clusters write the same event again and again, in two API forms with four
//! places for its time. The newest message and the whole count are kept.

use std::collections::HashMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use super::EventFold;
use super::shape::shape;
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// The events of `snapshot` one by one, each as a fold of its own.
pub(super) fn each(snapshot: &Snapshot) -> Vec<EventFold> {
    snapshot.objects.events.iter().map(fold_of).collect()
}

/// Folds `events`, newest first.
pub(super) fn fold(events: Vec<EventFold>) -> Vec<EventFold> {
    let mut folds: HashMap<(ObjectRef, String, String), EventFold> = HashMap::new();
    for fold in events {
        let key = (
            fold.object.clone(),
            fold.reason.clone(),
            shape(own_words(&fold.message)),
        );
        match folds.get_mut(&key) {
            Some(known) => merge(known, fold),
            None => {
                folds.insert(key, fold);
            }
        }
    }
    let mut folds: Vec<EventFold> = folds.into_values().collect();
    folds.sort_by(|a, b| {
        (b.last, &a.object, &a.reason, &a.message).cmp(&(a.last, &b.object, &b.reason, &b.message))
    });
    folds
}

/// The message without what the API server puts before events it combined.
fn own_words(message: &str) -> &str {
    message
        .strip_prefix("(combined from similar events): ")
        .unwrap_or(message)
}

fn merge(known: &mut EventFold, more: EventFold) {
    known.count += more.count;
    known.first = earliest(known.first, more.first);
    if more.last > known.last {
        known.last = more.last;
        known.message = more.message;
        known.event_type = more.event_type;
    }
    if known.component.is_empty() {
        known.component = more.component;
    }
}

fn fold_of(event: &Event) -> EventFold {
    let created = event
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    let at = event.event_time.as_ref().map(|time| time.0);
    let series = event.series.as_ref();
    let first = event
        .first_timestamp
        .as_ref()
        .map(|time| time.0)
        .or(at)
        .or(created);
    let last = series
        .and_then(|series| series.last_observed_time.as_ref().map(|time| time.0))
        .max(event.last_timestamp.as_ref().map(|time| time.0))
        .or(at)
        .or(first)
        .or(created);
    let count = series
        .and_then(|series| series.count)
        .max(event.count)
        .unwrap_or(1)
        .max(1);
    EventFold {
        object: involved(event),
        event_type: event.type_.clone().unwrap_or_default(),
        reason: event.reason.clone().unwrap_or_default(),
        message: event.message.clone().unwrap_or_default(),
        count: count.into(),
        first: first.or(last),
        last,
        component: component(event),
    }
}

fn involved(event: &Event) -> ObjectRef {
    let involved = &event.involved_object;
    let kind = involved.kind.clone().unwrap_or_default();
    let cluster_scoped = crate::snapshot::Kind::find(&kind).is_some_and(|kind| !kind.namespaced);
    ObjectRef {
        namespace: if cluster_scoped {
            None
        } else {
            involved
                .namespace
                .clone()
                .filter(|namespace| !namespace.is_empty())
        },
        name: involved.name.clone().unwrap_or_default(),
        kind,
    }
}

fn component(event: &Event) -> String {
    event
        .reporting_component
        .clone()
        .filter(|component| !component.is_empty())
        .or_else(|| {
            event
                .source
                .as_ref()
                .and_then(|source| source.component.clone())
        })
        .unwrap_or_default()
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(events: serde_json::Value, expected: &[(&str, &str, i64, &str, &str)]) {
        let mut snapshot = Snapshot::default();
        snapshot
            .insert_list("events", "shop", events)
            .expect("events are known");
        assert!(snapshot.gaps.is_empty(), "{:?}", snapshot.gaps);
        let seen: Vec<(String, String, i64, String, String)> = fold(each(&snapshot))
            .into_iter()
            .map(|fold| {
                let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
                (
                    fold.object.to_string(),
                    fold.message,
                    fold.count,
                    time(fold.first),
                    time(fold.last),
                )
            })
            .collect();
        let expected: Vec<(String, String, i64, String, String)> = expected
            .iter()
            .map(|e| (e.0.into(), e.1.into(), e.2, e.3.into(), e.4.into()))
            .collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn equal_shapes_fold_with_the_newest_message_first() {
        let event = |name: &str, message: &str, first: &str, last: &str, count: i64| {
            json!({"metadata": {"name": name}, "reason": "BackOff", "message": message,
                "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web"},
                "firstTimestamp": first, "lastTimestamp": last, "count": count})
        };
        check(
            json!({"items": [
                event("a", "waited 10s", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", 3),
                event("b", "waited 20s", "2026-01-01T00:02:00Z", "2026-01-01T00:03:00Z", 2),
                event("c", "gave up", "2026-01-01T00:00:30Z", "2026-01-01T00:00:30Z", 1),
            ]}),
            &[
                (
                    "Pod shop/web",
                    "waited 20s",
                    5,
                    "2026-01-01T00:00:00Z",
                    "2026-01-01T00:03:00Z",
                ),
                (
                    "Pod shop/web",
                    "gave up",
                    1,
                    "2026-01-01T00:00:30Z",
                    "2026-01-01T00:00:30Z",
                ),
            ],
        );
    }

    #[test]
    fn the_newer_form_and_its_series_are_read() {
        check(
            json!({"items": [
                {"metadata": {"name": "a"}, "reason": "FailedScheduling", "note": "0/3 nodes",
                 "regarding": {"kind": "Node", "namespace": "default", "name": "n1"},
                 "eventTime": "2026-01-01T00:00:00.5Z",
                 "series": {"count": 4, "lastObservedTime": "2026-01-01T00:05:00.000000Z"}},
            ]}),
            &[(
                "Node n1",
                "0/3 nodes",
                4,
                "2026-01-01T00:00:00.5Z",
                "2026-01-01T00:05:00Z",
            )],
        );
    }

    #[test]
    fn without_any_time_the_creation_counts() {
        check(
            json!([{"metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"},
                "firstTimestamp": null, "lastTimestamp": null, "message": "m",
                "involvedObject": {"kind": "Pod", "name": "web", "namespace": "shop"}}]),
            &[(
                "Pod shop/web",
                "m",
                1,
                "2026-01-01T00:00:00Z",
                "2026-01-01T00:00:00Z",
            )],
        );
    }
}
