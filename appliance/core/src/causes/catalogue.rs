//! The catalogue of causes: every identifier an analysis may state.
//!
//! The identifiers are a contract with the API, the evaluation and the
//! console. A finer identifier names its broader parent, which stays valid
//! where the evidence does not decide.

use std::fmt;
use std::str::FromStr;

use crate::analysis::Risk;

/// Families of causes, one source file each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the catalogue's headings")]
pub enum Family {
    ImageAndStartUp,
    Scheduling,
    Runtime,
    Rollout,
    Networking,
    Storage,
    Node,
    ControlPlane,
    Autoscaling,
    Monitoring,
    NotAnIncident,
}

macro_rules! catalogue {
    ($($name:ident, $parent:expr, $family:ident, $risk:ident, $first_look:literal, $fix:literal;)*) => {
        /// One cause of the catalogue. `Display` and `FromStr` use the identifier.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the catalogue's own identifiers")]
        pub enum Cause { $($name,)* }

        impl Cause {
            /// All causes, in the catalogue's order.
            pub const ALL: &'static [Cause] = &[$(Cause::$name,)*];

            /// The identifier, a contract.
            pub const fn id(self) -> &'static str {
                match self { $(Cause::$name => stringify!($name),)* }
            }

            /// The broader cause this one refines.
            pub const fn parent(self) -> Option<Cause> {
                match self { $(Cause::$name => $parent,)* }
            }

            /// The family it belongs to.
            pub const fn family(self) -> Family {
                match self { $(Cause::$name => Family::$family,)* }
            }

            /// Risk of the usual fix.
            pub const fn risk(self) -> Risk {
                match self { $(Cause::$name => Risk::$risk,)* }
            }

            /// What a good on-call engineer looks at first, in words.
            pub const fn first_look(self) -> &'static str {
                match self { $(Cause::$name => $first_look,)* }
            }

            /// The usual fix, in words.
            pub const fn fix(self) -> &'static str {
                match self { $(Cause::$name => $fix,)* }
            }
        }
    };
}

catalogue! {
    // ImageAndStartUp
    ImageNotFound, None, ImageAndStartUp, Low, "describe pod; compare image with previous RS", "roll back or correct tag";
    ImagePullAuth, None, ImageAndStartUp, Low, "get sa, secret names, imagePullSecrets", "create/attach pull secret";
    RegistryUnreachable, None, ImageAndStartUp, Medium, "node DNS/route; which nodes; other images", "restore registry/DNS/CA; use mirror";
    RegistryRateLimited, None, ImageAndStartUp, Low, "which registry; pull frequency", "mirror/auth; stop restart loop";
    ImagePlatformMismatch, None, ImageAndStartUp, Low, "node arch; manifest", "right image / nodeSelector arch";
    ImageNameInvalid, None, ImageAndStartUp, Low, "describe", "correct name/policy";
    ConfigObjectMissing, None, ImageAndStartUp, Low, "get cm/secret; RS diff; who deleted (audit)", "restore object/key, roll back";
    SecretMissing, Some(Cause::ConfigObjectMissing), ImageAndStartUp, Low, "get cm/secret; RS diff; who deleted (audit)", "restore object/key, roll back";
    ConfigMapMissing, Some(Cause::ConfigObjectMissing), ImageAndStartUp, Low, "get cm/secret; RS diff; who deleted (audit)", "restore object/key, roll back";
    ConfigKeyMissing, Some(Cause::ConfigObjectMissing), ImageAndStartUp, Low, "get cm/secret; RS diff; who deleted (audit)", "restore object/key, roll back";
    MountObjectMissing, None, ImageAndStartUp, Low, "as ConfigObjectMissing", "as ConfigObjectMissing";
    MountVolumeFailed, None, ImageAndStartUp, Medium, "describe; CSI node pod logs; node dmesg", "see F";
    BadCommand, None, ImageAndStartUp, Low, "describe; logs --previous; RS diff of command/args", "correct command; roll back";
    InitFailedOrHung, None, ImageAndStartUp, Low, "logs -c init", "fix dependency or init";
    PodSandboxNetwork, None, ImageAndStartUp, Medium, "CNI pod on node; IPAM blocks", "restart CNI pod, enlarge pool";
    PodSecurityViolation, None, ImageAndStartUp, High, "get ns labels; describe rs", "fix securityContext · L; relaxing ns label";
    AdmissionWebhookDown, None, ImageAndStartUp, High, "get validating/mutatingwebhookconfigurations; its Service endpoints", "restore backend; failurePolicy=Ignore temporarily";
    AdmissionDenied, None, ImageAndStartUp, Low, "message", "change manifest";
    MissingServiceAccount, None, ImageAndStartUp, Low, "get sa", "create/correct";
    QuotaExceeded, None, ImageAndStartUp, Medium, "describe quota; top consumers", "free or raise quota";
    CpuQuotaExceeded, Some(Cause::QuotaExceeded), ImageAndStartUp, Medium, "describe quota; top consumers", "free or raise quota";
    MemoryQuotaExceeded, Some(Cause::QuotaExceeded), ImageAndStartUp, Medium, "describe quota; top consumers", "free or raise quota";
    PodQuotaExceeded, Some(Cause::QuotaExceeded), ImageAndStartUp, Medium, "describe quota; top consumers", "free or raise quota";
    ServiceQuotaExceeded, Some(Cause::QuotaExceeded), ImageAndStartUp, Medium, "describe quota; top consumers", "free or raise quota";
    StorageQuotaExceeded, Some(Cause::QuotaExceeded), ImageAndStartUp, Medium, "describe quota; top consumers", "free or raise quota";
    QuotaNeedsLimits, None, ImageAndStartUp, Low, "describe quota; container resources", "add requests/limits or LimitRange";
    LimitRangeViolation, None, ImageAndStartUp, Low, "get limitrange", "adjust";
    LifecycleHookFailed, None, ImageAndStartUp, Low, "describe", "fix hook";

    // Scheduling
    InsufficientResources, None, Scheduling, Medium, "describe pod/nodes; requests vs usage", "right-size, scale down other, add node";
    InsufficientCpu, Some(Cause::InsufficientResources), Scheduling, Medium, "describe pod/nodes; requests vs usage", "right-size, scale down other, add node";
    InsufficientMemory, Some(Cause::InsufficientResources), Scheduling, Medium, "describe pod/nodes; requests vs usage", "right-size, scale down other, add node";
    InsufficientExtendedResource, None, Scheduling, Medium, "device-plugin pods; node allocatable", "restart plugin, free GPUs";
    NodePlacementMismatch, None, Scheduling, Low, "node labels vs spec; label history", "fix label/selector";
    NodeSelectorMismatch, Some(Cause::NodePlacementMismatch), Scheduling, Low, "node labels vs spec; label history", "fix label/selector";
    NodeAffinityMismatch, Some(Cause::NodePlacementMismatch), Scheduling, Low, "node labels vs spec; label history", "fix label/selector";
    UntoleratedTaint, None, Scheduling, Medium, "get nodes taints", "toleration or untaint";
    NodeCordoned, None, Scheduling, Medium, "who/when cordoned", "uncordon after check";
    PodAntiAffinity, None, Scheduling, Low, "replicas vs nodes", "fewer replicas / preferred rule";
    TopologySpreadConstraint, None, Scheduling, Low, "skew per zone", "relax whenUnsatisfiable";
    PvcUnbound, None, Scheduling, Low, "describe pvc", "by cause";
    VolumeNodeAffinity, None, Scheduling, High, "PV nodeAffinity; node alive?", "bring node back / restore from backup";
    HostPortTaken, None, Scheduling, Low, "who holds port", "move";
    TooManyPods, None, Scheduling, Medium, "pods per node", "raise max-pods / add node";
    SchedulingGated, None, Scheduling, Low, "who owns gate (Kueue…)", "–";
    SchedulerDown, None, Scheduling, Medium, "kube-system scheduler pod, lease age", "restart static pod";
    Preempted, None, Scheduling, Medium, "PriorityClasses", "raise priority / capacity";
    NodeNameUnknown, None, Scheduling, Low, "get nodes", "remove nodeName";
    MaxVolumesPerNode, None, Scheduling, Low, "csinode limits", "spread";
    CustomSchedulerMissing, None, Scheduling, Low, "get pods scheduler", "correct name";

    // Runtime
    OomOwnLimit, None, Runtime, Low, "describe; memory graph; RS diff of limit/heap flags", "raise limit or fix heap";
    OomSidecar, None, Runtime, Low, "container name in status", "fix sidecar";
    NodeOomVictim, None, Runtime, Medium, "top pods by rss−request on node", "find the *aggressor*; limits";
    MemoryLeak, None, Runtime, Medium, "24-h graph; since which RS", "roll back; scheduled restart as stop-gap";
    CrashConfigEnv, None, Runtime, Low, "logs --previous; env; RS/CM diff", "restore value";
    CrashExit0Loop, None, Runtime, Low, "command; log", "process must stay in foreground / fix early return";
    CrashAppException, None, Runtime, Medium, "logs --previous; first RS with it", "roll back";
    DependencyRefused, None, Runtime, Low, "resolve host→Service→pods→their incident", "fix the dependency (move the root cause!)";
    DependencyWrongPort, Some(Cause::DependencyRefused), Runtime, Low, "resolve host→Service→pods→their incident", "fix the dependency (move the root cause!)";
    DependencyTimeout, None, Runtime, Low, "netpol; CNI; saturation of target", "by cause";
    DnsNameWrong, None, Runtime, Low, "env/CM diff; does Service exist in that ns", "fix name";
    DependencyWrongAddress, Some(Cause::DnsNameWrong), Runtime, Low, "env/CM diff; does Service exist in that ns", "fix name";
    BadCredentials, None, Runtime, Medium, "secret mtime vs pod start", "restart consumers after rotation; restore secret";
    DatabaseReadOnly, None, Runtime, High, "replication role; disk", "failover/unset";
    ConnectionPoolExhausted, None, Runtime, Medium, "pg_stat_activity owners; new replicas count", "fix leak, lower pool × replicas";
    DatabaseLockOrSlowQuery, None, Runtime, High, "locks, plans", "end blocker session";
    LivenessKill, None, Runtime, Low, "probe port/path/timing vs container port, CPU throttle", "correct probe; raise timeout";
    LivenessProbeWrongPort, Some(Cause::LivenessKill), Runtime, Low, "probe port/path/timing vs container port, CPU throttle", "correct probe; raise timeout";
    LivenessProbeWrongProtocol, Some(Cause::LivenessKill), Runtime, Low, "probe port/path/timing vs container port, CPU throttle", "correct probe; raise timeout";
    LivenessProbeWrongTiming, Some(Cause::LivenessKill), Runtime, Low, "probe port/path/timing vs container port, CPU throttle", "correct probe; raise timeout";
    ReadinessFailing, None, Runtime, Low, "probe vs dependency (DependencyRefused!)", "correct probe or dependency";
    ReadinessProbeWrongPort, Some(Cause::ReadinessFailing), Runtime, Low, "probe vs dependency (DependencyRefused!)", "correct probe or dependency";
    ReadinessProbeWrongProtocol, Some(Cause::ReadinessFailing), Runtime, Low, "probe vs dependency (DependencyRefused!)", "correct probe or dependency";
    SlowStart, None, Runtime, Low, "first log time vs probe", "startupProbe";
    CpuThrottling, None, Runtime, Low, "limit vs usage", "raise/remove CPU limit";
    PodCpuOverload, Some(Cause::CpuThrottling), Runtime, Low, "limit vs usage", "raise/remove CPU limit";
    NoisyNeighbour, None, Runtime, Medium, "top pods on node", "move/limit aggressor";
    EvictedPressure, None, Runtime, Low, "node condition; biggest over-request", "requests, logs rotation";
    EphemeralLimit, None, Runtime, Low, "du; log volume", "raise limit / fix writer";
    DiskFullVolume, None, Runtime, Medium, "volume stats; growth", "expand PVC (if allowed) / clean";
    VolumePermissionDenied, None, Runtime, Low, "fsGroup, runAsUser, RO mount", "securityContext";
    AppCertExpired, None, Runtime, Low, "cert dates; clock (ClockSkew)", "renew";
    UpstreamRateLimited, None, Runtime, Low, "caller volume", "back off, raise quota";
    UlimitFdInotify, None, Runtime, Medium, "node fd metric", "sysctl/ulimit";
    PortConflict, None, Runtime, Low, "container ports", "change port";
    ShmOrTmpExhausted, None, Runtime, Low, "emptyDir medium Memory", "add shm volume";
    StuckTerminating, None, Runtime, High, "finalizers; node", "fix controller; force delete";
    AppRbac403, None, Runtime, Medium, "auth can-i --as", "add exact verb";
    JobFailedBackoff, None, Runtime, Low, "last pod's logs", "fix child cause";
    JobDeadlineOrHung, None, Runtime, Low, "duration history", "raise or fix";
    CronjobNotRunning, None, Runtime, Low, "describe cj", "unsuspend/fix";
    LatencyRegressionRollout, None, Runtime, Medium, "RS diff; split metrics by pod-template-hash", "roll back";
    ConfigChangeRegression, None, Runtime, Medium, "managedFields time, checksum", "restore";
    TrafficSurge, None, Runtime, Low, "rate vs capacity; source", "scale out, rate-limit";
    TrafficDrop, None, Runtime, Low, "ingress, DNS, upstream caller", "by cause";
    CodeDefect, None, Runtime, Medium, "first seen; RS; stack", "roll back, hand to dev";
    QueueBacklog, None, Runtime, Low, "consumer state", "fix consumer; scale";
    MessageBrokerPartition, None, Runtime, High, "cluster status", "controlled restart of minority";
    CacheFullOrEvicting, None, Runtime, Medium, "redis info", "policy/limit";

    // Rollout
    RolloutStuck, None, Rollout, Medium, "rollout status; new pods", "rollout undo";
    GenerationMismatch, None, Rollout, Medium, "controller-manager", "ControllerManagerDown";
    RolloutPaused, None, Rollout, Medium, "who paused", "resume";
    ScaledToZero, None, Rollout, Low, "who scaled; HPA/KEDA", "restore replicas";
    StatefulSetBlocked, None, Rollout, Medium, "pod-N", "fix pod-N; delete broken pod after template fix";
    StatefulSetServiceMissing, None, Rollout, Low, "get svc", "create";
    DaemonSetNotScheduledMisscheduled, None, Rollout, Low, "taints, selectors", "toleration/labels";
    PdbBlocks, None, Rollout, Medium, "pdb vs replicas", "add replica first; loosen";
    HelmStuck, None, Rollout, Medium, "helm history (release Secret)", "rollback release";
    GitopsDrift, None, Rollout, Low, "app diff", "revert in git (not live)";
    WrongNamespaceOrContext, None, Rollout, Low, "search by name", "correct target";
    CrdOrOperatorBroken, None, Rollout, Medium, "operator logs", "fix operator";
    OwnerGc, None, Rollout, Medium, "events, audit", "restore";

    // Networking
    ServiceSelectorMismatch, None, Networking, Low, "svc selector vs pod labels; when changed", "fix selector";
    TargetPortMismatch, None, Networking, Low, "svc ports", "fix";
    ServiceProtocolMismatch, None, Networking, Low, "port name/appProtocol", "fix";
    NoReadyEndpoints, None, Networking, Low, "pods", "child cause";
    NetworkPolicyIngress, None, Networking, Medium, "list netpols both ends", "amend policy";
    NetworkPolicyEgressDns, None, Networking, Low, "netpols in ns", "allow DNS";
    CorednsDownOrOverloaded, None, Networking, Medium, "coredns pods, metrics, node", "restart/scale coredns";
    ServiceDnsFailure, Some(Cause::CorednsDownOrOverloaded), Networking, Medium, "coredns pods, metrics, node", "restart/scale coredns";
    DnsPolicyNdots, None, Networking, Low, "pod dnsConfig", "fix";
    IngressMisroute, None, Networking, Low, "ingress events, controller logs", "fix";
    GatewayMisroute, Some(Cause::IngressMisroute), Networking, Low, "ingress events, controller logs", "fix";
    TlsSecretOrExpired, None, Networking, Low, "cert dates; Challenge/Order", "renew";
    GatewayHttproute, None, Networking, Low, "conditions", "fix ref";
    KubeProxyNodeLocal, None, Networking, Medium, "pods by node", "restart kube-proxy";
    KubeProxyDown, Some(Cause::KubeProxyNodeLocal), Networking, Medium, "pods by node", "restart kube-proxy";
    ConntrackFull, None, Networking, Medium, "node metric", "raise limit; find flood";
    PacketLossOrDelay, None, Networking, Medium, "node_network_* ; ethtool", "move off node; cable/NIC";
    PodNetworkDelay, Some(Cause::PacketLossOrDelay), Networking, Medium, "node_network_* ; ethtool", "move off node; cable/NIC";
    NodeNetworkDelay, Some(Cause::PacketLossOrDelay), Networking, Medium, "node_network_* ; ethtool", "move off node; cable/NIC";
    NodeNetworkLoss, Some(Cause::PacketLossOrDelay), Networking, Medium, "node_network_* ; ethtool", "move off node; cable/NIC";
    MtuMismatch, None, Networking, High, "ping -M do", "align MTU";
    NicFlapping, None, Networking, Medium, "switch port", "replace";
    LoadBalancerIpPool, None, Networking, Medium, "IPAddressPool", "extend pool";
    LoadBalancerBgpL2, None, Networking, High, "speaker logs", "restore peer";
    MeshAuthzMtls, None, Networking, Medium, "AuthorizationPolicy/PeerAuthentication diff", "amend";
    EphemeralPorts, None, Networking, Low, "ss -s", "keep-alive/pool";
    ExternalnameOrHeadlessMisuse, None, Networking, Low, "svc type", "fix";
    HairpinOrSameNodeOnly, None, Networking, Medium, "bridge/hairpin", "CNI config";

    // Storage
    StorageClassMissing, None, Storage, Medium, "get sc", "recreate PVC with valid SC";
    ProvisionerDown, None, Storage, Medium, "CSI pods", "restore";
    WaitingFirstConsumer, None, Storage, Low, "pod", "–";
    PvNoMatch, None, Storage, High, "describe pv", "patch claimRef";
    PvAlreadyBound, Some(Cause::PvNoMatch), Storage, High, "describe pv", "patch claimRef";
    PvcSelectorMismatch, Some(Cause::PvNoMatch), Storage, High, "describe pv", "patch claimRef";
    PvcStorageClassMismatch, Some(Cause::PvNoMatch), Storage, High, "describe pv", "patch claimRef";
    PvcCapacityMismatch, Some(Cause::PvNoMatch), Storage, High, "describe pv", "patch claimRef";
    PvcAccessModeMismatch, Some(Cause::PvNoMatch), Storage, High, "describe pv", "patch claimRef";
    MultiAttach, None, Storage, High, "volumeattachments", "wait 6 min / out-of-service taint";
    VolumeFilling, None, Storage, Medium, "stats", "expand/clean";
    Inodes, None, Storage, Medium, "df -i", "clean small files";
    ResizeStuck, None, Storage, Medium, "describe pvc", "restart pod / SC allowVolumeExpansion";
    NetworkFsHung, None, Storage, High, "storage server; pods by mount", "restore server; reboot client node";
    CephLonghornDegraded, None, Storage, High, "ceph -s / volumes", "capacity/disk";
    DiskIoSaturated, None, Storage, Medium, "top writers", "move/limit";
    DiskFailing, None, Storage, High, "dmesg", "drain; replace";
    SnapshotOrBackupFailed, None, Storage, Low, "events", "fix";

    // Node
    NodeUnreachable, None, Node, High, "ping/BMC; kubelet", "power/NIC/kubelet; delete VolumeAttachments only when fenced";
    KubeletDown, Some(Cause::NodeUnreachable), Node, High, "ping/BMC; kubelet", "power/NIC/kubelet; delete VolumeAttachments only when fenced";
    KubeletOrRuntimeFault, None, Node, Medium, "journal kubelet/containerd; disk latency", "restart runtime";
    ContainerRuntimeDown, Some(Cause::KubeletOrRuntimeFault), Node, Medium, "journal kubelet/containerd; disk latency", "restart runtime";
    CniNotReady, None, Node, Medium, "CNI DaemonSet pod", "restart";
    DiskPressure, None, Node, Medium, "du images/logs/emptyDir; which pod", "clean; fix offender";
    MemoryPressure, None, Node, Medium, "top by rss/request", "limits; move";
    PidPressure, None, Node, Medium, "threads per pod", "limit";
    KubeletCert, None, Node, Medium, "get csr; dates", "approve CSR/rotate";
    ClockSkew, None, Node, Medium, "chronyc", "fix NTP";
    RebootOrKernelPanic, None, Node, Medium, "BMC log, last boot", "kernel/hardware";
    HardwareEccThermal, None, Node, Medium, "ipmi, dmesg", "drain";
    NodeFlapping, None, Node, Medium, "network, load, lease", "root by layer";
    ImageGarbageCollection, None, Node, Low, "crictl images", "prune";
    CordonForgotten, None, Node, Low, "managedFields", "uncordon";
    KernelParamModule, None, Node, Medium, "node setup", "fix";
    GpuFault, None, Node, Medium, "nvidia-smi on node, plugin logs", "reset only drained; replace";
    ClusterOvercommitted, None, Node, Low, "requests sum", "capacity";

    // ControlPlane
    ApiServerSloBurn, None, ControlPlane, Medium, "top clients by user agent", "stop abusive client";
    ApiServerThrottling, None, ControlPlane, Medium, "flowschemas", "fix client/list storms";
    EtcdSlowDisk, None, ControlPlane, Medium, "disk; neighbours", "dedicated disk";
    EtcdNoQuorumLeader, None, ControlPlane, High, "member list", "restore member";
    EtcdNoSpace, None, ControlPlane, High, "db size", "compact, defrag, alarm disarm";
    ControllerManagerDown, None, ControlPlane, Medium, "static pod", "restart";
    CertExpiring, None, ControlPlane, Medium, "cert dates", "renew";
    AggregatedApiDown, None, ControlPlane, Medium, "its Service/pods", "restore";
    WebhookSlow, None, ControlPlane, Medium, "admission metrics", "timeout, scale";
    VersionSkew, None, ControlPlane, Low, "node versions", "finish upgrade";
    ObjectFlood, None, ControlPlane, Medium, "counts by resource", "fix producer";
    VipOrLoadBalancerDown, None, ControlPlane, High, "keepalived/kube-vip", "restore VIP";

    // Autoscaling
    HpaNoMetrics, None, Autoscaling, Low, "describe hpa", "add requests / restore API";
    HpaMaxed, None, Autoscaling, Medium, "load vs max; is dependency the bottleneck?", "raise max only if scaling helps";
    HpaTargetMissing, None, Autoscaling, Low, "ref", "fix";
    HpaThrash, None, Autoscaling, Low, "behavior, metric noise", "stabilisation window";
    HpaVsManifest, None, Autoscaling, Low, "managedFields", "drop replicas field";
    KedaScalerFail, None, Autoscaling, Low, "scaler auth", "fix";
    VpaEvictions, None, Autoscaling, Low, "VPA mode", "Initial/Off";
    HpaScaleLag, None, Autoscaling, Medium, "start time vs ramp", "predictive floor, warm spare";

    // Monitoring
    ScrapeTargetDown, None, Monitoring, Low, "targets page", "fix";
    PrometheusSick, None, Monitoring, Medium, "tsdb status", "retention/limits";
    AlertmanagerDelivery, None, Monitoring, Medium, "AM logs", "fix receiver";
    WatchdogAbsent, None, Monitoring, Low, "path Prom→AM→us", "restore path";
    KubeStateMetricsOrExporterMissing, None, Monitoring, Low, "ksm pod", "restore";
    BadAlertRule, None, Monitoring, Low, "evaluate expr", "fix rule";

    // NotAnIncident
    WatchdogInfoInhibitor, None, NotAnIncident, Low, "–", "not an incident";
    AlreadyRecovered, None, NotAnIncident, Low, "events after", "close, note flap";
    RolloutInProgress, None, NotAnIncident, Low, "rollout status", "wait until T";
    PlannedMaintenance, None, NotAnIncident, Low, "silences", "note";
    OutsideVisibility, None, NotAnIncident, Low, "list what is missing", "abstain + next check";
    AlertObjectAbsent, None, NotAnIncident, Low, "search", "report near match";
    ExpectedFailure, None, NotAnIncident, Low, "job history", "close";
    CapacityAdvice, None, NotAnIncident, Low, "–", "ticket, not page";
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// The text is no identifier of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no cause of the catalogue")]
pub struct UnknownCause(pub String);

impl FromStr for Cause {
    type Err = UnknownCause;

    fn from_str(text: &str) -> Result<Self, UnknownCause> {
        Self::ALL
            .iter()
            .copied()
            .find(|cause| cause.id() == text)
            .ok_or_else(|| UnknownCause(text.to_owned()))
    }
}
