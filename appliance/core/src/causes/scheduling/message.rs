//! Reads the scheduler's "0/4 nodes are available: …".

use super::fit::{Kind, kind_of_resource};
use crate::causes::view::mentions;

/// One counted reason of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clause {
    /// How many nodes it is about; 0 when the message counts none.
    pub(super) nodes: usize,
    pub(super) kind: Kind,
    /// The clause, verbatim.
    pub(super) text: String,
}

/// Fragments in lower case; the first row that matches decides.
const TABLE: &[(Kind, &[&str])] = &[
    (
        Kind::VolumeNode,
        &[
            "volume node affinity conflict",
            "persistentvolume's node affinity",
            "no available volume zone",
        ],
    ),
    (Kind::MaxVolumes, &["exceed max volume count"]),
    (Kind::Spread, &["topology spread constraints"]),
    (Kind::AntiAffinity, &["anti-affinity"]),
    (Kind::PodAffinity, &["pod affinity"]),
    (
        Kind::Placement,
        &[
            "node affinity",
            "node selector",
            "requested node name",
            "requested hostname",
        ],
    ),
    (Kind::HostPort, &["free ports"]),
    (Kind::Pods, &["too many pods"]),
    (
        Kind::Cordoned,
        &[
            "were unschedulable",
            "was unschedulable",
            "node.kubernetes.io/unschedulable",
        ],
    ),
    (Kind::Taint, &["taint"]),
    (
        Kind::Extended,
        &["cannot allocate all claims", "resource claim"],
    ),
];

/// The reasons a message gives, in its order.
pub(super) fn clauses(text: &str) -> Vec<Clause> {
    let lower = text.to_ascii_lowercase();
    let Some(start) = lower.find("nodes are available:") else {
        return Vec::new();
    };
    let body = &text[start + "nodes are available:".len()..];
    let end = body
        .to_ascii_lowercase()
        .find("preemption:")
        .unwrap_or(body.len());
    let mut parts: Vec<String> = Vec::new();
    for part in body[..end].split(", ") {
        let part = part.trim().trim_end_matches('.');
        let counted = part.starts_with(|first: char| first.is_ascii_digit());
        // Old schedulers put a comma inside: "had taint {k: v}, that the pod didn't tolerate".
        match parts.last_mut() {
            Some(last) if !counted => *last = format!("{last}, {part}"),
            _ => parts.push(part.to_owned()),
        }
    }
    parts.into_iter().filter_map(clause).collect()
}

fn clause(text: String) -> Option<Clause> {
    let digits = text
        .find(|first: char| !first.is_ascii_digit())
        .unwrap_or(0);
    let nodes = text[..digits].parse().unwrap_or(0);
    let kind = match text.split_once("Insufficient ") {
        Some((_, resource)) => {
            kind_of_resource(resource.split([' ', ',']).next().unwrap_or(resource))
        }
        None => {
            TABLE
                .iter()
                .find(|(_, fragments)| mentions(&text, fragments))?
                .0
        }
    };
    Some(Clause { nodes, kind, text })
}

/// Whether a clause only says that a control plane keeps its taint.
pub(super) fn is_control_plane(clause: &Clause) -> bool {
    clause.kind == Kind::Taint
        && mentions(
            &clause.text,
            &[
                "node-role.kubernetes.io/control-plane",
                "node-role.kubernetes.io/master",
            ],
        )
}
