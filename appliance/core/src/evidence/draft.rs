//! From facts and objects to drafts: what a piece of evidence is called, what
//! it shows and how to see it again.
//!
//! A title names what tells the draft apart from its neighbours, since equal
//! titles on one object are one piece of evidence.

use jiff::Timestamp;

use super::query::{events_query, get_query, logs_query};
use super::{Draft, EvidenceKind};
use crate::alert::{Alert, AlertStatus};
use crate::facts::{Change, EventFold, LogTemplate, MetricVerdict};
use crate::object::ObjectRef;
use crate::snapshot::openmetrics;

/// Characters of a message that a title shows.
const TITLE_MESSAGE_MAX: usize = 120;

impl Draft {
    /// An alert as Alertmanager sent it.
    pub fn alert(alert: &Alert) -> Self {
        let name = alert.name();
        let said = ["summary", "message", "description"]
            .iter()
            .find_map(|key| alert.annotations.get(*key))
            .map_or_else(String::new, |text| format!(": {}", short(text)));
        let state = match alert.status {
            AlertStatus::Firing => "is firing",
            AlertStatus::Resolved => "is resolved",
        };
        let labels = alert
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        let annotations = alert
            .annotations
            .iter()
            .map(|(key, value)| format!("{key}: {value}"));
        Self {
            kind: EvidenceKind::Alert,
            object: ObjectRef {
                kind: "Alert".to_owned(),
                namespace: alert.labels.get("namespace").cloned(),
                name: name.to_owned(),
            },
            at: Some(alert.starts_at),
            title: format!("{name} {state}{said}"),
            lines: labels.chain(annotations).collect(),
            query: openmetrics::selector("ALERTS", &alert.labels),
            truncated: String::new(),
        }
    }

    /// Folded events of one object.
    pub fn event(fold: &EventFold) -> Self {
        Self {
            kind: EvidenceKind::Event,
            object: fold.object.clone(),
            at: fold.last.or(fold.first),
            title: format!("{} ×{}: {}", fold.reason, fold.count, short(&fold.message)),
            lines: vec![fold.message.clone()],
            query: events_query(&fold.object),
            truncated: String::new(),
        }
    }

    /// Log lines of one shape.
    pub fn log(template: &LogTemplate) -> Self {
        let instance = if template.previous {
            " before its restart"
        } else {
            ""
        };
        let new = if template.new_since_change {
            ", new since the last change"
        } else {
            ""
        };
        Self {
            kind: EvidenceKind::Log,
            object: template.pod.clone(),
            at: template.last.or(template.first),
            title: format!(
                "container {}{instance} logged ×{}{new}: {}",
                template.container,
                template.count,
                short(&template.template)
            ),
            lines: template.exemplar.lines().map(str::to_owned).collect(),
            query: logs_query(&template.pod, &template.container, template.previous),
            truncated: String::new(),
        }
    }

    /// A change on the time line.
    pub fn change(change: &Change) -> Self {
        let by = if change.by.is_empty() {
            String::new()
        } else {
            format!(" (by {})", short(&change.by))
        };
        let query = if change.object.kind == "Deployment" {
            format!(
                "kubectl rollout history {}{}",
                change.object.kubectl_name(),
                super::namespace_flag(&change.object)
            )
        } else {
            get_query(&change.object)
        };
        Self {
            kind: EvidenceKind::Change,
            object: change.object.clone(),
            at: Some(change.at),
            title: format!("{}{by}", change.what),
            lines: change.diff.clone(),
            query,
            truncated: String::new(),
        }
    }

    /// A series and the verdict on it.
    pub fn metric(object: ObjectRef, verdict: &MetricVerdict) -> Self {
        Self {
            kind: EvidenceKind::Metric,
            object,
            at: None,
            title: format!(
                "{} {} at the onset, from {} to {}",
                openmetrics::selector(&verdict.name, &verdict.labels),
                verdict.in_words(),
                number(verdict.before),
                number(verdict.after)
            ),
            lines: Vec::new(),
            query: verdict.query.clone(),
            truncated: String::new(),
        }
    }

    /// Something an object's status says.
    pub fn status(object: ObjectRef, title: impl Into<String>, lines: Vec<String>) -> Self {
        Self::of_object(EvidenceKind::Status, object, title, lines)
    }

    /// Something an object's specification says.
    pub fn spec(object: ObjectRef, title: impl Into<String>, lines: Vec<String>) -> Self {
        Self::of_object(EvidenceKind::Spec, object, title, lines)
    }

    fn of_object(
        kind: EvidenceKind,
        object: ObjectRef,
        title: impl Into<String>,
        lines: Vec<String>,
    ) -> Self {
        Self {
            kind,
            query: get_query(&object),
            object,
            at: None,
            title: title.into(),
            lines,
            truncated: String::new(),
        }
    }

    /// The same evidence with the time it was seen.
    #[must_use]
    pub fn at(mut self, at: Option<Timestamp>) -> Self {
        self.at = at;
        self
    }
}

/// The start of a message on one line.
fn short(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(TITLE_MESSAGE_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// A value with four significant digits, as people write it.
pub(crate) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..9.0).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the magnitude is between -4 and 9"
    )]
    let decimals = (3.0 - magnitude).max(0.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: f64, expected: &str) {
        assert_eq!(number(value), expected);
    }

    #[test]
    fn numbers_have_four_significant_digits() {
        check(0.0, "0");
        check(0.123_456, "0.1235");
        check(1.5, "1.5");
        check(1234.6, "1235");
        check(1e12, "1.000e12");
        check(-0.5, "-0.5");
        check(f64::NAN, "NaN");
    }

    #[test]
    fn drafts_of_two_messages_are_two_pieces_of_evidence() {
        let fold = |message: &str| EventFold {
            object: ObjectRef::namespaced("Pod", "shop", "web"),
            event_type: "Warning".into(),
            reason: "Failed".into(),
            message: message.into(),
            count: 2,
            first: None,
            last: None,
            component: String::new(),
        };
        let (a, b) = (Draft::event(&fold("a")), Draft::event(&fold("b")));
        assert_ne!(a.key(), b.key());
        assert_eq!(a.title, "Failed ×2: a");
    }
}
