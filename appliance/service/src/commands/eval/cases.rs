//! Where the cases of an evaluation come from.

use std::path::{Path, PathBuf};

use anyhow::Context;
use appliance_core::eval::Withheld;
use appliance_simulator::scenarios::{self, Params, Recipe};
use jiff::Timestamp;
use tempfile::TempDir;

use super::variant::Variant;

use crate::commands::WrongCall;
use crate::options::EvalOptions;

/// Most folders looked through for cases.
const FOLDERS_MAX: usize = 100_000;

/// The present of the first seed's run, in seconds since 1970: a fixed time,
/// so that the same call scores the same cases.
const FIRST_RUN: i64 = 1_790_000_000;
/// Between the runs of two seeds: a day and an odd bit, so that times of day differ.
const BETWEEN_RUNS: i64 = 86_417;

/// A case that can be laid out as a bundle with an `expected.json`.
pub(super) enum EvalCase {
    /// A bundle on disk.
    Recorded(PathBuf),
    /// A run of a recipe.
    Simulated {
        /// Which recipe.
        recipe: &'static Recipe,
        /// Decides names, sizes and details.
        seed: u64,
        /// What is changed about the run.
        variant: Variant,
    },
}

/// The folder of a case; a temporary one goes away with it.
pub(super) enum CaseFolder {
    /// Was there before.
    Recorded(PathBuf),
    /// Made for the evaluation.
    Temporary(TempDir),
}

impl CaseFolder {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Recorded(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

impl EvalCase {
    /// Its name in the report.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Recorded(path) => path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            Self::Simulated {
                recipe,
                seed,
                variant,
            } => {
                let variant = match variant {
                    Variant::AsItIs => String::new(),
                    other => format!(", {}", other.title()),
                };
                format!("{}-{seed}{variant}", recipe.id)
            }
        }
    }

    /// The group of cases it belongs to.
    pub(super) fn group(&self) -> &'static str {
        match self {
            Self::Recorded(_) => "recorded",
            Self::Simulated { variant, .. } => variant.title(),
        }
    }

    /// The source that is taken away from this case alone.
    pub(super) fn withheld(&self) -> Option<Withheld> {
        match self {
            Self::Recorded(_) => None,
            Self::Simulated { variant, .. } => variant.withheld(),
        }
    }

    /// Brings it on disk where it is not.
    pub(super) fn lay_out(&self) -> anyhow::Result<CaseFolder> {
        match self {
            Self::Recorded(path) => Ok(CaseFolder::Recorded(path.clone())),
            Self::Simulated {
                recipe,
                seed,
                variant,
            } => {
                let folder = simulated(recipe, *seed)
                    .and_then(|folder| {
                        variant.apply(folder.path(), recipe.id, *seed)?;
                        Ok(folder)
                    })
                    .with_context(|| format!("write scenario {}", self.name()))?;
                Ok(CaseFolder::Temporary(folder))
            }
        }
    }
}

/// A run of `recipe` as a bundle in a folder of its own.
pub(super) fn simulated(recipe: &Recipe, seed: u64) -> anyhow::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    let days = i64::try_from(seed).unwrap_or_default();
    let now = Timestamp::from_second(FIRST_RUN + days * BETWEEN_RUNS)?;
    let run = (recipe.build)(&Params { seed, now });
    run.write_bundle(folder.path())?;
    Ok(folder)
}

/// Every case that `options` name: recorded ones by path, then scenarios.
pub(super) fn find(options: &EvalOptions) -> Result<Vec<EvalCase>, WrongCall> {
    let mut found: Vec<EvalCase> = Vec::new();
    if !options.paths.is_empty() {
        found.extend(
            recorded(&options.paths)?
                .into_iter()
                .map(EvalCase::Recorded),
        );
    }
    if options.scenarios {
        let variants = if options.variants {
            Variant::ALL
        } else {
            &[Variant::AsItIs]
        };
        for recipe in recipes(&options.scenario)? {
            if options.held_out && !models::held_out(recipe.id) {
                continue;
            }
            for seed in 0..options.seeds {
                found.extend(variants.iter().map(|&variant| EvalCase::Simulated {
                    recipe,
                    seed,
                    variant,
                }));
            }
        }
    }
    Ok(found)
}

fn recipes(names: &[String]) -> Result<Vec<&'static Recipe>, WrongCall> {
    if names.is_empty() {
        return Ok(scenarios::all().iter().collect());
    }
    names
        .iter()
        .map(|name| {
            scenarios::find(name).ok_or_else(|| {
                WrongCall(format!(
                    "there is no scenario {name:?}; `anchorite demo --scenario list` prints them"
                ))
            })
        })
        .collect()
}

/// Folders with an `expected.json`, sorted.
fn recorded(paths: &[PathBuf]) -> Result<Vec<PathBuf>, WrongCall> {
    let mut found = Vec::new();
    let mut pending = paths.to_vec();
    let mut visited = 0;
    while let Some(folder) = pending.pop() {
        visited += 1;
        if folder.join("expected.json").is_file() {
            found.push(folder);
            continue;
        }
        let entries = std::fs::read_dir(&folder)
            .map_err(|error| WrongCall(format!("{}: {error}", folder.display())))?;
        if visited < FOLDERS_MAX {
            let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
            pending.extend(folders.filter(|path| path.is_dir()));
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(WrongCall(
            "no case found: a case is a bundle directory with an expected.json".to_owned(),
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::options::{Command, Options};

    fn names(arguments: &[&str]) -> Vec<String> {
        let call = ["anchorite", "eval", "--scenarios"].iter().chain(arguments);
        let Command::Eval(options) = Options::parse_from(call).command else {
            panic!("it is the eval command");
        };
        let cases = find(&options).expect("there are cases");
        cases.iter().map(EvalCase::name).collect()
    }

    #[test]
    fn held_out_cases_are_of_recipes_the_starter_never_saw() {
        let held_out = names(&["--held-out", "--seeds", "1"]);
        let recipes: Vec<&str> = held_out
            .iter()
            .filter_map(|name| name.strip_suffix("-0"))
            .collect();
        assert!(recipes.iter().all(|recipe| models::held_out(recipe)));
        assert!(recipes.len() >= 30, "{recipes:?}");
        assert!(recipes.len() < scenarios::all().len() / 2);
    }

    #[test]
    fn the_variants_of_held_out_recipes_are_at_least_150_bundles() {
        let all = names(&["--held-out", "--variants", "--seeds", "1"]);
        assert!(all.len() >= 150, "{}", all.len());
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
