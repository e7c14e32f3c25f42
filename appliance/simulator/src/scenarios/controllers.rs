//! What controllers write: statuses, conditions, endpoints, quota usage.
//!
//! Run after a change, it makes every derived field follow from specs and pods,
//! so that recipes cannot leave a cluster that contradicts itself.

mod endpoints;
mod quotas;
mod workloads;

use serde_json::Value;

use super::site::Site;

/// Brings every derived field up to date.
pub(crate) fn settle(site: &mut Site) {
    let pods = site.all("Pod");
    workloads::settle_replica_sets(site, &pods);
    workloads::settle_deployments(site);
    workloads::settle_others(site, &pods);
    endpoints::settle_endpoints(site, &pods);
    quotas::settle_quotas(site, &pods);
    quotas::settle_budgets(site, &pods);
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn count(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// Whether the pod's Ready condition holds.
pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|one| one["type"] == "Ready" && one["status"] == "True")
}

fn is_active(pod: &Value) -> bool {
    !matches!(text(pod, "/status/phase"), "Failed" | "Succeeded")
}

fn put_status(site: &mut Site, kind: &str, mut object: Value, status: Value) {
    object["status"] = status;
    site.put(kind, object);
}

/// Millicores or bytes of a quantity.
pub(crate) fn quantity(text: &str) -> i64 {
    let units: [(&str, i64); 7] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("m", 1),
        ("k", 1000),
        ("M", 1_000_000),
    ];
    for (unit, factor) in units {
        if let Some(number) = text.strip_suffix(unit) {
            return number.parse::<i64>().unwrap_or(0) * factor;
        }
    }
    text.parse::<i64>().unwrap_or(0)
}
