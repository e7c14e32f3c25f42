//! Whether a pod fits a node, computed from the objects.
//!
//! Follows the scheduler's filter plugins where the snapshot holds what they
//! look at; topology spread and volume counts are left to the scheduler's own
//! message. Unknown capacity blocks nothing.
//!
//! # Source
//! `kubernetes/pkg/scheduler/framework/plugins`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, NodeSelectorTerm, Pod, PodSpec, Taint, Toleration};

use crate::causes::labels::{Labels, matches_term};
use crate::causes::resources::{Amounts, add, numbers, requests};
use crate::causes::view::{claim_names, name_of, namespace_of, phase};
use crate::snapshot::Objects;

/// Why a node does not take a pod, in the scheduler's order of filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Cordoned,
    Taint,
    Selector,
    Affinity,
    /// Selector or affinity, where only the message speaks.
    Placement,
    HostPort,
    Pods,
    Cpu,
    Memory,
    Extended,
    /// Several resources at once, or one without a finer cause.
    Resources,
    MaxVolumes,
    VolumeNode,
    Spread,
    AntiAffinity,
    PodAffinity,
}

/// One reason with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blocker {
    pub(super) kind: Kind,
    pub(super) detail: String,
}

/// The nodes and what already runs on them.
#[derive(Debug)]
pub(super) struct Cluster<'a> {
    pub(super) objects: &'a Objects,
    pub(super) nodes: Vec<&'a Node>,
    pub(super) placed: BTreeMap<&'a str, Vec<&'a Pod>>,
    used: BTreeMap<&'a str, Amounts>,
}

/// Keys of taints that mark a control plane.
const CONTROL_PLANE: &[&str] = &[
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
];

/// Set by the API server for `spec.unschedulable`; the cordon itself counts.
const CORDON_TAINT: &str = "node.kubernetes.io/unschedulable";

impl<'a> Cluster<'a> {
    pub(super) fn of(objects: &'a Objects) -> Self {
        let mut placed: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
        let mut used: BTreeMap<&str, Amounts> = BTreeMap::new();
        for pod in &objects.pods {
            let Some(spec) = &pod.spec else { continue };
            let Some(node) = spec.node_name.as_deref() else {
                continue;
            };
            if matches!(phase(pod), "Succeeded" | "Failed") {
                continue;
            }
            placed.entry(node).or_default().push(pod);
            add(used.entry(node).or_default(), &requests(spec));
        }
        Self {
            objects,
            nodes: objects.nodes.iter().collect(),
            placed,
            used,
        }
    }

    /// Everything that keeps `node` from taking `pod`.
    pub(super) fn blockers(&self, pod: &Pod, node: &Node) -> Vec<Blocker> {
        let Some(spec) = &pod.spec else {
            return Vec::new();
        };
        let mut blockers = Vec::new();
        self.access(spec, node, &mut blockers);
        placement(spec, node, &mut blockers);
        self.room(spec, node, &mut blockers);
        self.ports(spec, node, &mut blockers);
        self.volumes(pod, spec, node, &mut blockers);
        self.neighbours(pod, spec, node, &mut blockers);
        blockers
    }

    fn access(&self, spec: &PodSpec, node: &Node, blockers: &mut Vec<Blocker>) {
        let tolerations = spec.tolerations.as_deref().unwrap_or_default();
        let cordon = Taint {
            key: CORDON_TAINT.to_owned(),
            effect: "NoSchedule".to_owned(),
            ..Taint::default()
        };
        if is_cordoned(node) && !tolerated(&cordon, tolerations) {
            blockers.push(blocker(Kind::Cordoned, "is cordoned"));
        }
        for taint in self.taints(name_of(node)) {
            if !tolerated(taint, tolerations) {
                blockers.push(blocker(
                    Kind::Taint,
                    format!("has taint {}", taint_text(taint)),
                ));
            }
        }
    }

    /// The taints of a node that keep pods away, the cordon's own left out.
    pub(super) fn taints(&self, node: &str) -> impl Iterator<Item = &'a Taint> + use<'a> {
        let objects: &'a Objects = self.objects;
        let spec = objects
            .nodes
            .get("", node)
            .and_then(|node| node.spec.as_ref());
        spec.into_iter()
            .flat_map(|spec| spec.taints.iter().flatten())
            .filter(|taint| taint.key != CORDON_TAINT)
            .filter(|taint| matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute"))
    }

    fn room(&self, spec: &PodSpec, node: &Node, blockers: &mut Vec<Blocker>) {
        let Some(whole) = allocatable(node) else {
            return;
        };
        let name = name_of(node);
        let none = Amounts::new();
        let used = self.used.get(name).unwrap_or(&none);
        if let Some(&pods) = whole.get("pods") {
            let running = self.placed.get(name).map_or(0, Vec::len);
            if running as f64 + 1.0 > pods {
                blockers.push(blocker(
                    Kind::Pods,
                    format!("runs {running} of {pods:.0} pods"),
                ));
            }
        }
        for (resource, asked) in requests(spec) {
            let total = whole.get(&resource).copied().unwrap_or(0.0);
            let free = total - used.get(&resource).copied().unwrap_or(0.0);
            let counts = whole.contains_key(&resource) || resource.contains('/');
            if asked > 0.0 && counts && asked > free {
                let kind = kind_of_resource(&resource);
                let detail = format!(
                    "has {} of {} {resource} free",
                    amount(&resource, free.max(0.0)),
                    amount(&resource, total)
                );
                blockers.push(blocker(kind, detail));
            }
        }
    }

    fn ports(&self, spec: &PodSpec, node: &Node, blockers: &mut Vec<Blocker>) {
        let wanted = host_ports(spec);
        for other in self.placed.get(name_of(node)).into_iter().flatten() {
            let held = other.spec.as_ref().map(host_ports).unwrap_or_default();
            if let Some((port, protocol)) = held.iter().find(|port| wanted.contains(port)) {
                let detail = format!("pod {} holds host port {port}/{protocol}", name_of(*other));
                blockers.push(blocker(Kind::HostPort, detail));
                return;
            }
        }
    }

    fn volumes(&self, pod: &Pod, spec: &PodSpec, node: &Node, blockers: &mut Vec<Blocker>) {
        for claim in claim_names(spec) {
            let volume = self
                .objects
                .persistent_volume_claims
                .get(namespace_of(pod), &claim)
                .and_then(|claim| claim.spec.as_ref()?.volume_name.as_deref())
                .and_then(|name| self.objects.persistent_volumes.get("", name));
            let rules = volume.and_then(|volume| {
                volume
                    .spec
                    .as_ref()?
                    .node_affinity
                    .as_ref()?
                    .required
                    .as_ref()
            });
            let allowed = rules.is_none_or(|rules| {
                rules
                    .node_selector_terms
                    .iter()
                    .any(|term| matches_term(term, name_of(node), &labels_of(node)))
            });
            if let (false, Some(volume)) = (allowed, volume) {
                let detail = format!(
                    "cannot reach PersistentVolume {} of claim {claim}",
                    name_of(volume)
                );
                blockers.push(blocker(Kind::VolumeNode, detail));
            }
        }
    }
}

pub(super) fn blocker(kind: Kind, detail: impl Into<String>) -> Blocker {
    Blocker {
        kind,
        detail: detail.into(),
    }
}

/// Node selector and required node affinity.
fn placement(spec: &PodSpec, node: &Node, blockers: &mut Vec<Blocker>) {
    let labels = labels_of(node);
    if !selector_matches(spec, &labels) {
        blockers.push(blocker(
            Kind::Selector,
            "lacks a label of the node selector",
        ));
    }
    if !affinity_matches(spec, name_of(node), &labels) {
        blockers.push(blocker(
            Kind::Affinity,
            "does not satisfy the node affinity",
        ));
    }
}

fn selector_matches(spec: &PodSpec, labels: &Labels) -> bool {
    spec.node_selector
        .iter()
        .flatten()
        .all(|(name, value)| labels.get(name) == Some(value))
}

fn affinity_matches(spec: &PodSpec, name: &str, labels: &Labels) -> bool {
    required_terms(spec)
        .is_none_or(|terms| terms.iter().any(|term| matches_term(term, name, labels)))
}

/// The terms of required node affinity, if there is one.
pub(super) fn required_terms(spec: &PodSpec) -> Option<&[NodeSelectorTerm]> {
    let rules = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = rules
        .required_during_scheduling_ignored_during_execution
        .as_ref()?;
    Some(&required.node_selector_terms)
}

pub(super) fn is_cordoned(node: &Node) -> bool {
    node.spec
        .as_ref()
        .is_some_and(|spec| spec.unschedulable == Some(true))
}

/// Whether a node is a control plane by label, role or taint.
pub(super) fn is_control_plane(node: &Node) -> bool {
    let labels = labels_of(node);
    let role = labels.get("kubernetes.io/role").map(String::as_str);
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref());
    CONTROL_PLANE.iter().any(|key| labels.contains_key(*key))
        || matches!(role, Some("master" | "control-plane"))
        || taints
            .unwrap_or_default()
            .iter()
            .any(|taint| CONTROL_PLANE.contains(&taint.key.as_str()))
}

/// A node's labels; one without a hostname label is known by its name.
pub(super) fn labels_of(node: &Node) -> Labels {
    let mut labels = node.metadata.labels.clone().unwrap_or_default();
    labels
        .entry("kubernetes.io/hostname".to_owned())
        .or_insert_with(|| name_of(node).to_owned());
    labels
}

/// Whether the placement rules of `spec` point at `node`, instead of merely not excluding it.
pub(super) fn aims_at(spec: &PodSpec, node: &Node) -> bool {
    let labels = labels_of(node);
    let selected = spec
        .node_selector
        .as_ref()
        .is_some_and(|rules| !rules.is_empty())
        && selector_matches(spec, &labels);
    let points = |term: &NodeSelectorTerm| {
        let rules = term
            .match_expressions
            .iter()
            .chain(&term.match_fields)
            .flatten();
        matches_term(term, name_of(node), &labels)
            && rules
                .into_iter()
                .any(|rule| matches!(rule.operator.as_str(), "In" | "Exists" | "Gt" | "Lt"))
    };
    selected || required_terms(spec).is_some_and(|terms| terms.iter().any(points))
}

fn allocatable(node: &Node) -> Option<Amounts> {
    let status = node.status.as_ref()?;
    let whole = status.allocatable.as_ref().or(status.capacity.as_ref())?;
    Some(numbers(whole))
}

/// Whether one of `tolerations` tolerates `taint`.
///
/// # Source
/// `k8s.io/api/core/v1`, `Toleration.ToleratesTaint`.
fn tolerated(taint: &Taint, tolerations: &[Toleration]) -> bool {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    tolerations.iter().any(|toleration| {
        let effect = text(&toleration.effect);
        let key = text(&toleration.key);
        let exists = toleration.operator.as_deref() == Some("Exists");
        (effect.is_empty() || effect == taint.effect)
            && (key == taint.key || (key.is_empty() && exists))
            && (exists || text(&toleration.value) == text(&taint.value))
    })
}

fn taint_text(taint: &Taint) -> String {
    match taint.value.as_deref() {
        Some(value) if !value.is_empty() => format!("{}={value}:{}", taint.key, taint.effect),
        _ => format!("{}:{}", taint.key, taint.effect),
    }
}

fn host_ports(spec: &PodSpec) -> Vec<(i32, String)> {
    spec.containers
        .iter()
        .flat_map(|container| container.ports.iter().flatten())
        .filter_map(|port| {
            let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
            Some((port.host_port?, protocol))
        })
        .collect()
}

/// Which kind a resource name belongs to.
pub(super) fn kind_of_resource(resource: &str) -> Kind {
    match resource {
        "cpu" => Kind::Cpu,
        "memory" => Kind::Memory,
        _ if resource.contains('/') => Kind::Extended,
        _ => Kind::Resources,
    }
}

/// An amount of a resource for people.
pub(super) fn amount(resource: &str, value: f64) -> String {
    match resource {
        "cpu" => crate::causes::quantity::cores(value),
        "memory" | "ephemeral-storage" => crate::causes::quantity::bytes(value),
        _ => format!("{value}"),
    }
}
