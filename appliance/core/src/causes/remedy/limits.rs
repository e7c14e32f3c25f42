//! Larger limits and larger claims: of which container, and how large.

use k8s_openapi::api::core::v1::{Container, ContainerStatus};

use super::repair::{Pair, both, once};
use crate::causes::{Case, quantity, view};
use crate::evidence::query::{namespace_flag, shell_word};
use crate::object::ObjectRef;

const MIB: f64 = 1024.0 * 1024.0;
const GIB: f64 = 1024.0 * MIB;

/// Raises the limit of the container that ran into it.
pub(super) fn raise(case: &Case<'_>, workload: &ObjectRef, resource: &str) -> Option<Pair> {
    let objects = &case.snapshot.objects;
    let template = view::template_of(objects, workload)?;
    let limited = |container: &&Container| limit_of(container, resource).is_some();
    let hit = killed(case, workload);
    let hit = hit.and_then(|name| template.containers.iter().find(|one| one.name == name));
    let container = hit
        .filter(limited)
        .or_else(|| template.containers.iter().find(limited))?;
    let old = limit_of(container, resource)?;
    let new = larger(resource, quantity::parse(old)?);
    let set = |limit: &str| {
        format!(
            "kubectl set resources {}{} -c {} {}",
            workload.kubectl_name(),
            namespace_flag(workload),
            shell_word(&container.name),
            shell_word(&format!("--limits={resource}={limit}"))
        )
    };
    Some(both(set(&new), set(old)))
}

fn limit_of<'a>(container: &'a Container, resource: &str) -> Option<&'a str> {
    let limits = container.resources.as_ref()?.limits.as_ref()?;
    limits.get(resource).map(|limit| limit.0.as_str())
}

/// The container of the workload that was last killed for its memory.
fn killed(case: &Case<'_>, workload: &ObjectRef) -> Option<String> {
    let pods = view::pods_of(&case.snapshot.objects, workload);
    let mut statuses = pods.iter().flat_map(|pod| view::container_statuses(pod));
    let was_killed = |status: &ContainerStatus| {
        let ends = [&status.last_state, &status.state];
        let mut ends = ends
            .into_iter()
            .flatten()
            .filter_map(|state| state.terminated.as_ref());
        ends.any(|end| end.reason.as_deref() == Some("OOMKilled"))
    };
    let status = statuses.find(|status| was_killed(status))?;
    Some(status.name.clone())
}

/// Half as much again of memory and disk, twice as much CPU, in whole units.
fn larger(resource: &str, limit: f64) -> String {
    if resource == "cpu" {
        return format!("{}m", (limit * 2.0 * 1000.0).ceil());
    }
    format!("{}Mi", (limit * 1.5 / MIB).ceil())
}

/// Half as much again for a claim whose class lets it grow. Claims never shrink.
pub(super) fn expand(case: &Case<'_>, claim: &ObjectRef) -> Option<Pair> {
    let objects = &case.snapshot.objects;
    let namespace = claim.namespace.as_deref()?;
    let spec = objects
        .persistent_volume_claims
        .get(namespace, &claim.name)?;
    let spec = spec.spec.as_ref()?;
    let class = objects
        .storage_classes
        .get("", spec.storage_class_name.as_deref()?)?;
    if class.allow_volume_expansion != Some(true) {
        return None;
    }
    let requests = spec.resources.as_ref()?.requests.as_ref()?;
    let now = quantity::value(requests.get("storage")?);
    let new = (now * 1.5 / GIB).ceil();
    let patch = format!(r#"{{"spec":{{"resources":{{"requests":{{"storage":"{new}Gi"}}}}}}}}"#);
    Some(once(super::repair::merge(claim, &patch)))
}

/// Lets the claims of a class grow, where they may not.
pub(super) fn allow_expansion(case: &Case<'_>, class: &ObjectRef) -> Option<Pair> {
    let found = case.snapshot.objects.storage_classes.get("", &class.name)?;
    let patch = |allowed: bool| {
        super::repair::merge(class, &format!(r#"{{"allowVolumeExpansion":{allowed}}}"#))
    };
    (found.allow_volume_expansion != Some(true)).then(|| both(patch(true), patch(false)))
}

#[cfg(test)]
mod tests {
    use super::larger;

    #[test]
    fn a_larger_limit_is_in_whole_units() {
        assert_eq!(larger("memory", 256.0 * 1024.0 * 1024.0), "384Mi");
        assert_eq!(larger("memory", 1e6), "2Mi");
        assert_eq!(larger("cpu", 0.25), "500m");
    }
}
