//! Whom the alert asks about.
//!
//! Decides nothing about causes: many conditions (a suspended `CronJob`, an
//! autoscaler at its maximum) are ordinary unless the alert is about them.

use super::{Case, view, wiring};
use crate::object::ObjectRef;

/// Whether an alert led to `object`, to a part of it, or to a Service in front of it.
pub(crate) fn is_asked(case: &Case<'_>, object: &ObjectRef) -> bool {
    let objects = &case.snapshot.objects;
    case.subjects.iter().any(|subject| {
        subject == object
            || view::root_of(objects, subject) == *object
            || is_behind(case, subject, object)
    })
}

fn is_behind(case: &Case<'_>, subject: &ObjectRef, object: &ObjectRef) -> bool {
    let objects = &case.snapshot.objects;
    let namespace = subject.namespace.as_deref().unwrap_or_default();
    subject.kind == "Service"
        && objects
            .services
            .get(namespace, &subject.name)
            .is_some_and(|service| wiring::workload_behind(objects, service) == *object)
}

/// Whether the alerts are about anything in `namespace`, or about nothing in particular.
pub(crate) fn is_near(case: &Case<'_>, namespace: &str) -> bool {
    case.subjects.is_empty()
        || case.subjects.iter().any(|subject| {
            subject.namespace.as_deref() == Some(namespace)
                || subject.kind == "Namespace" && subject.name == namespace
        })
}

/// Whether every alert has one of those names.
pub(crate) fn all_named(case: &Case<'_>, names: &[&str]) -> bool {
    !case.alerts.is_empty()
        && case
            .alerts
            .iter()
            .all(|alert| names.contains(&alert.name()))
}
