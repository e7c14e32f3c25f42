//! What the leading cause is confused with, and the evidence that tells them
//! apart.
//!
//! The table is the discriminator table of the catalogue: beside each cause
//! stand its look-alikes, and with each look-alike the question whose answer
//! excludes it. An answer is evidence; without one nothing is excluded.
//!
//! Invariant: what is ruled out cites at least one piece of evidence, and is
//! never a broader or finer word for the cause itself.

mod evidence;
mod health;
mod others;
mod wiring;

use self::evidence::{
    another_reason, answered, claims_bound, did_not_evict, ended_by_itself, ended_otherwise,
    exit_was_an_error, exit_was_zero, has_pods, kubelet_reports, names_resolve, no_policy,
    node_has_room, node_silent, other_nodes_report, ran_for_a_while, refused_not_dropped,
    scheduled, scheduler_speaks, timed_out_not_refused, was_killed_for_memory,
};
use self::wiring::{
    backends_ready, below_maximum, binds_at_once, certificate_valid, class_exists, scaling_active,
};
use crate::causes::{Case, Cause, Exclusion, Finding};
use crate::evidence::Draft;

/// Looks for the evidence that excludes a look-alike of a finding.
type Question = fn(&Case<'_>, &Finding) -> Vec<Draft>;

/// Causes that look the same, and for each of them what excludes it when
/// another of the group leads.
struct Group {
    leads: &'static [Cause],
    others: &'static [(Cause, Question)],
}

use Cause as C;

const GROUPS: &[Group] = &[
    // Exit code 137.
    Group {
        leads: &[C::OomOwnLimit, C::OomSidecar],
        others: &[
            (C::LivenessKill, was_killed_for_memory),
            (C::EvictedPressure, did_not_evict),
            (C::NodeOomVictim, node_has_room),
            (C::CrashAppException, was_killed_for_memory),
        ],
    },
    Group {
        leads: &[
            C::LivenessKill,
            C::LivenessProbeWrongPort,
            C::LivenessProbeWrongProtocol,
            C::LivenessProbeWrongTiming,
            C::SlowStart,
        ],
        others: &[
            (C::OomOwnLimit, ended_otherwise),
            (C::EvictedPressure, did_not_evict),
        ],
    },
    // A container that starts again and again.
    Group {
        leads: &[
            C::CrashAppException,
            C::CrashConfigEnv,
            C::CodeDefect,
            C::BadCredentials,
            C::DependencyRefused,
            C::DependencyWrongPort,
            C::DependencyWrongAddress,
            C::DnsNameWrong,
            C::DiskFullVolume,
            C::VolumePermissionDenied,
            C::PortConflict,
        ],
        others: &[
            (C::OomOwnLimit, ended_by_itself),
            (C::CrashExit0Loop, exit_was_an_error),
            (C::BadCommand, ran_for_a_while),
        ],
    },
    Group {
        leads: &[C::CrashExit0Loop],
        others: &[
            (C::CrashAppException, exit_was_zero),
            (C::OomOwnLimit, exit_was_zero),
        ],
    },
    // A pod that has no node.
    Group {
        leads: &[
            C::InsufficientResources,
            C::InsufficientCpu,
            C::InsufficientMemory,
            C::InsufficientExtendedResource,
            C::NodePlacementMismatch,
            C::NodeSelectorMismatch,
            C::NodeAffinityMismatch,
            C::UntoleratedTaint,
            C::NodeCordoned,
            C::PodAntiAffinity,
            C::TopologySpreadConstraint,
            C::HostPortTaken,
            C::TooManyPods,
            C::VolumeNodeAffinity,
        ],
        others: &[
            (C::SchedulerDown, scheduler_speaks),
            (C::QuotaExceeded, has_pods),
            (C::PvcUnbound, claims_bound),
        ],
    },
    // A pod that has a node and does not start.
    Group {
        leads: &[
            C::ImageNotFound,
            C::ImagePullAuth,
            C::RegistryUnreachable,
            C::RegistryRateLimited,
            C::ImagePlatformMismatch,
            C::ImageNameInvalid,
            C::ConfigObjectMissing,
            C::SecretMissing,
            C::ConfigMapMissing,
            C::ConfigKeyMissing,
            C::MountObjectMissing,
            C::PodSandboxNetwork,
            C::BadCommand,
        ],
        others: &[
            (C::SchedulerDown, scheduled),
            (C::InsufficientResources, scheduled),
        ],
    },
    // No pod at all: the API server says why.
    Group {
        leads: &[
            C::QuotaExceeded,
            C::CpuQuotaExceeded,
            C::MemoryQuotaExceeded,
            C::PodQuotaExceeded,
            C::QuotaNeedsLimits,
            C::LimitRangeViolation,
            C::PodSecurityViolation,
            C::MissingServiceAccount,
            C::AdmissionDenied,
            C::AdmissionWebhookDown,
        ],
        others: &[
            (C::QuotaExceeded, another_reason),
            (C::PodSecurityViolation, another_reason),
            (C::MissingServiceAccount, another_reason),
            (C::AdmissionWebhookDown, another_reason),
        ],
    },
    // A connection that fails.
    Group {
        leads: &[
            C::TargetPortMismatch,
            C::DependencyRefused,
            C::DependencyWrongPort,
            C::NoReadyEndpoints,
            C::ServiceSelectorMismatch,
            C::ScaledToZero,
        ],
        others: &[
            (C::NetworkPolicyIngress, refused_not_dropped),
            (C::DnsNameWrong, refused_not_dropped),
            (C::CorednsDownOrOverloaded, names_resolve),
        ],
    },
    Group {
        leads: &[C::NetworkPolicyIngress, C::DependencyTimeout],
        others: &[
            (C::TargetPortMismatch, timed_out_not_refused),
            (C::CorednsDownOrOverloaded, names_resolve),
        ],
    },
    Group {
        leads: &[
            C::DnsNameWrong,
            C::DependencyWrongAddress,
            C::ServiceDnsFailure,
        ],
        others: &[
            (C::CorednsDownOrOverloaded, names_resolve),
            (C::NetworkPolicyEgressDns, no_policy),
        ],
    },
    Group {
        leads: &[C::NetworkPolicyEgressDns],
        others: &[(C::CorednsDownOrOverloaded, names_resolve)],
    },
    // A node that is not ready.
    Group {
        leads: &[C::NodeUnreachable, C::KubeletDown],
        others: &[
            (C::KubeletOrRuntimeFault, node_silent),
            (C::VipOrLoadBalancerDown, other_nodes_report),
        ],
    },
    Group {
        leads: &[
            C::KubeletOrRuntimeFault,
            C::ContainerRuntimeDown,
            C::CniNotReady,
            C::DiskPressure,
            C::MemoryPressure,
            C::PidPressure,
        ],
        others: &[(C::NodeUnreachable, kubelet_reports)],
    },
    // A claim that is not bound.
    Group {
        leads: &[
            C::ProvisionerDown,
            C::PvNoMatch,
            C::PvAlreadyBound,
            C::PvcSelectorMismatch,
            C::PvcCapacityMismatch,
            C::PvcAccessModeMismatch,
            C::StorageQuotaExceeded,
        ],
        others: &[
            (C::StorageClassMissing, class_exists),
            (C::WaitingFirstConsumer, binds_at_once),
        ],
    },
    Group {
        leads: &[C::MultiAttach, C::MountVolumeFailed, C::NetworkFsHung],
        others: &[(C::PvcUnbound, claims_bound), (C::SchedulerDown, scheduled)],
    },
    // The way in from outside.
    Group {
        leads: &[
            C::IngressMisroute,
            C::TlsSecretOrExpired,
            C::LoadBalancerBgpL2,
        ],
        others: &[
            (C::NoReadyEndpoints, backends_ready),
            (C::TlsSecretOrExpired, certificate_valid),
        ],
    },
    Group {
        leads: &[C::MeshAuthzMtls],
        others: &[
            (C::NetworkPolicyIngress, no_policy),
            (C::CorednsDownOrOverloaded, names_resolve),
        ],
    },
    // An autoscaler that does not help.
    Group {
        leads: &[C::HpaMaxed],
        others: &[(C::HpaNoMetrics, scaling_active)],
    },
    Group {
        leads: &[C::HpaNoMetrics, C::HpaTargetMissing],
        others: &[(C::HpaMaxed, below_maximum)],
    },
    // Performance.
    Group {
        leads: &[C::CpuThrottling, C::PodCpuOverload, C::PodNetworkDelay],
        others: &[(C::OomOwnLimit, answered)],
    },
];

/// The look-alikes of `leading` that evidence excludes.
pub(super) fn look_alikes(case: &Case<'_>, leading: &Finding) -> Vec<Exclusion> {
    let mut excluded: Vec<Exclusion> = Vec::new();
    let groups = GROUPS
        .iter()
        .chain(others::GROUPS)
        .filter(|group| group.leads.contains(&leading.cause));
    for (cause, question) in groups.flat_map(|group| group.others) {
        let known = excluded.iter().any(|one| one.cause == *cause);
        if known || is_kin(*cause, leading.cause) {
            continue;
        }
        let because = question(case, leading);
        if !because.is_empty() {
            excluded.push(Exclusion {
                cause: *cause,
                object: leading.object.clone(),
                because,
            });
        }
    }
    excluded
}

/// Whether one is the other, its parent, or a child of the same parent.
fn is_kin(a: Cause, b: Cause) -> bool {
    let root = |cause: Cause| cause.parent().unwrap_or(cause);
    root(a) == root(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cause_is_its_own_look_alike_in_words_only() {
        for group in GROUPS.iter().chain(others::GROUPS) {
            assert!(!group.leads.is_empty() && !group.others.is_empty());
            for lead in group.leads {
                let kin = group.others.iter().filter(|(one, _)| is_kin(*one, *lead));
                assert!(kin.count() < group.others.len(), "{lead} excludes nothing");
            }
        }
    }
}
