//! Commands that repair.

use super::place::{self, Place};
use super::{Means, Repair, limits, scale};
use crate::analysis::Action;
use crate::causes::{Case, Finding, component, machine, view};
use crate::evidence::query::{namespace_flag, on_node, operand, shell_word};
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// A command, and the one that takes it back.
pub(super) struct Pair {
    /// What repairs.
    pub(super) command: String,
    /// What takes it back.
    pub(super) back: Back,
}

/// How a repair is taken back.
pub(super) enum Back {
    /// By this command.
    By(String),
    /// By a person, who knows what stood there before.
    ByHand,
    /// Not at all.
    Never,
}

/// The action of `repair`, if its objects were captured and it would change something.
pub(super) fn action(case: &Case<'_>, finding: &Finding, repair: &Repair) -> Option<Action> {
    let Pair { command, back } = pair(case, finding, repair.by)?;
    let (reversible, undo) = match back {
        Back::By(undo) => (true, undo),
        Back::ByHand => (true, String::new()),
        Back::Never => (false, String::new()),
    };
    Some(Action {
        command,
        risk: repair.risk.unwrap_or(finding.cause.risk()),
        reversible,
        undo,
        why: repair.why.to_owned(),
    })
}

fn pair(case: &Case<'_>, finding: &Finding, by: Means) -> Option<Pair> {
    let objects = &case.snapshot.objects;
    let at = |place: Place| place::find(case, finding, place);
    match by {
        Means::Undo => {
            let workload = at(Place::Workload).filter(|one| has_revisions(objects, one))?;
            let command = undo(&workload);
            Some(both(command.clone(), command))
        }
        Means::Edit(place) => Some(edit(&at(place)?)),
        Means::EditApplied => Some(by_hand(verb(
            "apply edit-last-applied",
            &at(Place::Workload)?,
        ))),
        Means::Patch(place, patch, back) => {
            let object = at(place)?;
            Some(both(merge(&object, patch), merge(&object, back)))
        }
        Means::Release => {
            let volume = at(Place::Cited("PersistentVolume"))?;
            let status = objects
                .persistent_volumes
                .get("", &volume.name)?
                .status
                .as_ref()?;
            let released = status.phase.as_deref() == Some("Released");
            released.then(|| once(merge(&volume, r#"{"spec":{"claimRef":null}}"#)))
        }
        Means::Restart(place) => Some(by_hand(verb("rollout restart", &at(place)?))),
        Means::Delete(place) => Some(once(verb("delete", &at(place)?))),
        Means::ForceDelete => {
            let pod = at(Place::Pod)?;
            Some(once(format!(
                "{} --force --grace-period=0",
                verb("delete", &pod)
            )))
        }
        Means::ScaleOut => scale::out(case, &at(Place::Workload)?),
        Means::Bound(field) => scale::bound(case, &finding.object, field),
        Means::Limit(resource) => limits::raise(case, &at(Place::Workload)?, resource),
        Means::AllowExpansion => limits::allow_expansion(case, &at(Place::StorageClass)?),
        Means::Expand => limits::expand(case, &at(Place::Claim)?),
        Means::Cordon
        | Means::Drain
        | Means::OutOfService
        | Means::OnNode(_)
        | Means::RestartRuntime => {
            let node = at(Place::Node).or_else(|| place::control_plane_node(objects))?;
            on_machine(objects, &node, by)
        }
        Means::EndStatic(names, program) => {
            let pods = component::pods(case, names);
            let spec = pods
                .iter()
                .find(|pod| !view::is_well(pod))
                .or(pods.first())?;
            let node = spec.spec.as_ref()?.node_name.as_deref()?;
            Some(by_hand(on_node(node, &format!("sudo pkill -x {program}"))))
        }
        Means::InPart(names, program) => {
            let pod = view::pod_ref(component::pods(case, names).first()?);
            let flag = namespace_flag(&pod);
            Some(once(format!(
                "kubectl exec {}{flag} -- {program}",
                pod.kubectl_name()
            )))
        }
        Means::RunAgain => run_again(objects, &finding.object),
        Means::CreateAccount => {
            let workload = at(Place::Workload)?;
            let account = place::account_name(case, &workload)?;
            let flag = namespace_flag(&workload);
            let made = shell_word(&format!("serviceaccount/{account}")).into_owned();
            Some(both(
                format!("kubectl create serviceaccount{flag} {}", operand(&account)),
                format!("kubectl delete {made}{flag}"),
            ))
        }
        Means::CreateService => create_service(objects, &at(Place::Workload)?),
    }
}

/// What is done to a node.
fn on_machine(objects: &Objects, node: &ObjectRef, by: Means) -> Option<Pair> {
    let name = operand(&node.name);
    let uncordon = format!("kubectl uncordon {name}");
    match by {
        Means::Cordon => Some(both(format!("kubectl cordon {name}"), uncordon)),
        Means::Drain => Some(both(
            format!("kubectl drain --ignore-daemonsets {name}"),
            uncordon,
        )),
        Means::OutOfService => {
            // Of a node that reports, others would take volumes it still writes to.
            let node = objects.nodes.get("", &node.name)?;
            machine::condition(node, "Ready").filter(|ready| ready.status != "True")?;
            let taint = "node.kubernetes.io/out-of-service";
            Some(both(
                format!("kubectl taint nodes {name} {taint}=nodeshutdown:NoExecute"),
                format!("kubectl taint nodes {name} {taint}=nodeshutdown:NoExecute-"),
            ))
        }
        Means::OnNode(program) => Some(by_hand(on_node(&node.name, program))),
        Means::RestartRuntime => {
            let node = objects.nodes.get("", &node.name)?;
            let info = node.status.as_ref()?.node_info.as_ref();
            let version = info.map_or("", |info| info.container_runtime_version.as_str());
            let unit = match version.split(':').next() {
                Some("cri-o") => "crio",
                Some("docker") => "docker",
                _ => "containerd",
            };
            let command = format!("sudo systemctl restart {unit}");
            Some(by_hand(on_node(view::name_of(node), &command)))
        }
        _ => None,
    }
}

/// Runs a Job again: its `CronJob` can, else whoever declared it must.
fn run_again(objects: &Objects, object: &ObjectRef) -> Option<Pair> {
    let cron = view::root_of(objects, object);
    let flag = namespace_flag(object);
    if cron.kind == "CronJob" && objects.contains(&cron) {
        let job = operand(&cron.name);
        return Some(once(format!(
            "kubectl create job{flag} --from={} {job}",
            shell_word(&format!("cronjob/{}", cron.name))
        )));
    }
    let is_job = object.kind == "Job" && objects.contains(object);
    is_job.then(|| once(verb("delete", object)))
}

fn create_service(objects: &Objects, set: &ObjectRef) -> Option<Pair> {
    let namespace = set.namespace.as_deref()?;
    let spec = &objects.stateful_sets.get(namespace, &set.name)?.spec;
    let service = spec.service_name.as_deref()?;
    let flag = namespace_flag(set);
    let made = shell_word(&format!("service/{service}")).into_owned();
    Some(both(
        format!(
            "kubectl create service clusterip{flag} --clusterip=None {}",
            operand(service)
        ),
        format!("kubectl delete {made}{flag}"),
    ))
}

/// Whether the workload has a revision to go back to.
fn has_revisions(objects: &Objects, workload: &ObjectRef) -> bool {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let name = workload.name.as_str();
    let changed = |generation: Option<i64>| generation.is_some_and(|number| number > 1);
    match workload.kind.as_str() {
        "Deployment" => {
            let sets = objects.replica_sets.in_namespace(namespace);
            let own = sets.filter(|set| {
                let mut owners = set.metadata.owner_references.iter().flatten();
                owners.any(|owner| owner.kind == "Deployment" && owner.name == name)
            });
            own.count() > 1
        }
        "StatefulSet" => objects
            .stateful_sets
            .get(namespace, name)
            .is_some_and(|set| {
                let status = set.status.as_ref();
                status.is_some_and(|status| {
                    status.update_revision.is_some()
                        && status.current_revision != status.update_revision
                })
            }),
        "DaemonSet" => objects
            .daemon_sets
            .get(namespace, name)
            .is_some_and(|set| changed(set.metadata.generation)),
        _ => false,
    }
}

fn undo(workload: &ObjectRef) -> String {
    verb("rollout undo", workload)
}

/// An editor; what a workload was before is its last revision.
fn edit(object: &ObjectRef) -> Pair {
    let command = verb("edit", object);
    match object.kind.as_str() {
        "Deployment" | "StatefulSet" | "DaemonSet" => both(command, undo(object)),
        _ => by_hand(command),
    }
}

/// A merge patch, which custom resources take too.
pub(super) fn merge(object: &ObjectRef, patch: &str) -> String {
    format!(
        "{} --type=merge -p {}",
        verb("patch", object),
        shell_word(patch)
    )
}

/// `kubectl VERB KIND/NAME -n NAMESPACE`.
pub(super) fn verb(verb: &str, object: &ObjectRef) -> String {
    format!(
        "kubectl {verb} {}{}",
        object.kubectl_name(),
        namespace_flag(object)
    )
}

/// A command and the one that takes it back.
pub(super) fn both(command: String, undo: String) -> Pair {
    Pair {
        command,
        back: Back::By(undo),
    }
}

/// A command that a person can take back.
pub(super) fn by_hand(command: String) -> Pair {
    Pair {
        command,
        back: Back::ByHand,
    }
}

/// A command that nothing takes back.
pub(super) fn once(command: String) -> Pair {
    Pair {
        command,
        back: Back::Never,
    }
}
