//! Incident bundles on disk: one archive per incident, the newest capture.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use appliance_collect::bundle;
use appliance_core::alert::Alert;
use appliance_core::incident::{Incident, IncidentId};
use appliance_core::snapshot::Snapshot;
use serde_json::{Value, json};

/// Archives kept; the oldest incidents' go first.
const BUNDLES_MAX: usize = 1_000;

/// The folder of incident bundles.
#[derive(Debug)]
pub struct Bundles {
    folder: PathBuf,
}

impl Bundles {
    /// Keeps bundles in `folder`, which is made where it is absent.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// Where the bundle of `incident` is or would be.
    pub fn path(&self, incident: IncidentId) -> PathBuf {
        self.folder.join(format!("{incident}.tar.zst"))
    }

    /// Writes `snapshot` as the bundle of `incident`, replacing an earlier one.
    ///
    /// # Errors
    /// Why it cannot be written; an earlier bundle then stays.
    pub fn write(&self, incident: &Incident, snapshot: &Snapshot) -> anyhow::Result<()> {
        let path = self.path(incident.id);
        let temporary = path.with_extension("part");
        let file = BufWriter::new(fs::File::create(&temporary)?);
        let alert = webhook_body(incident).to_string();
        let name = incident.id.to_string();
        bundle::write_archive(file, &name, snapshot, Some(alert.as_bytes()))?.flush()?;
        fs::rename(&temporary, &path)?;
        self.forget_oldest();
        Ok(())
    }

    /// Keeps the folder within [`BUNDLES_MAX`]; what cannot be removed stays.
    fn forget_oldest(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        let mut archives: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "zst"))
            .collect();
        // Incident numbers grow with time, and so do the names.
        archives.sort();
        let surplus = archives.len().saturating_sub(BUNDLES_MAX);
        for path in archives.iter().take(surplus) {
            remove(path);
        }
    }
}

/// The incident's alerts as Alertmanager would send them (webhook version 4).
fn webhook_body(incident: &Incident) -> Value {
    let alerts: Vec<Value> = incident.alerts.iter().map(alert_body).collect();
    json!({
        "version": "4",
        "groupKey": incident.group_keys.first(),
        "truncatedAlerts": incident.truncated_alerts,
        "status": if incident.is_open() { "firing" } else { "resolved" },
        "receiver": "anchorite",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": alerts,
    })
}

fn alert_body(alert: &Alert) -> Value {
    json!({
        "status": alert.status.as_str(),
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": alert.starts_at,
        "endsAt": alert.ends_at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |at| at.to_string()),
        "generatorURL": alert.generator_url,
        "fingerprint": alert.fingerprint,
    })
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "an old bundle was not removed");
    }
}
