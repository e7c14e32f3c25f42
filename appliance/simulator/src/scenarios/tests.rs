use std::sync::LazyLock;

use appliance_core::causes::{Cause, Family};
use serde_json::Value;

use super::*;
use crate::world::resource::by_kind;

fn params(seed: u64) -> Params {
    Params {
        seed,
        now: "2026-05-06T07:08:09Z".parse().unwrap(),
    }
}

/// One run of every recipe, each under a seed of its own, built once for all tests.
static RUNS: LazyLock<Vec<ScenarioRun>> = LazyLock::new(|| {
    let seeded = all().iter().zip(1..);
    seeded
        .map(|(recipe, seed)| (recipe.build)(&params(seed)))
        .collect()
});

fn each(mut check: impl FnMut(&Recipe, &ScenarioRun)) {
    for (recipe, run) in all().iter().zip(RUNS.iter()) {
        check(recipe, run);
    }
}

fn is_about_the_absent(run: &ScenarioRun) -> bool {
    let cause = run.expected["cause"][0].as_str().unwrap_or_default();
    ["AlertObjectAbsent", "WrongNamespaceOrContext"].contains(&cause)
}

#[test]
fn every_expected_cause_is_in_the_catalogue_and_its_object_exists() {
    each(|recipe, run| {
        if run.expected["healthy"] == true {
            return;
        }
        for cause in run.expected["cause"].as_array().unwrap() {
            let id = cause.as_str().unwrap();
            assert!(
                id.parse::<Cause>().is_ok(),
                "{}: {id} is no cause",
                recipe.id
            );
        }
        // What such an alert names is not there by design.
        if is_about_the_absent(run) {
            return;
        }
        let object = &run.expected["object"];
        let resource = by_kind(object["kind"].as_str().unwrap()).unwrap();
        let namespace = object["namespace"].as_str().unwrap_or_default();
        let name = object["name"].as_str().unwrap();
        assert!(
            run.after.get(resource, namespace, name).is_some(),
            "{}: {object} does not exist",
            recipe.id
        );
    });
}

#[test]
fn alerts_name_objects_that_exist() {
    each(|recipe, run| {
        if is_about_the_absent(run) {
            return;
        }
        let labels = &run.alert["alerts"][0]["labels"];
        let namespace = labels["namespace"].as_str().unwrap_or_default();
        let kinds = [
            ("pod", "Pod"),
            ("deployment", "Deployment"),
            ("statefulset", "StatefulSet"),
            ("persistentvolumeclaim", "PersistentVolumeClaim"),
            ("service", "Service"),
        ];
        for (label, kind) in kinds {
            if let Some(name) = labels[label].as_str() {
                let resource = by_kind(kind).unwrap();
                assert!(
                    run.after.get(resource, namespace, name).is_some(),
                    "{}: {kind} {name}",
                    recipe.id
                );
            }
        }
        if let Some(node) = labels["node"].as_str() {
            assert!(
                run.after.get(by_kind("Node").unwrap(), "", node).is_some(),
                "{}: {node}",
                recipe.id
            );
        }
        let starts: Timestamp = run.alert["alerts"][0]["startsAt"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(starts <= run.after.now(), "{}", recipe.id);
    });
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let recipe = find("bad-image-after-rollout").unwrap();
    let text = |seed| {
        let folder = tempfile::tempdir().unwrap();
        (recipe.build)(&params(seed))
            .write_bundle(folder.path())
            .unwrap();
        let mut files: Vec<_> = walk(folder.path());
        files.sort();
        files
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect::<String>()
    };
    assert_eq!(text(3), text(3));
    assert_ne!(text(3), text(4));
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

fn ready(object: &Value) -> bool {
    controllers::is_ready(object)
}

#[test]
fn before_the_fault_all_is_well() {
    let run = (find("healthy-red-herring").unwrap().build)(&params(9));
    let pods = by_kind("Pod").unwrap();
    assert!(run.before.objects(pods).all(|(_, pod)| ready(pod)));
    assert!(run.after.objects(pods).all(|(_, pod)| ready(pod)));
    for (key, deployment) in run.before.objects(by_kind("Deployment").unwrap()) {
        assert_eq!(
            deployment["status"]["readyReplicas"], deployment["spec"]["replicas"],
            "{}",
            key.name
        );
    }
}

/// Only an alert behind which nothing is wrong may come without a trace in
/// objects, logs or series.
#[test]
fn every_fault_changes_the_cluster() {
    each(|recipe, run| {
        let cause = run.expected["cause"][0].as_str().unwrap_or_default();
        let quiet = cause
            .parse::<Cause>()
            .is_ok_and(|cause| cause.family() == Family::NotAnIncident)
            || run.expected["healthy"] == true;
        let (before, after) = (&run.before, &run.after);
        let changed = after.version() > before.version()
            || lines(after) > lines(before)
            || samples(after) != samples(before);
        assert!(
            changed || quiet || is_about_the_absent(run),
            "{}",
            recipe.id
        );
    });
}

fn lines(world: &World) -> usize {
    world.logs().map(|(_, lines)| lines.len()).sum()
}

fn samples(world: &World) -> Vec<(String, Vec<f64>)> {
    let series = world.series.iter();
    series
        .map(|(name, _, samples)| {
            let values = samples.iter().map(|sample| sample.value).collect();
            (name.to_owned(), values)
        })
        .collect()
}

#[test]
fn replica_counts_follow_from_pods() {
    each(|recipe, run| {
        let pods: Vec<_> = run
            .after
            .objects(by_kind("Pod").unwrap())
            .map(|(_, pod)| pod)
            .collect();
        for (key, set) in run.after.objects(by_kind("ReplicaSet").unwrap()) {
            let mine = pods.iter().filter(|pod| {
                pod["metadata"]["ownerReferences"][0]["uid"] == set["metadata"]["uid"] && ready(pod)
            });
            let ready = set["status"]["readyReplicas"].as_u64().unwrap_or(0);
            assert_eq!(mine.count() as u64, ready, "{}: {}", recipe.id, key.name);
        }
    });
}

/// Causes without a recipe of their own, and why.
const WITHOUT: [(&str, &str); 2] = [
    ("ConfigObjectMissing", "no cluster shows the parent alone"),
    ("AlreadyRecovered", "an answer that healthy clusters accept"),
];

#[test]
fn every_cause_of_the_catalogue_has_a_recipe() {
    let mut told = std::collections::BTreeSet::new();
    let mut tell = |run: &ScenarioRun| {
        let causes = run.expected["cause"].as_array();
        told.extend(causes.into_iter().flatten().map(Value::to_string));
    };
    each(|_, run| tell(run));
    // Which resource is full is chosen by the seed.
    let quota = find("quota-full-no-pods").unwrap();
    for seed in 0..24 {
        tell(&(quota.build)(&params(seed)));
    }
    let missing: Vec<&str> = Cause::ALL
        .iter()
        .map(|cause| cause.id())
        .filter(|id| !told.contains(&format!("{id:?}")))
        .filter(|id| !WITHOUT.iter().any(|(known, _)| known == id))
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn identifiers_are_unique_and_in_kebab_case() {
    let mut ids: Vec<&str> = all().iter().map(|recipe| recipe.id).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(
        ids.iter()
            .all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
    );
    assert!(count >= 40);
}
