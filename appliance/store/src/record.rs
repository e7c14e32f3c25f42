//! The records of the journal: every change of the appliance's state.
//!
//! A notification is a line of JSON and then the body as it was received, so
//! that large bodies are neither escaped nor copied. All others are JSON.
//! Stored for ever: fields may be added with a default, never changed; what
//! cannot be added becomes a new kind. `tests/golden` holds one record of each.

use appliance_core::analysis::{Analysis, Confidence};
use appliance_core::incident::IncidentId;
use appliance_core::object::ObjectRef;
use appliance_journal::Payload;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::blobs::BlobHash;

const NOTIFICATION: u8 = 1;
const ANALYSIS: u8 = 2;
const FEEDBACK: u8 = 3;
const NOTE: u8 = 4;

/// Longest text kept of a cause, owner or comment, characters.
const TEXT_CHARS_MAX: usize = 400;

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A webhook body was received.
    Notification {
        /// When.
        received_at: Timestamp,
        /// From whom.
        sender: String,
        /// The body, unchanged.
        body: Bytes,
    },
    /// An analysis was made.
    Analysis {
        /// Of which incident.
        incident: IncidentId,
        /// When.
        at: Timestamp,
        /// How far it went.
        stage: Stage,
        /// Where the whole of it is.
        blob: BlobHash,
        /// What lists show of it.
        digest: AnalysisDigest,
    },
    /// A person judged an analysis.
    Feedback(Feedback),
    /// Something worth remembering was noted.
    Note(Note),
}

/// How far an analysis went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Worded by rules.
    Card,
    /// Worded by a model.
    Worded,
}

/// What lists show of an analysis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalysisDigest {
    /// Identifier of the first cause; empty when there is no clear one.
    pub cause: String,
    /// The thing to fix.
    #[serde(default)]
    pub object: Option<ObjectRef>,
    /// How sure.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// Owner of the service; may be empty.
    #[serde(default)]
    pub owner: String,
    /// Pieces of evidence.
    #[serde(default)]
    pub evidence_count: u64,
}

impl AnalysisDigest {
    /// What lists show of `analysis`.
    pub fn of(analysis: &Analysis) -> Self {
        let first = analysis.causes.first();
        Self {
            cause: first.map(|cause| shorten(&cause.cause)).unwrap_or_default(),
            object: first.map(|cause| cause.object.clone()),
            confidence: first.map(|cause| cause.confidence),
            owner: shorten(&analysis.enrichment.owner),
            evidence_count: analysis.evidence.len() as u64,
        }
    }
}

/// What a person thinks of an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Cause and object are right.
    Accepted,
    /// Another cause.
    WrongCause,
    /// Right cause, wrong owner.
    WrongOwner,
    /// Neither right nor wrong, no help.
    NotUseful,
}

/// A verdict on an incident's analysis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// On which incident.
    pub incident: IncidentId,
    /// When.
    pub at: Timestamp,
    /// The verdict.
    pub verdict: Verdict,
    /// One line; untrusted, may be empty.
    #[serde(default)]
    pub comment: String,
}

/// A remark of a person or of the appliance itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// About which incident.
    pub incident: IncidentId,
    /// When.
    pub at: Timestamp,
    /// The text; untrusted.
    pub text: String,
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Written by a newer release.
    #[error("record kind {kind} is not known to this release")]
    Kind {
        /// The kind.
        kind: u8,
    },
    /// Not what its kind says.
    #[error("record of kind {kind} cannot be read: {source}")]
    Malformed {
        /// The kind.
        kind: u8,
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct NotificationHead {
    received_at: Timestamp,
    sender: String,
}

#[derive(Serialize, Deserialize)]
struct AnalysisRecord {
    incident: IncidentId,
    at: Timestamp,
    stage: Stage,
    blob: BlobHash,
    digest: AnalysisDigest,
}

impl Record {
    /// The journal's kind and payload.
    pub fn encode(&self) -> Result<(u8, Payload), RecordError> {
        match self {
            Self::Notification {
                received_at,
                sender,
                body,
            } => {
                let head = NotificationHead {
                    received_at: *received_at,
                    sender: sender.clone(),
                };
                let mut line = json(NOTIFICATION, &head)?;
                line.push(b'\n');
                Ok((NOTIFICATION, [line.into(), body.clone()].into()))
            }
            Self::Analysis {
                incident,
                at,
                stage,
                blob,
                digest,
            } => {
                let record = AnalysisRecord {
                    incident: *incident,
                    at: *at,
                    stage: *stage,
                    blob: *blob,
                    digest: digest.clone(),
                };
                Ok((ANALYSIS, json(ANALYSIS, &record)?.into()))
            }
            Self::Feedback(feedback) => Ok((FEEDBACK, json(FEEDBACK, feedback)?.into())),
            Self::Note(note) => Ok((NOTE, json(NOTE, note)?.into())),
        }
    }

    /// The record in a journal's payload.
    pub fn decode(kind: u8, payload: Vec<u8>) -> Result<Self, RecordError> {
        let malformed = |source| RecordError::Malformed { kind, source };
        match kind {
            NOTIFICATION => {
                let payload = Bytes::from(payload);
                let end = payload
                    .iter()
                    .position(|&byte| byte == b'\n')
                    .unwrap_or(payload.len());
                let head: NotificationHead =
                    serde_json::from_slice(&payload[..end]).map_err(malformed)?;
                Ok(Self::Notification {
                    received_at: head.received_at,
                    sender: head.sender,
                    body: payload.slice((end + 1).min(payload.len())..),
                })
            }
            ANALYSIS => {
                let record: AnalysisRecord = serde_json::from_slice(&payload).map_err(malformed)?;
                Ok(Self::Analysis {
                    incident: record.incident,
                    at: record.at,
                    stage: record.stage,
                    blob: record.blob,
                    digest: record.digest,
                })
            }
            FEEDBACK => serde_json::from_slice(&payload)
                .map(Self::Feedback)
                .map_err(malformed),
            NOTE => serde_json::from_slice(&payload)
                .map(Self::Note)
                .map_err(malformed),
            kind => Err(RecordError::Kind { kind }),
        }
    }
}

fn json<T: Serialize>(kind: u8, value: &T) -> Result<Vec<u8>, RecordError> {
    serde_json::to_vec(value).map_err(|source| RecordError::Malformed { kind, source })
}

/// `text` on one line and not too long.
pub(crate) fn shorten(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(TEXT_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests;
