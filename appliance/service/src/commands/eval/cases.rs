//! Where the cases of an evaluation come from.

use std::path::{Path, PathBuf};

use anyhow::Context;
use appliance_simulator::scenarios::{self, Params, Recipe};
use jiff::Timestamp;
use tempfile::TempDir;

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
            Self::Simulated { recipe, seed } => format!("{}-{seed}", recipe.id),
        }
    }

    /// Brings it on disk where it is not.
    pub(super) fn lay_out(&self) -> anyhow::Result<CaseFolder> {
        match self {
            Self::Recorded(path) => Ok(CaseFolder::Recorded(path.clone())),
            Self::Simulated { recipe, seed } => {
                let folder = tempfile::tempdir().context("make a folder for a scenario")?;
                let days = i64::try_from(*seed).unwrap_or_default();
                let now = Timestamp::from_second(FIRST_RUN + days * BETWEEN_RUNS)?;
                let run = (recipe.build)(&Params { seed: *seed, now });
                run.write_bundle(folder.path())
                    .with_context(|| format!("write scenario {}", self.name()))?;
                Ok(CaseFolder::Temporary(folder))
            }
        }
    }
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
        for recipe in recipes(&options.scenario)? {
            found.extend((0..options.seeds).map(|seed| EvalCase::Simulated { recipe, seed }));
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
