//! Image and start-up.

use Place::{Account, Quota, Workload};

use super::{
    DESCRIBE_POD, HISTORY, Look, Means, NETWORK, Place, ROLL_BACK, Remedy, Repair, Sight, look,
    remedy, repair,
};
use crate::analysis::Risk;
use crate::causes::Cause as C;

const FIRST: &[Look] = &[DESCRIBE_POD, HISTORY];

const QUOTA_LOOKS: &[Look] = &[
    look(
        Sight::List("resourcequota"),
        "shows what is used of each quota",
    ),
    look(Sight::Top, "shows what the namespace's pods really use"),
];

const QUOTA: &[Repair] = &[repair(
    Means::Edit(Quota),
    "raises the quota, once it is agreed that the namespace may use more",
)];

const OBJECTS: &[Repair] = &[
    repair(
        Means::Undo,
        "goes back to a template that names what exists",
    ),
    repair(
        Means::Edit(Workload),
        "names an object and a key that exist",
    ),
];

pub(super) fn of(cause: C) -> Remedy {
    match cause {
        C::ImageNotFound | C::ImageNameInvalid => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Undo,
                        "returns to the previous revision and its image",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "corrects the image's name, tag or pull policy",
                    ),
                ]
            },
        ),
        C::ImagePullAuth => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Edit(Account),
                        "attaches a pull secret to the account its pods run as",
                    ),
                    repair(Means::Undo, "returns to an image that could be pulled"),
                ]
            },
        ),
        C::RegistryUnreachable | C::RegistryRateLimited => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "pulls from a mirror that answers, until the registry does again",
                )]
            },
        ),
        C::ImagePlatformMismatch => remedy(
            FIRST,
            const {
                &[
                    repair(Means::Undo, "returns to an image that ran on these nodes"),
                    repair(
                        Means::Edit(Workload),
                        "names an image for this architecture, or selects nodes of the other",
                    ),
                ]
            },
        ),
        C::ConfigKeyMissing => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Edit(Place::Cited("ConfigMap")),
                        "adds the key that the container asks for",
                    ),
                    repair(
                        Means::Undo,
                        "goes back to a template that asks for keys that exist",
                    ),
                    repair(Means::Edit(Workload), "asks for a key that exists"),
                ]
            },
        ),
        C::ConfigObjectMissing | C::SecretMissing | C::ConfigMapMissing | C::MountObjectMissing => {
            remedy(FIRST, OBJECTS)
        }
        C::MountVolumeFailed => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Delete(Place::Pod),
                    "has the pod made anew, so that the mount is tried again once the volume's server answers",
                )]
            },
        ),
        C::PodSandboxNetwork => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Delete(Place::PartOnNode(NETWORK)),
                        "restarts the network plugin on that node; an empty address pool must be enlarged instead",
                    ),
                    repair(
                        Means::Restart(Place::Part(NETWORK)),
                        "restarts the network plugin node by node",
                    ),
                    repair(
                        Means::Cordon,
                        "keeps new pods off the node until its network plugin works",
                    ),
                ]
            },
        ),
        C::PodSecurityViolation => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "gives the pods a securityContext that the namespace's standard admits",
                )
                .at_risk(Risk::Low)]
            },
        ),
        C::AdmissionWebhookDown => remedy(
            FIRST,
            const {
                &[
                    repair(Means::Restart(Workload), "restarts what serves the webhook")
                        .at_risk(Risk::Medium),
                    repair(
                        Means::Edit(Place::Webhook),
                        "sets failurePolicy to Ignore, only until its backend answers again",
                    ),
                ]
            },
        ),
        C::AdmissionDenied => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Edit(Workload),
                        "changes the manifest so that it meets the policy",
                    ),
                    repair(
                        Means::Undo,
                        "goes back to a template that the policy admitted",
                    ),
                ]
            },
        ),
        C::MissingServiceAccount => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::CreateAccount,
                        "makes the account; the roles it needs must be bound as well",
                    ),
                    repair(Means::Undo, "goes back to a template whose account exists"),
                ]
            },
        ),
        C::QuotaExceeded
        | C::CpuQuotaExceeded
        | C::MemoryQuotaExceeded
        | C::PodQuotaExceeded
        | C::ServiceQuotaExceeded
        | C::StorageQuotaExceeded => remedy(QUOTA_LOOKS, QUOTA),
        C::QuotaNeedsLimits => remedy(
            QUOTA_LOOKS,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "declares the requests and limits that the quota counts",
                )]
            },
        ),
        C::LimitRangeViolation => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Workload),
                    "brings requests and limits within the LimitRange",
                )]
            },
        ),
        _ => remedy(FIRST, &ROLL_BACK),
    }
}
