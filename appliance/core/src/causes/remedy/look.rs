//! Commands that only look.

use super::place::{self, Place};
use super::{Look, Sight};
use crate::analysis::NextCheck;
use crate::causes::{Case, Finding};
use crate::evidence::get_query;
use crate::evidence::query::{
    describe_query, history_query, namespace_flag, on_node, pods_on_node,
};

/// What an engineer sees first, if nothing better is known: the object itself.
pub(super) fn first(finding: &Finding) -> NextCheck {
    NextCheck {
        command: get_query(&finding.object),
        why: finding.cause.first_look().to_owned(),
    }
}

/// The check of `look`, if its object was captured.
pub(super) fn check(case: &Case<'_>, finding: &Finding, look: &Look) -> Option<NextCheck> {
    let at = |place: Place| place::find(case, finding, place);
    let command = match look.at {
        Sight::Describe(place) => describe_query(&at(place)?),
        Sight::Logs(place) => {
            let object = at(place)?;
            format!(
                "kubectl logs {}{} --all-containers --tail=50",
                object.kubectl_name(),
                namespace_flag(&object)
            )
        }
        Sight::History => history_query(&at(Place::Workload)?),
        Sight::Pods => format!("kubectl get pods{} -o wide", scope(case, finding)),
        Sight::NodePods => pods_on_node(&at(Place::Node)?.name),
        Sight::Top => format!("kubectl top pods{} --containers", scope(case, finding)),
        Sight::List(kind) => format!("kubectl get {kind}{}", scope(case, finding)),
        Sight::OnNode(program) => {
            let node =
                at(Place::Node).or_else(|| place::control_plane_node(&case.snapshot.objects));
            on_node(&node?.name, program)
        }
        Sight::Fixed(command) => command.to_owned(),
    };
    Some(NextCheck {
        command,
        why: look.why.to_owned(),
    })
}

/// The finding's namespace, else that of the alert, else all.
fn scope(case: &Case<'_>, finding: &Finding) -> String {
    let subjects = case.subjects.iter();
    std::iter::once(&finding.object)
        .chain(subjects)
        .map(namespace_flag)
        .find(|flag| !flag.is_empty())
        .unwrap_or_else(|| " -A".to_owned())
}
