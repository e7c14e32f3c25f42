//! Memory that grows and grows though the load does not.
//!
//! A leak shows as a steady ramp of the working set from the start of the
//! instance on. A cache that fills levels off, and more requests need more
//! memory: both are told apart here. What the kernel does in the end is
//! [`super::memory`]'s.

use k8s_openapi::api::core::v1::Pod;

use super::load;
use crate::causes::quantity::value;
use crate::causes::subject::is_asked;
use crate::causes::trend::{self, Growth};
use crate::causes::{Case, Cause, Finding, Findings, Strength, series, view, wiring};
use crate::evidence::query::operand;
use crate::object::ObjectRef;
use crate::snapshot::{Sample, Series};

/// A start fills caches; growth counts from this many seconds after it.
const WARM_UP_SECONDS: f64 = 600.0;
/// A ramp must be at least this long, seconds.
const RAMP_SECONDS_MIN: f64 = 1500.0;
/// It must gain at least this share of where it began, and this many bytes.
const GAIN_MIN: f64 = 0.25;
const GAIN_BYTES_MIN: f64 = 16.0 * 1024.0 * 1024.0;
/// Load that rose by this factor explains growing memory.
const LOAD_EXPLAINS: f64 = 1.3;
/// Share of the limit from which growth is worth a word of its own.
const LIMIT_SHARE: f64 = 0.6;

/// Finds containers whose memory leaks.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for series in series::named(case.snapshot, &["memory_working_set_bytes"]) {
        let Some(pod) = pod_of(case, series) else {
            continue;
        };
        let workload = view::workload_of(&case.snapshot.objects, pod);
        let Some(growth) = ramp(pod, series) else {
            continue;
        };
        let limit = limit_of(pod, series.labels.get("container").map(String::as_str));
        let near_limit = limit.is_some_and(|limit| growth.to >= limit * LIMIT_SHARE);
        let about_memory = case
            .alerts
            .iter()
            .any(|alert| view::mentions(alert.name(), &["memory", "oom"]));
        if !is_asked(case, &workload) || !(near_limit || about_memory) {
            continue;
        }
        if load::grew(case, &workload, LOAD_EXPLAINS) {
            let title = format!(
                "memory grew with the requests, from {}",
                mebibytes(growth.from)
            );
            let draft = series::draft(view::pod_ref(pod), series, title);
            findings.exclude(Cause::MemoryLeak, workload, vec![draft]);
            continue;
        }
        findings.add(leak(case, pod, &workload, series, growth, limit));
    }
}

fn leak(
    case: &Case<'_>,
    pod: &Pod,
    workload: &ObjectRef,
    series: &Series,
    growth: Growth,
    limit: Option<f64>,
) -> Finding {
    let minutes = growth.seconds / 60.0;
    let bound = limit.map_or_else(String::new, |limit| {
        format!(", its limit is {}", mebibytes(limit))
    });
    let statement = format!(
        "The memory of {workload} grew steadily from {} to {} in {minutes:.0} minutes while its load did not{bound}.",
        mebibytes(growth.from),
        mebibytes(growth.to)
    );
    let title = format!(
        "working set grew from {} to {}",
        mebibytes(growth.from),
        mebibytes(growth.to)
    );
    let rollout = case
        .facts
        .changes_of(workload)
        .next()
        .map(crate::evidence::Draft::change);
    Finding::new(
        Cause::MemoryLeak,
        workload.clone(),
        Strength::Likely,
        statement,
    )
    .because([series::draft(view::pod_ref(pod), series, title)])
    .because(rollout)
    .explains(view::affected_by(&case.snapshot.objects, pod))
    .check(
        format!(
            "kubectl top pod {}{} --containers",
            operand(view::name_of(pod)),
            super::namespace_words(pod.metadata.namespace.as_deref())
        ),
        "shows whether it still grows",
    )
    .repair(
        format!(
            "kubectl rollout restart {}{}",
            workload.kubectl_name(),
            super::namespace_words(workload.namespace.as_deref())
        ),
        String::new(),
        "frees the memory for a while; the leak itself is the program's",
    )
}

fn pod_of<'a>(case: &Case<'a>, series: &Series) -> Option<&'a Pod> {
    let labels = &series.labels;
    let named = labels.get("container").map(String::as_str);
    if matches!(named, Some("" | "POD")) {
        return None;
    }
    let namespace = labels.get("namespace")?;
    let pod = case
        .snapshot
        .objects
        .pods
        .get(namespace, labels.get("pod")?)?;
    (!view::is_terminating(pod)).then_some(pod)
}

/// The steady growth of the present instance, or of the one before when it was
/// killed lately.
fn ramp(pod: &Pod, series: &Series) -> Option<Growth> {
    let started = pod
        .status
        .as_ref()
        .and_then(|status| status.start_time.as_ref())
        .map_or(0.0, |time| time.0.as_duration().as_secs_f64());
    let points: Vec<Sample> = trend::levels(series)
        .into_iter()
        .filter(|point| point.at >= started + WARM_UP_SECONDS)
        .collect();
    lives(&points).filter_map(trend::growth).find(|growth| {
        let gain = growth.to - growth.from;
        growth.seconds >= RAMP_SECONDS_MIN
            && gain >= GAIN_BYTES_MIN
            && gain >= growth.from * GAIN_MIN
    })
}

/// The stretches between restarts, where memory falls by more than a third at once.
fn lives(points: &[Sample]) -> impl Iterator<Item = &[Sample]> {
    points.chunk_by(|before, after| after.value >= before.value * 0.67)
}

fn limit_of(pod: &Pod, container: Option<&str>) -> Option<f64> {
    let container = wiring::containers(pod)
        .iter()
        .find(|one| container.is_none_or(|name| one.name == name))?;
    let limits = container.resources.as_ref()?.limits.as_ref()?;
    Some(value(limits.get("memory")?))
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.0} MiB", bytes / 1_048_576.0)
}
