//! From an incident to its card: capture, keep the bundle, investigate.

use std::sync::Arc;
use std::time::Instant;

use appliance_core::analysis::Analysis;
use appliance_core::incident::Incident;
use appliance_core::investigation::{Investigation, evidence_window};
use appliance_core::object::ObjectRef;
use appliance_core::ports::{CaptureRequest, SnapshotSource};
use appliance_core::resolver::{Aliases, resolve};
use appliance_core::snapshot::Snapshot;
use jiff::Timestamp;
use tracing::warn;

use crate::analyst::millis;
use crate::bundles::Bundles;

/// Makes cards.
pub struct Investigator {
    source: Arc<dyn SnapshotSource>,
    bundles: Arc<Bundles>,
    aliases: Aliases,
}

impl std::fmt::Debug for Investigator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Investigator").finish_non_exhaustive()
    }
}

/// The investigation itself broke; the incident stays without a new card.
#[derive(Debug, thiserror::Error)]
#[error("the investigation broke off: {0}")]
pub struct InvestigationError(#[from] tokio::task::JoinError);

impl Investigator {
    /// Captures from `source`, keeps bundles in `bundles`.
    pub fn new(source: Arc<dyn SnapshotSource>, bundles: Arc<Bundles>, aliases: Aliases) -> Self {
        Self {
            source,
            bundles,
            aliases,
        }
    }

    /// Captures what `incident` is about and makes its card.
    ///
    /// # Errors
    /// [`InvestigationError`] if an analyzer panicked; the process carries on.
    pub async fn card(
        &self,
        incident: &Incident,
        now: Timestamp,
    ) -> Result<Analysis, InvestigationError> {
        let started = Instant::now();
        let snapshot = Arc::new(self.source.capture(&request(incident, now)).await);
        let evidence_ms = millis(started);
        self.keep(incident, Arc::clone(&snapshot));
        let incident = incident.clone();
        let aliases = self.aliases.clone();
        let investigated = tokio::task::spawn_blocking(move || run(&incident, &snapshot, &aliases));
        let mut card = investigated.await?;
        card.timing.evidence_ms = evidence_ms;
        card.timing.card_ms = millis(started);
        Ok(card)
    }

    /// Writes the bundle beside the investigation; a card does not wait for it.
    fn keep(&self, incident: &Incident, snapshot: Arc<Snapshot>) {
        let bundles = Arc::clone(&self.bundles);
        let incident = incident.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = bundles.write(&incident, &snapshot) {
                warn!(incident = %incident.id, %error, "the bundle was not kept");
            }
        });
    }
}

fn request(incident: &Incident, now: Timestamp) -> CaptureRequest {
    let (from, until) = evidence_window(incident.started_at, now);
    CaptureRequest {
        subjects: incident.subjects.clone(),
        namespaces: incident.namespaces(),
        alerts: incident.alerts.clone(),
        from,
        until,
    }
}

fn run(incident: &Incident, snapshot: &Snapshot, aliases: &Aliases) -> Analysis {
    let mut subjects: Vec<ObjectRef> = Vec::new();
    for alert in &incident.alerts {
        for subject in resolve(alert, aliases, snapshot).subjects {
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
    }
    Investigation {
        snapshot,
        alerts: &incident.alerts,
        subjects: &subjects,
    }
    .run(incident.summary())
}
