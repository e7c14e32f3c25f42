//! From findings to ranked causes: edges, propagation, elimination, ranking,
//! confidence.
//!
//! The deepest unhealthy thing that explains the symptoms is the cause;
//! symptoms fold under it and add their evidence. Several independent causes
//! stay several. The outcome depends on what was found, not on the order in
//! which it was found or captured. Of the changes before the onset, the one
//! nearest to the leading cause in reach and time is the suspected one.
//!
//! Invariant: every cause of a [`Diagnosis`] was found by an analyzer; this
//! module only drops, merges, orders and words how sure it is.

mod blind;
mod edges;
mod elimination;
mod fold;
mod lesser;
mod rank;
mod stale;
mod suspect;
#[cfg(test)]
mod tests;

use crate::analysis::Confidence;
use crate::causes::{Case, Exclusion, Finding, Findings, remedy};

pub use self::edges::Edges;
pub use self::suspect::Suspect;

/// Causes kept at most: more is a list of symptoms.
const CAUSES_MAX: usize = 5;

/// A finding with its place and confidence word.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedCause {
    /// The finding.
    pub finding: Finding,
    /// How sure, by rule.
    pub confidence: Confidence,
}

/// What the rules conclude: the card before it has evidence ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// Causes, best first; empty means no clear cause.
    pub causes: Vec<RankedCause>,
    /// What evidence speaks against.
    pub ruled_out: Vec<Exclusion>,
    /// The change that most likely led to the first cause.
    pub suspect: Option<Suspect>,
}

/// Ranks what the analyzers found.
pub fn diagnose(case: &Case<'_>, findings: Findings) -> Diagnosis {
    let Findings { found, excluded } = findings;
    let edges = Edges::of(case);
    let mut found = fold::in_fixed_order(found);
    let overtaken = stale::set_aside(case, &mut found);
    let mut ruled_out = fold::eliminate(&mut found, excluded);
    ruled_out.extend(overtaken);
    let found = fold::finer_over_parent(&found);
    let found = fold::symptoms_under_causes(&found, &edges);
    let mut causes = rank::rank(case, &edges, found);
    causes.truncate(CAUSES_MAX);
    for cause in &mut causes {
        remedy::complete(case, &mut cause.finding);
    }
    if let Some(leading) = causes.first() {
        let alike = elimination::look_alikes(case, &leading.finding);
        lesser::weigh(case, &edges, &mut causes, &alike);
        let fresh = alike.into_iter().filter(|one| {
            let known = ruled_out
                .iter()
                .any(|known| known.cause == one.cause && known.object == one.object);
            let stated = causes
                .iter()
                .any(|ranked| ranked.finding.cause == one.cause);
            !known && !stated
        });
        ruled_out.extend(fresh.collect::<Vec<_>>());
    }
    // What is stated as a cause cannot be ruled out beside it.
    ruled_out.retain(|exclusion| {
        !causes.iter().any(|ranked| {
            ranked.finding.cause == exclusion.cause && ranked.finding.object == exclusion.object
        })
    });
    let suspect = suspect::find(case, &edges, &causes);
    Diagnosis {
        causes,
        ruled_out,
        suspect,
    }
}
