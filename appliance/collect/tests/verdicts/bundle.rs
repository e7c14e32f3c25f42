//! A bundle as texts by path, so that a test can change any of it.

use std::collections::BTreeMap;
use std::path::Path;

use appliance_collect::bundle::{self, Bundle};
use appliance_simulator::scenarios::ScenarioRun;
use serde_json::Value;

use crate::rename::Names;

/// The files of a bundle.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, String>);

impl Files {
    /// The bundle that a run writes, without its answer.
    pub(crate) fn of(run: &ScenarioRun) -> Self {
        let folder = tempfile::tempdir().unwrap();
        run.write_bundle(folder.path()).unwrap();
        let mut files = Self::default();
        files.read(folder.path(), "");
        files.0.remove("expected.json");
        files
    }

    fn read(&mut self, folder: &Path, prefix: &str) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                self.read(&entry.path(), &format!("{path}/"));
            } else {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                self.0.insert(path, text);
            }
        }
    }

    /// Reads them back the way the product does.
    pub(crate) fn bundle(&self) -> Bundle {
        self.bundle_with(|_| ())
    }

    /// The same, after `spoil` had its way with the folder.
    pub(crate) fn bundle_with(&self, spoil: impl FnOnce(&Path)) -> Bundle {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in &self.0 {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        spoil(folder.path());
        bundle::read(folder.path()).unwrap()
    }

    /// The JSON files.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&String, Value)> {
        self.0
            .iter()
            .filter(|(path, _)| path.ends_with(".json"))
            .map(|(path, text)| (path, serde_json::from_str(text).unwrap()))
    }

    /// The items of the lists in files called `file`, in any namespace.
    pub(crate) fn items(&self, file: &str) -> Vec<Value> {
        self.lists()
            .filter(|(path, _)| path.rsplit('/').next() == Some(file))
            .flat_map(|(_, list)| list["items"].as_array().cloned().unwrap_or_default())
            .collect()
    }

    /// Changes every JSON file.
    pub(crate) fn edit_lists(&mut self, mut edit: impl FnMut(&str, &mut Value)) {
        for (path, text) in &mut self.0 {
            if path.ends_with(".json") {
                let mut value: Value = serde_json::from_str(text).unwrap();
                edit(path, &mut value);
                *text = value.to_string();
            }
        }
    }

    /// Gives everything its new name: texts, string values, folders.
    pub(crate) fn rename(&mut self, names: &Names) {
        let old = std::mem::take(&mut self.0);
        for (path, text) in old {
            let new_path = names.in_path(&path);
            let text = if path.ends_with(".json") {
                let mut value: Value = serde_json::from_str(&text).unwrap();
                names.in_values(&mut value);
                value.to_string()
            } else if path.ends_with(".om") {
                names.in_quotes(&text)
            } else {
                names.in_text(&text)
            };
            self.0.insert(new_path, text);
        }
    }
}
