//! Nodes: the machines themselves.

use Place::{PartOnNode, Workload};

use super::{Look, Means, NETWORK, PODS, Place, Remedy, Repair, Sight, look, remedy, repair};
use crate::causes::Cause as C;

const NODE: Look = look(
    Sight::Describe(Place::Node),
    "shows its conditions, its last heartbeat and its events",
);
const NODE_PODS: Look = look(Sight::NodePods, "shows which pods the node carries");
const KUBELET: Look = look(
    Sight::OnNode("sudo journalctl -u kubelet --since -1h --no-pager"),
    "shows what the kubelet said in the last hour",
);
const KERNEL: Look = look(
    Sight::OnNode("sudo journalctl -k --since -1h --no-pager"),
    "shows what the kernel said in the last hour",
);
const BOOT: Look = look(
    Sight::OnNode("sudo journalctl -b -1 -n 100 --no-pager"),
    "shows how the boot before this one ended",
);

const AWAY: &[Repair] = &[
    repair(
        Means::Cordon,
        "keeps new pods off the machine while it is examined",
    ),
    repair(
        Means::Drain,
        "moves its pods to other nodes before the part is replaced",
    ),
];

const RESTART_KUBELET: Repair = repair(
    Means::OnNode("sudo systemctl restart kubelet"),
    "starts the kubelet anew, if the machine answers",
);

const PRUNE: Repair = repair(
    Means::OnNode("sudo crictl rmi --prune"),
    "removes the images that no container uses",
);

pub(super) fn of(cause: C) -> Remedy {
    match cause {
        C::NodeUnreachable => remedy(
            const { &[NODE, NODE_PODS] },
            const {
                &[
                    RESTART_KUBELET,
                    repair(
                        Means::OutOfService,
                        "lets its volumes and pods go; only when the machine is surely off",
                    ),
                ]
            },
        ),
        C::KubeletDown => remedy(const { &[NODE, KUBELET] }, const { &[RESTART_KUBELET] }),
        C::KubeletOrRuntimeFault | C::ContainerRuntimeDown => remedy(
            const { &[NODE, KUBELET] },
            const {
                &[
                    repair(
                        Means::RestartRuntime,
                        "restarts the container runtime; running containers stay",
                    ),
                    RESTART_KUBELET,
                ]
            },
        ),
        C::CniNotReady => remedy(
            const {
                &[
                    look(
                        Sight::Logs(PartOnNode(NETWORK)),
                        "shows why the network plugin does not come up",
                    ),
                    NODE,
                ]
            },
            const {
                &[
                    repair(
                        Means::Delete(PartOnNode(NETWORK)),
                        "restarts the network plugin on that node",
                    ),
                    repair(
                        Means::Restart(Place::Part(NETWORK)),
                        "restarts the network plugin node by node",
                    ),
                    RESTART_KUBELET,
                ]
            },
        ),
        C::DiskPressure => remedy(
            const {
                &[
                    NODE,
                    look(Sight::OnNode("df -h"), "shows which file system is full"),
                ]
            },
            const {
                &[
                    PRUNE,
                    repair(
                        Means::Cordon,
                        "keeps new pods off the node until it has space again",
                    ),
                ]
            },
        ),
        C::ImageGarbageCollection => remedy(
            const {
                &[
                    NODE,
                    look(
                        Sight::OnNode("sudo crictl images"),
                        "lists the images the node holds, with their sizes",
                    ),
                ]
            },
            const { &[PRUNE] },
        ),
        C::MemoryPressure | C::PidPressure => remedy(
            const { &[NODE, NODE_PODS] },
            const {
                &[
                    repair(
                        Means::Cordon,
                        "keeps more pods off the node while the one that takes too much is found",
                    ),
                    repair(Means::Edit(Workload), "limits the pods that take too much"),
                ]
            },
        ),
        C::KubeletCert => remedy(
            const {
                &[
                    look(
                        Sight::Fixed("kubectl get certificatesigningrequests"),
                        "shows requests that wait for approval",
                    ),
                    KUBELET,
                ]
            },
            const {
                &[repair(
                    Means::OnNode("sudo systemctl restart kubelet"),
                    "has the kubelet ask for a new certificate, to be approved",
                )]
            },
        ),
        C::ClockSkew => remedy(
            const {
                &[
                    look(
                        Sight::OnNode("timedatectl"),
                        "shows the node's time and whether it is synchronized",
                    ),
                    NODE,
                ]
            },
            const {
                &[repair(
                    Means::OnNode("sudo timedatectl set-ntp true"),
                    "switches the node's time synchronization on again",
                )]
            },
        ),
        C::RebootOrKernelPanic => remedy(const { &[BOOT, NODE] }, AWAY),
        C::HardwareEccThermal => remedy(const { &[KERNEL, NODE] }, AWAY),
        C::NodeFlapping => remedy(const { &[KUBELET, NODE] }, AWAY),
        C::CordonForgotten => remedy(const { &[NODE, NODE_PODS] }, &[]),
        C::KernelParamModule => remedy(
            const { &[NODE, KERNEL] },
            const {
                &[repair(
                    Means::OnNode("sudo systemctl restart systemd-modules-load systemd-sysctl"),
                    "loads the modules and sets the parameters that the node's files declare",
                )]
            },
        ),
        C::GpuFault => remedy(
            const {
                &[
                    look(
                        Sight::OnNode("nvidia-smi"),
                        "shows which device fails and how",
                    ),
                    NODE,
                ]
            },
            AWAY,
        ),
        _ => remedy(
            const {
                &[
                    look(
                        Sight::Fixed("kubectl describe nodes"),
                        "shows what is asked of each node and what it has",
                    ),
                    PODS,
                ]
            },
            &[],
        ),
    }
}
