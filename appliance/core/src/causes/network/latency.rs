//! Slow requests: which workload is the slow one, and not only its callers.
//!
//! Callers are slow because their callees are: of all slow workloads the
//! deepest in the call graph is meant. Where its CPU rose beyond its peers' the
//! CPU is the reason ([`crate::causes::runtime`]), else its network path. What
//! a whole machine's network does is [`super::node_path`]'s.

use std::collections::BTreeMap;

use crate::causes::calls::{self, Calls};
use crate::causes::rise::Risen;
use crate::causes::{Case, Cause, Finding, Findings, Strength, runtime, series};
use crate::object::ObjectRef;

use super::node_path;

/// How many times its normal level a latency must reach to stand out.
const RISE: f64 = 3.0;
/// Smallest rise of a latency that matters, seconds.
const SECONDS_MIN: f64 = 0.02;
/// A callee explains its caller when it is at least this much slower, as a share.
const EXPLAINS: f64 = 0.1;
/// Against the slowest, less than this share is a ripple of it.
const RIPPLE: f64 = 0.05;

/// The slow workloads with their worst series.
pub(crate) type Slow<'a> = BTreeMap<ObjectRef, Risen<'a>>;

/// Finds the workload whose slowness explains the others'.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let slow = slow_workloads(case);
    if slow.is_empty() {
        return;
    }
    let cpu = runtime::cpu_bound(case);
    let calls = Calls::of(case);
    let machine = node_path::slow_machine(case, &slow);
    for workload in deepest(&slow, &calls) {
        let by_machine = machine
            .as_ref()
            .is_some_and(|node| calls::nodes_of(case, workload).contains(node));
        if !cpu.contains_key(workload) && !by_machine && node_path::is_pod(workload) {
            let callers = calls.callers(workload);
            findings.add(pod_delay(workload, &slow[workload], callers));
        }
    }
}

/// Workloads whose latency rose well beyond its normal level, the longest delay of each.
pub(crate) fn slow_workloads<'a>(case: &Case<'a>) -> Slow<'a> {
    let mut slow = Slow::new();
    for series in case
        .snapshot
        .series
        .iter()
        .filter(|one| series::is_duration(&one.name))
    {
        let Some(risen) = Risen::find(series) else {
            continue;
        };
        let unit = series::per_second(&series.name);
        if !risen.regime.is_large(RISE, SECONDS_MIN * unit) {
            continue;
        }
        let Some(workload) = about(case, series) else {
            continue;
        };
        let known = slow.entry(workload).or_insert(risen);
        if delay(&risen) > delay(known) {
            *known = risen;
        }
    }
    slow
}

/// The workload of a series; the Service it names where nothing of that name was captured.
fn about(case: &Case<'_>, series: &crate::snapshot::Series) -> Option<ObjectRef> {
    calls::workload_of(case, series).or_else(|| {
        let name = series::service_label(series)?;
        Some(ObjectRef::cluster("Service", name))
    })
}

/// Seconds by which a latency rose.
fn delay(risen: &Risen<'_>) -> f64 {
    risen.step() / series::per_second(&risen.series.name)
}

/// Slow workloads none of whose callees is slow too: nearly as slow, that is,
/// since waiting for a callee makes the caller no faster than it.
fn deepest<'s>(slow: &'s Slow<'_>, calls: &Calls) -> Vec<&'s ObjectRef> {
    let worst = slow.values().map(delay).fold(0.0, f64::max);
    let is_slow = |one: &ObjectRef| slow.contains_key(one);
    slow.iter()
        .filter(|(_, risen)| delay(risen) >= worst * RIPPLE)
        .filter(|(workload, risen)| {
            let callees = calls.callees(workload, is_slow);
            !callees
                .iter()
                .filter_map(|callee| slow.get(callee))
                .any(|callee| delay(callee) >= delay(risen) * EXPLAINS)
        })
        .map(|(workload, _)| workload)
        .collect()
}

fn pod_delay(workload: &ObjectRef, risen: &Risen<'_>, callers: Vec<ObjectRef>) -> Finding {
    let statement = format!(
        "Requests to {workload} take {:.0} times as long as usual while its CPU is idle: its network path is slow.",
        risen.regime.times()
    );
    Finding::new(
        Cause::PodNetworkDelay,
        workload.clone(),
        Strength::Likely,
        statement,
    )
    .because([risen.draft(workload.clone())])
    .since(risen.since())
    .explains(callers)
}
