//! The rules of the house that clippy cannot see.
//!
//! Every source file opens with a module doc and stays within
//! [`LINES_MAX`]; the pure cores depend on nothing that does I/O.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file longer than this holds more than one thing.
const LINES_MAX: usize = 500;

/// Files that are one flat table, which splitting would not make clearer.
const TABLES: &[&str] = &["appliance/core/src/causes/catalogue.rs"];

/// What the pure cores may depend on.
const CORE_DEPENDENCIES: &[&str] = &[
    "base64",
    "blake3",
    "jiff",
    "k8s-openapi",
    "rand",
    "regex",
    "serde",
    "serde_json",
    "thiserror",
];

/// Crates that must stay pure.
const CORES: &[&str] = &["appliance/core", "inference/core"];

/// Lists what breaks a rule under `root`.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in sources(root)? {
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let name = relative(root, &file);
        problems.extend(check_source(&name, &text));
    }
    for core in CORES {
        let manifest = root.join(core).join("Cargo.toml");
        let text = fs::read_to_string(&manifest)
            .with_context(|| format!("read {}", manifest.display()))?;
        problems.extend(check_core(core, &text));
    }
    Ok(problems)
}

fn check_source(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let is_test = name.ends_with("/tests.rs") || name.contains("/tests/");
    if !is_test && !text.starts_with("//!") {
        problems.push(format!(
            "{name}: no module doc; begin with `//!` and what the file decides"
        ));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX && !is_test && !TABLES.contains(&name) {
        problems.push(format!(
            "{name}: {lines} lines; split by responsibility at {LINES_MAX}"
        ));
    }
    problems
}

fn check_core(core: &str, manifest: &str) -> Vec<String> {
    let dependencies = manifest
        .split("[dependencies]")
        .nth(1)
        .map_or("", |rest| rest.split("\n[").next().unwrap_or_default());
    dependencies
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .filter(|name| !CORE_DEPENDENCIES.contains(name))
        .map(|name| format!("{core}: depends on {name}; a core does no I/O"))
        .collect()
}

fn sources(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending: Vec<PathBuf> = ["appliance", "inference", "models", "web/console", "xtask"]
        .iter()
        .map(|folder| root.join(folder))
        .collect();
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") && !path.ends_with("node_modules") {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn relative(root: &Path, file: &Path) -> String {
    file.strip_prefix(root)
        .unwrap_or(file)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_module_doc_is_named() {
        assert_eq!(check_source("a/src/b.rs", "fn f() {}\n").len(), 1);
        assert!(check_source("a/src/b.rs", "//! Decides.\n").is_empty());
    }

    #[test]
    fn a_long_file_is_named_and_a_long_test_is_not() {
        let long = format!("//! Doc.\n{}", "\n".repeat(LINES_MAX));
        assert_eq!(check_source("a/src/b.rs", &long).len(), 1);
        assert!(check_source("a/src/b/tests.rs", &long).is_empty());
    }

    #[test]
    fn a_core_that_depends_on_io_is_named() {
        let manifest = "[dependencies]\nserde.workspace = true\ntokio.workspace = true\n\n[dev-dependencies]\ninsta.workspace = true\n";
        assert_eq!(
            check_core("c", manifest),
            ["c: depends on tokio; a core does no I/O"]
        );
    }
}
