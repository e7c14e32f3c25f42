//! Containers that the kernel holds back at their CPU limit.
//!
//! The rule is absolute: a pod that began with a limit too low has no past to
//! compare with. The share of throttled periods is a median over ten minutes,
//! so one busy minute says nothing. What rose beyond its own past is
//! [`crate::causes::network`]'s.
//!
//! Invariant: no container without a CPU limit is named.

use k8s_openapi::api::core::v1::Pod;

use crate::causes::quantity::value;
use crate::causes::subject::is_asked;
use crate::causes::{Case, Cause, Finding, Findings, Strength, series, trend, view};
use crate::evidence::Draft;
use crate::evidence::query::operand;
use crate::facts::metrics::median;
use crate::snapshot::{Sample, Series};

/// Share of throttled periods that users feel; the Kubernetes mixin's alert asks for as much.
const SHARE_MIN: f64 = 0.25;
/// The present: this many seconds before the capture.
const PRESENT_SECONDS: f64 = 600.0;
/// Fewest points of the present that show a state and no moment.
const POINTS_MIN: usize = 3;

/// What cAdvisor counts.
const THROTTLED: &str = "container_cpu_cfs_throttled_periods_total";
const PERIODS: &str = "container_cpu_cfs_periods_total";

/// Finds containers that are throttled in a large share of their periods.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for series in &case.snapshot.series {
        let Some(share) = share(case, series).filter(|share| *share >= SHARE_MIN) else {
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

/// The share of throttled periods in the present: counted by cAdvisor, or recorded as a ratio.
fn share(case: &Case<'_>, series: &Series) -> Option<f64> {
    if series.name == THROTTLED {
        let periods = case
            .snapshot
            .series
            .iter()
            .find(|other| other.name == PERIODS && other.labels == series.labels)?;
        let all = present(case, &trend::levels(periods)).filter(|rate| *rate > 0.0)?;
        return Some(present(case, &trend::levels(series))? / all);
    }
    let recorded = series.name.contains("throttled") && series.name.ends_with("_ratio");
    recorded
        .then(|| present(case, &trend::levels(series)))
        .flatten()
}

fn present(case: &Case<'_>, points: &[Sample]) -> Option<f64> {
    let from = case.snapshot.captured_at.as_duration().as_secs_f64() - PRESENT_SECONDS;
    let recent = points.iter().filter(|point| point.at >= from);
    let mut values: Vec<f64> = recent.map(|point| point.value).collect();
    (values.len() >= POINTS_MIN)
        .then(|| median(&mut values))
        .flatten()
}
