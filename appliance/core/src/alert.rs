//! Alerts as Alertmanager tells them, and the parsing of its webhook body.
//!
//! Decides what an alert is and what makes two of them the same; leaves
//! grouping into incidents to [`crate::incident`].

pub mod fingerprint;
pub mod webhook;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Label or annotation set, sorted by name. Keys are case-sensitive.
pub type Labels = BTreeMap<String, String>;

/// Whether an alert fires or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertStatus {
    /// The rule's expression holds.
    Firing,
    /// It no longer holds, or the source fell silent.
    Resolved,
}

impl AlertStatus {
    /// Alertmanager's word: `firing` or `resolved`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// One alert of a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Firing or resolved.
    pub status: AlertStatus,
    /// Identifying labels, `alertname` among them.
    pub labels: Labels,
    /// Human text; untrusted.
    pub annotations: Labels,
    /// When the rule began to fire; [`Timestamp::UNIX_EPOCH`] when the sender did not say.
    pub starts_at: Timestamp,
    /// When it ended; absent while it fires (Alertmanager sends year 1).
    pub ends_at: Option<Timestamp>,
    /// Link back to the rule; shown as text, never dialled.
    pub generator_url: String,
    /// Alertmanager's fingerprint of the labels, 16 hex digits.
    pub fingerprint: String,
}

impl Alert {
    /// The `alertname` label, or an empty string.
    pub fn name(&self) -> &str {
        self.label("alertname")
    }

    /// A label's value, or an empty string: Prometheus treats both alike.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// What makes this alert the same as another.
    pub fn id(&self) -> AlertId {
        AlertId::of(&self.labels)
    }

    /// The `severity` label's value, or an empty string.
    pub fn severity(&self) -> &str {
        self.label("severity")
    }
}

/// Identity of an alert: a collision-resistant hash of its labels.
///
/// Alertmanager's fingerprint is 64-bit FNV, for which colliding labels are
/// easily made, so it is shown and never relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlertId([u8; 16]);

impl AlertId {
    /// The identity of a label set.
    pub fn of(labels: &Labels) -> Self {
        let mut hasher = blake3::Hasher::new();
        for (name, value) in labels {
            // Lengths first, so that no two label sets spell the same bytes.
            hasher.update(&(name.len() as u64).to_be_bytes());
            hasher.update(name.as_bytes());
            hasher.update(&(value.len() as u64).to_be_bytes());
            hasher.update(value.as_bytes());
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(id)
    }
}

impl AlertId {
    /// The hash's bytes, for keys of a store.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The identity with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// Prints 32 hex digits.
impl fmt::Display for AlertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One webhook body (version 4): a whole alert group, not a delta.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notification {
    /// Receiver name in Alertmanager's configuration.
    pub receiver: String,
    /// Opaque identifier of the group.
    pub group_key: String,
    /// Labels the group was formed by.
    pub group_labels: Labels,
    /// Labels all alerts share.
    pub common_labels: Labels,
    /// Annotations all alerts share.
    pub common_annotations: Labels,
    /// Alertmanager's own address; shown as text, never dialled.
    pub external_url: String,
    /// Why it was sent (Alertmanager ≥ 0.33), for example `repeat interval elapsed`; may be empty.
    pub reason: String,
    /// How many alerts `max_alerts` cut.
    pub truncated_alerts: u64,
    /// The alerts, in Alertmanager's order.
    pub alerts: Vec<Alert>,
}
