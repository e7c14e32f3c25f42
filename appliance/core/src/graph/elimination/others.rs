//! Look-alikes of what goes wrong while everything runs: slow and failing
//! programs, machines, the control plane, controllers and monitoring.
//!
//! The questions are those an engineer asks first of anything: does the
//! machine report, does the cluster place and control, did anything restart,
//! does the name resolve, is something ready behind the Service.

use super::evidence::{another_reason, kubelet_reports, names_resolve, no_policy, scheduled};
use super::health::{
    all_ready, apis_available, claim_bound, disk_has_room, has_no_quota, manager_works,
    memory_has_room, nodes_ready, not_paused, not_restarted, observed, scheduler_works, serves,
    some_wanted,
};
use super::{C, Group};

pub(super) const GROUPS: &[Group] = &[
    // A pod that runs and takes no traffic.
    Group {
        leads: &[
            C::ReadinessFailing,
            C::ReadinessProbeWrongPort,
            C::ReadinessProbeWrongProtocol,
        ],
        others: &[
            (C::OomOwnLimit, not_restarted),
            (C::LivenessKill, not_restarted),
            (C::ScaledToZero, some_wanted),
            (C::SchedulerDown, scheduled),
        ],
    },
    // What the other side answered in words: it is there, and reachable.
    Group {
        leads: &[
            C::ConnectionPoolExhausted,
            C::DatabaseReadOnly,
            C::DatabaseLockOrSlowQuery,
            C::BadCredentials,
            C::CacheFullOrEvicting,
            C::MessageBrokerPartition,
            C::UpstreamRateLimited,
            C::AppRbac403,
            C::AppCertExpired,
        ],
        others: &[
            (C::DependencyRefused, another_reason),
            (C::DependencyTimeout, another_reason),
            (C::CorednsDownOrOverloaded, names_resolve),
        ],
    },
    // Slow, or too much to do.
    Group {
        leads: &[
            C::TrafficSurge,
            C::TrafficDrop,
            C::LatencyRegressionRollout,
            C::ConfigChangeRegression,
            C::CodeDefect,
            C::MemoryLeak,
            C::NoisyNeighbour,
            C::QueueBacklog,
            C::CacheFullOrEvicting,
            C::MessageBrokerPartition,
            C::OutsideVisibility,
        ],
        others: &[
            (C::OomOwnLimit, not_restarted),
            (C::CrashAppException, not_restarted),
            (C::ReadinessFailing, all_ready),
            (C::NoReadyEndpoints, serves),
            (C::NodeUnreachable, nodes_ready),
            (C::CorednsDownOrOverloaded, names_resolve),
        ],
    },
    // Used up on the machine or by the program.
    Group {
        leads: &[
            C::UlimitFdInotify,
            C::ShmOrTmpExhausted,
            C::EphemeralPorts,
            C::EphemeralLimit,
            C::EvictedPressure,
            C::NodeOomVictim,
        ],
        others: &[
            (C::OomOwnLimit, another_reason),
            (C::NodeUnreachable, nodes_ready),
            (C::SchedulerDown, scheduler_works),
        ],
    },
    Group {
        leads: &[
            C::InitFailedOrHung,
            C::MountVolumeFailed,
            C::LifecycleHookFailed,
            C::StuckTerminating,
        ],
        others: &[
            (C::SchedulerDown, scheduled),
            (C::ImageNotFound, another_reason),
            (C::NodeUnreachable, nodes_ready),
        ],
    },
    // Controllers, and what they make.
    Group {
        leads: &[
            C::RolloutStuck,
            C::RolloutPaused,
            C::GenerationMismatch,
            C::StatefulSetBlocked,
            C::StatefulSetServiceMissing,
            C::DaemonSetNotScheduledMisscheduled,
            C::PdbBlocks,
            C::HelmStuck,
            C::GitopsDrift,
            C::CrdOrOperatorBroken,
            C::OwnerGc,
        ],
        others: &[
            (C::ScaledToZero, some_wanted),
            (C::RolloutPaused, not_paused),
            (C::GenerationMismatch, observed),
            (C::SchedulerDown, scheduler_works),
            (C::ControllerManagerDown, manager_works),
            (C::NodeUnreachable, nodes_ready),
        ],
    },
    Group {
        leads: &[
            C::JobFailedBackoff,
            C::JobDeadlineOrHung,
            C::CronjobNotRunning,
        ],
        others: &[
            (C::QuotaExceeded, has_no_quota),
            (C::SchedulerDown, scheduler_works),
            (C::ControllerManagerDown, manager_works),
        ],
    },
    // A pod that nobody places.
    Group {
        leads: &[
            C::SchedulingGated,
            C::CustomSchedulerMissing,
            C::NodeNameUnknown,
            C::MaxVolumesPerNode,
            C::Preempted,
            C::PvcUnbound,
        ],
        others: &[
            (C::SchedulerDown, scheduler_works),
            (C::InsufficientResources, another_reason),
            (C::NodeUnreachable, nodes_ready),
        ],
    },
    // Autoscalers.
    Group {
        leads: &[
            C::HpaMaxed,
            C::HpaThrash,
            C::HpaVsManifest,
            C::HpaScaleLag,
            C::HpaTargetMissing,
            C::HpaNoMetrics,
            C::KedaScalerFail,
            C::VpaEvictions,
        ],
        others: &[
            (C::AggregatedApiDown, apis_available),
            (C::ControllerManagerDown, manager_works),
            (C::OomOwnLimit, not_restarted),
        ],
    },
    // The way to a Service.
    Group {
        leads: &[
            C::ServiceProtocolMismatch,
            C::ExternalnameOrHeadlessMisuse,
            C::GatewayHttproute,
            C::GatewayMisroute,
            C::IngressMisroute,
            C::LoadBalancerIpPool,
            C::LoadBalancerBgpL2,
            C::MeshAuthzMtls,
            C::HairpinOrSameNodeOnly,
            C::TlsSecretOrExpired,
        ],
        others: &[
            (C::NoReadyEndpoints, serves),
            (C::NetworkPolicyIngress, no_policy),
            (C::CorednsDownOrOverloaded, names_resolve),
            (C::NodeUnreachable, nodes_ready),
        ],
    },
    Group {
        leads: &[C::CorednsDownOrOverloaded],
        others: &[
            (C::NodeUnreachable, nodes_ready),
            (C::KubeProxyDown, another_reason),
            (C::DnsNameWrong, another_reason),
        ],
    },
    // A Service that was never made: the API server says why.
    Group {
        leads: &[C::ServiceQuotaExceeded],
        others: &[
            (C::AdmissionDenied, another_reason),
            (C::AdmissionWebhookDown, another_reason),
        ],
    },
    // A claim that is not bound: its pod waits, and nobody else is to blame.
    Group {
        leads: &[
            C::StorageClassMissing,
            C::StorageQuotaExceeded,
            C::ProvisionerDown,
            C::PvNoMatch,
            C::PvAlreadyBound,
            C::PvcSelectorMismatch,
            C::PvcStorageClassMismatch,
            C::PvcCapacityMismatch,
            C::PvcAccessModeMismatch,
        ],
        others: &[
            (C::SchedulerDown, scheduler_works),
            (C::NodeUnreachable, nodes_ready),
        ],
    },
    // Volumes that are bound.
    Group {
        leads: &[
            C::VolumeFilling,
            C::DiskFullVolume,
            C::Inodes,
            C::ResizeStuck,
            C::MultiAttach,
            C::NetworkFsHung,
        ],
        others: &[
            (C::PvcUnbound, claim_bound),
            (C::ProvisionerDown, claim_bound),
        ],
    },
    Group {
        leads: &[C::CephLonghornDegraded, C::SnapshotOrBackupFailed],
        others: &[
            (C::NodeUnreachable, nodes_ready),
            (C::SchedulerDown, scheduler_works),
        ],
    },
    // A machine that reports.
    Group {
        leads: &[
            C::NicFlapping,
            C::PacketLossOrDelay,
            C::NodeNetworkDelay,
            C::NodeNetworkLoss,
            C::ConntrackFull,
            C::MtuMismatch,
            C::ClockSkew,
            C::KubeletCert,
            C::HardwareEccThermal,
            C::GpuFault,
            C::RebootOrKernelPanic,
            C::NodeFlapping,
            C::ImageGarbageCollection,
            C::CordonForgotten,
            C::KernelParamModule,
            C::DiskFailing,
            C::DiskIoSaturated,
            C::Inodes,
            C::KubeProxyDown,
            C::KubeProxyNodeLocal,
            C::NodeOomVictim,
        ],
        others: &[
            (C::NodeUnreachable, kubelet_reports),
            (C::MemoryPressure, memory_has_room),
            (C::DiskPressure, disk_has_room),
        ],
    },
    // The control plane.
    Group {
        leads: &[
            C::ApiServerSloBurn,
            C::ApiServerThrottling,
            C::EtcdSlowDisk,
            C::EtcdNoQuorumLeader,
            C::EtcdNoSpace,
            C::SchedulerDown,
            C::ControllerManagerDown,
            C::CertExpiring,
            C::AggregatedApiDown,
            C::WebhookSlow,
            C::VersionSkew,
            C::ObjectFlood,
        ],
        others: &[
            (C::VipOrLoadBalancerDown, nodes_ready),
            (C::SchedulerDown, scheduler_works),
            (C::ControllerManagerDown, manager_works),
            (C::AggregatedApiDown, apis_available),
        ],
    },
    Group {
        leads: &[C::VipOrLoadBalancerDown],
        others: &[
            (C::NodeUnreachable, another_reason),
            (C::SchedulerDown, scheduler_works),
        ],
    },
    // Monitoring itself.
    Group {
        leads: &[
            C::ScrapeTargetDown,
            C::PrometheusSick,
            C::AlertmanagerDelivery,
            C::KubeStateMetricsOrExporterMissing,
            C::BadAlertRule,
            C::WatchdogAbsent,
        ],
        others: &[
            (C::NodeUnreachable, nodes_ready),
            (C::CorednsDownOrOverloaded, names_resolve),
            (C::NetworkPolicyIngress, no_policy),
        ],
    },
];
