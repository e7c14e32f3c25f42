//! Unrelated workloads that are well, in namespaces of their own.

use appliance_simulator::scenarios;
use appliance_simulator::variants::{Names, merge};
use serde_json::{Value, json};

use crate::bundle::{Files, files_of};

/// Far from the salts that other tests use.
const SALT: u64 = 7_000_000;

/// Lists of a namespace that come along.
const TAKEN: [&str; 11] = [
    "pods.json",
    "services.json",
    "deployments.json",
    "replicasets.json",
    "statefulsets.json",
    "configmaps.json",
    "secrets.json",
    "serviceaccounts.json",
    "endpoints.json",
    "endpointslices.json",
    "persistentvolumeclaims.json",
];

/// Adds the workloads of another, healthy system on the nodes that are well.
pub(crate) fn add_healthy(files: &mut Files, seed: u64) {
    let recipe = scenarios::find("healthy-red-herring").unwrap();
    let mut run = crate::build(recipe, seed + 100);
    run.after = run.before.clone();
    let mut other = files_of(&run);
    let names = Names::of(&other, SALT + seed);
    other.rename(&names);
    let nodes = fit_nodes(files);
    if nodes.is_empty() {
        return;
    }
    other.edit_lists(|path, list| {
        if path.ends_with("pods.json") {
            for (place, pod) in list["items"]
                .as_array_mut()
                .into_iter()
                .flatten()
                .enumerate()
            {
                pod["spec"]["nodeName"] = json!(nodes[place % nodes.len()]);
            }
        }
    });
    other.0.retain(|path, _| {
        let file = path.rsplit('/').next().unwrap_or_default();
        TAKEN.contains(&file) || file.ends_with("logs.txt") || !path.contains('/')
    });
    merge(files, &other);
}

/// Nodes that are ready and take pods.
fn fit_nodes(files: &Files) -> Vec<String> {
    let is_fit = |node: &Value| {
        let conditions = node["status"]["conditions"].as_array().cloned();
        let well = conditions.into_iter().flatten().all(|condition| {
            let wanted = if condition["type"] == "Ready" {
                "True"
            } else {
                "False"
            };
            condition["status"] == wanted
        });
        well && node["spec"]["unschedulable"] != true && node["spec"]["taints"].is_null()
    };
    let nodes = files.items("nodes.json");
    nodes
        .iter()
        .filter(|node| is_fit(node))
        .filter_map(|node| node["metadata"]["name"].as_str().map(str::to_owned))
        .collect()
}
