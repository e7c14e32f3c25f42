//! What an evaluation changes about a scenario, the right answer staying the same.

use std::path::Path;

use anyhow::Context;
use appliance_core::eval::Withheld;
use appliance_simulator::scenarios;
use appliance_simulator::variants::{Files, Names, beside};

use super::cases::simulated;

/// Faults inside one namespace, of which one is put beside another incident.
const SECOND_FAULTS: [&str; 5] = [
    "oom-after-limit-lowered",
    "wrong-target-port",
    "missing-secret",
    "service-selector-typo",
    "crash-on-missing-setting",
];

/// Apart from the seeds of the first fault, so that the second is another cluster.
const SECOND_SEED: u64 = 1_000;

/// A change to a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// None.
    AsItIs,
    /// A source is not there.
    Without(Withheld),
    /// Everything that people name has another name.
    Renamed,
    /// A fault without an alert in another namespace.
    SecondFault,
}

impl Variant {
    /// All of them.
    pub(super) const ALL: &[Self] = &[
        Self::AsItIs,
        Self::Without(Withheld::Events),
        Self::Without(Withheld::Logs),
        Self::Without(Withheld::Metrics),
        Self::Renamed,
        Self::SecondFault,
    ];

    /// What it is called in names of cases and tables.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::AsItIs => "as it is",
            Self::Without(Withheld::Events) => "without events",
            Self::Without(Withheld::Logs) => "without logs",
            Self::Without(Withheld::Metrics) => "without metrics",
            Self::Renamed => "renamed",
            Self::SecondFault => "second fault",
        }
    }

    /// The source that is taken away after reading.
    pub(super) const fn withheld(self) -> Option<Withheld> {
        match self {
            Self::Without(source) => Some(source),
            Self::AsItIs | Self::Renamed | Self::SecondFault => None,
        }
    }

    /// Changes the bundle in `folder`, a run of the recipe `id` with `seed`.
    pub(super) fn apply(self, folder: &Path, id: &str, seed: u64) -> anyhow::Result<()> {
        let mut files = match self {
            Self::AsItIs | Self::Without(_) => return Ok(()),
            Self::Renamed | Self::SecondFault => Files::read(folder)?,
        };
        if self == Self::Renamed {
            files.rename(&Names::of(&files, seed));
            std::fs::remove_dir_all(folder)?;
        } else {
            add_second(&mut files, id, seed)?;
        }
        files.write(folder).context("write the variant")
    }
}

/// Puts another fault beside that of the recipe `id`.
fn add_second(files: &mut Files, id: &str, seed: u64) -> anyhow::Result<()> {
    let turn = usize::try_from(seed).unwrap_or_default();
    let others = SECOND_FAULTS
        .iter()
        .cycle()
        .skip(turn % SECOND_FAULTS.len());
    let second = others
        .take(SECOND_FAULTS.len())
        .filter(|other| **other != id)
        .find_map(|other| scenarios::find(other))
        .context("no second fault is left")?;
    let seed = SECOND_SEED + seed;
    let mut other = Files::read(simulated(second, seed)?.path())?;
    let names = Names::of(&other, seed);
    other.rename(&names);
    beside(files, &other);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn changed(variant: Variant) -> (Files, Files) {
        let id = "wrong-probe-port";
        let recipe = scenarios::find(id).expect("the recipe is there");
        let folder = simulated(recipe, 1).expect("the run is written");
        let before = Files::read(folder.path()).expect("the run is read");
        variant
            .apply(folder.path(), id, 1)
            .expect("the variant is written");
        (
            before,
            Files::read(folder.path()).expect("the variant is read"),
        )
    }

    fn content(files: &Files, file: &str) -> serde_json::Value {
        serde_json::from_str(&files.0[file]).expect("it is JSON")
    }

    #[test]
    fn a_renamed_run_has_its_answer_in_the_new_names() {
        let (before, after) = changed(Variant::Renamed);
        let (old, new) = (
            content(&before, "expected.json"),
            content(&after, "expected.json"),
        );
        assert_eq!(old["cause"], new["cause"]);
        assert_ne!(old["object"]["name"], new["object"]["name"]);
        let name = new["object"]["name"].as_str().expect("it has a name");
        assert!(
            after
                .0
                .iter()
                .any(|(path, text)| path.ends_with("deployments.json") && text.contains(name))
        );
        assert_eq!(before.0.len(), after.0.len());
    }

    #[test]
    fn a_second_fault_leaves_alert_and_answer_and_adds_a_namespace() {
        let (before, after) = changed(Variant::SecondFault);
        for file in ["alert.json", "expected.json"] {
            assert_eq!(content(&before, file), content(&after, file));
        }
        let namespaces = |files: &Files| files.items("namespaces.json").len();
        assert!(namespaces(&after) > namespaces(&before));
    }
}
