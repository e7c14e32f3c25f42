//! A pod that takes a node's CPU from its neighbours.
//!
//! The node has none left, one workload uses most of it and far more than it
//! asked for, and the workload of the alert is on the same node within its
//! own limits. A workload that is merely busy on a node with room is no noise.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use crate::causes::quantity::value;
use crate::causes::subject::is_asked;
use crate::causes::{Case, Cause, Finding, Findings, Strength, resources, series, trend, view};
use crate::evidence::Draft;
use crate::evidence::query::pods_on_node;
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// Share of a node's CPU from which it has none left.
const SATURATED: f64 = 0.9;
/// Share of the node's CPU that makes a pod the one who takes it.
const AGGRESSOR: f64 = 0.4;
/// How far beyond its request an aggressor is.
const BEYOND_REQUEST: f64 = 2.0;
/// Share of its own limit from which a victim is its own trouble.
const OWN_LIMIT: f64 = 0.85;

/// Cores one pod uses now.
struct Usage<'a> {
    pod: &'a Pod,
    cores: f64,
    series: &'a Series,
}

/// Finds nodes whose CPU one pod takes from the alert's workload.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for (node, mut pods) in by_node(case) {
        let Some(capacity) = allocatable(case, node) else {
            continue;
        };
        let total: f64 = pods.iter().map(|usage| usage.cores).sum();
        let busy = busy_node(case, node);
        if total < capacity * SATURATED && busy.is_none() {
            continue;
        }
        pods.sort_by(|a, b| b.cores.total_cmp(&a.cores));
        let Some(top) = pods.first() else { continue };
        let request = requested(top.pod);
        if top.cores < capacity * AGGRESSOR || top.cores < request * BEYOND_REQUEST {
            continue;
        }
        if let Some(finding) = judge(case, node, top, &pods[1..], capacity, busy) {
            findings.add(finding);
        }
    }
}

fn judge(
    case: &Case<'_>,
    node: &str,
    top: &Usage<'_>,
    others: &[Usage<'_>],
    capacity: f64,
    busy: Option<Draft>,
) -> Option<Finding> {
    let objects = &case.snapshot.objects;
    let aggressor = view::workload_of(objects, top.pod);
    let victim = others.iter().find(|usage| {
        let workload = view::workload_of(objects, usage.pod);
        let within = limit(usage.pod).is_none_or(|limit| usage.cores <= limit * OWN_LIMIT);
        workload != aggressor && within && is_asked(case, &workload)
    })?;
    let statement = format!(
        "{aggressor} uses {:.1} of the {capacity:.0} CPUs of node {node}, its request is {:.1}; pod {} beside it gets too little.",
        top.cores,
        requested(top.pod),
        view::name_of(victim.pod)
    );
    let used = format!("uses {:.1} of {capacity:.0} CPUs of node {node}", top.cores);
    let own = format!("uses {:.2} CPUs, within its limit", victim.cores);
    let since = trend::shift(case, top.series).and_then(|shift| shift.since());
    Some(
        Finding::new(
            Cause::NoisyNeighbour,
            aggressor,
            Strength::Strong,
            statement,
        )
        .because([
            series::draft(view::pod_ref(top.pod), top.series, used),
            series::draft(view::pod_ref(victim.pod), victim.series, own),
        ])
        .because(busy)
        .since(since)
        .explains(
            others
                .iter()
                .map(|usage| view::workload_of(objects, usage.pod))
                .filter(|workload| is_asked(case, workload)),
        )
        .explains(view::affected_by(objects, victim.pod))
        .check(pods_on_node(node), "shows which pods share the node"),
    )
}

fn by_node<'a>(case: &Case<'a>) -> BTreeMap<&'a str, Vec<Usage<'a>>> {
    let objects = &case.snapshot.objects;
    let mut pods: BTreeMap<&str, Vec<Usage<'a>>> = BTreeMap::new();
    for series in &case.snapshot.series {
        if ![
            "container_cpu_usage_seconds_total",
            "container_cpu_usage_cores",
        ]
        .contains(&series.name.as_str())
        {
            continue;
        }
        let (Some(namespace), Some(name)) =
            (series.labels.get("namespace"), series.labels.get("pod"))
        else {
            continue;
        };
        let container = series.labels.get("container").map(String::as_str);
        if matches!(container, None | Some("" | "POD")) {
            continue;
        }
        let Some(pod) = objects.pods.get(namespace, name) else {
            continue;
        };
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let Some((node, cores)) = node.zip(trend::present(case, series)) else {
            continue;
        };
        let list = pods.entry(node).or_default();
        match list.iter_mut().find(|known| std::ptr::eq(known.pod, pod)) {
            Some(known) => known.cores += cores,
            None => list.push(Usage { pod, cores, series }),
        }
    }
    pods
}

fn allocatable(case: &Case<'_>, node: &str) -> Option<f64> {
    let node = case.snapshot.objects.nodes.get("", node)?;
    let amounts = node.status.as_ref()?.allocatable.as_ref()?;
    Some(value(amounts.get("cpu")?)).filter(|cpus| *cpus > 0.0)
}

/// The node exporter's word that the node is busy.
fn busy_node(case: &Case<'_>, node: &str) -> Option<Draft> {
    let mut named = case.snapshot.series.iter().filter(|series| {
        series.name == "node_cpu_used_ratio"
            && (series::node_label(series) == Some(node)
                || series.labels.get("nodename").map(String::as_str) == Some(node))
    });
    let object = ObjectRef::cluster("Node", node);
    named.find_map(|series| {
        let used = trend::present(case, series)?;
        let title = format!("{:.0} % of the CPU is used", used * 100.0);
        (used >= SATURATED).then(|| series::draft(object.clone(), series, title))
    })
}

fn requested(pod: &Pod) -> f64 {
    let asked = pod.spec.as_ref().map(resources::requests);
    asked
        .and_then(|asked| asked.get("cpu").copied())
        .unwrap_or(0.0)
}

fn limit(pod: &Pod) -> Option<f64> {
    let limits = pod.spec.as_ref().map(resources::limits)?;
    limits.get("cpu").copied()
}
