//! How schedulers of Kubernetes 1.20 to 1.34 word why no node takes a pod.

use super::fit::Kind;
use super::message::{clauses, is_control_plane};

/// Each message gives these reasons, with the number of nodes of each.
#[track_caller]
fn check(rows: &[(&str, &[(usize, Kind)])]) {
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|&(text, wanted)| {
            let found: Vec<(usize, Kind)> = clauses(text)
                .iter()
                .map(|one| (one.nodes, one.kind))
                .collect();
            (found != wanted).then(|| format!("{text}\n    {found:?}, wanted {wanted:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn room_is_read_from_every_version() {
    check(&[
        (
            "0/4 nodes are available: 4 Insufficient cpu.",
            &[(4, Kind::Cpu)],
        ),
        (
            "0/4 nodes are available: 1 Insufficient memory, 3 Insufficient cpu.",
            &[(1, Kind::Memory), (3, Kind::Cpu)],
        ),
        (
            "0/4 nodes are available: 4 Insufficient cpu. preemption: 0/4 nodes are available: 4 No preemption victims found for incoming pod.",
            &[(4, Kind::Cpu)],
        ),
        (
            "0/4 nodes are available: 4 Insufficient cpu. preemption: not eligible due to a terminating pod on the nominated node.",
            &[(4, Kind::Cpu)],
        ),
        (
            "0/4 nodes are available: 4 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.",
            &[(4, Kind::Cpu)],
        ),
        (
            "0/1 nodes are available: 1 Insufficient ephemeral-storage.",
            &[(1, Kind::Resources)],
        ),
        (
            "0/1 nodes are available: 1 Insufficient hugepages-2Mi.",
            &[(1, Kind::Resources)],
        ),
        (
            "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.",
            &[(2, Kind::Extended)],
        ),
        (
            "0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            &[(2, Kind::Extended)],
        ),
        (
            "0/2 nodes are available: 2 Too many pods.",
            &[(2, Kind::Pods)],
        ),
        (
            "0/2 nodes are available: 2 Too many pods. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pods.",
            &[(2, Kind::Pods)],
        ),
    ]);
}

#[test]
fn placement_is_read_from_every_version() {
    check(&[
        (
            "0/3 nodes are available: 3 node(s) didn't match node selector.",
            &[(3, Kind::Placement)],
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity.",
            &[(3, Kind::Placement)],
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
            &[(3, Kind::Placement)],
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't match the requested node name.",
            &[(3, Kind::Placement)],
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't match the requested hostname.",
            &[(3, Kind::Placement)],
        ),
        (
            "0/3 nodes are available: 3 node(s) were unschedulable.",
            &[(3, Kind::Cordoned)],
        ),
        (
            "0/3 nodes are available: 1 node(s) had taint {node-role.kubernetes.io/master: }, that the pod didn't tolerate, 2 Insufficient cpu.",
            &[(1, Kind::Taint), (2, Kind::Cpu)],
        ),
        (
            "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) had untolerated taint {dedicated: batch}.",
            &[(1, Kind::Taint), (2, Kind::Taint)],
        ),
        (
            "0/3 nodes are available: 3 node(s) had untolerated taints.",
            &[(3, Kind::Taint)],
        ),
        (
            "0/3 nodes are available: 3 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
            &[(3, Kind::Taint)],
        ),
        (
            "0/3 nodes are available: 3 node(s) had taints that the pod didn't tolerate.",
            &[(3, Kind::Taint)],
        ),
    ]);
}

#[test]
fn neighbours_ports_and_volumes_are_read_from_every_version() {
    check(&[
        (
            "0/3 nodes are available: 3 node(s) didn't match pod affinity rules.",
            &[(3, Kind::PodAffinity)],
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't match pod affinity/anti-affinity, 3 node(s) didn't satisfy existing pods anti-affinity rules.",
            &[(3, Kind::AntiAffinity), (3, Kind::AntiAffinity)],
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.",
            &[(3, Kind::AntiAffinity)],
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints.",
            &[(3, Kind::Spread)],
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints (missing required label).",
            &[(3, Kind::Spread)],
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports.",
            &[(3, Kind::HostPort)],
        ),
        (
            "0/3 nodes are available: 3 node(s) had volume node affinity conflict.",
            &[(3, Kind::VolumeNode)],
        ),
        (
            "0/3 nodes are available: 3 node(s) didn't match PersistentVolume's node affinity.",
            &[(3, Kind::VolumeNode)],
        ),
        (
            "0/3 nodes are available: 3 node(s) had no available volume zone.",
            &[(3, Kind::VolumeNode)],
        ),
        (
            "0/3 nodes are available: 3 node(s) exceed max volume count.",
            &[(3, Kind::MaxVolumes)],
        ),
    ]);
}

#[test]
fn a_control_planes_taint_is_background_under_both_names() {
    for key in [
        "node-role.kubernetes.io/control-plane",
        "node-role.kubernetes.io/master",
    ] {
        let text = format!(
            "0/3 nodes are available: 1 node(s) had untolerated taint {{{key}: }}, 2 Insufficient cpu."
        );
        let found = clauses(&text);
        assert!(
            is_control_plane(&found[0]) && !is_control_plane(&found[1]),
            "{text}"
        );
    }
}
