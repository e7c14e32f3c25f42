//! Rollouts and controllers.

use Place::{Own, Workload};

use super::{
    DESCRIBE_POD, HISTORY, Look, Means, OWN, PODS, Place, ROLL_BACK, Remedy, Repair, Sight, look,
    remedy, repair,
};
use crate::causes::Cause as C;

const FIRST: &[Look] = &[OWN, PODS];

const MANAGER: &[&str] = &["kube-controller-manager"];

const TAKE_BACK: &str = "takes the edit back; what is to stay is written in the repository";

/// Flux reconciles an object of that kind when this annotation changes.
const fn flux(kind: &'static str) -> Repair {
    repair(
        Means::Patch(
            Place::Cited(kind),
            r#"{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":"now"}}}"#,
            r#"{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":null}}}"#,
        ),
        "has Flux apply again, once the commit is reverted in the repository",
    )
}

pub(super) fn of(cause: C) -> Remedy {
    match cause {
        C::RolloutStuck => remedy(const { &[DESCRIBE_POD, HISTORY] }, &ROLL_BACK),
        C::GenerationMismatch => remedy(
            const {
                &[
                    look(
                        Sight::Fixed("kubectl get leases -n kube-system -o yaml"),
                        "shows who leads and when it last said so",
                    ),
                    OWN,
                ]
            },
            const {
                &[
                    repair(
                        Means::EndStatic(MANAGER, "kube-controller"),
                        "has its kubelet start the controller manager anew",
                    ),
                    repair(
                        Means::OnNode("sudo systemctl restart kubelet"),
                        "has the kubelet start its static pods, the controller manager among them",
                    ),
                ]
            },
        ),
        C::ScaledToZero => remedy(
            FIRST,
            const { &[repair(Means::Edit(Own), "restores the number of replicas")] },
        ),
        C::StatefulSetBlocked => remedy(
            const { &[DESCRIBE_POD, HISTORY] },
            const {
                &[
                    repair(Means::Undo, "goes back to the template that ran"),
                    repair(
                        Means::Delete(Place::Pod),
                        "has the broken pod made anew from the corrected template",
                    ),
                ]
            },
        ),
        C::StatefulSetServiceMissing => remedy(
            const {
                &[
                    look(
                        Sight::List("services"),
                        "shows whether one of a similar name exists",
                    ),
                    OWN,
                ]
            },
            const {
                &[repair(
                    Means::CreateService,
                    "makes the headless Service; give it the selector of the pods and their ports",
                )]
            },
        ),
        C::DaemonSetNotScheduledMisscheduled => remedy(
            FIRST,
            const {
                &[repair(
                    Means::Edit(Own),
                    "adds the toleration, or corrects the selector",
                )]
            },
        ),
        C::PdbBlocks => remedy(
            FIRST,
            const {
                &[
                    repair(Means::ScaleOut, "adds a replica, so that one may go"),
                    repair(Means::Edit(Own), "loosens the budget"),
                ]
            },
        ),
        C::GitopsDrift => remedy(
            FIRST,
            const {
                &[
                    repair(
                        Means::Patch(
                            Place::Cited("Application"),
                            r#"{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"hard"}}}"#,
                            r#"{"metadata":{"annotations":{"argocd.argoproj.io/refresh":null}}}"#,
                        ),
                        "has Argo CD compare again, once the commit is reverted in the repository",
                    ),
                    flux("Kustomization"),
                    flux("HelmRelease"),
                    repair(Means::Undo, TAKE_BACK),
                    repair(Means::Edit(Own), TAKE_BACK),
                ]
            },
        ),
        C::CrdOrOperatorBroken => remedy(
            FIRST,
            const { &[repair(Means::Restart(Workload), "restarts the operator")] },
        ),
        _ => remedy(FIRST, &[]),
    }
}
