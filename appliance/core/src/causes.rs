//! What a pattern of facts means: the catalogue and its analyzers.
//!
//! One file per family, one analyzer per cause or per inseparable group. An
//! analyzer is a pure function from a [`Case`] to [`Finding`]s: it states what
//! it sees with the evidence for and against, and leaves ranking, propagation
//! and elimination to [`crate::graph`].
//!
//! Invariant: a finding names only objects of the snapshot (or one that an
//! object of the snapshot refers to and that is missing), and cites at least
//! one piece of evidence.

mod autoscaling;
pub(crate) mod calls;
mod catalogue;
pub(crate) mod component;
mod control_plane;
pub(crate) mod exported;
mod finding;
pub(crate) mod fired;
#[cfg(test)]
pub(crate) mod fixture;
mod image;
pub(crate) mod labels;
#[cfg(test)]
mod look_alikes;
pub(crate) mod machine;
mod monitoring;
mod network;
mod node;
pub(crate) mod quantity;
mod quiet;
mod quota;
pub(crate) mod remedy;
pub(crate) mod resources;
pub(crate) mod rise;
mod rollout;
mod runtime;
pub(crate) mod said;
mod scheduling;
pub(crate) mod series;
pub(crate) mod signs;
mod startup;
mod storage;
pub(crate) mod subject;
pub(crate) mod trend;
pub(crate) mod view;
pub(crate) mod wiring;

pub use self::catalogue::{Cause, Family, UnknownCause};
pub use self::finding::{Case, Exclusion, Finding, Findings, Strength};

/// An analyzer: looks at a case and states what it finds.
pub type Analyzer = fn(&Case<'_>, &mut Findings);

/// Every analyzer, in the catalogue's order.
pub const ANALYZERS: &[Analyzer] = &[
    image::pulls,
    image::platform,
    startup::config::objects,
    startup::config::volumes,
    startup::command::bad_command,
    startup::command::hook,
    startup::command::init,
    startup::sandbox::network,
    startup::admission::refused,
    startup::admission::service_account,
    startup::admission::unprivileged,
    quota::refused,
    quota::pods,
    quota::claims,
    quota::services,
    scheduling::unplaced,
    scheduling::gated,
    scheduling::custom_scheduler,
    scheduling::unknown_node,
    scheduling::preempted,
    scheduling::scheduler_down,
    storage::claims,
    storage::multi_attach,
    storage::held_elsewhere,
    storage::hung_file_server,
    storage::filling,
    storage::resize,
    storage::saturated_disks,
    storage::failing_disks,
    storage::clusters,
    storage::snapshots,
    storage::systems,
    storage::copies,
];

/// Every analyzer by family: start-up first, then what runs, then what carries it.
pub const FAMILIES: &[&[Analyzer]] = &[
    ANALYZERS,
    runtime::ANALYZERS,
    rollout::ANALYZERS,
    network::ANALYZERS,
    node::ANALYZERS,
    control_plane::ANALYZERS,
    autoscaling::ANALYZERS,
    monitoring::ANALYZERS,
    quiet::ANALYZERS,
];

/// Runs every analyzer over `case`.
pub fn analyze(case: &Case<'_>) -> Findings {
    let mut findings = Findings::default();
    for analyzer in FAMILIES.iter().copied().flatten() {
        analyzer(case, &mut findings);
    }
    findings
}
