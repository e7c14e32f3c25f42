//! Incident bundles and cluster-info dumps, read into a world and written from one.
//!
//! Decides which file is which resource; keeps objects as they are. What is
//! not known (files of other tools, resources not served) is passed over.
//! Archives are read into memory, up to [`ARCHIVE_BYTES_MAX`].

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::resource::{self, Resource};
use super::{LogKey, World, openmetrics};

/// Most bytes unpacked from an archive.
const ARCHIVE_BYTES_MAX: u64 = 512 << 20;

/// Deepest folder that is looked into: namespace, pod.
const DEPTH_MAX: usize = 3;

/// Why a bundle could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is no JSON.
    #[error("{path} is not JSON: {source}")]
    Json {
        /// Which file, within the bundle.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The series are broken.
    #[error("metrics.om: {0}")]
    Metrics(#[from] openmetrics::OpenMetricsError),
    /// The archive is larger than this reader takes.
    #[error(
        "the archive unpacks to more than {ARCHIVE_BYTES_MAX} bytes; unpack it and give the folder"
    )]
    TooLarge,
    /// Nothing of a bundle was found.
    #[error("{} holds neither a bundle nor a cluster-info dump: there is no list of objects in it", .0.display())]
    Empty(PathBuf),
}

/// A file of a bundle: its path within it, `/` between parts, and its bytes.
struct Entry {
    path: String,
    bytes: Vec<u8>,
}

impl World {
    /// Reads a bundle or dump: a folder, or a `.tar.zst` of one.
    ///
    /// The clock is frozen at the time of capture, if the bundle says it.
    pub fn load(path: &Path) -> Result<Self, BundleError> {
        let entries = if path.is_dir() {
            read_folder(path)?
        } else {
            read_archive(path)?
        };
        let mut world = Self::new();
        let mut lists = 0;
        let captured_at = captured_at(&entries)?;
        if let Some(at) = captured_at {
            world.freeze(at);
        }
        for entry in &entries {
            lists += usize::from(world.load_entry(entry)?);
        }
        if lists == 0 {
            return Err(BundleError::Empty(path.to_owned()));
        }
        world.add_missing_namespaces();
        Ok(world)
    }

    /// Takes in one file; says whether it was a list of objects.
    fn load_entry(&mut self, entry: &Entry) -> Result<bool, BundleError> {
        let parts: Vec<&str> = entry.path.split('/').collect();
        match parts[..] {
            ["metrics.om"] => {
                let text = String::from_utf8_lossy(&entry.bytes);
                let now = self.now().as_second() as f64;
                self.series = openmetrics::parse(&text, now)?;
                Ok(false)
            }
            [file] => self.load_list(entry, file, None),
            [namespace, file] => self.load_list(entry, file, Some(namespace)),
            [namespace, pod, file] => {
                self.load_logs(namespace, pod, file, &entry.bytes);
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    fn load_list(
        &mut self,
        entry: &Entry,
        file: &str,
        namespace: Option<&str>,
    ) -> Result<bool, BundleError> {
        let Some(resource) = file.strip_suffix(".json").and_then(resource::by_file_stem) else {
            return Ok(false);
        };
        let list = parse_json(entry)?;
        let items = list.get("items").and_then(Value::as_array);
        for item in items.into_iter().flatten() {
            let mut item = item.clone();
            if let (Some(namespace), Some(metadata)) = (
                namespace.filter(|_| resource.namespaced),
                item.get_mut("metadata").and_then(Value::as_object_mut),
            ) {
                metadata
                    .entry("namespace")
                    .or_insert_with(|| json!(namespace));
            }
            self.restore(resource, item);
        }
        Ok(true)
    }

    fn load_logs(&mut self, namespace: &str, pod: &str, file: &str, bytes: &[u8]) {
        let previous = match file {
            "logs.txt" => false,
            "previous-logs.txt" => true,
            _ => return,
        };
        let text = String::from_utf8_lossy(bytes);
        for (container, lines) in log_sections(&text) {
            let key = LogKey {
                previous,
                ..LogKey::current(namespace, pod, container)
            };
            // An empty log is a log: the container wrote nothing.
            self.logs.entry(key.clone()).or_default();
            for line in lines {
                self.log(&key, None, line);
            }
        }
    }

    /// Dumps carry no list of namespaces; kubectl asks for them.
    fn add_missing_namespaces(&mut self) {
        let namespaces = resource::by_kind("Namespace");
        let Some(namespaces) = namespaces else { return };
        let mut named: Vec<String> = resource::STORED
            .into_iter()
            .flat_map(|resource| self.objects(resource))
            .map(|(key, _)| key.namespace.clone())
            .filter(|namespace| !namespace.is_empty())
            .collect();
        named.sort();
        named.dedup();
        for name in named {
            if self.get(namespaces, "", &name).is_none() {
                let labels = json!({"kubernetes.io/metadata.name": name});
                self.restore(
                    namespaces,
                    json!({"metadata": {"name": name, "labels": labels},
                           "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}),
                );
            }
        }
    }

    /// Writes the world as an incident bundle into `folder`, which is made.
    ///
    /// Values of secrets are left out: their keys stay with empty values.
    pub fn write_bundle(
        &self,
        folder: &Path,
        cluster: &str,
        source: &str,
    ) -> Result<(), BundleError> {
        write_json(
            &folder.join("bundle.json"),
            &json!({"format": "incident-bundle/v1", "captured_at": self.now(), "cluster": cluster, "source": source}),
        )?;
        let namespaces: Vec<String> = resource::by_kind("Namespace")
            .into_iter()
            .flat_map(|resource| self.objects(resource))
            .map(|(key, _)| key.name.clone())
            .collect();
        for resource in resource::STORED {
            if resource.namespaced {
                for namespace in &namespaces {
                    let path = folder.join(namespace);
                    self.write_list(&path, resource, namespace)?;
                }
            } else {
                self.write_list(folder, resource, "")?;
            }
        }
        self.write_logs(folder)?;
        write(
            &folder.join("metrics.om"),
            openmetrics::write(&self.series).as_bytes(),
        )
    }

    fn write_list(
        &self,
        folder: &Path,
        resource: &Resource,
        namespace: &str,
    ) -> Result<(), BundleError> {
        let items: Vec<Value> = self
            .in_namespace(resource, namespace)
            .map(|(_, object)| full_object(resource, &without_secret_values(resource, object)))
            .collect();
        // The format's own files are written even when empty: a missing file means "not captured".
        let always = !resource.group.contains('.') || !items.is_empty() || in_format(resource);
        if !always {
            return Ok(());
        }
        write_json(
            &folder.join(format!("{}.json", resource.file_stem())),
            &json!({"kind": resource.list_kind(), "apiVersion": resource.group_version(),
                    "metadata": {"resourceVersion": self.version().to_string()}, "items": items}),
        )
    }

    fn write_logs(&self, folder: &Path) -> Result<(), BundleError> {
        let mut files: Vec<(PathBuf, String)> = Vec::new();
        for (key, lines) in self.logs() {
            let name = if key.previous {
                "previous-logs.txt"
            } else {
                "logs.txt"
            };
            let path = folder.join(&key.namespace).join(&key.pod).join(name);
            let whose = format!("{} of pod {}/{}", key.container, key.namespace, key.pod);
            let mut text = format!("==== START logs for container {whose} ====\n");
            for line in lines {
                text.push_str(&line.text);
                text.push('\n');
            }
            text.push_str(&format!("==== END logs for container {whose} ====\n"));
            match files.iter_mut().find(|(other, _)| *other == path) {
                Some((_, so_far)) => so_far.push_str(&text),
                None => files.push((path, text)),
            }
        }
        files
            .iter()
            .try_for_each(|(path, text)| write(path, text.as_bytes()))
    }
}

/// The object with `kind` and `apiVersion` in front, as a get answers it.
pub(crate) fn full_object(resource: &Resource, object: &Value) -> Value {
    let mut full = serde_json::Map::new();
    full.insert("kind".to_owned(), json!(resource.kind));
    full.insert("apiVersion".to_owned(), json!(resource.group_version()));
    full.extend(object.as_object().cloned().unwrap_or_default());
    Value::Object(full)
}

fn without_secret_values(resource: &Resource, object: &Value) -> Value {
    let mut object = object.clone();
    if resource.kind == "Secret" {
        for field in ["data", "stringData"] {
            let values = object.get_mut(field).and_then(Value::as_object_mut);
            for (_, value) in values.into_iter().flatten() {
                *value = json!("");
            }
        }
    }
    object
}

fn in_format(resource: &Resource) -> bool {
    matches!(
        resource.plural,
        "networkpolicies"
            | "ingresses"
            | "poddisruptionbudgets"
            | "rolebindings"
            | "storageclasses"
            | "endpointslices"
            | "leases"
    )
}

fn captured_at(entries: &[Entry]) -> Result<Option<Timestamp>, BundleError> {
    let Some(entry) = entries.iter().find(|entry| entry.path == "bundle.json") else {
        return Ok(None);
    };
    let header = parse_json(entry)?;
    let text = header.get("captured_at").and_then(Value::as_str);
    Ok(text.and_then(|text| text.parse().ok()))
}

/// Sections of a log file: container name and lines. A text without a heading has none.
fn log_sections(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        if let Some(container) = heading(line, "START") {
            sections.push((container, Vec::new()));
            open = true;
        } else if heading(line, "END").is_some() {
            open = false;
        } else if let (true, Some((_, lines))) = (open, sections.last_mut()) {
            lines.push(line);
        }
    }
    sections
}

fn heading<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.strip_prefix("==== ")?
        .strip_prefix(word)?
        .strip_prefix(" logs for container ")?
        .split(' ')
        .next()
}

fn parse_json(entry: &Entry) -> Result<Value, BundleError> {
    serde_json::from_slice(&entry.bytes).map_err(|source| BundleError::Json {
        path: entry.path.clone(),
        source,
    })
}

fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> BundleError + '_ {
    |source| BundleError::Io {
        path: path.to_owned(),
        source,
    }
}

fn read_folder(root: &Path) -> Result<Vec<Entry>, BundleError> {
    let mut entries = Vec::new();
    read_folder_into(root, "", 1, &mut entries)?;
    Ok(entries)
}

fn read_folder_into(
    folder: &Path,
    prefix: &str,
    depth: usize,
    entries: &mut Vec<Entry>,
) -> Result<(), BundleError> {
    let listing = fs::read_dir(folder).map_err(io_error(folder))?;
    let mut paths: Vec<PathBuf> = listing
        .collect::<Result<Vec<_>, _>>()
        .map_err(io_error(folder))?
        .into_iter()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let inner = format!("{prefix}{name}");
        if path.is_dir() {
            if depth < DEPTH_MAX {
                read_folder_into(&path, &format!("{inner}/"), depth + 1, entries)?;
            }
        } else {
            let bytes = fs::read(&path).map_err(io_error(&path))?;
            entries.push(Entry { path: inner, bytes });
        }
    }
    Ok(())
}

fn read_archive(path: &Path) -> Result<Vec<Entry>, BundleError> {
    let file = fs::File::open(path).map_err(io_error(path))?;
    let plain = zstd::Decoder::new(file).map_err(io_error(path))?;
    let mut archive = tar::Archive::new(plain.take(ARCHIVE_BYTES_MAX + 1));
    let mut entries = Vec::new();
    let mut total = 0;
    for member in archive.entries().map_err(io_error(path))? {
        let mut member = member.map_err(io_error(path))?;
        if !member.header().entry_type().is_file() {
            continue;
        }
        total += member.size();
        if total > ARCHIVE_BYTES_MAX {
            return Err(BundleError::TooLarge);
        }
        let name = member.path().map_err(io_error(path))?;
        let name = name.to_string_lossy().trim_start_matches("./").to_owned();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).map_err(io_error(path))?;
        entries.push(Entry { path: name, bytes });
    }
    strip_common_folder(&mut entries);
    Ok(entries)
}

/// Archives often hold the bundle within a folder of its name.
fn strip_common_folder(entries: &mut [Entry]) {
    let root = entries
        .iter()
        .filter(|entry| {
            let file = entry.path.rsplit('/').next().unwrap_or_default();
            matches!(file, "bundle.json" | "nodes.json" | "namespaces.json")
        })
        .map(|entry| entry.path.rfind('/').map_or(0, |end| end + 1))
        .min();
    for entry in entries {
        if let Some(stripped) = root.and_then(|root| entry.path.get(root..)) {
            entry.path = stripped.to_owned();
        }
    }
}

pub(crate) fn write_json(path: &Path, value: &Value) -> Result<(), BundleError> {
    write(path, format!("{value}\n").as_bytes())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BundleError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io_error(folder))?;
    }
    fs::write(path, bytes).map_err(io_error(path))
}

#[cfg(test)]
mod tests;
