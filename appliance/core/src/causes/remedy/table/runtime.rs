//! What runs, and fails while it does.

use Place::{Cited, Claim, Own, Workload};

use super::{
    DESCRIBE_POD, HISTORY, Look, Means, POD_LOGS, PODS, Place, ROLL_BACK, Remedy, Repair, Sight,
    look, remedy, repair,
};
use crate::causes::Cause as C;

const FIRST: &[Look] = &[DESCRIBE_POD, POD_LOGS, HISTORY];

const TOP: Look = look(Sight::Top, "shows what each container uses now");

const JOB: &[Look] = &[
    look(
        Sight::Logs(Own),
        "shows the last words of the Job's pods, while they are kept",
    ),
    look(
        Sight::Describe(Own),
        "shows how its pods ended and which limit was reached",
    ),
];

const SETTING: &[Repair] = &[
    repair(
        Means::Edit(Cited("ConfigMap")),
        "corrects the setting where it is written",
    ),
    repair(
        Means::Undo,
        "goes back to a template with the right setting",
    ),
    repair(
        Means::Edit(Workload),
        "corrects the setting in the pod template",
    ),
];

const PROBE: &[Repair] = &[
    repair(Means::Undo, "goes back to the probe that passed"),
    repair(
        Means::Edit(Workload),
        "corrects the probe's port, path, kind or timing",
    ),
];

const EXPAND: &[Repair] = &[
    repair(
        Means::Expand,
        "lets the claim grow by half; a claim never shrinks again",
    ),
    repair(
        Means::AllowExpansion,
        "lets claims of its class grow, where its driver can; then ask for a larger claim",
    ),
    repair(Means::Edit(Workload), "has it keep less on the volume"),
];

pub(super) fn of(cause: C) -> Remedy {
    match cause {
        C::OomOwnLimit | C::OomSidecar => remedy(
            const { &[TOP, HISTORY] },
            const {
                &[
                    repair(
                        Means::Limit("memory"),
                        "raises the memory limit by half, if the nodes have room for it",
                    ),
                    repair(
                        Means::Undo,
                        "goes back to the limit and heap size that held",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "raises the memory limit, or lowers the heap",
                    ),
                ]
            },
        ),
        C::NodeOomVictim => remedy(
            const {
                &[
                    look(Sight::NodePods, "shows what else runs on the node"),
                    TOP,
                ]
            },
            const {
                &[
                    repair(
                        Means::Cordon,
                        "keeps more pods off the node while the one that takes too much is found",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "gives the pods a memory request that matches their use",
                    ),
                ]
            },
        ),
        C::MemoryLeak => remedy(
            const { &[TOP, HISTORY] },
            const {
                &[
                    repair(Means::Undo, "goes back to the release before the growth"),
                    repair(
                        Means::Restart(Workload),
                        "frees the memory for a while; the leak itself is the program's",
                    ),
                ]
            },
        ),
        C::CrashConfigEnv => remedy(FIRST, SETTING),
        C::DependencyWrongPort | C::DnsNameWrong | C::DependencyWrongAddress => remedy(
            const {
                &[
                    look(
                        Sight::List("services"),
                        "shows the names and ports there are to dial",
                    ),
                    HISTORY,
                ]
            },
            SETTING,
        ),
        C::CrashExit0Loop | C::CrashAppException | C::CodeDefect | C::PortConflict => {
            remedy(FIRST, &ROLL_BACK)
        }
        C::DependencyRefused | C::DependencyTimeout => remedy(
            const {
                &[
                    look(
                        Sight::List("endpointslices"),
                        "shows whether anything ready stands behind the name",
                    ),
                    PODS,
                ]
            },
            &[],
        ),
        C::BadCredentials => remedy(
            const {
                &[
                    look(
                        Sight::List("secrets"),
                        "shows which Secret is younger than the pods that read it",
                    ),
                    POD_LOGS,
                ]
            },
            const {
                &[
                    repair(
                        Means::Restart(Workload),
                        "has its pods read the Secret as it is now, after a rotation",
                    ),
                    repair(
                        Means::Edit(Cited("Secret")),
                        "restores the credentials that the other side accepts",
                    ),
                ]
            },
        ),
        C::DatabaseReadOnly => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Restart(Workload),
                    "restarts the database one pod at a time; first make sure which one is the primary",
                )]
            },
        ),
        C::ConnectionPoolExhausted => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "brings pool size times replicas below the database's maximum, or raises that",
                )]
            },
        ),
        C::DatabaseLockOrSlowQuery => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Restart(Workload),
                    "ends every session, the blocking one among them; end only that one if you can",
                )]
            },
        ),
        C::LivenessKill
        | C::LivenessProbeWrongPort
        | C::LivenessProbeWrongProtocol
        | C::LivenessProbeWrongTiming
        | C::ReadinessFailing
        | C::ReadinessProbeWrongPort
        | C::ReadinessProbeWrongProtocol
        | C::SlowStart => remedy(FIRST, PROBE),
        C::CpuThrottling => remedy(
            const { &[TOP, HISTORY] },
            const {
                &[
                    repair(
                        Means::Limit("cpu"),
                        "doubles the CPU limit of the container that is held back",
                    ),
                    repair(Means::Edit(Workload), "raises the CPU limit, or removes it"),
                ]
            },
        ),
        C::PodCpuOverload => remedy(
            const { &[TOP, HISTORY] },
            const {
                &[
                    repair(Means::ScaleOut, "spreads the work over more pods"),
                    repair(Means::Limit("cpu"), "doubles the CPU limit"),
                    repair(Means::Edit(Workload), "lets the container use more CPU"),
                ]
            },
        ),
        C::TrafficSurge => remedy(
            const {
                &[
                    TOP,
                    look(
                        Sight::List("hpa"),
                        "shows whether an autoscaler may add replicas",
                    ),
                ]
            },
            const {
                &[repair(
                    Means::ScaleOut,
                    "spreads the requests over more pods",
                )]
            },
        ),
        C::NoisyNeighbour => remedy(
            const {
                &[
                    look(Sight::NodePods, "shows what else runs on the node"),
                    TOP,
                ]
            },
            const {
                &[
                    repair(
                        Means::Edit(Workload),
                        "limits what takes too much, or moves it to another node",
                    ),
                    repair(Means::Cordon, "keeps more pods off the node meanwhile"),
                ]
            },
        ),
        C::EvictedPressure => remedy(
            const {
                &[
                    look(Sight::NodePods, "shows what else runs on the node"),
                    TOP,
                ]
            },
            const {
                &[repair(
                    Means::Edit(Workload),
                    "sets requests that match what its pods use, so that others are evicted first",
                )]
            },
        ),
        C::EphemeralLimit => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Limit("ephemeral-storage"),
                        "raises the ephemeral storage limit by half",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "raises the limit or the emptyDir's size, or writes less",
                    ),
                ]
            },
        ),
        C::DiskFullVolume => remedy(
            const {
                &[
                    look(
                        Sight::Describe(Claim),
                        "shows its size, its class and who mounts it",
                    ),
                    POD_LOGS,
                ]
            },
            EXPAND,
        ),
        C::VolumePermissionDenied => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Undo,
                        "goes back to the user and mount that could write",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "sets fsGroup or runAsUser to the owner of the files, or mounts them writable",
                    ),
                ]
            },
        ),
        C::AppCertExpired => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Restart(Workload),
                    "has its pods load the certificate again, once it is renewed",
                )]
            },
        ),
        C::UpstreamRateLimited => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "has the caller ask less often and back off",
                )]
            },
        ),
        C::UlimitFdInotify => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Restart(Workload),
                        "frees them for a while, if the process leaks them",
                    ),
                    repair(
                        Means::OnNode("sudo sysctl -w fs.inotify.max_user_instances=8192"),
                        "raises the node's limit, until its next start",
                    ),
                ]
            },
        ),
        C::ShmOrTmpExhausted => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "mounts a larger emptyDir of medium Memory",
                )]
            },
        ),
        C::StuckTerminating => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::ForceDelete,
                        "forgets the pod; only once its process is surely gone, or two may write to one volume",
                    ),
                    repair(
                        Means::Edit(Own),
                        "removes the finalizer whose controller is gone, and with it what it guarded",
                    ),
                ]
            },
        ),
        C::AppRbac403 => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Edit(Place::Role),
                        "adds exactly the verb and resource that were refused",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "runs the pods as an account that may do it",
                    ),
                ]
            },
        ),
        C::JobFailedBackoff | C::JobDeadlineOrHung => remedy(
            JOB,
            const {
                &[repair(
                    Means::RunAgain,
                    "runs it again, once what stopped it is repaired",
                )]
            },
        ),
        C::CronjobNotRunning => remedy(
            const { &[PODS] },
            const {
                &[
                    repair(
                        Means::Delete(Cited("Job")),
                        "ends the run that blocks the next one",
                    ),
                    repair(
                        Means::Edit(Own),
                        "corrects its schedule, or lifts its suspension",
                    ),
                ]
            },
        ),
        C::LatencyRegressionRollout => remedy(const { &[HISTORY, TOP] }, &ROLL_BACK),
        C::ConfigChangeRegression => remedy(
            const { &[PODS, HISTORY] },
            const {
                &[
                    repair(
                        Means::Edit(Cited("ConfigMap")),
                        "restores what stood there before the change",
                    ),
                    repair(
                        Means::Edit(Cited("Secret")),
                        "restores what stood there before the change",
                    ),
                    repair(
                        Means::Restart(Workload),
                        "has its pods read the restored configuration",
                    ),
                ]
            },
        ),
        C::QueueBacklog => remedy(
            const { &[PODS, POD_LOGS] },
            const {
                &[
                    repair(Means::ScaleOut, "adds consumers, once those there are work"),
                    repair(Means::Restart(Workload), "restarts consumers that hang"),
                ]
            },
        ),
        C::MessageBrokerPartition => remedy(
            const { &[PODS, POD_LOGS] },
            const {
                &[repair(
                    Means::Restart(Workload),
                    "restarts the members one by one, so that they join again",
                )]
            },
        ),
        C::CacheFullOrEvicting => remedy(
            const { &[TOP, POD_LOGS] },
            const {
                &[repair(
                    Means::Edit(Workload),
                    "raises the cache's maximum, or chooses another eviction policy",
                )]
            },
        ),
        _ => remedy(FIRST, &[]),
    }
}
