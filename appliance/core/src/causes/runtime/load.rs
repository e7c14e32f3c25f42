//! Requests that became many more, or none at all.
//!
//! A surge is the cause when it comes before the saturation, at a workload
//! that nothing else changed; requests that are repeated because the callee
//! fails are no surge. Requests that stay away from a healthy workload point
//! up its path.

use std::collections::BTreeMap;

use crate::causes::calls::{self, Calls};
use crate::causes::subject::is_asked;
use crate::causes::trend::{self, Shift};
use crate::causes::{Case, Cause, Finding, Findings, Strength, series, view};
use crate::evidence::Draft;
use crate::facts::ChangeKind;
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// Names of series that count requests served, most common first.
const REQUESTS: [&str; 8] = [
    "requests_per_second",
    "http_requests_total",
    "istio_requests_total",
    "grpc_server_handled_total",
    "http_server_requests_seconds_count",
    "http_server_request_duration_seconds_count",
    "http_request_duration_seconds_count",
    "nginx_ingress_controller_requests",
];

/// What a site or a collector records of requests that fail.
const FAILED: &str = "request_errors_per_second";

/// A surge is at least twice the usual rate, and this many more per second.
const SURGE: f64 = 2.0;
const SURGE_MIN: f64 = 2.0;
/// A drop leaves at most this share of at least so many requests per second.
const LEFT: f64 = 0.05;
const USUAL_MIN: f64 = 0.5;
/// Share of failing requests that says the workload is not well.
const ERRORS: f64 = 0.2;

/// The requests of one workload.
struct Load<'a> {
    workload: ObjectRef,
    shift: Shift,
    /// Requests per second that fail now.
    errors: f64,
    series: Vec<&'a Series>,
}

/// Finds surges and drops of requests.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let loads = loads(case);
    for load in &loads {
        if load.shift.rose(SURGE, SURGE_MIN) {
            surge(case, load, &loads, findings);
        } else if load.shift.fell_to(LEFT, USUAL_MIN) {
            drop(case, load, &loads, findings);
        }
    }
}

/// Whether the requests of `workload` grew by `factor`; a slow ramp counts.
pub(super) fn grew(case: &Case<'_>, workload: &ObjectRef, factor: f64) -> bool {
    loads(case)
        .iter()
        .any(|load| load.workload == *workload && load.shift.now > load.shift.usual * factor)
}

/// Whether more requests of `workload` fail now than in everyday life.
pub(super) fn fails(case: &Case<'_>, workload: &ObjectRef) -> bool {
    loads(case)
        .iter()
        .any(|load| load.workload == *workload && load.errors > load.shift.now * 0.05)
}

fn loads<'a>(case: &Case<'a>) -> Vec<Load<'a>> {
    let mut by_workload: BTreeMap<ObjectRef, BTreeMap<usize, Vec<&Series>>> = BTreeMap::new();
    let mut failing: BTreeMap<ObjectRef, Vec<&Series>> = BTreeMap::new();
    for series in &case.snapshot.series {
        if series.name == FAILED
            && let Some(workload) = calls::workload_of(case, series)
        {
            failing.entry(workload).or_default().push(series);
        }
        let Some(rank) = REQUESTS.iter().position(|name| series.name == *name) else {
            continue;
        };
        if let Some(workload) = calls::workload_of(case, series) {
            let names = by_workload.entry(workload).or_default();
            names.entry(rank).or_default().push(series);
        }
    }
    by_workload
        .into_iter()
        .filter_map(|(workload, names)| {
            let (_, series) = names.into_iter().next()?;
            let shift = trend::shift_of(case, &trend::sum(series.iter().copied()))?;
            let counted = series.iter().copied().filter(|one| is_failure(one));
            let recorded = failing.get(&workload).into_iter().flatten().copied();
            let failed = trend::sum(counted.chain(recorded));
            let errors = trend::shift_of(case, &failed).map_or(0.0, |one| one.now);
            Some(Load {
                workload,
                shift,
                errors,
                series,
            })
        })
        .collect()
}

fn is_failure(series: &Series) -> bool {
    let codes = [
        "code",
        "status",
        "status_code",
        "response_code",
        "http_response_status_code",
    ];
    codes
        .iter()
        .filter_map(|label| series.labels.get(*label))
        .any(|code| code.starts_with('5'))
}

fn surge(case: &Case<'_>, load: &Load<'_>, loads: &[Load<'_>], findings: &mut Findings) {
    let Load {
        workload, shift, ..
    } = load;
    if !is_asked(case, workload) {
        return;
    }
    let rolled = case.facts.changes_of(workload).find(|change| {
        change.kind == ChangeKind::Rollout && view::in_window(case, Some(change.at))
    });
    if let Some(change) = rolled {
        findings.exclude(
            Cause::TrafficSurge,
            workload.clone(),
            vec![Draft::change(change)],
        );
        return;
    }
    // Callers that repeat what failed send more without being asked for more.
    let failing = load.errors >= load.shift.now * ERRORS;
    let upstream = loads
        .iter()
        .any(|other| other.workload != *workload && other.shift.rose(SURGE, SURGE_MIN));
    if failing && !upstream && !Calls::of(case).callers(workload).is_empty() {
        return;
    }
    let statement = format!(
        "{workload} gets {:.1} requests per second instead of its usual {:.1}.",
        shift.now, shift.usual
    );
    let title = format!(
        "requests rose from {:.1} to {:.1} per second",
        shift.usual, shift.now
    );
    findings.add(
        Finding::new(
            Cause::TrafficSurge,
            workload.clone(),
            Strength::Likely,
            statement,
        )
        .because(
            load.series
                .iter()
                .take(2)
                .map(|one| series::draft(workload.clone(), one, title.as_str())),
        )
        .since(shift.since())
        .explains(services(case, workload))
        .check(
            format!(
                "kubectl get hpa{}",
                super::namespace_words(workload.namespace.as_deref())
            ),
            "shows whether an autoscaler may add replicas",
        ),
    );
}

fn services(case: &Case<'_>, workload: &ObjectRef) -> Vec<ObjectRef> {
    let objects = &case.snapshot.objects;
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    view::template_labels(objects, workload).map_or_else(Vec::new, |labels| {
        view::services_selecting(objects, namespace, labels)
    })
}

/// Requests stay away although the workload could serve them.
fn drop(case: &Case<'_>, load: &Load<'_>, loads: &[Load<'_>], findings: &mut Findings) {
    let Load {
        workload, shift, ..
    } = load;
    let objects = &case.snapshot.objects;
    let pods = view::pods_of(objects, workload);
    let serves = !pods.is_empty() && pods.iter().all(|pod| view::is_well(pod));
    if !serves || !is_asked(case, workload) {
        return;
    }
    let elsewhere = loads
        .iter()
        .filter(|other| other.shift.fell_to(LEFT, USUAL_MIN))
        .count();
    let also = if elsewhere > 1 {
        format!(" ({elsewhere} workloads in all)")
    } else {
        String::new()
    };
    let statement = format!(
        "Requests to {workload} fell from {:.1} to {:.1} per second while all its pods are ready: what comes before it does not reach it{also}.",
        shift.usual, shift.now
    );
    let title = format!(
        "requests fell from {:.1} to {:.1} per second",
        shift.usual, shift.now
    );
    let ready = format!("{} pods, all ready", pods.len());
    findings.add(
        Finding::new(
            Cause::TrafficDrop,
            workload.clone(),
            Strength::Likely,
            statement,
        )
        .because(
            load.series
                .iter()
                .take(1)
                .map(|one| series::draft(workload.clone(), one, title.as_str())),
        )
        .because([Draft::status(workload.clone(), ready, Vec::new())])
        .since(shift.since())
        .explains(services(case, workload))
        .check(
            format!(
                "kubectl get ingress,endpointslices{}",
                super::namespace_words(workload.namespace.as_deref())
            ),
            "shows the way requests take to it",
        ),
    );
}
