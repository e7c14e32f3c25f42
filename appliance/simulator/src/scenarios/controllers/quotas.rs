//! What quotas have in use and disruption budgets allow.

use serde_json::{Value, json};

use super::super::site::Site;
use super::{count, is_active, is_ready, put_status, quantity};

pub(super) fn settle_quotas(site: &mut Site, pods: &[Value]) {
    for quota in site.all("ResourceQuota") {
        let namespace = quota["metadata"]["namespace"].clone();
        let mine: Vec<&Value> = pods
            .iter()
            .filter(|pod| pod["metadata"]["namespace"] == namespace && is_active(pod))
            .collect();
        let hard = quota["spec"]["hard"].clone();
        let mut used = serde_json::Map::new();
        for (resource, _) in hard.as_object().into_iter().flatten() {
            let amount = if resource == "services" {
                let services = site.all("Service").into_iter();
                let mine = services.filter(|one| one["metadata"]["namespace"] == namespace);
                mine.count().to_string()
            } else {
                usage(resource, &mine)
            };
            used.insert(resource.clone(), json!(amount));
        }
        put_status(
            site,
            "ResourceQuota",
            quota,
            json!({"hard": hard, "used": used}),
        );
    }
}

/// How much of a quota's resource pods use, as a quantity.
fn usage(resource: &str, pods: &[&Value]) -> String {
    if resource == "pods" {
        return pods.len().to_string();
    }
    let Some((part, name)) = resource.split_once('.') else {
        return "0".to_owned();
    };
    let total: i64 = pods
        .iter()
        .flat_map(|pod| pod["spec"]["containers"].as_array().into_iter().flatten())
        .map(|container| container["resources"][part][name].as_str().unwrap_or("0"))
        .map(|text| {
            if name == "cpu" && !text.ends_with('m') {
                quantity(text) * 1000
            } else {
                quantity(text)
            }
        })
        .sum();
    if name == "cpu" {
        format!("{total}m")
    } else {
        format!("{}Mi", total >> 20)
    }
}

pub(super) fn settle_budgets(site: &mut Site, pods: &[Value]) {
    for budget in site.all("PodDisruptionBudget") {
        let labels = budget["spec"]["selector"]["matchLabels"].clone();
        let mine: Vec<&Value> = pods
            .iter()
            .filter(|pod| {
                pod["metadata"]["namespace"] == budget["metadata"]["namespace"]
                    && labels
                        .as_object()
                        .into_iter()
                        .flatten()
                        .all(|(key, value)| pod["metadata"]["labels"][key] == *value)
            })
            .collect();
        let healthy = i64::try_from(mine.iter().filter(|pod| is_ready(pod)).count()).unwrap_or(0);
        let wanted = count(&budget, "/spec/minAvailable");
        let status = json!({"observedGeneration": 1, "currentHealthy": healthy, "desiredHealthy": wanted, "expectedPods": mine.len(),
                            "disruptionsAllowed": (healthy - wanted).max(0)});
        put_status(site, "PodDisruptionBudget", budget, status);
    }
}
