//! Two independent faults in one cluster: each alert finds its own.

use appliance_core::analysis::Analysis;
use appliance_core::eval::{Expected, LabelMap, score};
use appliance_core::snapshot::Snapshot;
use appliance_simulator::scenarios;
use appliance_simulator::variants::{Names, beside};
use serde_json::Value;

use crate::bundle::{Files, files_of, read};
use crate::verdict::{Verdict, investigate};

/// Far from the salts that other tests use.
const SALT: u64 = 9_000_000;

/// A cluster with the faults of two recipes, the second in other names.
struct Two {
    files: Files,
    alerts: [Value; 2],
    expected: [Expected; 2],
}

fn build(first: &str, second: &str, seed: u64) -> Two {
    let run = |id: &str, seed| crate::build(scenarios::find(id).unwrap(), seed);
    let (one, two) = (run(first, seed), run(second, seed));
    let mut files = files_of(&one);
    let mut other = files_of(&two);
    let mut answer = Files::default();
    answer
        .0
        .insert("answer.json".to_owned(), two.expected.to_string());
    let names = Names::of(&other, SALT + seed);
    other.rename(&names);
    answer.rename(&names);
    beside(&mut files, &other);
    let alert = |files: &Files| serde_json::from_str(&files.0["alert.json"]).unwrap();
    let parse = |text: &str| Expected::parse(text, &LabelMap::default()).unwrap();
    Two {
        alerts: [alert(&files), alert(&other)],
        expected: [
            parse(&one.expected.to_string()),
            parse(&answer.0["answer.json"]),
        ],
        files,
    }
}

impl Two {
    fn analyze(&self, alerts: &[Value]) -> (Analysis, Snapshot) {
        let mut body = alerts[0].clone();
        let all = alerts
            .iter()
            .flat_map(|one| one["alerts"].as_array().cloned().unwrap())
            .collect();
        body["alerts"] = Value::Array(all);
        let mut files = self.files.clone();
        files.0.insert("alert.json".to_owned(), body.to_string());
        let bundle = read(&files);
        (investigate(&bundle), bundle.snapshot)
    }
}

/// Each alert alone finds its own fault first; both together find both.
fn check(first: &str, second: &str) {
    let two = build(first, second, 2);
    for (alert, expected) in two.alerts.iter().zip(&two.expected) {
        let (analysis, snapshot) = two.analyze(std::slice::from_ref(alert));
        let right = score(&analysis, &snapshot, expected).joint_at_1;
        assert!(
            right,
            "{first} and {second}: wanted {}, got {:?}",
            expected.label,
            Verdict::stated(analysis)
        );
    }
    let (analysis, snapshot) = two.analyze(&two.alerts);
    for expected in &two.expected {
        let right = score(&analysis, &snapshot, expected).joint_at_3;
        assert!(
            right,
            "{first} with {second} at once: {} is not among {:?}",
            expected.label,
            Verdict::stated(analysis.clone())
        );
    }
}

#[test]
fn a_kill_for_memory_and_a_wrong_port_stay_two() {
    check("oom-after-limit-lowered", "wrong-target-port");
}

#[test]
fn a_missing_secret_and_a_wrong_selector_stay_two() {
    check("missing-secret", "service-selector-typo");
}

#[test]
fn a_bad_image_and_refused_credentials_stay_two() {
    check("bad-image-after-rollout", "stale-database-credentials");
}

#[test]
fn a_silent_node_and_a_wrong_probe_stay_two() {
    check("node-stops-reporting", "wrong-probe-port");
}

#[test]
fn a_policy_and_a_crash_stay_two() {
    check("network-policy-blocks-callers", "crash-on-missing-setting");
}
