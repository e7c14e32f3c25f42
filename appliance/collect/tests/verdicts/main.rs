//! What a verdict must not depend on: names, the order of lists, healthy
//! neighbours, chatter in logs, a node's clock, what hostile text says. And
//! what it must tell apart: two faults at once, and look-alikes.
//!
//! Every recipe of the simulator is such a test. A seeded sample runs by
//! default; `ANCHORITE_SCENARIO_SEEDS=N` runs all recipes with N seeds each
//! (minutes in a debug build), and `ANCHORITE_SCENARIO=NAME` only that one.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "a test of files it has written itself"
)]

mod beside;
mod bundle;
mod hostile;
mod merged;
mod noise;
mod reorder;
mod ruled_out;
mod skew;
mod verdict;

use appliance_simulator::scenarios::{self, Params, Recipe, ScenarioRun};
use appliance_simulator::variants::Names;
use jiff::Timestamp;

use self::bundle::{Files, files_of};
use self::verdict::Verdict;

/// Recipes in the sample that runs by default.
const SAMPLE: usize = 3;

/// A step between the recipes of a sample that shares no factor with their number.
const STRIDE: usize = 17;

/// A fixed present, another for each seed.
const PRESENT: i64 = 1_790_000_000;

#[allow(
    clippy::disallowed_methods,
    reason = "a person chooses how much is tried by these variables"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The runs to try: all recipes by request, else a sample that begins at `from`.
fn runs(from: usize) -> Vec<(&'static Recipe, u64)> {
    let all = scenarios::all();
    let only = variable("ANCHORITE_SCENARIO");
    let seeds = variable("ANCHORITE_SCENARIO_SEEDS").and_then(|text| text.parse().ok());
    match (seeds, only) {
        (None, None) => {
            println!("skipped: all but {SAMPLE} scenarios; ANCHORITE_SCENARIO_SEEDS=1 runs all");
            (0..SAMPLE)
                .map(|step| (&all[(from + step * STRIDE) % all.len()], 1 + step as u64))
                .collect()
        }
        (seeds, only) => all
            .iter()
            .filter(|recipe| only.as_ref().is_none_or(|only| recipe.id == only))
            .flat_map(|recipe| (0..seeds.unwrap_or(1)).map(move |seed| (recipe, seed)))
            .collect(),
    }
}

fn build(recipe: &Recipe, seed: u64) -> ScenarioRun {
    let now = Timestamp::from_second(PRESENT + i64::try_from(seed).unwrap() * 86_417).unwrap();
    (recipe.build)(&Params { seed, now })
}

/// Changes each run by `change` and compares its verdict with the one before.
fn check(from: usize, change: impl Fn(&mut Files, u64) -> Names) {
    let mut differing = Vec::new();
    for (recipe, seed) in runs(from) {
        let files = files_of(&build(recipe, seed));
        let before = Verdict::of(&files);
        let mut changed = files.clone();
        let names = change(&mut changed, seed);
        let after = Verdict::of(&changed);
        let wanted = before.renamed(&names);
        if !after.is_same(&wanted) {
            let difference = format!(
                "{} with seed {seed}:\n  wanted {wanted:?}\n  got    {after:?}",
                recipe.id
            );
            // Seen at once with `--nocapture`: all recipes take many minutes.
            println!("{difference}");
            differing.push(difference);
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn names_of_objects_namespaces_images_hosts_and_nodes_do_not_matter() {
    check(0, |files, seed| {
        let names = Names::of(files, seed);
        files.rename(&names);
        names
    });
}

#[test]
fn the_order_of_lists_does_not_matter() {
    check(3, |files, seed| {
        reorder::shuffle(files, seed);
        Names::default()
    });
}

#[test]
fn healthy_neighbours_do_not_matter() {
    check(6, |files, seed| {
        beside::add_healthy(files, seed);
        Names::default()
    });
}

#[test]
fn chatter_in_the_logs_of_others_does_not_matter() {
    check(9, |files, seed| {
        noise::add(files, seed);
        Names::default()
    });
}

#[test]
fn a_clock_that_is_minutes_off_on_a_node_does_not_matter() {
    check(12, |files, seed| {
        let minutes = if seed % 2 == 0 { 3 } else { -3 };
        skew::nodes(files, minutes);
        Names::default()
    });
}
