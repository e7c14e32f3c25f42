//! More replicas: how many, and who sets them.

use super::repair::{Pair, both, merge, verb};
use crate::causes::{Case, view};
use crate::object::ObjectRef;

/// Half as many again, at least one more.
fn more(count: i32) -> i32 {
    count.saturating_add((count / 2).max(1))
}

/// More replicas of `workload`. Where an autoscaler sets them, a higher
/// maximum, since it would take others back.
pub(super) fn out(case: &Case<'_>, workload: &ObjectRef) -> Option<Pair> {
    let objects = &case.snapshot.objects;
    let namespace = workload.namespace.as_deref()?;
    let mut scalers = objects.horizontal_pod_autoscalers.in_namespace(namespace);
    let scaler = scalers.find(|scaler| {
        let target = &scaler.spec.scale_target_ref;
        target.kind == workload.kind && target.name == workload.name
    });
    if let Some(scaler) = scaler {
        let object = view::reference("HorizontalPodAutoscaler", scaler);
        return bound(case, &object, "maxReplicas");
    }
    if workload.kind == "DaemonSet" {
        return None;
    }
    let (wanted, _) = view::replicas(objects, workload)?;
    let scale = |count: i32| format!("{} --replicas={count}", verb("scale", workload));
    Some(both(scale(more(wanted)), scale(wanted)))
}

/// A higher `minReplicas` or `maxReplicas` of an autoscaler.
pub(super) fn bound(case: &Case<'_>, object: &ObjectRef, field: &str) -> Option<Pair> {
    let namespace = object.namespace.as_deref()?;
    let scalers = &case.snapshot.objects.horizontal_pod_autoscalers;
    let spec = &scalers.get(namespace, &object.name)?.spec;
    let now = match field {
        "minReplicas" => spec.min_replicas.unwrap_or(1),
        _ => spec.max_replicas,
    };
    let next = match field {
        "minReplicas" => more(now).min(spec.max_replicas),
        _ => more(now),
    };
    let patch = |count: i32| merge(object, &format!(r#"{{"spec":{{"{field}":{count}}}}}"#));
    (next > now).then(|| both(patch(next), patch(now)))
}

#[cfg(test)]
mod tests {
    use super::more;

    #[test]
    fn more_is_half_as_many_again_and_at_least_one() {
        assert_eq!([1, 2, 3, 10].map(more), [2, 3, 4, 15]);
        assert_eq!(more(i32::MAX), i32::MAX);
    }
}
