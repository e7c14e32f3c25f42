//! Cause by cause: where to look and what to change.
//!
//! One file per family of the catalogue. A cause without repairs here has
//! none that a command could make: its repair is that of another cause, or
//! lies outside the cluster. Its fix in words stands in the catalogue.

mod autoscaling;
mod control_plane;
mod monitoring;
mod network;
mod node;
mod rollout;
mod runtime;
mod scheduling;
mod startup;
mod storage;

use super::place::Place;
use super::{Look, Means, Remedy, Repair, Sight, look, repair};
use crate::causes::{Cause, Family};

use Place::Workload;

/// The cluster's DNS servers.
const DNS: &[&str] = &["coredns", "kube-dns"];

/// Network plugins, by what their pods on each node are called.
const NETWORK: &[&str] = &[
    "calico-node",
    "cilium",
    "kube-flannel-ds",
    "kube-flannel",
    "canal",
    "weave-net",
    "kube-router",
    "antrea-agent",
    "kindnet",
    "ovnkube-node",
];

const PROXY: &[&str] = &["kube-proxy"];

/// The template goes back, or is corrected: what most workloads need.
const ROLL_BACK: [Repair; 2] = [
    repair(
        Means::Undo,
        "goes back to the revision that ran; undoing again returns",
    ),
    repair(Means::Edit(Workload), "corrects the pod template by hand"),
];

const HISTORY: Look = look(Sight::History, "shows which revision changed it");
const DESCRIBE_POD: Look = look(
    Sight::Describe(Place::Pod),
    "shows the pod's state and the last things that happened to it",
);
const POD_LOGS: Look = look(Sight::Logs(Place::Pod), "shows what the pod says now");
const OWN: Look = look(
    Sight::Describe(Place::Own),
    "shows its state and its last events",
);
const PODS: Look = look(
    Sight::Pods,
    "shows which pods are unwell and on which nodes",
);

/// What is known about `cause`.
pub(super) fn of(cause: Cause) -> Remedy {
    match cause.family() {
        Family::ImageAndStartUp => startup::of(cause),
        Family::Scheduling => scheduling::of(cause),
        Family::Runtime => runtime::of(cause),
        Family::Rollout => rollout::of(cause),
        Family::Networking => network::of(cause),
        Family::Storage => storage::of(cause),
        Family::Node => node::of(cause),
        Family::ControlPlane => control_plane::of(cause),
        Family::Autoscaling => autoscaling::of(cause),
        Family::Monitoring => monitoring::of(cause),
        Family::NotAnIncident => Remedy {
            looks: &[OWN, PODS],
            repairs: &[],
        },
    }
}

const fn remedy(looks: &'static [Look], repairs: &'static [Repair]) -> Remedy {
    Remedy { looks, repairs }
}
