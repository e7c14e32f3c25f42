//! Storage.

use Place::{Cited, Claim, Own, Workload};

use super::{
    DESCRIBE_POD, Look, Means, OWN, POD_LOGS, PODS, Place, Remedy, Repair, Sight, look, remedy,
    repair,
};
use crate::causes::Cause as C;

const CLAIM: &[Look] = &[
    look(
        Sight::Describe(Claim),
        "shows its size, class, conditions and events",
    ),
    look(
        Sight::Fixed("kubectl get persistentvolume"),
        "shows the volumes and which claim each one serves",
    ),
];

const DISK: &[Look] = &[
    look(
        Sight::OnNode("sudo dmesg -T --level=err,warn"),
        "shows what the kernel says of its disks",
    ),
    look(Sight::NodePods, "shows which pods write on this node"),
];

const NEW_CLAIM: &[Repair] = &[repair(
    Means::Delete(Claim),
    "makes room for a claim with the right values; this one is unbound and holds no data",
)];

const EXPAND: &[Repair] = &[
    repair(
        Means::Expand,
        "lets the claim grow by half, and its inodes with it; a claim never shrinks again",
    ),
    repair(Means::Edit(Workload), "has it keep less on the volume"),
];

pub(super) fn of(cause: C) -> Remedy {
    match cause {
        C::StorageClassMissing
        | C::PvcSelectorMismatch
        | C::PvcStorageClassMismatch
        | C::PvcCapacityMismatch
        | C::PvcAccessModeMismatch => remedy(CLAIM, NEW_CLAIM),
        C::PvNoMatch | C::PvAlreadyBound => remedy(
            CLAIM,
            const {
                &[
                    repair(
                        Means::Release,
                        "lets another claim take the volume, once nobody needs the earlier claim's data",
                    ),
                    repair(
                        Means::Delete(Claim),
                        "makes room for a claim that names another volume; this one is unbound",
                    ),
                ]
            },
        ),
        C::ProvisionerDown => remedy(
            CLAIM,
            const {
                &[repair(
                    Means::Restart(Workload),
                    "restarts the provisioner; waiting claims are then served",
                )]
            },
        ),
        C::MultiAttach => remedy(
            const { &[DESCRIBE_POD, PODS] },
            const {
                &[repair(
                    Means::OutOfService,
                    "has the volume let go by a node that is surely off; with the node alive, two would write to it",
                )]
            },
        ),
        C::VolumeFilling | C::Inodes => remedy(CLAIM, EXPAND),
        C::ResizeStuck => remedy(
            CLAIM,
            const {
                &[
                    repair(
                        Means::Restart(Workload),
                        "has the file system grow when the pod mounts it again",
                    ),
                    repair(
                        Means::AllowExpansion,
                        "lets claims of this class grow, where its driver can",
                    ),
                ]
            },
        ),
        C::NetworkFsHung => remedy(
            DISK,
            const {
                &[
                    repair(
                        Means::Cordon,
                        "keeps new pods off the node while its mounts hang",
                    ),
                    repair(
                        Means::OnNode("sudo systemctl reboot"),
                        "frees mounts that hang, once the file server answers again",
                    ),
                ]
            },
        ),
        C::CephLonghornDegraded => remedy(
            const { &[OWN, PODS] },
            const {
                &[
                    repair(
                        Means::Restart(Cited("Deployment")),
                        "restarts the part that is down, so that its data is rebuilt",
                    ),
                    repair(
                        Means::Edit(Own),
                        "adds a disk or a replica, so that the data is rebuilt elsewhere",
                    ),
                ]
            },
        ),
        C::DiskIoSaturated => remedy(
            DISK,
            const {
                &[
                    repair(
                        Means::Cordon,
                        "keeps more writers off the node while the busiest one is found",
                    ),
                    repair(
                        Means::Edit(Workload),
                        "limits what writes most, or moves it to another node",
                    ),
                ]
            },
        ),
        C::DiskFailing => remedy(
            DISK,
            const {
                &[
                    repair(
                        Means::Cordon,
                        "keeps new pods off the node until the disk is replaced",
                    ),
                    repair(
                        Means::Drain,
                        "moves its pods away before the disk fails whole",
                    ),
                ]
            },
        ),
        C::SnapshotOrBackupFailed => remedy(
            const { &[OWN, POD_LOGS] },
            const {
                &[
                    repair(
                        Means::RunAgain,
                        "takes the backup again, once what stopped it is repaired",
                    ),
                    repair(
                        Means::Delete(Cited("VolumeSnapshot")),
                        "makes room for a new one; this one never became ready",
                    ),
                    repair(
                        Means::Delete(Cited("Backup")),
                        "makes room for a new one; this one failed",
                    ),
                ]
            },
        ),
        _ => remedy(CLAIM, &[]),
    }
}
