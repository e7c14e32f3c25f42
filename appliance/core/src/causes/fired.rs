//! Alerts that fire, the incident's own and others at the same time.
//!
//! A firing alert says that its expression held for its `for`: for rules of
//! the monitoring mixins that is a measured fact about the object its labels
//! name. Which cause it speaks for is decided by the families.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Case, series};
use crate::alert::AlertStatus;
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// An alert that fires.
#[derive(Clone, Debug)]
pub(crate) struct Fired<'a> {
    /// The rule's name.
    pub(crate) name: &'a str,
    /// Its labels.
    pub(crate) labels: &'a BTreeMap<String, String>,
    /// Since when, where known.
    pub(crate) since: Option<Timestamp>,
    /// The evidence.
    pub(crate) draft: Draft,
}

impl Fired<'_> {
    /// A label, empty when absent.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// Every alert that fires, the incident's own first.
pub(crate) fn all<'a>(case: &Case<'a>) -> Vec<Fired<'a>> {
    let own = case
        .alerts
        .iter()
        .filter(|alert| alert.status == AlertStatus::Firing)
        .map(|alert| Fired {
            name: alert.name(),
            labels: &alert.labels,
            since: Some(alert.starts_at),
            draft: Draft::alert(alert),
        });
    let others = case.snapshot.series.iter().filter_map(|one| {
        let name = one.labels.get("alertname").map(String::as_str)?;
        let firing = one
            .labels
            .get("alertstate")
            .is_some_and(|state| state == "firing");
        let known = case.alerts.iter().any(|alert| alert.name() == name);
        if one.name != "ALERTS" || !firing || known || series::last(one) != Some(1.0) {
            return None;
        }
        let object = ObjectRef {
            kind: "Alert".to_owned(),
            namespace: one.labels.get("namespace").cloned(),
            name: name.to_owned(),
        };
        Some(Fired {
            name,
            labels: &one.labels,
            since: None,
            draft: series::draft(object, one, format!("{name} is firing too")),
        })
    });
    own.chain(others).collect()
}

/// The firing alerts of those names.
pub(crate) fn named<'a>(case: &Case<'a>, names: &[&str]) -> Vec<Fired<'a>> {
    let mut fired = all(case);
    fired.retain(|one| names.contains(&one.name));
    fired
}

/// The object that a label of `kind` names in the alert's namespace, if it was captured.
pub(crate) fn object(
    case: &Case<'_>,
    fired: &Fired<'_>,
    label: &str,
    kind: &str,
) -> Option<ObjectRef> {
    let name = fired.labels.get(label).filter(|name| !name.is_empty())?;
    let namespace = fired.label("namespace");
    let object = if namespace.is_empty() {
        ObjectRef::cluster(kind, name)
    } else {
        ObjectRef::namespaced(kind, namespace, name)
    };
    case.snapshot.objects.contains(&object).then_some(object)
}
