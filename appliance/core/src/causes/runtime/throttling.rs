//! Containers that the kernel holds back at their CPU limit.
//!
//! The rule is absolute: a pod that began with a limit too low has no past to
//! compare with. The share of throttled periods is that of the present, as
//! [`crate::facts::regime`] takes it. What rose beyond its own past is
//! [`crate::causes::network`]'s.
//!
//! Invariant: no container without a CPU limit is named.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use crate::causes::quantity::value;
use crate::causes::subject::is_asked;
use crate::causes::{Case, Cause, Finding, Findings, Strength, series, trend, view};
use crate::evidence::Draft;
use crate::evidence::query::operand;
use crate::snapshot::Series;

/// Share of throttled periods that users feel; the Kubernetes mixin's alert asks for as much.
const SHARE_MIN: f64 = 0.25;

/// What cAdvisor counts.
const THROTTLED: &str = "container_cpu_cfs_throttled_periods_total";
const PERIODS: &str = "container_cpu_cfs_periods_total";

/// Finds containers that are throttled in a large share of their periods.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let periods = periods(case);
    for series in &case.snapshot.series {
        let Some(share) = share(case, &periods, series).filter(|share| *share >= SHARE_MIN) else {
            continue;
        };
        if let Some(finding) = judge(case, series, share) {
            findings.add(finding);
        }
    }
}

fn judge(case: &Case<'_>, series: &Series, share: f64) -> Option<Finding> {
    let objects = &case.snapshot.objects;
    let label = |name: &str| series.labels.get(name).map(String::as_str);
    let pod = objects.pods.get(label("namespace")?, label("pod")?)?;
    let container = label("container")?;
    let limit = limit(pod, container)?;
    let workload = view::workload_of(objects, pod);
    let strength = if is_asked(case, &workload) {
        Strength::Strong
    } else {
        Strength::Hint
    };
    let statement = format!(
        "Container {container} of {workload} is throttled in {:.0} % of its CPU periods: its limit is {limit}.",
        share * 100.0
    );
    let held = format!("{:.0} % of the CPU periods are throttled", share * 100.0);
    let spec = format!("limits.cpu of container {container} is {limit}");
    let namespace = super::namespace_words(pod.metadata.namespace.as_deref());
    Some(
        Finding::new(Cause::CpuThrottling, workload, strength, statement)
            .because([
                series::draft(view::pod_ref(pod), series, held),
                Draft::spec(view::pod_ref(pod), spec, Vec::new()),
            ])
            .explains(view::affected_by(objects, pod))
            .check(
                format!(
                    "kubectl top pod {}{namespace} --containers",
                    operand(view::name_of(pod))
                ),
                "shows how near its limit it is",
            ),
    )
}

/// The CPU limit of a container, as its spec writes it.
fn limit(pod: &Pod, container: &str) -> Option<String> {
    let mut containers = pod.spec.as_ref()?.containers.iter();
    let found = containers.find(|found| found.name == container)?;
    let limit = found.resources.as_ref()?.limits.as_ref()?.get("cpu")?;
    (value(limit) > 0.0).then(|| limit.0.clone())
}

/// What cAdvisor counts of periods, by the labels of their container.
type Periods<'a> = BTreeMap<&'a BTreeMap<String, String>, &'a Series>;

fn periods<'a>(case: &Case<'a>) -> Periods<'a> {
    let all = case.snapshot.series.iter();
    all.filter(|series| series.name == PERIODS)
        .map(|series| (&series.labels, series))
        .collect()
}

/// The share of throttled periods in the present: counted by cAdvisor, or recorded as a ratio.
fn share(case: &Case<'_>, periods: &Periods<'_>, series: &Series) -> Option<f64> {
    if series.name == THROTTLED {
        let whole = periods.get(&series.labels)?;
        let all = trend::present(case, whole).filter(|rate| *rate > 0.0)?;
        return Some(trend::present(case, series)? / all);
    }
    let recorded = series.name.contains("throttled") && series.name.ends_with("_ratio");
    recorded.then(|| trend::present(case, series)).flatten()
}
