//! Networking and service discovery.

use Place::{Cited, Own, Part, PartOnNode, Workload};

use super::{
    DNS, HISTORY, Look, Means, NETWORK, OWN, POD_LOGS, PODS, PROXY, Place, ROLL_BACK, Remedy,
    Repair, Sight, look, remedy, repair,
};
use crate::causes::Cause as C;

const SERVICE: &[Look] = &[
    look(
        Sight::List("endpointslices"),
        "shows the addresses and ports behind the Services",
    ),
    PODS,
    OWN,
];

const BACKENDS: &[Look] = &[
    OWN,
    look(
        Sight::List("services"),
        "shows which backends exist, with their ports",
    ),
];

const POLICY: &[Look] = &[
    OWN,
    look(
        Sight::List("networkpolicies"),
        "shows every policy that selects pods of this namespace",
    ),
];

const SOCKETS: Look = look(Sight::OnNode("ss -s"), "counts the node's sockets by state");

const LINK: &[Look] = &[
    look(
        Sight::OnNode("ip -s link"),
        "shows errors and drops of each network interface",
    ),
    look(Sight::NodePods, "shows which pods share the node's network"),
    PODS,
];

const DNS_LOOKS: &[Look] = &[
    look(
        Sight::Logs(Part(DNS)),
        "shows what the DNS servers complain about",
    ),
    look(
        Sight::Fixed("kubectl get configmaps -n kube-system -o yaml"),
        "shows the zones and forwards they are told to serve",
    ),
];

const OFF_THE_NODE: &[Repair] = &[
    repair(
        Means::Cordon,
        "keeps new pods off the node while card, cable and switch port are checked",
    ),
    repair(Means::Drain, "moves its pods to nodes with a sound network"),
];

pub(super) fn of(cause: C) -> Remedy {
    match cause {
        C::ServiceSelectorMismatch => remedy(
            SERVICE,
            const {
                &[
                    repair(
                        Means::Edit(Cited("Service")),
                        "has the selector name labels that the pods carry",
                    ),
                    repair(
                        Means::Undo,
                        "returns to the labels that the Service selects",
                    ),
                ]
            },
        ),
        C::TargetPortMismatch => remedy(
            SERVICE,
            const {
                &[repair(
                    Means::Edit(Cited("Service")),
                    "points targetPort at a port the container listens on",
                )]
            },
        ),
        C::ServiceProtocolMismatch => remedy(
            SERVICE,
            const {
                &[
                    repair(
                        Means::Edit(Cited("Service")),
                        "corrects the protocol, the port's name or its appProtocol",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "has the caller speak what the port speaks",
                    ),
                ]
            },
        ),
        C::NoReadyEndpoints => remedy(SERVICE, &[]),
        C::NetworkPolicyIngress => remedy(
            POLICY,
            const {
                &[repair(
                    Means::Edit(Cited("NetworkPolicy")),
                    "admits the caller by its labels and the port it dials",
                )]
            },
        ),
        C::NetworkPolicyEgressDns => remedy(
            POLICY,
            const {
                &[repair(
                    Means::Edit(Cited("NetworkPolicy")),
                    "allows egress to the cluster's DNS on port 53, UDP and TCP",
                )]
            },
        ),
        C::CorednsDownOrOverloaded | C::ServiceDnsFailure => remedy(
            DNS_LOOKS,
            const {
                &[
                    repair(Means::Undo, "goes back to the DNS servers that answered"),
                    repair(
                        Means::Restart(Part(DNS)),
                        "restarts the DNS servers one after the other",
                    ),
                    repair(
                        Means::ScaleOut,
                        "adds a DNS server, if those there are overloaded",
                    ),
                ]
            },
        ),
        C::DnsPolicyNdots => remedy(
            const { &[HISTORY, POD_LOGS] },
            const {
                &[
                    repair(
                        Means::Undo,
                        "goes back to the DNS policy with which names resolved",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "sets dnsPolicy to ClusterFirst, or a smaller ndots",
                    ),
                ]
            },
        ),
        C::IngressMisroute => remedy(
            BACKENDS,
            const {
                &[
                    repair(
                        Means::Edit(Cited("Ingress")),
                        "corrects its class, host, path or backend",
                    ),
                    repair(Means::Edit(Own), "corrects the route"),
                ]
            },
        ),
        C::GatewayMisroute => remedy(
            BACKENDS,
            const {
                &[
                    repair(
                        Means::Edit(Cited("ConfigMap")),
                        "corrects the route's match or its backend",
                    ),
                    repair(
                        Means::Edit(Own),
                        "corrects the route's match or its backend",
                    ),
                ]
            },
        ),
        C::TlsSecretOrExpired => remedy(
            const {
                &[
                    OWN,
                    look(Sight::List("ingress"), "shows which hosts use the Secret"),
                ]
            },
            const {
                &[
                    repair(
                        Means::Edit(Cited("Secret")),
                        "puts the renewed certificate and its key in place",
                    ),
                    repair(
                        Means::Edit(Cited("Ingress")),
                        "names a TLS Secret that exists",
                    ),
                    repair(Means::Edit(Own), "corrects the reference to its TLS Secret"),
                ]
            },
        ),
        C::GatewayHttproute => remedy(
            BACKENDS,
            const {
                &[repair(
                    Means::Edit(Own),
                    "corrects the reference that its condition names",
                )]
            },
        ),
        C::KubeProxyNodeLocal | C::KubeProxyDown => remedy(
            const {
                &[
                    look(
                        Sight::Logs(PartOnNode(PROXY)),
                        "shows why it does not write the node's rules",
                    ),
                    look(Sight::Logs(Part(PROXY)), "shows why it does not run"),
                ]
            },
            const {
                &[
                    repair(
                        Means::Delete(PartOnNode(PROXY)),
                        "restarts kube-proxy on that node",
                    ),
                    repair(
                        Means::Restart(Part(PROXY)),
                        "restarts kube-proxy node by node, once its configuration is right",
                    ),
                ]
            },
        ),
        C::ConntrackFull => remedy(
            const {
                &[
                    SOCKETS,
                    look(Sight::NodePods, "shows who may open so many connections"),
                ]
            },
            const {
                &[repair(
                    Means::OnNode("sudo sysctl -w net.netfilter.nf_conntrack_max=1048576"),
                    "raises the limit until the node's next start, while the flood is found",
                )]
            },
        ),
        C::PacketLossOrDelay | C::NodeNetworkDelay | C::NodeNetworkLoss | C::NicFlapping => {
            remedy(LINK, OFF_THE_NODE)
        }
        C::PodNetworkDelay => remedy(
            LINK,
            const {
                &[
                    repair(
                        Means::Restart(Workload),
                        "makes its pods anew, without what delays their traffic",
                    ),
                    repair(
                        Means::Delete(Place::Pod),
                        "makes the pod anew, on another node if the scheduler so chooses",
                    ),
                ]
            },
        ),
        C::MtuMismatch => remedy(
            LINK,
            const {
                &[
                    repair(
                        Means::Edit(Cited("ConfigMap")),
                        "sets the MTU that nodes and switches carry; pods take it when made anew",
                    ),
                    repair(
                        Means::Restart(Part(NETWORK)),
                        "has the network plugin take the MTU of the links, node by node",
                    ),
                    repair(
                        Means::Cordon,
                        "keeps new pods off the node until its MTU is that of the others",
                    ),
                ]
            },
        ),
        C::LoadBalancerIpPool => remedy(
            const {
                &[
                    OWN,
                    look(
                        Sight::Fixed("kubectl get ipaddresspools -A -o yaml"),
                        "shows the addresses there are to give",
                    ),
                ]
            },
            const {
                &[
                    repair(
                        Means::Edit(Cited("IPAddressPool")),
                        "extends the pool by addresses of the same network",
                    ),
                    repair(
                        Means::Edit(Own),
                        "asks for an address that is free, or for none",
                    ),
                ]
            },
        ),
        C::LoadBalancerBgpL2 => remedy(
            const { &[PODS, OWN] },
            const {
                &[
                    repair(
                        Means::Restart(Part(&["speaker", "metallb-speaker"])),
                        "restarts the speakers, which then announce the addresses anew",
                    ),
                    repair(
                        Means::Edit(Cited("BGPPeer")),
                        "corrects the peer's address, number or password",
                    ),
                ]
            },
        ),
        C::MeshAuthzMtls => remedy(
            POLICY,
            const {
                &[repair(
                    Means::Edit(Own),
                    "admits the caller by its account, or lets plain traffic in again",
                )]
            },
        ),
        C::EphemeralPorts => remedy(
            const { &[SOCKETS, POD_LOGS] },
            const {
                &[
                    repair(Means::Restart(Workload), "frees its ports for a while"),
                    repair(
                        Means::Edit(Workload),
                        "has it keep connections open and reuse them",
                    ),
                ]
            },
        ),
        C::ExternalnameOrHeadlessMisuse => remedy(
            SERVICE,
            const {
                &[
                    repair(
                        Means::Edit(Cited("Service")),
                        "corrects the external name, or the type of the Service",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "has the caller look the name up again",
                    ),
                ]
            },
        ),
        C::HairpinOrSameNodeOnly => remedy(
            LINK,
            const {
                &[
                    repair(
                        Means::Edit(Cited("ConfigMap")),
                        "switches hairpin mode on in the network plugin's configuration",
                    ),
                    repair(
                        Means::Restart(Part(NETWORK)),
                        "has the network plugin set its bridges up anew, node by node",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "has the pods call each other without passing their own Service",
                    ),
                ]
            },
        ),
        _ => remedy(SERVICE, &ROLL_BACK),
    }
}
