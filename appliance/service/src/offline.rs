//! Analysing bundles without a running appliance: `analyze` and `eval`.

use std::sync::Arc;
use std::time::Instant;

use appliance_collect::bundle::Bundle;
use appliance_core::analysis::{AlertSummary, Analysis, IncidentSummary};
use appliance_core::incident::{Event, Incident, Incidents, Policy, Received};
use appliance_core::investigation::{Investigation, subjects_of};
use appliance_core::question::{Answer, Question};
use appliance_core::resolver::Aliases;
use inference_core::slot::EngineSlot;
use inference_engine::Metrics;
use jiff::Timestamp;
use prometheus_client::registry::Registry;

use crate::analyst::{Analyst, WordingError, millis};
use crate::commands::analyze::alerts;
use crate::completer::ModelCompleter;
use crate::config::{Inference, Model};
use crate::model;
use crate::options::ModelOptions;

/// Words cards with a model, or lets them stand.
#[derive(Debug)]
pub struct Offline {
    analyst: Option<Analyst>,
    /// The starter model is laid out here while the command runs.
    _folder: Option<tempfile::TempDir>,
}

impl Offline {
    /// Loads the model that `options` ask for.
    ///
    /// # Errors
    /// A model that was asked for and cannot be loaded.
    pub async fn start(options: &ModelOptions) -> anyhow::Result<Self> {
        let mut config = Model::default();
        config.apply(options);
        if !config.enabled {
            return Ok(Self {
                analyst: None,
                _folder: None,
            });
        }
        let folder = tempfile::tempdir()?;
        let file = model::file(&config, folder.path())?;
        let metrics = Metrics::register(&mut Registry::default());
        let engine = model::load(&config, &Inference::default(), &file, metrics).await?;
        let completer = ModelCompleter::new(EngineSlot::ready(engine), file.aliases);
        Ok(Self {
            analyst: Some(Analyst::new(Arc::new(completer))),
            _folder: Some(folder),
        })
    }

    /// What words cards, where a model is loaded.
    pub fn analyst(&self) -> Option<&Analyst> {
        self.analyst.as_ref()
    }

    /// Name of the loaded model; empty where there is none.
    pub fn model_name(&self) -> String {
        self.analyst
            .as_ref()
            .map(Analyst::model)
            .unwrap_or_default()
    }

    /// Answers `question` about `analysis`, by the model where it may.
    ///
    /// # Errors
    /// A model that should answer and fails.
    pub async fn ask(&self, question: &str, analysis: &Analysis) -> Result<Answer, WordingError> {
        let now = Timestamp::now();
        match &self.analyst {
            Some(analyst) => analyst.ask(question, analysis, now).await,
            None => Ok(Question::read(question, analysis)
                .answer(analysis, now)
                .unwrap_or_else(|| Answer::declined(None))),
        }
    }

    /// Words `card` where a model is loaded; the card stands where it fails.
    pub async fn word(&self, card: Analysis) -> Analysis {
        let Some(analyst) = &self.analyst else {
            return card;
        };
        match analyst.word(&card, &mut |_| {}).await {
            Ok((worded, _)) => worded,
            Err(error) => {
                tracing::warn!(%error, "the card stands as the rules wrote it");
                card
            }
        }
    }
}

/// The card of a bundle, by rules alone.
pub fn investigate(bundle: &Bundle) -> Analysis {
    let started = Instant::now();
    let subjects = subjects_of(alerts(bundle), &Aliases::default(), &bundle.snapshot);
    let investigation = Investigation {
        snapshot: &bundle.snapshot,
        alerts: alerts(bundle),
        subjects: &subjects,
    };
    let mut card = investigation.run(incident_of(bundle));
    card.timing.card_ms = millis(started);
    card
}

/// The incident the bundle's alerts open when they are the first ever received.
fn incident_of(bundle: &Bundle) -> IncidentSummary {
    let mut incidents = Incidents::new(Policy::default(), Aliases::default());
    for (seq, alert) in (1..).zip(alerts(bundle)) {
        let received = Received {
            alert,
            group_key: bundle
                .alert
                .as_ref()
                .map_or("", |notification| &notification.group_key),
            sender: "bundle",
            truncated_alerts: 0,
            seq,
        };
        incidents.apply(Event::Alert(received), bundle.snapshot.captured_at);
    }
    let first = incidents.live().next();
    IncidentSummary {
        // All of them, though the appliance might have opened several incidents.
        alerts: alerts(bundle).iter().map(AlertSummary::from).collect(),
        ..first.map(Incident::summary).unwrap_or_default()
    }
}
