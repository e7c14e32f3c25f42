//! Alerts as Alertmanager tells them, and the parsing of its webhook body.
//!
//! Decides what an alert is and what makes two of them the same; leaves
//! grouping into incidents to [`crate::incident`].

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Label or annotation set, sorted by name. Keys are case-sensitive.
pub type Labels = BTreeMap<String, String>;

/// Whether an alert fires or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlertStatus {
    /// The rule's expression holds.
    Firing,
    /// It no longer holds, or the source fell silent.
    Resolved,
}

/// One alert of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Firing or resolved.
    pub status: AlertStatus,
    /// Identifying labels, `alertname` among them.
    pub labels: Labels,
    /// Human text; untrusted.
    pub annotations: Labels,
    /// When the rule began to fire.
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
        self.labels.get("alertname").map_or("", String::as_str)
    }
}

/// One webhook body (version 4): a whole alert group, not a delta.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// How many alerts `max_alerts` cut.
    pub truncated_alerts: u64,
    /// The alerts, in Alertmanager's order.
    pub alerts: Vec<Alert>,
}
