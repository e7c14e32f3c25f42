//! What is told about an incident.

use std::hash::{DefaultHasher, Hash, Hasher};

use appliance_core::analysis::{Analysis, IncidentSummary};
use serde::Serialize;

/// Where an incident stands when a notice is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It began; the card of the rules is there.
    Opened,
    /// Its alerts or its causes changed.
    Updated,
    /// The model has worded the analysis.
    Worded,
    /// Its alerts have ended.
    Resolved,
}

/// News of one incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// The incident; its id is the key that ties notices together.
    pub incident: IncidentSummary,
    /// The analysis so far.
    pub analysis: Option<Analysis>,
    /// Where it stands.
    pub stage: Stage,
    /// The incident's page in the console.
    pub console_url: Option<String>,
}

impl Notice {
    /// What ties the notices of one incident together.
    pub fn key(&self) -> &str {
        &self.incident.id
    }

    /// Equal for notices that tell a reader the same: costs and evidence that
    /// move from one look to the next do not count.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.stage == Stage::Resolved).hash(&mut hasher);
        let incident = &self.incident;
        (&incident.title, &incident.severity, &incident.status).hash(&mut hasher);
        incident.alerts.len().hash(&mut hasher);
        if let Some(analysis) = &self.analysis {
            analysis.summary.text.hash(&mut hasher);
            for cause in &analysis.causes {
                (&cause.cause, &cause.object, cause.confidence).hash(&mut hasher);
            }
        }
        hasher.finish()
    }
}
