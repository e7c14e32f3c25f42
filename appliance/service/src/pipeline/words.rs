//! Has the model word cards, one at a time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use appliance_core::analysis::Analysis;
use appliance_core::incident::IncidentId;
use appliance_http::wire::Phase;
use appliance_sinks::{Notice, Stage as NoticeStage};
use appliance_store::Stage;
use inference_core::EngineError;
use jiff::Timestamp;
use tracing::{info, warn};

use super::Pipeline;

/// How often a loading model is looked for.
const LOADING_PAUSE: Duration = Duration::from_millis(200);

/// A model that needs longer for one answer is taken for wedged; the card stands.
const WORDING_MAX: Duration = Duration::from_mins(10);

/// Words cards for as long as the process lives.
pub(super) async fn run(pipeline: Arc<Pipeline>) {
    loop {
        let in_hand = pipeline.next(|lists| &mut lists.words).await;
        let incident = in_hand.incident;
        let name = incident.to_string();
        if !pipeline.model_is_there().await {
            pipeline.parts.hub.end(&name, None);
            continue;
        }
        match pipeline.word(incident).await {
            Ok(()) => pipeline.parts.hub.end(&name, None),
            Err(failure) => {
                warn!(%incident, error = %format!("{failure:#}"), "the card stands as the rules wrote it");
                pipeline.parts.metrics.failed("wording");
                let said = format!("the model did not word this: {failure:#}");
                pipeline.parts.hub.end(&name, Some(said));
            }
        }
    }
}

impl Pipeline {
    /// Waits while a model loads; false when there is none.
    async fn model_is_there(&self) -> bool {
        loop {
            match self.parts.slot.engine() {
                Ok(_) => return true,
                Err(EngineError::Loading) => tokio::time::sleep(LOADING_PAUSE).await,
                Err(_) => return false,
            }
        }
    }

    async fn word(&self, id: IncidentId) -> anyhow::Result<()> {
        let parts = &self.parts;
        let name = id.to_string();
        let stored = parts
            .ledger
            .store()
            .analysis(id)?
            .context("the card is gone")?;
        if stored.stage == Stage::Worded {
            return Ok(());
        }
        parts
            .hub
            .phase(&name, Phase::Writing, "the model reads the evidence");
        let mut on_sentence = |sentence: &str| parts.hub.text(&name, sentence);
        let wording = parts.analyst.word(&stored.analysis, &mut on_sentence);
        let (worded, report) = tokio::time::timeout(WORDING_MAX, wording)
            .await
            .context("the model gave no answer in time")??;
        parts.metrics.worded(&report, worded.timing.model_ms);
        let seq = parts
            .ledger
            .record_analysis(id, Stage::Worded, &worded, Timestamp::now())
            .await?;
        parts.ledger.applied(seq).await;
        info!(incident = %id, by = worded.summary.by, dropped = report.dropped, ms = worded.timing.model_ms, "worded");
        self.tell_worded(id, worded)
    }

    fn tell_worded(&self, id: IncidentId, worded: Analysis) -> anyhow::Result<()> {
        let incident = self.parts.ledger.store().incident(id)?;
        if let Some(incident) = incident {
            self.tell(Notice {
                incident: incident.summary(),
                analysis: Some(worded),
                stage: NoticeStage::Worded,
                console_url: self.console_url(id),
            });
        }
        Ok(())
    }
}
