//! `bundle.json`: when the capture was made, of which cluster, by what.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Value of `format` in `bundle.json`.
pub const FORMAT: &str = "incident-bundle/v1";

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Meta {
    pub(super) format: String,
    pub(super) captured_at: Option<Timestamp>,
    pub(super) cluster: String,
    pub(super) source: String,
    /// What could not be had when the bundle was captured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) gaps: Vec<MetaGap>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct MetaGap {
    pub(super) source: String,
    pub(super) detail: String,
}
