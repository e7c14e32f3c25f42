//! Watches the ledger for incidents that opened, changed or ended.

use std::sync::Arc;

use appliance_core::incident::IncidentId;
use appliance_sinks::{Notice, Stage as NoticeStage};
use appliance_store::{ChangeKind, ListRow, Stage, StoreEvent};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Pipeline;
use crate::worklist::Reason;

/// Follows until the ledger closes.
pub(super) async fn run(pipeline: Arc<Pipeline>, mut events: Receiver<StoreEvent>) {
    pipeline.catch_up();
    loop {
        match events.recv().await {
            Ok(event) => pipeline.follow(&event),
            // Events were missed, none of the work: the ledger knows what has no analysis.
            Err(RecvError::Lagged(_)) => pipeline.catch_up(),
            Err(RecvError::Closed) => return,
        }
    }
}

impl Pipeline {
    /// Asks for what incidents still lack: a card in any case, so that one that
    /// began and ended around a crash is not empty; words while it is open.
    fn catch_up(&self) {
        for event in self.parts.ledger.store().events_since(0) {
            let row = &event.row;
            if row.stage.is_none() || row.is_open() && row.stage != Some(Stage::Worded) {
                self.want_card(row, Reason::Changed);
            }
        }
    }

    fn follow(&self, event: &StoreEvent) {
        if event.kind != ChangeKind::Incident {
            return;
        }
        let row = &event.row;
        if !row.is_open() {
            self.tell_resolved(row.id);
        } else if event.opened || row.stage.is_none() {
            self.want_card(row, Reason::Now);
        } else {
            self.want_card(row, Reason::Changed);
        }
    }

    fn tell_resolved(&self, incident: IncidentId) {
        match self.parts.ledger.store().incident(incident) {
            Ok(Some(incident)) => self.tell(Notice {
                incident: incident.summary(),
                analysis: None,
                stage: NoticeStage::Resolved,
                console_url: self.console_url(incident.id),
            }),
            Ok(None) => {}
            Err(error) => tracing::error!(%incident, %error, "no notice of the end was sent"),
        }
    }

    /// Hands a notice to the sinks, which never block.
    pub(super) fn tell(&self, notice: Notice) {
        self.parts.sinks.send(notice);
    }

    /// Link to the incident in the console, where people can reach it.
    pub(super) fn console_url(&self, incident: IncidentId) -> Option<String> {
        let base = self.parts.console_url.trim_end_matches('/');
        (!base.is_empty()).then(|| format!("{base}/#/incidents/{incident}"))
    }

    pub(super) fn row(&self, incident: IncidentId) -> Option<ListRow> {
        self.parts.ledger.store().row(incident)
    }
}
