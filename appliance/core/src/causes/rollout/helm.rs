//! Helm releases whose last operation did not end or failed.
//!
//! Helm keeps one Secret per revision, whose labels name release, revision and
//! status. A pending status blocks every further upgrade; a failed one tells
//! which revision is only half there. Young operations are given time.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;

use crate::causes::subject::{is_asked, is_near};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::query::shell_word;
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// How long an operation may take: Helm's own `--timeout` is five minutes.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// One revision of a release.
struct Revision<'a> {
    secret: &'a Secret,
    number: u64,
    status: &'a str,
    at: Option<Timestamp>,
}

/// Finds releases that are stuck or failed.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let mut releases: BTreeMap<(&str, &str), Vec<Revision<'_>>> = BTreeMap::new();
    for secret in &case.snapshot.objects.secrets {
        if let Some((release, revision)) = revision_of(secret) {
            let key = (view::namespace_of(secret), release);
            releases.entry(key).or_default().push(revision);
        }
    }
    for ((namespace, release), mut revisions) in releases {
        revisions.sort_by_key(|revision| revision.number);
        let Some(newest) = revisions.last() else {
            continue;
        };
        if is_bad(case, newest) && is_near(case, namespace) {
            findings.add(stuck(case, namespace, release, &revisions));
        }
    }
}

fn revision_of(secret: &Secret) -> Option<(&str, Revision<'_>)> {
    let labels = secret.metadata.labels.as_ref()?;
    if labels.get("owner").map(String::as_str) != Some("helm") {
        return None;
    }
    let modified = labels
        .get("modifiedAt")
        .and_then(|seconds| seconds.parse().ok())
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    let created = secret
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    let revision = Revision {
        secret,
        number: labels.get("version")?.parse().ok()?,
        status: labels.get("status")?,
        at: modified.or(created),
    };
    Some((labels.get("name")?, revision))
}

/// Pending for too long, or failed within the incident's window.
fn is_bad(case: &Case<'_>, newest: &Revision<'_>) -> bool {
    let old = newest
        .at
        .is_none_or(|at| case.snapshot.captured_at - PATIENCE > at);
    match newest.status {
        "pending-install" | "pending-upgrade" | "pending-rollback" | "uninstalling" => old,
        "failed" => view::in_window(case, newest.at),
        _ => false,
    }
}

fn stuck(case: &Case<'_>, namespace: &str, release: &str, revisions: &[Revision<'_>]) -> Finding {
    let newest = &revisions[revisions.len() - 1];
    let good = revisions
        .iter()
        .rev()
        .find(|revision| matches!(revision.status, "deployed" | "superseded"));
    let object = view::reference("Secret", newest.secret);
    let installed = installed_by(&case.snapshot.objects, namespace, release);
    let asked = installed.iter().any(|workload| is_asked(case, workload));
    let strength = if asked {
        Strength::Strong
    } else {
        Strength::Likely
    };
    let statement = format!(
        "Revision {} of Helm release {release} in namespace {namespace} is {}; no upgrade goes through until that is cleared.",
        newest.number, newest.status
    );
    let title = format!("revision {} is {}", newest.number, newest.status);
    let finding = Finding::new(Cause::HelmStuck, object.clone(), strength, statement)
        .because([Draft::status(object.clone(), title, Vec::new()).at(newest.at)])
        .since(newest.at)
        .explains(installed)
        .check(
            format!(
                "kubectl get secrets{} -l owner=helm,name={}",
                namespace_flag(&object),
                shell_word(release)
            ),
            "shows the revisions and their status",
        );
    match good {
        Some(good) => finding.repair(
            format!(
                "helm rollback {} {}{}",
                shell_word(release),
                good.number,
                namespace_flag(&object)
            ),
            String::new(),
            "goes back to the last revision that was deployed whole",
        ),
        None => finding,
    }
}

/// The workloads that say they belong to the release.
fn installed_by(objects: &Objects, namespace: &str, release: &str) -> Vec<ObjectRef> {
    let mine = |meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta| {
        let annotation = meta
            .annotations
            .as_ref()
            .and_then(|all| all.get("meta.helm.sh/release-name"));
        let label = meta
            .labels
            .as_ref()
            .and_then(|all| all.get("app.kubernetes.io/instance"));
        annotation.or(label).map(String::as_str) == Some(release)
    };
    let deployments = objects
        .deployments
        .in_namespace(namespace)
        .filter(|one| mine(&one.metadata))
        .map(|one| view::reference("Deployment", one));
    let sets = objects
        .stateful_sets
        .in_namespace(namespace)
        .filter(|one| mine(&one.metadata))
        .map(|one| view::reference("StatefulSet", one));
    deployments.chain(sets).collect()
}
