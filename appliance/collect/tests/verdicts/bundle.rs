//! Bundles as texts by path, written and read the way the product does.

use std::path::Path;

use appliance_collect::bundle::{self, Bundle};
use appliance_simulator::scenarios::ScenarioRun;
pub(crate) use appliance_simulator::variants::Files;

/// The bundle that a run writes, without its answer.
pub(crate) fn files_of(run: &ScenarioRun) -> Files {
    let folder = tempfile::tempdir().unwrap();
    run.write_bundle(folder.path()).unwrap();
    let mut files = Files::read(folder.path()).unwrap();
    files.0.remove("expected.json");
    files
}

/// Reads `files` back the way the product does.
pub(crate) fn read(files: &Files) -> Bundle {
    read_spoiled(files, |_| ())
}

/// The same, after `spoil` had its way with the folder.
pub(crate) fn read_spoiled(files: &Files, spoil: impl FnOnce(&Path)) -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    files.write(folder.path()).unwrap();
    spoil(folder.path());
    bundle::read(folder.path()).unwrap()
}
