//! Autoscaling.

use Place::{Own, Part, Workload};

use super::{Look, Means, OWN, Place, Remedy, Sight, look, remedy, repair};
use crate::causes::Cause as C;

const FIRST: &[Look] = &[OWN, look(Sight::Top, "shows what the pods use now")];

pub(super) fn of(cause: C) -> Remedy {
    match cause {
        C::HpaNoMetrics => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Edit(Workload),
                        "adds the requests that the autoscaler measures against",
                    ),
                    repair(
                        Means::Restart(Part(&["metrics-server"])),
                        "restarts the server of the metrics API",
                    ),
                    repair(Means::Edit(Own), "names a metric that exists"),
                ]
            },
        ),
        C::HpaMaxed => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Bound("maxReplicas"),
                    "raises the maximum by half, if more replicas help and the nodes have room",
                )]
            },
        ),
        C::HpaScaleLag => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Bound("minReplicas"),
                        "keeps more replicas in reserve",
                    ),
                    repair(
                        Means::Edit(Own),
                        "has it scale up earlier or in larger steps",
                    ),
                ]
            },
        ),
        C::HpaTargetMissing => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Own),
                    "names the workload that exists in scaleTargetRef",
                )]
            },
        ),
        C::HpaThrash => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Patch(
                        Own,
                        r#"{"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":600}}}}"#,
                        r#"{"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":null}}}}"#,
                    ),
                    "has it wait ten minutes before it takes replicas away",
                )]
            },
        ),
        C::HpaVsManifest => remedy(
            FIRST,
            const {
                &[repair(
                    Means::EditApplied,
                    "drops replicas from what was applied; drop it from the manifest as well",
                )]
            },
        ),
        C::KedaScalerFail => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Own),
                    "corrects the trigger, or the credentials it names",
                )]
            },
        ),
        C::VpaEvictions => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Patch(
                        Own,
                        r#"{"spec":{"updatePolicy":{"updateMode":"Initial"}}}"#,
                        r#"{"spec":{"updatePolicy":{"updateMode":"Auto"}}}"#,
                    ),
                    "has it set requests only when pods are made, and evict none",
                )]
            },
        ),
        _ => remedy(FIRST, &[]),
    }
}
