//! Which of the reasons decides.
//!
//! First the placement rules: when no node satisfies them, they are the
//! reason; when some do, only those nodes count. Among them the reason that
//! alone keeps the most nodes out is the one whose removal helps. A control
//! plane that takes no pods is background, unless nothing else matches.
//!
//! Where the objects do not explain it (pods of other namespaces were not
//! captured, spread constraints), the scheduler's own counts decide.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod, PodSpec};

use super::fit::{Blocker, Cluster, Kind, aims_at, amount, is_control_plane, required_terms};
use super::message::{Clause, clauses};
use super::{message, scheduler_says};
use crate::causes::resources::requests;
use crate::causes::view::{in_window, name_of};
use crate::causes::{Case, Strength};

/// The decisive reason and what it rests on.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) kind: Kind,
    pub(super) strength: Strength,
    /// What is wrong, with names and numbers.
    pub(super) detail: String,
    /// What the pod asks for.
    pub(super) wants: String,
    /// Nodes it is about, each with what was seen there.
    pub(super) nodes: Vec<(String, String)>,
    /// Reasons seen as well that do not decide, with why.
    pub(super) background: Vec<(Kind, String)>,
}

/// Names the decisive reason why `pod` is not placed; `None` when nothing speaks for one.
pub(super) fn decide(case: &Case<'_>, cluster: &Cluster<'_>, pod: &Pod) -> Option<Decision> {
    let spec = pod.spec.as_ref()?;
    let said = scheduler_says(case, pod);
    let stated = said.map(|(text, _)| clauses(&text)).unwrap_or_default();
    let seen: Vec<(&Node, Vec<Blocker>)> = cluster
        .nodes
        .iter()
        .map(|node| (*node, cluster.blockers(pod, node)))
        .collect();
    let mut decision = by_objects(case, spec, &seen)
        .filter(|decision| agrees(decision.kind, &stated))
        .or_else(|| by_message(spec, &seen, &stated))
        .or_else(|| by_objects(case, spec, &seen))?;
    let said_so = stated.iter().any(|clause| same(clause.kind, decision.kind));
    if said_so && decision.strength == Strength::Strong {
        decision.strength = Strength::Stated;
    }
    if follows_from_the_nodes(&decision) {
        decision.strength = Strength::Hint;
    }
    decision.background = background(&decision, &seen, &stated);
    Some(decision)
}

/// Whether the taints are the node controller's own (`node.kubernetes.io/…`):
/// then the nodes' trouble is the cause, and the taint only follows from it.
fn follows_from_the_nodes(decision: &Decision) -> bool {
    decision.kind == Kind::Taint
        && !decision.nodes.is_empty()
        && decision
            .nodes
            .iter()
            .all(|(_, why)| why.contains(" node.kubernetes.io/"))
}

/// Whether the message, if there is one, has a clause of this kind.
fn agrees(kind: Kind, stated: &[Clause]) -> bool {
    stated.is_empty() || stated.iter().any(|clause| same(clause.kind, kind))
}

fn same(stated: Kind, kind: Kind) -> bool {
    stated == kind
        || (stated == Kind::Placement && matches!(kind, Kind::Selector | Kind::Affinity))
        || (kind == Kind::Resources && matches!(stated, Kind::Cpu | Kind::Memory))
}

fn has(blockers: &[Blocker], kind: Kind) -> bool {
    blockers.iter().any(|blocker| blocker.kind == kind)
}

fn by_objects(case: &Case<'_>, spec: &PodSpec, seen: &[(&Node, Vec<Blocker>)]) -> Option<Decision> {
    if seen.is_empty() {
        return None;
    }
    let closed = |(node, blockers): &&(&Node, Vec<Blocker>)| {
        let shut = has(blockers, Kind::Cordoned) || has(blockers, Kind::Taint);
        is_control_plane(node) && shut && !aims_at(spec, node)
    };
    let open: Vec<&(&Node, Vec<Blocker>)> = seen.iter().filter(|entry| !closed(entry)).collect();
    let open = if open.is_empty() {
        seen.iter().collect()
    } else {
        open
    };
    let usable: Vec<&(&Node, Vec<Blocker>)> = open
        .iter()
        .copied()
        .filter(|(_, blockers)| !has(blockers, Kind::Selector) && !has(blockers, Kind::Affinity))
        .collect();
    if usable.is_empty() {
        return Some(misplaced(spec, &open));
    }
    if usable.iter().any(|(_, blockers)| blockers.is_empty()) {
        return None;
    }
    let kind = decisive(case, &usable)?;
    let mut nodes: Vec<(String, String)> = usable
        .iter()
        .filter_map(|(node, blockers)| {
            let own = blockers.iter().find(|blocker| same(blocker.kind, kind))?;
            Some((name_of(*node).to_owned(), own.detail.clone()))
        })
        .collect();
    nodes.sort_unstable();
    Some(Decision {
        kind,
        strength: Strength::Strong,
        detail: detail(kind, spec, &nodes),
        wants: wants(kind, spec),
        nodes,
        background: Vec::new(),
    })
}

/// No node satisfies the placement rules: which of the two is it?
fn misplaced(spec: &PodSpec, seen: &[&(&Node, Vec<Blocker>)]) -> Decision {
    let none_without = |kind| seen.iter().all(|(_, blockers)| has(blockers, kind));
    let kind = match (none_without(Kind::Selector), none_without(Kind::Affinity)) {
        (true, false) => Kind::Selector,
        (false, true) => Kind::Affinity,
        _ => Kind::Placement,
    };
    let mut nodes: Vec<(String, String)> = seen
        .iter()
        .filter_map(|(node, blockers)| {
            let own = blockers
                .iter()
                .find(|blocker| same(Kind::Placement, blocker.kind))?;
            Some((name_of(*node).to_owned(), own.detail.clone()))
        })
        .collect();
    nodes.sort_unstable();
    Decision {
        kind,
        strength: Strength::Strong,
        detail: format!(
            "none of {} nodes satisfies its {}",
            seen.len(),
            wants(kind, spec)
        ),
        wants: wants(kind, spec),
        nodes,
        background: Vec::new(),
    }
}

/// The kind that alone keeps the most nodes out; on a tie what changed lately,
/// then the later filter, since access rules are mostly deliberate.
fn decisive(case: &Case<'_>, usable: &[&(&Node, Vec<Blocker>)]) -> Option<Kind> {
    let mut alone: BTreeMap<Kind, (usize, bool)> = BTreeMap::new();
    let mut present: BTreeMap<Kind, usize> = BTreeMap::new();
    for (node, blockers) in usable {
        let mut kinds: Vec<Kind> = blockers.iter().map(|blocker| blocker.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        for kind in &kinds {
            *present.entry(*kind).or_default() += 1;
        }
        if let [kind] = kinds.as_slice() {
            let entry = alone.entry(*kind).or_default();
            entry.0 += 1;
            entry.1 |= changed_lately(case, node);
        }
    }
    if !alone.is_empty() {
        let best = alone.into_iter().max_by_key(|(kind, (count, lately))| {
            (
                *count,
                *lately && matches!(kind, Kind::Cordoned | Kind::Taint),
                *kind,
            )
        });
        return best.map(|(kind, _)| kind);
    }
    let everywhere = |kind: Kind| present.get(&kind) == Some(&usable.len());
    if everywhere(Kind::Cpu) && everywhere(Kind::Memory) {
        return Some(Kind::Resources);
    }
    present
        .into_iter()
        .max_by_key(|(kind, count)| (*count, std::cmp::Reverse(*kind)))
        .map(|(kind, _)| kind)
}

/// Whether a node was cordoned, tainted or otherwise changed in the window.
fn changed_lately(case: &Case<'_>, node: &Node) -> bool {
    let name = name_of(node);
    let tainted = node.spec.as_ref().is_some_and(|spec| {
        spec.taints.iter().flatten().any(|taint| {
            let added = taint.time_added.as_ref().map(|time| time.0);
            added.is_some() && in_window(case, added)
        })
    });
    let cordoned = case.facts.events.iter().any(|event| {
        event.object.kind == "Node"
            && event.object.name == name
            && event.reason == "NodeNotSchedulable"
            && event.last.is_some()
            && in_window(case, event.last)
    });
    tainted || cordoned
}

/// The scheduler's counts, control-plane taints and cordons last.
fn by_message(
    spec: &PodSpec,
    seen: &[(&Node, Vec<Blocker>)],
    stated: &[Clause],
) -> Option<Decision> {
    let told: Vec<&Clause> = stated
        .iter()
        .filter(|clause| !message::is_control_plane(clause))
        .collect();
    let foreground: Vec<&&Clause> = told
        .iter()
        .filter(|clause| !explained_by_control_plane(clause, seen))
        .collect();
    let best = foreground
        .iter()
        .max_by_key(|clause| (clause.nodes, clause.kind))
        .copied()
        .copied()
        .or_else(|| told.first().copied())?;
    let kind = match best.kind {
        Kind::Placement => placement_of(spec),
        kind => kind,
    };
    let only = foreground.iter().all(|clause| clause.kind == best.kind);
    Some(Decision {
        kind,
        strength: if only {
            Strength::Stated
        } else {
            Strength::Likely
        },
        detail: format!("{}; it {}", best.text, wants(kind, spec)),
        wants: wants(kind, spec),
        nodes: Vec::new(),
        background: Vec::new(),
    })
}

/// Whether the cordoned nodes of a clause are all control planes.
fn explained_by_control_plane(clause: &Clause, seen: &[(&Node, Vec<Blocker>)]) -> bool {
    let closed = seen
        .iter()
        .filter(|(node, blockers)| is_control_plane(node) && has(blockers, clause.kind))
        .count();
    matches!(clause.kind, Kind::Cordoned | Kind::Taint) && clause.nodes <= closed
}

/// Which placement rule a pod has; both or none leaves it open.
fn placement_of(spec: &PodSpec) -> Kind {
    let selector = spec
        .node_selector
        .as_ref()
        .is_some_and(|rules| !rules.is_empty());
    let affinity = required_terms(spec).is_some();
    match (selector, affinity) {
        (true, false) => Kind::Selector,
        (false, true) => Kind::Affinity,
        _ => Kind::Placement,
    }
}

/// Characters spent on single nodes in a sentence; the others are counted.
const NODES_CHARS_MAX: usize = 120;

fn detail(kind: Kind, spec: &PodSpec, nodes: &[(String, String)]) -> String {
    let mut room = NODES_CHARS_MAX;
    let listed: Vec<String> = nodes
        .iter()
        .take(4)
        .map(|(node, why)| format!("{node} {why}"))
        .enumerate()
        .take_while(|(place, text)| {
            let fits = text.len() <= room;
            room = room.saturating_sub(text.len());
            *place == 0 || fits
        })
        .map(|(_, text)| text)
        .collect();
    let tail = match nodes.len().saturating_sub(listed.len()) {
        0 => String::new(),
        1 => " and one more node".to_owned(),
        more => format!(" and {more} more nodes"),
    };
    format!("it {}; {}{tail}", wants(kind, spec), listed.join(", "))
}

/// What the pod asks for on the point of `kind`.
fn wants(kind: Kind, spec: &PodSpec) -> String {
    let of = |resources: &[&str]| {
        let asked = requests(spec);
        let listed: Vec<String> = asked
            .iter()
            .filter(|(name, _)| {
                resources.is_empty() && name.contains('/') || resources.contains(&name.as_str())
            })
            .map(|(name, value)| format!("{} {name}", amount(name, *value)))
            .collect();
        format!("requests {}", listed.join(" and "))
    };
    match kind {
        Kind::Selector => {
            let rules: Vec<String> = spec
                .node_selector
                .iter()
                .flatten()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("node selector {}", rules.join(","))
        }
        Kind::Affinity => format!("required node affinity {}", affinity_text(spec)),
        Kind::Placement => "node selector and node affinity".to_owned(),
        Kind::Cordoned | Kind::Taint => {
            let count = spec.tolerations.as_ref().map_or(0, Vec::len);
            format!("tolerates none of the nodes' taints ({count} tolerations)")
        }
        Kind::HostPort => "needs a host port that is free".to_owned(),
        Kind::Pods => "needs a node with room for one more pod".to_owned(),
        Kind::Cpu => of(&["cpu"]),
        Kind::Memory => of(&["memory"]),
        Kind::Resources => of(&["cpu", "memory", "ephemeral-storage"]),
        Kind::Extended => of(&[]),
        Kind::AntiAffinity => "keeps away from other pods by required anti-affinity".to_owned(),
        Kind::PodAffinity => "wants to be near other pods by required affinity".to_owned(),
        Kind::Spread => "spreads over topology domains by a hard constraint".to_owned(),
        Kind::VolumeNode => "mounts a volume that only some nodes reach".to_owned(),
        Kind::MaxVolumes => "mounts more volumes than the nodes may attach".to_owned(),
    }
}

fn affinity_text(spec: &PodSpec) -> String {
    let terms = required_terms(spec).unwrap_or_default();
    let text = |term: &k8s_openapi::api::core::v1::NodeSelectorTerm| {
        let rules: Vec<String> = term
            .match_expressions
            .iter()
            .chain(&term.match_fields)
            .flatten()
            .map(|rule| {
                let values = rule.values.as_deref().unwrap_or_default().join("|");
                format!("{} {} {values}", rule.key, rule.operator)
                    .trim_end()
                    .to_owned()
            })
            .collect();
        rules.join(" and ")
    };
    terms.iter().map(text).collect::<Vec<_>>().join(" or ")
}

/// Kinds that were seen or said besides the decisive one.
fn background(
    decision: &Decision,
    seen: &[(&Node, Vec<Blocker>)],
    stated: &[Clause],
) -> Vec<(Kind, String)> {
    let mut kinds: Vec<Kind> = seen
        .iter()
        .flat_map(|(_, blockers)| blockers.iter().map(|blocker| blocker.kind))
        .chain(stated.iter().map(|clause| clause.kind))
        .filter(|kind| !same(*kind, decision.kind) && !same(decision.kind, *kind))
        .filter(|kind| *kind != Kind::Placement)
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    let names: Vec<&str> = decision
        .nodes
        .iter()
        .map(|(node, _)| node.as_str())
        .take(4)
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    kinds
        .into_iter()
        .map(|kind| {
            let why = format!(
                "what decides is on {}, where the pod could run otherwise",
                names.join(", ")
            );
            (kind, why)
        })
        .collect()
}
