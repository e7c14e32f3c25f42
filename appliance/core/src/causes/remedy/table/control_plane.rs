//! The control plane.

use Place::{Own, Workload};

use super::{Look, Means, OWN, Place, Remedy, Sight, look, remedy, repair};
use crate::causes::Cause as C;

const PARTS: Look = look(
    Sight::Fixed("kubectl get pods -n kube-system -o wide"),
    "shows the control plane's pods, their restarts and nodes",
);
const ETCD: Look = look(
    Sight::Fixed("kubectl logs -n kube-system -l component=etcd --tail=50"),
    "shows what etcd says of its disk, its peers and its space",
);
const API: Look = look(
    Sight::Fixed("kubectl logs -n kube-system -l component=kube-apiserver --tail=50"),
    "shows what the API server complains about",
);

const ETCD_PODS: &[&str] = &["etcd"];

/// etcdctl as kubeadm sets etcd up.
macro_rules! etcdctl {
    ($command:literal) => {
        concat!(
            "etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt",
            " --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key ",
            $command
        )
    };
}

pub(super) fn of(cause: C) -> Remedy {
    match cause {
        C::ApiServerSloBurn | C::ApiServerThrottling => remedy(
            const {
                &[
                    look(
                        Sight::Fixed("kubectl get flowschemas"),
                        "shows which clients share which level of priority",
                    ),
                    API,
                ]
            },
            const {
                &[repair(
                    Means::Edit(Workload),
                    "has the client that asks too much ask less often",
                )]
            },
        ),
        C::EtcdSlowDisk => remedy(
            const { &[ETCD, PARTS] },
            const {
                &[repair(
                    Means::Cordon,
                    "keeps other writers off etcd's disk, until it has one of its own",
                )]
            },
        ),
        C::EtcdNoQuorumLeader => remedy(
            const { &[ETCD, PARTS] },
            const {
                &[
                    repair(
                        Means::EndStatic(ETCD_PODS, "etcd"),
                        "has its kubelet start the member anew, which then joins with its data",
                    ),
                    repair(
                        Means::OnNode("sudo systemctl restart kubelet"),
                        "has the kubelet start its static pods, etcd among them",
                    ),
                ]
            },
        ),
        C::EtcdNoSpace => remedy(
            const { &[ETCD, PARTS] },
            const {
                &[
                    repair(
                        Means::InPart(ETCD_PODS, etcdctl!("defrag")),
                        "gives back the space of deleted keys; compact first, one member at a time",
                    ),
                    repair(
                        Means::InPart(ETCD_PODS, etcdctl!("alarm disarm")),
                        "lets etcd take writes again, once its database is below the quota",
                    ),
                ]
            },
        ),
        C::ControllerManagerDown => remedy(
            const {
                &[
                    look(
                        Sight::Fixed("kubectl get leases -n kube-system -o yaml"),
                        "shows who leads and when it last said so",
                    ),
                    PARTS,
                ]
            },
            const {
                &[
                    repair(
                        Means::EndStatic(&["kube-controller-manager"], "kube-controller"),
                        "has its kubelet start the controller manager anew",
                    ),
                    repair(
                        Means::OnNode("sudo systemctl restart kubelet"),
                        "has the kubelet start its static pods, the controller manager among them",
                    ),
                ]
            },
        ),
        C::CertExpiring => remedy(
            const {
                &[
                    look(
                        Sight::OnNode("sudo kubeadm certs check-expiration"),
                        "shows the dates of every certificate",
                    ),
                    PARTS,
                ]
            },
            const {
                &[repair(
                    Means::OnNode("sudo kubeadm certs renew all"),
                    "renews them on that node; then restart the components that hold the old ones",
                )]
            },
        ),
        C::AggregatedApiDown => remedy(
            const {
                &[
                    look(
                        Sight::Fixed("kubectl get apiservices"),
                        "shows which APIs are not available",
                    ),
                    OWN,
                ]
            },
            const {
                &[repair(
                    Means::Restart(Workload),
                    "restarts what serves the API",
                )]
            },
        ),
        C::WebhookSlow => remedy(
            const {
                &[
                    look(
                        Sight::Fixed(
                            "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml",
                        ),
                        "shows which webhook is called for what, and its timeout",
                    ),
                    OWN,
                ]
            },
            const {
                &[
                    repair(Means::ScaleOut, "spreads the calls over more pods"),
                    repair(
                        Means::Edit(Place::Webhook),
                        "gives the webhook a shorter timeout",
                    ),
                    repair(Means::Edit(Own), "gives the webhook a shorter timeout"),
                ]
            },
        ),
        C::VersionSkew => remedy(
            const {
                &[look(
                    Sight::Fixed("kubectl version"),
                    "shows the control plane's version",
                )]
            },
            const {
                &[repair(
                    Means::OnNode("sudo kubeadm upgrade node"),
                    "brings the node's configuration to the control plane's version; then upgrade its kubelet",
                )]
            },
        ),
        C::ObjectFlood => remedy(
            const { &[ETCD, PARTS] },
            const { &[repair(Means::Edit(Workload), "stops what creates them")] },
        ),
        C::VipOrLoadBalancerDown => remedy(
            const {
                &[
                    look(
                        Sight::Fixed("kubectl get nodes -o wide"),
                        "shows which nodes report and their addresses",
                    ),
                    PARTS,
                ]
            },
            const {
                &[
                    repair(
                        Means::EndStatic(&["kube-vip"], "kube-vip"),
                        "has its kubelet start kube-vip anew, which then holds the address",
                    ),
                    repair(
                        Means::OnNode("sudo systemctl restart keepalived"),
                        "has keepalived take the address again",
                    ),
                ]
            },
        ),
        _ => remedy(const { &[PARTS] }, &[]),
    }
}
