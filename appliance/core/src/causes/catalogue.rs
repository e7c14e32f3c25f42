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
    ImageNotFound, None, ImageAndStartUp, Low, "Describe the pod and compare its image with the one of the previous ReplicaSet.", "Roll back, or correct the image name or tag.";
    ImagePullAuth, None, ImageAndStartUp, Low, "Check which pull secrets the pod and its ServiceAccount name, and whether they exist.", "Create the pull secret and attach it to the ServiceAccount or the pod.";
    RegistryUnreachable, None, ImageAndStartUp, Medium, "Check whether the node resolves and reaches the registry, and whether other nodes and images fail too.", "Restore the registry, its DNS name or its CA, or pull from a mirror.";
    RegistryRateLimited, None, ImageAndStartUp, Low, "Find which registry refuses and which workload pulls so often.", "Pull from a mirror or with credentials, and stop the pods that restart and pull again.";
    ImagePlatformMismatch, None, ImageAndStartUp, Low, "Compare the node's architecture with the platforms in the image's manifest.", "Use an image built for the architecture, or select nodes that fit it.";
    ImageNameInvalid, None, ImageAndStartUp, Low, "Describe the pod and read the image reference and the pull policy.", "Correct the image reference or the pull policy.";
    ConfigObjectMissing, None, ImageAndStartUp, Low, "List the namespace's ConfigMaps and Secrets, and check whether one was deleted or the template now names another.", "Restore the object or key, or roll back.";
    SecretMissing, Some(Cause::ConfigObjectMissing), ImageAndStartUp, Low, "Check whether the Secret exists in the pod's namespace, and who deleted or renamed it.", "Restore the Secret, or roll back to a template that names one that exists.";
    ConfigMapMissing, Some(Cause::ConfigObjectMissing), ImageAndStartUp, Low, "Check whether the ConfigMap exists in the pod's namespace, and who deleted or renamed it.", "Restore the ConfigMap, or roll back to a template that names one that exists.";
    ConfigKeyMissing, Some(Cause::ConfigObjectMissing), ImageAndStartUp, Low, "Compare the keys of the ConfigMap or Secret with the key the container asks for.", "Restore the key, or roll back to a template that asks for one that exists.";
    MountObjectMissing, None, ImageAndStartUp, Low, "Read the FailedMount event and check whether the ConfigMap or Secret it names exists with that key.", "Restore the object or key, or roll back.";
    MountVolumeFailed, None, ImageAndStartUp, Medium, "Describe the pod, then read the logs of the CSI driver on its node and the node's kernel log.", "Repair the volume's backend or the CSI driver on the node; the pod then mounts by itself.";
    BadCommand, None, ImageAndStartUp, Low, "Read the previous container's logs and compare command and arguments with the previous ReplicaSet.", "Correct the command, or roll back.";
    InitFailedOrHung, None, ImageAndStartUp, Low, "Read the logs of the init container that does not finish.", "Restore what the init container waits for, or correct the init container.";
    PodSandboxNetwork, None, ImageAndStartUp, Medium, "Check the network plugin's pod on the node and how many pod addresses are left.", "Restart the network plugin's pod, or enlarge the address pool.";
    PodSecurityViolation, None, ImageAndStartUp, High, "Read the namespace's Pod Security labels and the ReplicaSet's FailedCreate event.", "Correct the pod's securityContext; relax the namespace's label only as a last resort.";
    AdmissionWebhookDown, None, ImageAndStartUp, High, "Find the webhook configuration and check whether the Service behind it has ready endpoints.", "Restore the webhook's backend; set failurePolicy to Ignore only until it is back.";
    AdmissionDenied, None, ImageAndStartUp, Low, "Read which policy denied the request and why.", "Change the manifest so that it meets the policy.";
    MissingServiceAccount, None, ImageAndStartUp, Low, "Check whether the ServiceAccount exists in the namespace.", "Create the ServiceAccount, or correct its name in the template.";
    QuotaExceeded, None, ImageAndStartUp, Medium, "Describe the ResourceQuota and find what uses most of it.", "Free what is not needed, or raise the quota.";
    CpuQuotaExceeded, Some(Cause::QuotaExceeded), ImageAndStartUp, Medium, "Describe the ResourceQuota and find which pods ask for most CPU.", "Lower CPU requests or limits that are too high, or raise the quota.";
    MemoryQuotaExceeded, Some(Cause::QuotaExceeded), ImageAndStartUp, Medium, "Describe the ResourceQuota and find which pods ask for most memory.", "Lower memory requests or limits that are too high, or raise the quota.";
    PodQuotaExceeded, Some(Cause::QuotaExceeded), ImageAndStartUp, Medium, "Describe the ResourceQuota and count the namespace's pods by owner.", "Remove pods that are not needed, or raise the quota.";
    ServiceQuotaExceeded, Some(Cause::QuotaExceeded), ImageAndStartUp, Medium, "Describe the ResourceQuota and list the namespace's Services by type.", "Remove Services that are not needed, or raise the quota.";
    StorageQuotaExceeded, Some(Cause::QuotaExceeded), ImageAndStartUp, Medium, "Describe the ResourceQuota and list the namespace's PersistentVolumeClaims by size.", "Remove claims whose data nobody needs, or raise the quota.";
    QuotaNeedsLimits, None, ImageAndStartUp, Low, "Compare what the ResourceQuota counts with the requests and limits of the containers.", "Add the missing requests and limits, or a LimitRange that sets defaults.";
    LimitRangeViolation, None, ImageAndStartUp, Low, "Compare the LimitRange with the requests and limits of the containers.", "Bring the container's requests and limits within the LimitRange.";
    LifecycleHookFailed, None, ImageAndStartUp, Low, "Describe the pod and read what the lifecycle hook runs and how it failed.", "Correct the lifecycle hook.";

    // Scheduling
    InsufficientResources, None, Scheduling, Medium, "Compare what the pod requests with what each node has left, and requests with actual usage.", "Lower requests that are too high, scale down something else, or add a node.";
    InsufficientCpu, Some(Cause::InsufficientResources), Scheduling, Medium, "Compare the CPU the pod requests with what each node has left, and requests with actual usage.", "Lower CPU requests that are too high, scale down something else, or add a node.";
    InsufficientMemory, Some(Cause::InsufficientResources), Scheduling, Medium, "Compare the memory the pod requests with what each node has left, and requests with actual usage.", "Lower memory requests that are too high, scale down something else, or add a node.";
    InsufficientExtendedResource, None, Scheduling, Medium, "Check the device plugin's pods and how many devices each node offers.", "Restart the device plugin, or free devices that are in use.";
    NodePlacementMismatch, None, Scheduling, Low, "Compare the node labels with the pod's node selector and affinity, and check which of them changed.", "Restore the node label, or correct the selector or affinity.";
    NodeSelectorMismatch, Some(Cause::NodePlacementMismatch), Scheduling, Low, "Compare the node labels with the pod's nodeSelector, and check which of them changed.", "Restore the node label, or correct the nodeSelector.";
    NodeAffinityMismatch, Some(Cause::NodePlacementMismatch), Scheduling, Low, "Compare the node labels with the pod's node affinity, and check which of them changed.", "Restore the node label, or correct the affinity.";
    UntoleratedTaint, None, Scheduling, Medium, "List the taints of the nodes and the tolerations of the pod.", "Add the toleration, or remove the taint if its reason is gone.";
    NodeCordoned, None, Scheduling, Medium, "Find out who cordoned the node, when and why.", "Uncordon the node once the reason is gone.";
    PodAntiAffinity, None, Scheduling, Low, "Compare the number of replicas with the number of nodes the rule allows.", "Run fewer replicas, or make the anti-affinity rule a preferred one.";
    TopologySpreadConstraint, None, Scheduling, Low, "Count the pods in each topology domain and compare with the constraint's maxSkew.", "Make room in the domain that lacks pods, or set whenUnsatisfiable to ScheduleAnyway.";
    PvcUnbound, None, Scheduling, Low, "Describe the PersistentVolumeClaim and read its events.", "Repair what keeps the claim from being bound; the pod is then scheduled.";
    VolumeNodeAffinity, None, Scheduling, High, "Read the volume's node affinity and check whether that node is alive.", "Bring the node back, or restore the data from a backup to a new volume.";
    HostPortTaken, None, Scheduling, Low, "Find which pod holds the host port on each node.", "Move one of the pods to another port or node.";
    TooManyPods, None, Scheduling, Medium, "Compare the number of pods on each node with its limit.", "Add a node, or raise the kubelet's maxPods.";
    SchedulingGated, None, Scheduling, Low, "Find the controller that owns the scheduling gate.", "Let that controller admit the pod, or remove the gate if nothing owns it.";
    SchedulerDown, None, Scheduling, Medium, "Check the scheduler's pods in kube-system and the age of its lease.", "Restart the scheduler's static pod.";
    Preempted, None, Scheduling, Medium, "Compare the PriorityClasses of the pod and of the pods that took its place.", "Raise the pod's priority, or add capacity.";
    NodeNameUnknown, None, Scheduling, Low, "Compare the pod's nodeName with the list of nodes.", "Remove nodeName from the template so that the scheduler chooses.";
    MaxVolumesPerNode, None, Scheduling, Low, "Compare the volumes attached to each node with the limit in its CSINode.", "Spread pods with volumes over more nodes.";
    CustomSchedulerMissing, None, Scheduling, Low, "Check whether a scheduler of the name the pod asks for is running.", "Correct schedulerName, or start that scheduler.";

    // Runtime
    OomOwnLimit, None, Runtime, Low, "Look at the memory graph, and at changes of the memory limit and heap settings.", "Raise the memory limit, or lower the heap size so that it fits.";
    OomSidecar, None, Runtime, Low, "Check in the pod's status which container is killed.", "Raise the sidecar's memory limit, or correct the sidecar.";
    NodeOomVictim, None, Runtime, Medium, "List the node's pods by how far their memory exceeds their request.", "Limit the pod that takes too much memory; the one killed is only its victim.";
    MemoryLeak, None, Runtime, Medium, "Look at memory over a day and find the ReplicaSet with which growth began.", "Roll back; until then restart the workload before it reaches its limit.";
    CrashConfigEnv, None, Runtime, Low, "Read the previous container's logs, and what changed in its environment and ConfigMaps.", "Restore the missing or wrong setting.";
    CrashExit0Loop, None, Runtime, Low, "Read the container's command and its last log lines.", "Keep the process in the foreground, or correct why it returns early.";
    CrashAppException, None, Runtime, Medium, "Read the previous container's logs and find the first ReplicaSet that crashes.", "Roll back to the last release that ran.";
    DependencyRefused, None, Runtime, Low, "Follow the host in the log to its Service and pods, and check whether they are healthy.", "Repair the dependency; the caller recovers by itself.";
    DependencyWrongPort, Some(Cause::DependencyRefused), Runtime, Low, "Compare the port the caller dials with the ports of the Service.", "Correct the port in the caller's configuration.";
    DependencyTimeout, None, Runtime, Low, "Check network policies between the two, the network plugin and how busy the target is.", "Remove what blocks or slows the path to the dependency.";
    DnsNameWrong, None, Runtime, Low, "Find where the host name is configured and whether such a Service exists in that namespace.", "Correct the host name in the configuration.";
    DependencyWrongAddress, Some(Cause::DnsNameWrong), Runtime, Low, "Compare the address in the caller's configuration with the Services that exist, and see when it changed.", "Correct the address in the caller's configuration.";
    BadCredentials, None, Runtime, Medium, "Compare when the Secret last changed with when the pod started.", "Restart consumers after a rotation, or restore the Secret.";
    DatabaseReadOnly, None, Runtime, High, "Check the database's replication role and its free disk space.", "Fail over to a writable primary, or end read-only mode once its reason is gone.";
    ConnectionPoolExhausted, None, Runtime, Medium, "List who holds the database's connections, and whether the number of replicas grew.", "Repair the connection leak, or lower pool size times replicas below the database's maximum.";
    DatabaseLockOrSlowQuery, None, Runtime, High, "List the database's locks and running queries, and read the plan of the slow one.", "End the session that blocks the others, then repair the query.";
    LivenessKill, None, Runtime, Low, "Compare the liveness probe's port, path and timing with what the container serves, and check CPU throttling.", "Correct the liveness probe, or raise its timeout.";
    LivenessProbeWrongPort, Some(Cause::LivenessKill), Runtime, Low, "Compare the liveness probe's port with the ports the container listens on.", "Correct the liveness probe's port.";
    LivenessProbeWrongProtocol, Some(Cause::LivenessKill), Runtime, Low, "Compare the liveness probe's kind and scheme with what the port speaks.", "Correct the liveness probe's kind or scheme.";
    LivenessProbeWrongTiming, Some(Cause::LivenessKill), Runtime, Low, "Compare the liveness probe's delay, period and timeout with how long the container takes.", "Raise the liveness probe's timeout or delay, or add a startup probe.";
    ReadinessFailing, None, Runtime, Low, "Read the probe's error and check whether the container or something it depends on fails.", "Correct the readiness probe, or repair the dependency.";
    ReadinessProbeWrongPort, Some(Cause::ReadinessFailing), Runtime, Low, "Compare the readiness probe's port with the ports the container listens on.", "Correct the readiness probe's port.";
    ReadinessProbeWrongProtocol, Some(Cause::ReadinessFailing), Runtime, Low, "Compare the readiness probe's kind and scheme with what the port speaks.", "Correct the readiness probe's kind or scheme.";
    SlowStart, None, Runtime, Low, "Compare the time from start to the first ready log line with the probe's allowance.", "Add a startup probe that allows for the time it takes.";
    CpuThrottling, None, Runtime, Low, "Compare the container's CPU limit with its usage and its throttled periods.", "Raise or remove the CPU limit.";
    PodCpuOverload, Some(Cause::CpuThrottling), Runtime, Low, "Look at the pod's CPU usage against its limit, and at its traffic.", "Scale out, raise the CPU limit, or stop what consumes the CPU.";
    NoisyNeighbour, None, Runtime, Medium, "List the node's pods by CPU and disk usage.", "Move or limit the pod that takes too much.";
    EvictedPressure, None, Runtime, Low, "Read which resource the node lacked, and which pods used most beyond their requests.", "Set requests that match usage, and rotate logs that grow.";
    EphemeralLimit, None, Runtime, Low, "Measure what the pod writes to logs, emptyDir volumes and its own file system.", "Raise the ephemeral storage limit, or stop what writes so much.";
    DiskFullVolume, None, Runtime, Medium, "Look at the volume's free space and how fast it shrank.", "Expand the PersistentVolumeClaim where its class allows it, or delete what is not needed.";
    VolumePermissionDenied, None, Runtime, Low, "Compare fsGroup and runAsUser with the owner of the files, and check for a read-only mount.", "Correct the pod's securityContext or the mount.";
    AppCertExpired, None, Runtime, Low, "Read the certificate's dates and check the node's clock.", "Renew the certificate and restart what has loaded the old one.";
    UpstreamRateLimited, None, Runtime, Low, "Measure how often the caller asks and what the upstream allows.", "Let the caller back off, or have its quota raised.";
    UlimitFdInotify, None, Runtime, Medium, "Compare open files and inotify watches on the node with their limits.", "Raise the limit on the node, or repair the process that leaks them.";
    PortConflict, None, Runtime, Low, "List the ports of all containers of the pod, and of host network pods on its node.", "Give one of them another port.";
    ShmOrTmpExhausted, None, Runtime, Low, "Check the size of /dev/shm and of emptyDir volumes in memory.", "Mount a larger emptyDir volume of medium Memory.";
    StuckTerminating, None, Runtime, High, "Read the finalizers of the object and check whether its node answers.", "Repair the controller that owns the finalizer; force the deletion only when the process is surely gone.";
    AppRbac403, None, Runtime, Medium, "Ask `kubectl auth can-i` as the pod's ServiceAccount for the verb and resource in the log.", "Add exactly the missing verb to the Role.";
    JobFailedBackoff, None, Runtime, Low, "Read the logs of the Job's last pod.", "Repair what made the pods fail, then run the Job again.";
    JobDeadlineOrHung, None, Runtime, Low, "Compare how long the Job runs with its earlier runs and its deadline.", "Raise the deadline, or repair what keeps the Job from finishing.";
    CronjobNotRunning, None, Runtime, Low, "Describe the CronJob: suspended, schedule, concurrency policy and running Jobs.", "Resume it, correct its schedule, or end the Job that blocks it.";
    LatencyRegressionRollout, None, Runtime, Medium, "Compare latency of the new ReplicaSet's pods with the old one's, and what changed between them.", "Roll back.";
    ConfigChangeRegression, None, Runtime, Medium, "Find which ConfigMap or Secret changed just before, and what in it.", "Restore the earlier configuration.";
    TrafficSurge, None, Runtime, Low, "Compare the request rate with capacity and find where the requests come from.", "Scale out, or limit the rate.";
    TrafficDrop, None, Runtime, Low, "Follow the path of requests from the caller through DNS and ingress.", "Restore the part of the path that no longer forwards requests.";
    CodeDefect, None, Runtime, Medium, "Find when the error first appeared, in which ReplicaSet, and its stack trace.", "Roll back, and hand the stack trace to the developers.";
    QueueBacklog, None, Runtime, Low, "Check whether the queue's consumers run, and how fast they are.", "Repair the consumers, then scale them until the backlog is gone.";
    MessageBrokerPartition, None, Runtime, High, "Ask the broker for its cluster status and which members see each other.", "Restart the members of the minority one by one.";
    CacheFullOrEvicting, None, Runtime, Medium, "Compare the cache's memory usage with its maximum and read its eviction policy.", "Choose an eviction policy that fits, or raise the maximum.";

    // Rollout
    RolloutStuck, None, Rollout, Medium, "Read the rollout's status and describe its new pods.", "Repair what keeps the new pods from being ready, or undo the rollout.";
    GenerationMismatch, None, Rollout, Medium, "Check whether the controller manager runs and holds its lease.", "Restart the controller manager; it then acts on the change.";
    RolloutPaused, None, Rollout, Medium, "Find out who paused the rollout and why.", "Resume the rollout.";
    ScaledToZero, None, Rollout, Low, "Find out who scaled the workload down: a person, an autoscaler or a tool.", "Restore the number of replicas.";
    StatefulSetBlocked, None, Rollout, Medium, "Describe the pod with the lowest number that is not ready.", "Repair that pod; after correcting the template, delete the broken pod so that it is made anew.";
    StatefulSetServiceMissing, None, Rollout, Low, "Check whether the Service that serviceName names exists.", "Create the headless Service.";
    DaemonSetNotScheduledMisscheduled, None, Rollout, Low, "Compare the nodes' taints and labels with the DaemonSet's tolerations and selector.", "Add the toleration, or correct labels or selector.";
    PdbBlocks, None, Rollout, Medium, "Compare what the PodDisruptionBudget demands with the healthy replicas.", "Add a replica first, or loosen the budget.";
    HelmStuck, None, Rollout, Medium, "Read the release's history and the status of its last revision.", "Roll the release back to its last deployed revision.";
    GitopsDrift, None, Rollout, Low, "Compare the live objects with what the repository declares.", "Revert in the repository; a change made in the cluster would be undone.";
    WrongNamespaceOrContext, None, Rollout, Low, "Search all namespaces for an object of that name.", "Correct the namespace or the context of the deployment.";
    CrdOrOperatorBroken, None, Rollout, Medium, "Read the operator's logs and the conditions of the custom resource.", "Repair the operator, or its conversion webhook.";
    OwnerGc, None, Rollout, Medium, "Find in events and the audit log who deleted the owner.", "Restore the owner and what was deleted with it.";

    // Networking
    ServiceSelectorMismatch, None, Networking, Low, "Compare the Service's selector with the labels of the pods, and see which changed.", "Correct the selector or the labels.";
    TargetPortMismatch, None, Networking, Low, "Compare the Service's targetPort with the ports the containers listen on.", "Correct the targetPort.";
    ServiceProtocolMismatch, None, Networking, Low, "Compare the Service's port name, protocol and appProtocol with what the container speaks.", "Correct the protocol, the port name or appProtocol.";
    NoReadyEndpoints, None, Networking, Low, "List the pods behind the Service and see why none is ready.", "Repair the pods; the Service has endpoints again once they are ready.";
    NetworkPolicyIngress, None, Networking, Medium, "List the network policies that select either end of the connection.", "Amend the policy so that it admits the caller.";
    NetworkPolicyEgressDns, None, Networking, Low, "List the network policies that limit egress in the namespace.", "Allow egress to the cluster's DNS on port 53, UDP and TCP.";
    CorednsDownOrOverloaded, None, Networking, Medium, "Check the CoreDNS pods, their metrics and the nodes they run on.", "Restart or scale CoreDNS.";
    ServiceDnsFailure, Some(Cause::CorednsDownOrOverloaded), Networking, Medium, "Resolve the Service's name from several pods, and read the CoreDNS logs.", "Restore CoreDNS, or the configuration with which it answers for the cluster.";
    DnsPolicyNdots, None, Networking, Low, "Read the pod's dnsPolicy and dnsConfig.", "Correct dnsPolicy or ndots, or use full names with a final dot.";
    IngressMisroute, None, Networking, Low, "Read the Ingress's events and the controller's logs, and check its class and backends.", "Correct the class, host, path, or the backend Service and port.";
    GatewayMisroute, Some(Cause::IngressMisroute), Networking, Low, "Compare the route's hosts, paths and backends with the Services that exist.", "Correct the route's match or its backend.";
    TlsSecretOrExpired, None, Networking, Low, "Read the certificate's dates and, where cert-manager issues it, its Order and Challenge.", "Renew the certificate, or restore the Secret that holds it.";
    GatewayHttproute, None, Networking, Low, "Read the conditions of the HTTPRoute and its Gateway.", "Correct the reference that the condition names.";
    KubeProxyNodeLocal, None, Networking, Medium, "Check whether only pods on one node fail, and kube-proxy on that node.", "Restart kube-proxy on the node.";
    KubeProxyDown, Some(Cause::KubeProxyNodeLocal), Networking, Medium, "Check the kube-proxy pod on the node and its logs.", "Restart kube-proxy, and correct its configuration if it crashes again.";
    ConntrackFull, None, Networking, Medium, "Compare the node's connection tracking entries with their limit.", "Raise the limit, and find what opens so many connections.";
    PacketLossOrDelay, None, Networking, Medium, "Look at errors, drops and retransmissions on the network interfaces of the nodes.", "Move the workload off the node, and check cable, port and network card.";
    PodNetworkDelay, Some(Cause::PacketLossOrDelay), Networking, Medium, "Compare round trips of this pod with those of other pods on its node.", "Remove what delays the pod's traffic, or recreate the pod on another node.";
    NodeNetworkDelay, Some(Cause::PacketLossOrDelay), Networking, Medium, "Compare round trips to this node with those between other nodes.", "Move workloads off the node, and check its network card, cable and switch port.";
    NodeNetworkLoss, Some(Cause::PacketLossOrDelay), Networking, Medium, "Look at errors, drops and retransmissions on the node's network interfaces.", "Move workloads off the node, and check its network card, cable and switch port.";
    MtuMismatch, None, Networking, High, "Send pings of full size that must not be fragmented between the nodes.", "Set the same MTU on nodes, switches and the network plugin.";
    NicFlapping, None, Networking, Medium, "Check the switch port, the cable and the node's kernel log.", "Replace the cable, transceiver or network card.";
    LoadBalancerIpPool, None, Networking, Medium, "Compare the address pool with the Services that hold its addresses.", "Extend the pool, or release addresses that are not needed.";
    LoadBalancerBgpL2, None, Networking, High, "Read the load balancer speaker's logs and the state of its peers.", "Restore the peer or the speaker.";
    MeshAuthzMtls, None, Networking, Medium, "See which AuthorizationPolicy or PeerAuthentication changed.", "Amend the policy so that it admits the caller.";
    EphemeralPorts, None, Networking, Low, "Count the sockets of the node or pod by state.", "Reuse connections by keep-alive or a pool.";
    ExternalnameOrHeadlessMisuse, None, Networking, Low, "Read the Service's type and what its name resolves to.", "Correct the external name, or use the type of Service that clients need.";
    HairpinOrSameNodeOnly, None, Networking, Medium, "Compare calls between pods on one node with calls across nodes.", "Correct hairpin mode or bridging in the network plugin's configuration.";

    // Storage
    StorageClassMissing, None, Storage, Medium, "List the StorageClasses and compare with the one the claim names.", "Recreate the claim with a class that exists, or create the class.";
    ProvisionerDown, None, Storage, Medium, "Check the pods of the CSI driver's controller and their logs.", "Restore the provisioner; waiting claims are then served.";
    WaitingFirstConsumer, None, Storage, Low, "Look at the pod that uses the claim; the claim itself waits by design.", "Repair what keeps the pod from being scheduled; the claim is then bound.";
    PvNoMatch, None, Storage, High, "Compare the claim's size, access modes, class and selector with the volumes there are.", "Correct the claim, or release a volume by clearing its claimRef once its data is not needed.";
    PvAlreadyBound, Some(Cause::PvNoMatch), Storage, High, "Find which claim the volume is bound to, and whether that claim still exists.", "Use another volume, or clear claimRef once the earlier claim's data is not needed.";
    PvcSelectorMismatch, Some(Cause::PvNoMatch), Storage, High, "Compare the claim's selector with the labels of the volumes.", "Correct the selector or the volume's labels, and recreate the claim.";
    PvcStorageClassMismatch, Some(Cause::PvNoMatch), Storage, High, "Compare the claim's storage class with the volume's.", "Recreate the claim with the volume's storage class.";
    PvcCapacityMismatch, Some(Cause::PvNoMatch), Storage, High, "Compare the size the claim asks for with the capacity of the volumes.", "Provide a volume that is large enough, or recreate the claim with a smaller size.";
    PvcAccessModeMismatch, Some(Cause::PvNoMatch), Storage, High, "Compare the claim's access modes with those of the volumes.", "Recreate the claim with an access mode that the volume offers.";
    MultiAttach, None, Storage, High, "Find in the VolumeAttachments which node still holds the volume, and whether it is alive.", "Wait for the detach, or taint a node that is surely off as out of service.";
    VolumeFilling, None, Storage, Medium, "Look at the volume's free space and how fast it shrinks.", "Expand the claim, or delete what is not needed.";
    Inodes, None, Storage, Medium, "Compare used and free inodes of the file system.", "Delete the many small files, and stop what makes them.";
    ResizeStuck, None, Storage, Medium, "Describe the claim and read its conditions and events.", "Restart the pod so that the file system grows, or allow expansion in the StorageClass.";
    NetworkFsHung, None, Storage, High, "Check the storage server, and which pods mount from it.", "Restore the server; reboot the nodes where mounts stay hung.";
    CephLonghornDegraded, None, Storage, High, "Read the storage cluster's own status and the state of its volumes.", "Replace the failed disk, or add capacity, and let the replicas rebuild.";
    DiskIoSaturated, None, Storage, Medium, "Find which processes write most to the disk.", "Move or limit them.";
    DiskFailing, None, Storage, High, "Read the node's kernel log and the disk's health report.", "Drain the node and replace the disk.";
    SnapshotOrBackupFailed, None, Storage, Low, "Read the events of the snapshot or the logs of the backup Job.", "Repair what the error names, and take the backup again.";

    // Node
    NodeUnreachable, None, Node, High, "Ping the node, look at its console through the BMC, and check its kubelet.", "Restore power, network or kubelet; detach its volumes only when the node is surely off.";
    KubeletDown, Some(Cause::NodeUnreachable), Node, High, "Log in to the node and read the state and journal of its kubelet.", "Restart the kubelet, and correct what stops it.";
    KubeletOrRuntimeFault, None, Node, Medium, "Read the journals of kubelet and container runtime, and check disk latency.", "Restart the container runtime, then the kubelet.";
    ContainerRuntimeDown, Some(Cause::KubeletOrRuntimeFault), Node, Medium, "Read the state and journal of the container runtime on the node.", "Restart the container runtime, and correct what stops it.";
    CniNotReady, None, Node, Medium, "Check the network plugin's pod on the node and its logs.", "Restart the network plugin's pod on the node.";
    DiskPressure, None, Node, Medium, "Find what fills the node's disk: images, logs or the volumes of a pod.", "Free space, and limit what fills the disk.";
    MemoryPressure, None, Node, Medium, "List the node's pods by how far their memory exceeds their request.", "Limit or move the pod that takes too much.";
    PidPressure, None, Node, Medium, "Count threads and processes of each pod on the node.", "Limit the pod that starts too many.";
    KubeletCert, None, Node, Medium, "List the CertificateSigningRequests and read the dates of the kubelet's certificate.", "Approve the pending request, or rotate the certificate.";
    ClockSkew, None, Node, Medium, "Compare the node's clock with its time servers.", "Restore time synchronization on the node.";
    RebootOrKernelPanic, None, Node, Medium, "Read the BMC's log and the end of the previous boot's journal.", "Repair the kernel or hardware fault that restarted the node.";
    HardwareEccThermal, None, Node, Medium, "Read the BMC's sensors and the node's kernel log.", "Drain the node and replace the faulty part.";
    NodeFlapping, None, Node, Medium, "Look at the node's network, its load and how regularly it renews its lease.", "Repair the layer that fails: network, load or kubelet.";
    ImageGarbageCollection, None, Node, Low, "List the images on the node by size and use.", "Remove images that are not used.";
    CordonForgotten, None, Node, Low, "Find out who cordoned the node and when.", "Uncordon the node once nobody works on it.";
    KernelParamModule, None, Node, Medium, "Compare the node's kernel modules and parameters with those of a healthy node.", "Load the module or set the parameter, and keep it over reboots.";
    GpuFault, None, Node, Medium, "Run `nvidia-smi` on the node and read the device plugin's logs.", "Drain the node before resetting the GPU; replace it if the fault returns.";
    ClusterOvercommitted, None, Node, Low, "Compare the sum of requests with the cluster's capacity without its largest node.", "Add capacity, or lower requests.";

    // ControlPlane
    ApiServerSloBurn, None, ControlPlane, Medium, "List the clients with most requests by user agent, verb and resource.", "Stop or slow the client that asks too much.";
    ApiServerThrottling, None, ControlPlane, Medium, "See which FlowSchema rejects requests and whose they are.", "Correct the client that lists or retries so often.";
    EtcdSlowDisk, None, ControlPlane, Medium, "Look at the latency of etcd's disk, and at what else writes to it.", "Give etcd a disk of its own.";
    EtcdNoQuorumLeader, None, ControlPlane, High, "List etcd's members and which of them answer.", "Restore the missing members.";
    EtcdNoSpace, None, ControlPlane, High, "Compare etcd's database size with its quota.", "Compact and defragment etcd, then disarm its alarm.";
    ControllerManagerDown, None, ControlPlane, Medium, "Check the controller manager's static pods and the age of their lease.", "Restart the controller manager.";
    CertExpiring, None, ControlPlane, Medium, "Read the dates of the control plane's certificates.", "Renew the certificates and restart the components that use them.";
    AggregatedApiDown, None, ControlPlane, Medium, "Check the Service and pods behind the APIService.", "Restore those pods.";
    WebhookSlow, None, ControlPlane, Medium, "Look at the latency of each admission webhook.", "Scale the webhook's backend, and shorten its timeout.";
    VersionSkew, None, ControlPlane, Low, "Compare the versions of nodes and control plane.", "Finish the upgrade.";
    ObjectFlood, None, ControlPlane, Medium, "Count the objects of each resource.", "Stop what creates them, then delete the surplus.";
    VipOrLoadBalancerDown, None, ControlPlane, High, "Check what holds the control plane's virtual address, such as keepalived or kube-vip.", "Restore the virtual address.";

    // Autoscaling
    HpaNoMetrics, None, Autoscaling, Low, "Describe the HorizontalPodAutoscaler and read its conditions.", "Add the missing resource requests, or restore the metrics API.";
    HpaMaxed, None, Autoscaling, Medium, "Compare load with the maximum, and check whether a dependency is the bottleneck.", "Raise the maximum only if more replicas help.";
    HpaTargetMissing, None, Autoscaling, Low, "Check whether the workload that the autoscaler names exists.", "Correct the autoscaler's scaleTargetRef.";
    HpaThrash, None, Autoscaling, Low, "Read the autoscaler's scaling behavior and how noisy its metric is.", "Set a longer stabilization window.";
    HpaVsManifest, None, Autoscaling, Low, "See in managedFields who else sets the number of replicas.", "Drop the replicas field from the manifest.";
    KedaScalerFail, None, Autoscaling, Low, "Read the ScaledObject's conditions, and the credentials its trigger uses.", "Correct the trigger or its credentials.";
    VpaEvictions, None, Autoscaling, Low, "Read the VerticalPodAutoscaler's update mode.", "Set the update mode to Initial or Off.";
    HpaScaleLag, None, Autoscaling, Medium, "Compare how long a pod takes to start with how fast the load grew.", "Keep more replicas in reserve, or scale before the load comes.";

    // Monitoring
    ScrapeTargetDown, None, Monitoring, Low, "Read the scrape error on Prometheus' page of targets.", "Correct port, labels or credentials of the scrape, or repair the target.";
    PrometheusSick, None, Monitoring, Medium, "Read Prometheus' own logs and the cardinality on its TSDB status page.", "Drop metrics that are not needed, or give Prometheus more memory or disk.";
    AlertmanagerDelivery, None, Monitoring, Medium, "Read Alertmanager's logs for the receiver that fails.", "Correct the receiver's address, credentials or configuration.";
    WatchdogAbsent, None, Monitoring, Low, "Follow the path of alerts from Prometheus through Alertmanager to this appliance.", "Restore the path; until then no alert is sure to arrive.";
    KubeStateMetricsOrExporterMissing, None, Monitoring, Low, "Check the pods of kube-state-metrics and the exporters.", "Restore them; alerts about objects are blind until then.";
    BadAlertRule, None, Monitoring, Low, "Evaluate the rule's expression in Prometheus now and over the last hours.", "Correct the rule.";

    // NotAnIncident
    WatchdogInfoInhibitor, None, NotAnIncident, Low, "Nothing is wrong: this alert fires always, to prove the path or to mute others.", "Route the alert to no person.";
    AlreadyRecovered, None, NotAnIncident, Low, "Read the events after the alert and check that the objects stay healthy.", "Close the alert, and note that it came and went.";
    RolloutInProgress, None, NotAnIncident, Low, "Watch the rollout's status.", "Wait until the rollout ends or passes its deadline.";
    PlannedMaintenance, None, NotAnIncident, Low, "Check silences, and who cordoned or drained the node.", "Note the maintenance, and silence the alert while it lasts.";
    OutsideVisibility, None, NotAnIncident, Low, "List which evidence is missing and why.", "Obtain the missing evidence before acting.";
    AlertObjectAbsent, None, NotAnIncident, Low, "Search for objects whose names are close to the alert's.", "Correct the alert's labels, or look at the object that is close.";
    ExpectedFailure, None, NotAnIncident, Low, "Check whether earlier runs failed and then succeeded as this one does.", "Close the alert.";
    CapacityAdvice, None, NotAnIncident, Low, "Look at how usage has grown, and when the limit is reached.", "Plan more capacity; nobody needs to be paged.";
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check_sentence(cause: Cause, text: &str) {
        let starts = text.starts_with(char::is_uppercase);
        assert!(starts && text.ends_with('.'), "{cause}: {text:?}");
        assert!(text.len() <= 140, "{cause}: {text:?} is too long to read");
    }

    #[test]
    fn advice_is_written_in_short_sentences() {
        for cause in Cause::ALL {
            check_sentence(*cause, cause.first_look());
            check_sentence(*cause, cause.fix());
        }
    }

    #[test]
    fn an_identifier_names_its_cause() {
        for cause in Cause::ALL {
            assert_eq!(cause.id().parse(), Ok(*cause));
        }
    }
}
