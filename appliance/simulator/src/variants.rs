//! Changes to a run under which the right answer is known to stay the same.
//!
//! Everything may get another name, and a second system may stand beside the
//! first. The texts of a bundle are changed, so that the result goes the same
//! way as any other bundle; answers travel with them.

mod merge;
mod rename;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;

pub use self::merge::{beside, merge};
pub use self::rename::Names;

/// The files of a bundle: texts by path.
#[derive(Clone, Debug, Default)]
pub struct Files(pub BTreeMap<String, String>);

impl Files {
    /// Reads every file under `folder`; bytes that are no text become marks.
    ///
    /// # Errors
    /// A folder or file that cannot be read.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut files = Self::default();
        files.read_under(folder, "")?;
        Ok(files)
    }

    fn read_under(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                self.read_under(&entry.path(), &format!("{path}/"))?;
            } else {
                let bytes = fs::read(entry.path())?;
                let text = String::from_utf8_lossy(&bytes).into_owned();
                self.0.insert(path, text);
            }
        }
        Ok(())
    }

    /// Writes them under `folder`.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for (path, text) in &self.0 {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, text)?;
        }
        Ok(())
    }

    /// The JSON files.
    pub fn lists(&self) -> impl Iterator<Item = (&String, Value)> {
        let json = self.0.iter().filter(|(path, _)| is_json(path));
        json.filter_map(|(path, text)| Some((path, serde_json::from_str(text).ok()?)))
    }

    /// The items of the lists in files called `file`, in any namespace.
    pub fn items(&self, file: &str) -> Vec<Value> {
        self.lists()
            .filter(|(path, _)| path.rsplit('/').next() == Some(file))
            .flat_map(|(_, list)| list["items"].as_array().cloned().unwrap_or_default())
            .collect()
    }

    /// Changes every JSON file.
    pub fn edit_lists(&mut self, mut edit: impl FnMut(&str, &mut Value)) {
        for (path, text) in &mut self.0 {
            if is_json(path)
                && let Ok(mut value) = serde_json::from_str(text)
            {
                edit(path, &mut value);
                *text = value.to_string();
            }
        }
    }

    /// Gives everything its new name: texts, string values, folders.
    pub fn rename(&mut self, names: &Names) {
        let old = std::mem::take(&mut self.0);
        for (path, text) in old {
            let new_path = names.in_path(&path);
            let text = match serde_json::from_str::<Value>(&text) {
                Ok(mut value) if is_json(&path) => {
                    names.in_values(&mut value);
                    value.to_string()
                }
                _ if has_extension(&path, "om") => names.in_quotes(&text),
                _ => names.in_text(&text),
            };
            self.0.insert(new_path, text);
        }
    }
}

fn is_json(path: &str) -> bool {
    has_extension(path, "json")
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|found| found == extension)
}
