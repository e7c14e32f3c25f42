//! Scheduling.

use Place::Workload;

use super::{DESCRIBE_POD, HISTORY, Look, Means, Place, Remedy, Sight, look, remedy, repair};
use crate::causes::Cause as C;

const FIRST: &[Look] = &[
    DESCRIBE_POD,
    look(
        Sight::Fixed("kubectl describe nodes"),
        "shows what each node has left, its labels and its taints",
    ),
];

/// Device plugins, by what their pods are called.
const DEVICES: &[&str] = &[
    "nvidia-device-plugin-daemonset",
    "nvidia-device-plugin",
    "nvidia-device-plugin-ds",
    "amdgpu-device-plugin",
    "intel-gpu-plugin",
];

pub(super) fn of(cause: C) -> Remedy {
    match cause {
        C::InsufficientResources | C::InsufficientCpu | C::InsufficientMemory => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Edit(Workload),
                        "lowers requests that are higher than what its pods use",
                    ),
                    repair(Means::Undo, "returns to the requests that found room"),
                ]
            },
        ),
        C::InsufficientExtendedResource => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Restart(Place::Part(DEVICES)),
                        "restarts the device plugin, which then offers its devices again",
                    ),
                    repair(Means::Edit(Workload), "asks for fewer devices"),
                ]
            },
        ),
        C::NodePlacementMismatch | C::NodeSelectorMismatch | C::NodeAffinityMismatch => remedy(
            FIRST,
            const {
                &[
                    repair(Means::Undo, "goes back to rules that some node met"),
                    repair(
                        Means::Edit(Workload),
                        "corrects the selector or affinity; a lost node label is restored instead",
                    ),
                ]
            },
        ),
        C::UntoleratedTaint => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "adds the toleration to the pod template",
                )]
            },
        ),
        C::PodAntiAffinity => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "makes the anti-affinity a preferred one, or asks for fewer replicas",
                )]
            },
        ),
        C::TopologySpreadConstraint => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "sets whenUnsatisfiable to ScheduleAnyway",
                )]
            },
        ),
        C::VolumeNodeAffinity => remedy(
            FIRST,
            const {
                &[repair(
                    Means::OnNode("sudo systemctl restart kubelet"),
                    "brings the volume's node back; if it is lost, restore the data from a backup to a new claim",
                )]
            },
        ),
        C::HostPortTaken => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Undo,
                        "goes back to a template without the port in conflict",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "moves to another host port, or does without one",
                    ),
                ]
            },
        ),
        C::TooManyPods => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "asks for fewer replicas, until a node is added or maxPods is raised",
                )]
            },
        ),
        C::SchedulerDown => remedy(
            const {
                &[
                    look(
                        Sight::Fixed(
                            "kubectl get pods -n kube-system -l component=kube-scheduler -o wide",
                        ),
                        "shows whether a scheduler runs",
                    ),
                    look(
                        Sight::OnNode("sudo crictl ps -a --name kube-scheduler"),
                        "shows the scheduler's container on the node itself",
                    ),
                ]
            },
            const {
                &[
                    repair(
                        Means::EndStatic(&["kube-scheduler"], "kube-scheduler"),
                        "has its kubelet start the scheduler anew",
                    ),
                    repair(
                        Means::OnNode("sudo systemctl restart kubelet"),
                        "has the kubelet start its static pods, the scheduler among them",
                    ),
                ]
            },
        ),
        C::Preempted => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "gives its pods a PriorityClass that the others do not outrank",
                )]
            },
        ),
        C::NodeNameUnknown | C::CustomSchedulerMissing => remedy(
            const { &[DESCRIBE_POD, HISTORY] },
            const {
                &[
                    repair(Means::Undo, "goes back to a template that could be placed"),
                    repair(
                        Means::Edit(Workload),
                        "removes nodeName or schedulerName, so that the cluster's scheduler chooses",
                    ),
                ]
            },
        ),
        C::MaxVolumesPerNode => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "spreads the pods with volumes over more nodes",
                )]
            },
        ),
        _ => remedy(FIRST, &[]),
    }
}
