//! Workloads that burn their processor time, beyond their own past and beyond
//! their peers.
//!
//! Much work alone is no trouble: it counts when the kernel throttles the
//! workload, when it or its callers answer late, or when the alert asks about
//! it. A limit that was always too low is [`super::throttling`]'s.

use std::collections::BTreeMap;

use crate::causes::calls::{self, Calls};
use crate::causes::rise::Risen;
use crate::causes::subject::is_asked;
use crate::causes::{Case, Cause, Finding, Findings, Strength, network, series};
use crate::object::ObjectRef;

/// How many times its normal level a series must reach, and its peers' rise.
const RISE: f64 = 3.0;
/// Share of throttled time or cores from which CPU is the reason.
const CPU_MIN: f64 = 0.05;
/// Least share of what was captured that a rise must hold.
const HELD: f64 = 1.0 / 6.0;

/// States which workloads lack or burn processor time.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let bound = bound(case);
    if bound.is_empty() {
        return;
    }
    let slow = network::slow_workloads(case);
    let calls = Calls::of(case);
    for (workload, risen) in &bound {
        let callers = calls.callers(workload);
        let felt = slow.contains_key(workload) || callers.iter().any(|one| slow.contains_key(one));
        let throttled = risen
            .iter()
            .any(|one| one.series.name.contains("throttled"));
        let unasked = case.subjects.iter().any(|one| one.kind != "Namespace");
        if !felt && unasked && !is_asked(case, workload) {
            continue;
        }
        let (cause, what) = if throttled {
            (
                Cause::CpuThrottling,
                "uses its whole CPU limit and is throttled",
            )
        } else {
            (Cause::PodCpuOverload, "uses far more CPU than usual")
        };
        let statement = format!("{workload} {what}, its peers do not.");
        findings.add(
            Finding::new(cause, workload.clone(), Strength::Strong, statement)
                .because(risen.iter().map(|one| one.draft(workload.clone())))
                .because(slow.get(workload).map(|one| one.draft(workload.clone())))
                .since(risen.iter().filter_map(Risen::since).min())
                .explains(callers),
        );
    }
}

/// Workloads whose own CPU or throttling rose and stands out from all others'.
pub(crate) fn bound<'a>(case: &Case<'a>) -> BTreeMap<ObjectRef, Vec<Risen<'a>>> {
    let mut all: BTreeMap<ObjectRef, Vec<Risen<'a>>> = BTreeMap::new();
    for part in ["throttled", "cpu_usage"] {
        for (workload, risen) in apart(case, part) {
            all.entry(workload).or_default().push(risen);
        }
    }
    // Throttling of one is enough; when several rise, only the worst count.
    let worst = all.values().flatten().map(Risen::step).fold(0.0, f64::max);
    all.retain(|_, list| list.iter().any(|one| one.step() >= worst / 2.0));
    all
}

/// Rises of series with `part` in their names, far beyond what peers show.
fn apart<'a>(case: &Case<'a>, part: &'static str) -> Vec<(ObjectRef, Risen<'a>)> {
    // Replicas are no peers of one another: the greatest step of each workload counts.
    let mut steps: BTreeMap<ObjectRef, f64> = BTreeMap::new();
    let mut risen: Vec<(ObjectRef, Risen<'a>)> = Vec::new();
    for series in case
        .snapshot
        .series
        .iter()
        .filter(|one| one.name.contains(part))
    {
        let Some(workload) = calls::workload_of(case, series) else {
            continue;
        };
        let found = Risen::find(series);
        if found.is_none() && !series::is_judged(series) {
            continue;
        }
        let most = steps.entry(workload.clone()).or_default();
        *most = most.max(found.map_or(0.0, |one| one.step()));
        let large = |one: &Risen<'_>| one.regime.is_large(RISE, CPU_MIN) && one.lasts(HELD);
        risen.extend(found.filter(large).map(|one| (workload, one)));
    }
    let typical = typical(steps.into_values().collect());
    risen.retain(|(_, one)| one.step() >= typical * RISE);
    risen
}

/// The median, the lower of two: what a peer shows. One alone has no peers.
fn typical(mut steps: Vec<f64>) -> f64 {
    steps.sort_by(f64::total_cmp);
    match steps.len() {
        0 | 1 => 0.0,
        peers => steps[(peers - 1) / 2],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    const LATENCY: &str = "request_duration_seconds";

    fn shop() -> Fixture {
        let spec = || json!({"containers": [{"name": "main"}]});
        Fixture::new()
            .deployment("cart", 1, 1, spec())
            .deployment("mail", 1, 1, spec())
    }

    fn flat(value: f64) -> Vec<f64> {
        vec![value; 20]
    }

    fn risen(low: f64, high: f64) -> Vec<f64> {
        [vec![low; 12], vec![high; 8]].concat()
    }

    #[test]
    fn a_slow_service_that_is_throttled_lacks_cpu() {
        let throttled = "cpu_cfs_throttled_seconds";
        shop()
            .series(LATENCY, &[("service", "cart")], &risen(0.005, 2.0))
            .series(throttled, &[("service", "cart")], &risen(0.0, 0.6))
            .series(throttled, &[("service", "mail")], &flat(0.01))
            .check(analyze, &["CpuThrottling Deployment shop/cart"]);
    }

    #[test]
    fn replicas_that_burn_together_are_no_peers_of_one_another() {
        let wave: Vec<f64> = (0..20).map(|at| 0.05 + f64::from(at % 3) * 0.003).collect();
        let cores = "container_cpu_usage_cores";
        let pod = |pod| [("service", "cart"), ("pod", pod)];
        shop()
            .series(LATENCY, &[("service", "cart")], &risen(0.1, 0.9))
            .series(cores, &pod("a"), &risen(0.05, 0.9))
            .series(cores, &pod("b"), &risen(0.05, 0.9))
            .series(cores, &[("service", "mail")], &wave)
            .check(analyze, &["PodCpuOverload Deployment shop/cart"]);
    }

    #[test]
    fn a_load_that_was_always_there_is_no_rise() {
        let throttled = "cpu_cfs_throttled_seconds";
        shop()
            .series(throttled, &[("service", "cart")], &flat(0.9))
            .series(LATENCY, &[("service", "cart")], &flat(2.0))
            .check(analyze, &[]);
    }

    #[test]
    fn much_work_that_nobody_feels_or_asks_about_is_no_trouble() {
        let cores = "container_cpu_usage_cores";
        let busy = |asked: &str| {
            let mut fixture = shop()
                .series(cores, &[("service", "mail")], &risen(0.05, 0.9))
                .series(cores, &[("service", "cart")], &flat(0.05));
            fixture.subjects = vec![ObjectRef::namespaced("Deployment", "shop", asked)];
            fixture
        };
        busy("cart").check(analyze, &[]);
        busy("mail").check(analyze, &["PodCpuOverload Deployment shop/mail"]);
    }
}
