//! Errors in the logs that a new revision brought.
//!
//! The pods run and are ready, and since the rollout they write of a failure
//! they never wrote of before: the code does. What the failure blames on
//! others (a dependency, a credential, a disk) is theirs, and a program that
//! ends is [`super::crash`]'s.

use std::collections::BTreeMap;

use super::{is_troubled, load};
use crate::causes::signs::{Sign, sign_of};
use crate::causes::subject::is_asked;
use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::evidence::query::history_query;
use crate::facts::{Change, ChangeKind, LogTemplate};
use crate::object::ObjectRef;

/// A failure that was written fewer times is an accident.
const TIMES_MIN: usize = 3;

/// Finds workloads whose new revision writes of new failures.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let mut new: BTreeMap<ObjectRef, Vec<&LogTemplate>> = BTreeMap::new();
    let failures = case.facts.logs.iter().filter(|template| {
        template.trouble
            && !template.previous
            && template.count >= TIMES_MIN
            && is_own_fault(template)
    });
    for template in failures {
        let workload = view::root_of(objects, &template.pod);
        if template.new_since_change || only_logs_since(case, &workload) {
            new.entry(workload).or_default().push(template);
        }
    }
    for (workload, templates) in new {
        let pods = view::pods_of(objects, &workload);
        if pods.iter().any(|pod| is_troubled(case, pod)) || !is_asked(case, &workload) {
            continue;
        }
        if let Some(change) = rollout_of(case, &workload) {
            findings.add(defect(case, &workload, change, &templates));
        }
    }
}

/// Words of a line that tells of a failure; a warning alone is none.
const FAILURE: [&str; 6] = ["error", "fatal", "severe", "critical", "panic", "exception"];

/// A stack trace or an error that names nobody else.
fn is_own_fault(template: &LogTemplate) -> bool {
    match sign_of(&template.exemplar) {
        Some(sign) => sign == Sign::Exception,
        None => view::mentions(&template.exemplar, &FAILURE),
    }
}

fn rollout_of<'a>(case: &Case<'a>, workload: &ObjectRef) -> Option<&'a Change> {
    case.facts.changes.iter().find(|change| {
        change.object == *workload
            && change.kind == ChangeKind::Rollout
            && view::in_window(case, Some(change.at))
    })
}

/// Whether every pod is of the new revision, so that no log tells of before.
fn only_logs_since(case: &Case<'_>, workload: &ObjectRef) -> bool {
    let Some(change) = rollout_of(case, workload) else {
        return false;
    };
    let pods = view::pods_of(&case.snapshot.objects, workload);
    let younger = |pod: &&k8s_openapi::api::core::v1::Pod| {
        let created = pod.metadata.creation_timestamp.as_ref();
        created.is_some_and(|created| created.0 >= change.at)
    };
    pods.iter().all(younger)
}

fn defect(
    case: &Case<'_>,
    workload: &ObjectRef,
    change: &Change,
    templates: &[&LogTemplate],
) -> Finding {
    let count: usize = templates.iter().map(|one| one.count).sum();
    let trace = templates
        .iter()
        .any(|one| sign_of(&one.exemplar) == Some(Sign::Exception));
    let seen_before = templates.iter().any(|one| one.new_since_change);
    let strength = if trace && (seen_before || load::fails(case, workload)) {
        Strength::Likely
    } else {
        Strength::Hint
    };
    let statement = format!(
        "{workload} has written {count} lines of a failure of its own since its last rollout."
    );
    let namespace = super::namespace_words(workload.namespace.as_deref());
    Finding::new(Cause::CodeDefect, workload.clone(), strength, statement)
        .because(templates.iter().take(3).map(|one| Draft::log(one)))
        .because([Draft::change(change)])
        .since(
            templates
                .iter()
                .filter_map(|one| one.first)
                .min()
                .or(Some(change.at)),
        )
        .explains(templates.iter().map(|one| one.pod.clone()))
        .check(history_query(workload), "shows the revision before")
        .repair(
            format!(
                "kubectl rollout undo {}{namespace}",
                workload.kubectl_name()
            ),
            String::new(),
            "goes back to the revision before",
        )
}
