//! Unrelated workloads that are well, in namespaces of their own.

use appliance_simulator::scenarios;
use serde_json::{Value, json};

use crate::bundle::Files;
use crate::rename::Names;

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
    let mut other = Files::of(&run);
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

/// Adds the namespaces of `other`, their volumes and their series.
pub(crate) fn merge(files: &mut Files, other: &Files) {
    for (path, text) in &other.0 {
        let namespace = path.split_once('/').map_or("kube-", |(first, _)| first);
        if !namespace.starts_with("kube-") && namespace != "default" {
            files.0.insert(path.clone(), text.clone());
        }
    }
    for file in ["namespaces.json", "persistentvolumes.json"] {
        extend(files, file, &other.items(file));
    }
    add_series(files, other);
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

pub(crate) fn extend(files: &mut Files, file: &str, items: &[Value]) {
    files.edit_lists(|path, list| {
        if path == file
            && let Some(known) = list["items"].as_array_mut()
        {
            for item in items {
                if known
                    .iter()
                    .all(|one| one["metadata"]["name"] != item["metadata"]["name"])
                {
                    known.push(item.clone());
                }
            }
        }
    });
}

/// Series of the other system's own namespaces.
fn add_series(files: &mut Files, other: &Files) {
    let namespaces: Vec<String> = other
        .items("namespaces.json")
        .iter()
        .filter_map(|one| one["metadata"]["name"].as_str().map(str::to_owned))
        .filter(|name| !name.starts_with("kube-") && name != "default")
        .map(|name| format!("namespace=\"{name}\""))
        .collect();
    let (Some(text), Some(mine)) = (other.0.get("metrics.om"), files.0.get_mut("metrics.om"))
    else {
        return;
    };
    let known: Vec<&str> = mine
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    // A family may be told once only, so its samples join those that are there.
    let mut added = String::new();
    let mut families: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            families.push((family, Vec::new()));
        } else if namespaces.iter().any(|namespace| line.contains(namespace))
            && let Some((_, lines)) = families.last_mut()
        {
            lines.push(line);
        }
    }
    let mut joined = String::new();
    for line in mine.lines().filter(|line| *line != "# EOF") {
        joined.push_str(line);
        joined.push('\n');
        let family = line.strip_prefix("# TYPE ");
        let more = families.iter().find(|(name, _)| Some(*name) == family);
        for line in more.into_iter().flat_map(|(_, lines)| lines) {
            joined.push_str(line);
            joined.push('\n');
        }
    }
    for (family, lines) in families {
        if !known.contains(&family) && !lines.is_empty() {
            added.push_str(&format!("# TYPE {family}\n{}\n", lines.join("\n")));
        }
    }
    joined.push_str(&added);
    joined.push_str("# EOF\n");
    *mine = joined;
}
