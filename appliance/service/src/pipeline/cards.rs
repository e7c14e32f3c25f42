//! Makes cards: capture, investigate, record, tell.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use appliance_core::incident::{IncidentId, severity_rank};
use appliance_http::wire::Phase;
use appliance_sinks::{Notice, Stage as NoticeStage};
use appliance_store::Stage;
use jiff::Timestamp;
use tracing::{error, info};

use super::Pipeline;

/// Works on incidents that want a card, for as long as the process lives.
pub(super) async fn run(pipeline: Arc<Pipeline>) {
    loop {
        let in_hand = pipeline.next(|lists| &mut lists.cards).await;
        let incident = in_hand.incident;
        if let Err(failure) = pipeline.make_card(incident).await {
            error!(%incident, error = %format!("{failure:#}"), "no card was made");
            pipeline.parts.metrics.failed("card");
            pipeline
                .parts
                .hub
                .end(&incident.to_string(), Some(format!("{failure:#}")));
        }
    }
}

impl Pipeline {
    async fn make_card(&self, id: IncidentId) -> anyhow::Result<()> {
        let started = Instant::now();
        let parts = &self.parts;
        let incident = parts
            .ledger
            .store()
            .incident(id)?
            .context("the incident is gone")?;
        let first = self.row(id).is_some_and(|row| row.stage.is_none());
        parts
            .hub
            .phase(&id.to_string(), Phase::Collecting, "gathering evidence");
        let now = Timestamp::now();
        let card = parts.investigator.card(&incident, now).await?;
        let seq = parts
            .ledger
            .record_analysis(id, Stage::Card, &card, Timestamp::now())
            .await?;
        parts.ledger.applied(seq).await;
        parts.metrics.card_made(started.elapsed());
        let cause = card
            .causes
            .first()
            .map_or("none", |cause| cause.cause.as_str());
        info!(incident = %id, cause, evidence = card.evidence.len(), ms = card.timing.card_ms, "card");
        self.tell(Notice {
            incident: incident.summary(),
            analysis: Some(card),
            stage: if first {
                NoticeStage::Opened
            } else {
                NoticeStage::Updated
            },
            console_url: self.console_url(id),
        });
        parts
            .hub
            .phase(&id.to_string(), Phase::Queued, "waiting for the model");
        self.want_words(id, severity_rank(&incident.severity));
        Ok(())
    }
}
