//! Causes in the monitoring itself: targets that are not scraped, a sick
//! Prometheus, notifications that do not leave, missing exporters, bad rules.
//!
//! While one of these holds, silence proves nothing; the alerts of this family
//! are therefore facts about the watcher and not about what it watches.

mod pod_monitors;
mod rules;
mod stack;
mod targets;

use super::Analyzer;

/// The analyzers of this family.
pub(crate) const ANALYZERS: &[Analyzer] = &[
    targets::analyze,
    pod_monitors::analyze,
    stack::analyze,
    rules::analyze,
];
