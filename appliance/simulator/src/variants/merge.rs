//! Two systems in one cluster.

use serde_json::Value;

use super::Files;

/// Lists of the whole cluster, in which both systems have their own objects.
const SHARED: [&str; 3] = [
    "nodes.json",
    "default/events.json",
    "kube-node-lease/leases.json",
];

/// Adds all of `other`, whose names must be other ones: its namespaces, its
/// nodes with their leases and events, its volumes and its series.
pub fn beside(files: &mut Files, other: &Files) {
    merge(files, other);
    for file in SHARED {
        let items: Vec<Value> = other
            .lists()
            .filter(|(path, _)| *path == file)
            .flat_map(|(_, list)| list["items"].as_array().cloned().unwrap_or_default())
            .collect();
        extend(files, file, &items);
    }
}

/// Adds the namespaces of `other`, their volumes and their series.
pub fn merge(files: &mut Files, other: &Files) {
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

fn extend(files: &mut Files, file: &str, items: &[Value]) {
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
            added.push_str("# TYPE ");
            for line in std::iter::once(&family).chain(&lines) {
                added.push_str(line);
                added.push('\n');
            }
        }
    }
    joined.push_str(&added);
    joined.push_str("# EOF\n");
    *mine = joined;
}
