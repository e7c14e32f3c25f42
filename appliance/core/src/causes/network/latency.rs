//! Slow or lossy requests: which service or node stands out, and whether its
//! CPU or its network is the reason.
//!
//! Callers are slow because their callees are: of all slow services the
//! deepest in the dependency graph is meant. It is slow by CPU when its own
//! CPU or throttling rose beyond its peers', by the network when they did not.
//! Several services of one node, or retransmits on one node only, mean the node.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::causes::{Case, Cause, Finding, Findings, Strength, series, trend, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;
use crate::snapshot::{Objects, Sample, Series};

/// How many times its normal level a series must reach to stand out.
const RISE: f64 = 3.0;
/// Smallest rise of a latency that matters, as a share of a second.
const LATENCY_MIN_SECONDS: f64 = 0.02;
/// Retransmitted segments per second from which a link is lossy.
const RETRANSMITS_MIN: f64 = 1.0;
/// Share of throttled time or cores from which CPU is the reason.
const CPU_MIN: f64 = 0.05;

/// A series that stands out, with how far.
#[derive(Clone, Copy, Debug)]
struct Risen<'a> {
    series: &'a Series,
    rise: series::Departure,
}

impl Risen<'_> {
    fn ratio(&self) -> f64 {
        self.rise.high / self.rise.normal.max(1e-9)
    }

    fn since(&self) -> Option<Timestamp> {
        #[allow(clippy::cast_possible_truncation, reason = "Unix seconds fit")]
        Timestamp::from_second(self.rise.since as i64).ok()
    }

    fn draft(&self, object: ObjectRef) -> Draft {
        let title = format!(
            "{} rose from {:.4} to {:.4}",
            self.series.name, self.rise.normal, self.rise.high
        );
        series::draft(object, self.series, title)
    }
}

/// Finds the service or node whose slowness explains the others'.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let slow = slow_services(case);
    let cpu = cpu_bound(case);
    let lossy = lossy_node(case);
    if let Some((node, risen)) = &lossy {
        node_loss(case, node, risen, &slow, findings);
    }
    for (workload, evidence) in &cpu {
        let own = slow
            .iter()
            .find(|(service, _)| workload_named(case, service).as_ref() == Some(workload));
        overloaded(case, workload, evidence, own, findings);
    }
    let roots = deepest(case, &slow);
    let common = common_node(case, &slow).filter(|_| lossy.is_none() && cpu.is_empty());
    if let Some(node) = common {
        node_delay(case, &node, &slow, findings);
    }
    for service in &roots {
        match workload_named(case, service) {
            Some(workload) if !cpu.contains_key(&workload) => {
                pod_delay(case, service, workload, &slow[service], findings);
            }
            _ => {}
        }
    }
}

/// Services whose latency rose well beyond its normal level, worst series each.
fn slow_services<'a>(case: &Case<'a>) -> BTreeMap<String, Risen<'a>> {
    let mut slow: BTreeMap<String, Risen<'a>> = BTreeMap::new();
    for series in series::named(case.snapshot, &["duration", "latency", "response_time"]) {
        let Some(service) = series::service_label(series) else {
            continue;
        };
        let Some(rise) = series::departure(series) else {
            continue;
        };
        let unit = if series.name.contains("milli") || series.name.ends_with("_ms") {
            1000.0
        } else {
            1.0
        };
        let much = rise.high - rise.normal >= LATENCY_MIN_SECONDS * unit;
        if !much || rise.high < rise.normal * RISE {
            continue;
        }
        let risen = Risen { series, rise };
        let known = slow.entry(service.to_owned()).or_insert(risen);
        if risen.ratio() > known.ratio() {
            *known = risen;
        }
    }
    slow
}

/// Workloads whose own CPU or throttling rose and stands out from all others'.
fn cpu_bound<'a>(case: &Case<'a>) -> BTreeMap<ObjectRef, Vec<Risen<'a>>> {
    let mut all: BTreeMap<ObjectRef, Vec<Risen<'a>>> = BTreeMap::new();
    for part in ["throttled", "cpu_usage"] {
        // Replicas are no peers of one another: the greatest step of each workload counts.
        let mut steps: BTreeMap<ObjectRef, f64> = BTreeMap::new();
        let mut risen: Vec<(ObjectRef, Risen<'a>)> = Vec::new();
        let named = |series: &&Series| series.name.contains(part);
        for series in case.snapshot.series.iter().filter(named) {
            let Some(workload) = workload_of(case, series) else {
                continue;
            };
            let rise = series::departure(series);
            if rise.is_none() && !series::is_judged(series) {
                continue;
            }
            let step = rise.map_or(0.0, |rise| rise.high - rise.normal);
            let most = steps.entry(workload.clone()).or_default();
            *most = most.max(step);
            let much =
                |rise: &series::Departure| step >= CPU_MIN && rise.high >= rise.normal * RISE;
            if let Some(rise) = rise.filter(|rise| much(rise) && stays(series, rise)) {
                risen.push((workload, Risen { series, rise }));
            }
        }
        let typical = typical(steps.into_values().collect());
        for (workload, one) in risen {
            if one.rise.high - one.rise.normal >= typical * RISE {
                all.entry(workload).or_default().push(one);
            }
        }
    }
    // Throttling of one is enough; when several rise, only the worst count.
    let worst = all
        .values()
        .flatten()
        .map(|one| one.rise.high - one.rise.normal)
        .fold(0.0, f64::max);
    all.retain(|_, list| {
        list.iter()
            .any(|one| one.rise.high - one.rise.normal >= worst / 2.0)
    });
    all
}

/// The median, the lower of two: what a peer shows. One alone has no peers.
fn typical(mut steps: Vec<f64>) -> f64 {
    steps.sort_by(f64::total_cmp);
    match steps.len() {
        0 | 1 => 0.0,
        peers => steps[(peers - 1) / 2],
    }
}

/// The workload a series is about.
fn workload_of(case: &Case<'_>, series: &Series) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let label = |name: &str| series.labels.get(name).map(String::as_str);
    let pod = label("namespace")
        .zip(label("pod"))
        .and_then(|(namespace, pod)| objects.pods.get(namespace, pod));
    match pod {
        Some(pod) => Some(view::workload_of(objects, pod)),
        None => workload_named(case, series::service_label(series)?),
    }
}

/// Whether the rise lasts: at least a sixth of the samples are near its height.
fn stays(series: &Series, rise: &series::Departure) -> bool {
    let threshold = rise.normal + (rise.high - rise.normal) * 0.5;
    let levels = trend::levels(series);
    let is_near = |sample: &&Sample| sample.value >= threshold;
    let near = levels.iter().filter(is_near).count();
    // Busy start-up at the window's very beginning is no incident.
    let at_start = levels.iter().take_while(is_near).count() == near;
    near * 6 >= levels.len() && !at_start
}

/// The node whose retransmits rose far beyond the other nodes'.
fn lossy_node<'a>(case: &Case<'a>) -> Option<(String, Risen<'a>)> {
    let mut nodes: Vec<(f64, String, Risen<'a>)> = Vec::new();
    for series in series::named(case.snapshot, &["retrans"]) {
        let Some(node) = series::node_label(series) else {
            continue;
        };
        if let Some(rise) = series::departure(series) {
            let node = node_name(&case.snapshot.objects, node)?;
            nodes.push((rise.high - rise.normal, node, Risen { series, rise }));
        }
    }
    nodes.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let next = nodes.get(1).map_or(0.0, |(step, ..)| *step);
    let (step, node, risen) = nodes.into_iter().next()?;
    (step >= RETRANSMITS_MIN && step >= next * RISE).then_some((node, risen))
}

/// The node that an exporter's label means: its name or internal IP.
fn node_name(objects: &Objects, label: &str) -> Option<String> {
    let host = label.split(':').next().unwrap_or(label);
    let node = objects.nodes.iter().find(|node| {
        let addresses = node
            .status
            .iter()
            .flat_map(|status| status.addresses.iter().flatten());
        view::name_of(*node) == host || addresses.into_iter().any(|address| address.address == host)
    })?;
    Some(view::name_of(node).to_owned())
}

fn node_loss(
    case: &Case<'_>,
    node: &str,
    risen: &Risen<'_>,
    slow: &BTreeMap<String, Risen<'_>>,
    findings: &mut Findings,
) {
    let object = ObjectRef::cluster("Node", node);
    let statement = format!(
        "Node {node} loses packets: it sends {:.1} segments per second again, its peers do not.",
        risen.rise.high
    );
    let workloads = slow.keys().filter_map(|name| workload_named(case, name));
    findings.add(
        Finding::new(
            Cause::NodeNetworkLoss,
            object.clone(),
            Strength::Strong,
            statement,
        )
        .because([risen.draft(object)])
        .since(risen.since())
        .explains(workloads),
    );
}

fn overloaded(
    case: &Case<'_>,
    workload: &ObjectRef,
    evidence: &[Risen<'_>],
    slow: Option<(&String, &Risen<'_>)>,
    findings: &mut Findings,
) {
    let throttled = evidence
        .iter()
        .any(|one| one.series.name.contains("throttled"));
    let cause = if throttled {
        Cause::CpuThrottling
    } else {
        Cause::PodCpuOverload
    };
    let what = if throttled {
        "uses its whole CPU limit and is throttled"
    } else {
        "uses far more CPU than usual"
    };
    let statement = format!("{workload} {what}, its peers do not.");
    let drafts = evidence.iter().map(|one| one.draft(workload.clone()));
    let since = evidence.iter().filter_map(Risen::since).min();
    findings.add(
        Finding::new(cause, workload.clone(), Strength::Strong, statement)
            .because(drafts)
            .because(slow.map(|(_, one)| one.draft(workload.clone())))
            .since(since)
            .explains(callers(case, slow.map_or(&workload.name, |(name, _)| name))),
    );
}

fn pod_delay(
    case: &Case<'_>,
    service: &str,
    workload: ObjectRef,
    risen: &Risen<'_>,
    findings: &mut Findings,
) {
    let statement = format!(
        "Requests to {workload} take {:.0} times as long as usual while its CPU is idle: its network path is slow.",
        risen.ratio()
    );
    findings.add(
        Finding::new(
            Cause::PodNetworkDelay,
            workload.clone(),
            Strength::Likely,
            statement,
        )
        .because([risen.draft(workload)])
        .since(risen.since())
        .explains(callers(case, service)),
    );
}

fn node_delay(
    case: &Case<'_>,
    node: &str,
    slow: &BTreeMap<String, Risen<'_>>,
    findings: &mut Findings,
) {
    let object = ObjectRef::cluster("Node", node);
    let statement =
        format!("The services on node {node} are slow together, those elsewhere are not.");
    let drafts = slow
        .iter()
        .filter(|(service, _)| nodes_of(case, service).contains(node))
        .map(|(_, risen)| risen.draft(object.clone()));
    let pods = case.snapshot.objects.pods.iter().filter(|pod| {
        let on = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        on == Some(node)
    });
    let explained = slow.keys().filter_map(|name| workload_named(case, name));
    let placement = Draft::status(
        object.clone(),
        "runs every one of the alerted or slow workloads that share a node",
        pods.take(20)
            .map(|pod| view::pod_ref(pod).to_string())
            .collect(),
    );
    findings.add(
        Finding::new(
            Cause::NodeNetworkDelay,
            object.clone(),
            Strength::Likely,
            statement,
        )
        .because([placement])
        .because(drafts)
        .explains(explained),
    );
}

/// Slow services none of whose callees is slow too: nearly as slow, that is,
/// since waiting for a callee makes the caller no faster than it.
fn deepest(case: &Case<'_>, slow: &BTreeMap<String, Risen<'_>>) -> BTreeSet<String> {
    let calls = series::dependencies(case.snapshot);
    let worst = slow
        .values()
        .map(|one| one.rise.high - one.rise.normal)
        .fold(0.0, f64::max);
    slow.iter()
        .filter(|(_, one)| one.rise.high - one.rise.normal >= worst / 20.0)
        .filter(|(service, one)| {
            let callees = calls.get(*service);
            let by_callee = callees.into_iter().flatten().any(|callee| {
                slow.get(callee).is_some_and(|other| {
                    let (own, theirs) = (
                        one.rise.high - one.rise.normal,
                        other.rise.high - other.rise.normal,
                    );
                    theirs * 10.0 >= own
                })
            });
            !by_callee
        })
        .map(|(service, _)| service.clone())
        .collect()
}

/// The only node whose workloads are all slow or alerted, at least three of
/// them, while every other node has workloads that are not.
fn common_node(case: &Case<'_>, slow: &BTreeMap<String, Risen<'_>>) -> Option<String> {
    let objects = &case.snapshot.objects;
    let named = case
        .subjects
        .iter()
        .filter(|subject| subject.kind == "Service");
    let alerted = named.filter_map(|service| {
        let namespace = service.namespace.as_deref().unwrap_or_default();
        let service = objects.services.get(namespace, &service.name)?;
        Some(crate::causes::wiring::workload_behind(objects, service))
    });
    let troubled: BTreeSet<ObjectRef> = slow
        .keys()
        .filter_map(|name| workload_named(case, name))
        .chain(alerted)
        .collect();
    let namespaces: BTreeSet<_> = troubled.iter().map(|one| &one.namespace).collect();
    let mut by_node: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for pod in objects
        .pods
        .iter()
        .filter(|pod| namespaces.contains(&pod.metadata.namespace))
    {
        let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) else {
            continue;
        };
        let counts = by_node.entry(node).or_default();
        counts.1 += 1;
        counts.0 += usize::from(troubled.contains(&view::workload_of(objects, pod)));
    }
    let mut whole = by_node
        .iter()
        .filter(|(_, (bad, all))| bad == all && *all >= 3);
    let (node, _) = whole.next()?;
    (whole.next().is_none() && by_node.len() >= 2).then(|| (*node).to_owned())
}

fn nodes_of(case: &Case<'_>, service: &str) -> BTreeSet<String> {
    let Some(workload) = workload_named(case, service) else {
        return BTreeSet::new();
    };
    view::pods_of(&case.snapshot.objects, &workload)
        .iter()
        .filter_map(|pod| pod.spec.as_ref()?.node_name.clone())
        .collect()
}

/// Workloads that call `service`, directly or through others.
fn callers(case: &Case<'_>, service: &str) -> Vec<ObjectRef> {
    let calls = series::dependencies(case.snapshot);
    let mut reached = BTreeSet::from([service.to_owned()]);
    loop {
        let next: Vec<String> = calls
            .iter()
            .filter(|(client, _)| !reached.contains(*client))
            .filter(|(_, servers)| servers.iter().any(|server| reached.contains(server)))
            .map(|(client, _)| client.clone())
            .collect();
        if next.is_empty() {
            break;
        }
        reached.extend(next);
    }
    reached
        .iter()
        .filter(|name| name.as_str() != service)
        .filter_map(|name| workload_named(case, name))
        .collect()
}

/// The workload that a series' service label means.
fn workload_named(case: &Case<'_>, name: &str) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    if let Some(found) = objects
        .deployments
        .iter()
        .find(|found| view::name_of(*found) == name)
    {
        return Some(view::reference("Deployment", found));
    }
    if let Some(found) = objects
        .stateful_sets
        .iter()
        .find(|found| view::name_of(*found) == name)
    {
        return Some(view::reference("StatefulSet", found));
    }
    if let Some(pod) = objects.pods.iter().find(|pod| view::name_of(*pod) == name) {
        return Some(view::workload_of(objects, pod));
    }
    let service = objects
        .services
        .iter()
        .find(|found| view::name_of(*found) == name)?;
    Some(crate::causes::wiring::workload_behind(objects, service))
}
