//! Counts of what was dialled and what was refused, by destination.
//!
//! Refused destinations are not known beforehand, so their number is bounded:
//! past [`DENIED_LABELS_MAX`] they are counted as `other`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::error::DialError;

/// Enough to see a misconfiguration, too few to fill a metrics store.
const DENIED_LABELS_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DestinationLabel {
    destination: String,
}

/// What happened towards one destination since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DestinationCounts {
    /// Connections opened.
    pub dialled: u64,
    /// Connections the guard refused.
    pub denied: u64,
    /// Permitted connections that could not be opened.
    pub failed: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Metrics {
    dialled: Family<DestinationLabel, Counter>,
    denied: Family<DestinationLabel, Counter>,
    failed: Family<DestinationLabel, Counter>,
    // Held for a map update only, never across an await.
    counts: Mutex<BTreeMap<String, DestinationCounts>>,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("anchorite_egress");
        registry.register("dialled", "Connections opened", metrics.dialled.clone());
        registry.register(
            "denied",
            "Connections refused because the destination is not permitted",
            metrics.denied.clone(),
        );
        registry.register(
            "failed",
            "Permitted connections that could not be opened",
            metrics.failed.clone(),
        );
        metrics
    }

    pub(crate) fn count(&self, destination: &str, outcome: Result<(), &DialError>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let denied = outcome.is_err_and(DialError::is_refusal);
        let full = counts.len() >= DENIED_LABELS_MAX && !counts.contains_key(destination);
        let destination = if denied && full { "other" } else { destination };
        let label = DestinationLabel {
            destination: destination.to_owned(),
        };
        let entry = counts.entry(destination.to_owned()).or_default();
        let (field, family) = match outcome {
            Ok(()) => (&mut entry.dialled, &self.dialled),
            Err(_) if denied => (&mut entry.denied, &self.denied),
            Err(_) => (&mut entry.failed, &self.failed),
        };
        *field += 1;
        family.get_or_create(&label).inc();
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, DestinationCounts> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }
}
