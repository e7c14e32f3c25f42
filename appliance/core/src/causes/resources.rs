//! What a pod asks for, as the scheduler and quotas count it.
//!
//! # Source
//! Kubernetes, "Resource Management for Pods and Containers": the larger of
//! the containers' sum and any init container, plus sidecars and overhead.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::quantity::value;

/// Resource name to amount in base units.
pub(crate) type Amounts = BTreeMap<String, f64>;

type Quantities = BTreeMap<String, Quantity>;

/// What the scheduler reserves for a pod of `spec`; a limit without a request counts as one.
pub(crate) fn requests(spec: &PodSpec) -> Amounts {
    effective(spec, |resources| {
        let limits = resources.limits.clone().unwrap_or_default();
        let mut wanted = limits;
        wanted.extend(resources.requests.clone().unwrap_or_default());
        wanted
    })
}

/// The limits a quota counts for a pod of `spec`.
pub(crate) fn limits(spec: &PodSpec) -> Amounts {
    effective(spec, |resources| {
        resources.limits.clone().unwrap_or_default()
    })
}

fn effective(spec: &PodSpec, of: impl Fn(&ResourceRequirements) -> Quantities) -> Amounts {
    let amounts = |container: &Container| -> Amounts {
        container
            .resources
            .as_ref()
            .map(|resources| numbers(&of(resources)))
            .unwrap_or_default()
    };
    let mut total = Amounts::new();
    for container in &spec.containers {
        add(&mut total, &amounts(container));
    }
    let mut sidecars = Amounts::new();
    let mut peak = Amounts::new();
    for container in spec.init_containers.iter().flatten() {
        let own = amounts(container);
        if container.restart_policy.as_deref() == Some("Always") {
            add(&mut sidecars, &own);
            raise(&mut peak, &sidecars);
        } else {
            let mut here = sidecars.clone();
            add(&mut here, &own);
            raise(&mut peak, &here);
        }
    }
    add(&mut total, &sidecars);
    raise(&mut total, &peak);
    if let Some(whole) = &spec.resources {
        total.extend(numbers(&of(whole)));
    }
    if let Some(overhead) = &spec.overhead {
        add(&mut total, &numbers(overhead));
    }
    total
}

/// Quantities as numbers.
pub(crate) fn numbers(quantities: &Quantities) -> Amounts {
    quantities
        .iter()
        .map(|(name, quantity)| (name.clone(), value(quantity)))
        .collect()
}

/// Adds `more` to `total`.
pub(crate) fn add(total: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        *total.entry(name.clone()).or_insert(0.0) += amount;
    }
}

fn raise(total: &mut Amounts, floor: &Amounts) {
    for (name, amount) in floor {
        let known = total.entry(name.clone()).or_insert(0.0);
        *known = known.max(*amount);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(spec: Value, cpu: f64) {
        let spec: PodSpec = serde_json::from_value(spec).unwrap_or_default();
        let asked = requests(&spec).get("cpu").copied().unwrap_or(0.0);
        assert!((asked - cpu).abs() < 1e-9, "{asked} is not {cpu}");
    }

    fn container(cpu: &str) -> Value {
        json!({"name": "c", "resources": {"requests": {"cpu": cpu}}})
    }

    #[test]
    fn containers_add_up_and_limits_stand_in_for_requests() {
        let limited = json!({"name": "d", "resources": {"limits": {"cpu": "1"}}});
        check(json!({"containers": [container("250m"), limited]}), 1.25);
    }

    #[test]
    fn the_largest_init_container_counts_when_it_is_larger() {
        check(
            json!({"initContainers": [container("2")], "containers": [container("500m")]}),
            2.0,
        );
    }

    #[test]
    fn sidecars_run_beside_everything() {
        let mut sidecar = container("100m");
        sidecar["restartPolicy"] = json!("Always");
        check(
            json!({"initContainers": [sidecar, container("1")], "containers": [container("500m")]}),
            1.1,
        );
    }
}
