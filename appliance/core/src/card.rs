//! The card: what the rules conclude, as an analysis with numbered evidence.
//!
//! Gathers the drafts that causes, exclusions and changes cite, makes each one
//! piece of evidence, and words a summary that needs no model. Leaves finding
//! and ranking to [`crate::causes`] and [`crate::graph`].
//!
//! Invariant: every id in the analysis is in its evidence, and the same case
//! gives the same card.

mod clean;
mod enrichment;
mod ledger;
pub mod markdown;
mod relevant;
mod summary;
pub mod text;

use std::collections::BTreeSet;

use self::ledger::Ledger;
pub(crate) use self::summary::in_words;
use crate::analysis::{
    Action, Analysis, FORMAT, IncidentSummary, Missing, NextCheck, RuledOut, StatedCause, Timing,
};
use crate::causes::{Case, Finding};
use crate::evidence::{Draft, events_query, get_query};
use crate::graph::Diagnosis;

/// Most exclusions that are told; more is noise.
const RULED_OUT_MAX: usize = 12;
/// Most gaps that are told one by one.
const MISSING_MAX: usize = 20;
/// Most commands of each sort.
const COMMANDS_MAX: usize = 6;

/// Makes the analysis of `case` from what the rules concluded.
///
/// Times it took are left for the caller to fill in.
pub fn assemble(case: &Case<'_>, incident: IncidentSummary, diagnosis: &Diagnosis) -> Analysis {
    let mut ledger = Ledger::default();
    for alert in case.alerts {
        ledger.add(&Draft::alert(alert));
    }
    let causes: Vec<StatedCause> = diagnosis
        .causes
        .iter()
        .map(|ranked| StatedCause {
            cause: ranked.finding.cause.id().to_owned(),
            object: ranked.finding.object.clone(),
            confidence: ranked.confidence,
            because: ledger.add_all(&ranked.finding.because),
            against: ledger.add_all(&ranked.finding.against),
        })
        .collect();
    let changes = relevant::changes(case, diagnosis, &mut ledger);
    let ruled_out: Vec<RuledOut> = diagnosis
        .ruled_out
        .iter()
        .take(RULED_OUT_MAX)
        .map(|exclusion| RuledOut {
            cause: exclusion.cause.id().to_owned(),
            object: exclusion.object.clone(),
            because: ledger.add_all(&exclusion.because),
        })
        .collect();
    let mut analysis = Analysis {
        format: FORMAT.to_owned(),
        incident,
        subject: case.subjects.first().cloned(),
        causes,
        ruled_out,
        missing: missing(case),
        changes,
        evidence: ledger.finish(),
        summary: crate::analysis::Summary::default(),
        next_checks: next_checks(case, diagnosis),
        actions: actions(diagnosis),
        enrichment: enrichment::of(case),
        timing: Timing::default(),
    };
    analysis.summary = summary::of(case, diagnosis, &analysis);
    analysis
}

/// What could not be seen, each thing once.
fn missing(case: &Case<'_>) -> Vec<Missing> {
    let mut seen = BTreeSet::new();
    let gaps = case.snapshot.gaps.iter().chain(&case.facts.gaps);
    let mut missing: Vec<Missing> = gaps
        .filter(|gap| seen.insert((gap.source.clone(), gap.detail.clone())))
        .map(|gap| Missing {
            source: gap.source.clone(),
            detail: clean::line(&gap.detail),
        })
        .collect();
    let mut absent = |source: &str, is_absent: bool| {
        if is_absent && !missing.iter().any(|known| known.source == source) {
            missing.push(Missing {
                source: source.to_owned(),
                detail: "not captured".to_owned(),
            });
        }
    };
    let namespace = case
        .subjects
        .first()
        .and_then(|subject| subject.namespace.as_deref());
    if let Some(namespace) = namespace {
        absent(
            "events",
            !case.snapshot.objects.events.captured_in(namespace),
        );
        absent("pods", !case.snapshot.objects.pods.captured_in(namespace));
    }
    absent("logs", case.snapshot.logs.is_empty());
    absent("metrics", case.snapshot.series.is_empty());
    if missing.len() > MISSING_MAX {
        let more = missing.len() - MISSING_MAX;
        missing.truncate(MISSING_MAX);
        missing.push(Missing {
            source: "more".to_owned(),
            detail: format!("{more} more things could not be had"),
        });
    }
    missing
}

/// The causes' own checks, or where to look first when there is no cause.
fn next_checks(case: &Case<'_>, diagnosis: &Diagnosis) -> Vec<NextCheck> {
    let mut seen = BTreeSet::new();
    let stated = diagnosis
        .causes
        .iter()
        .flat_map(|ranked| checks_of(&ranked.finding));
    let mut checks: Vec<NextCheck> = stated
        .filter(|check| seen.insert(check.command.clone()))
        .collect();
    if checks.is_empty()
        && let Some(subject) = case.subjects.first()
    {
        checks.push(NextCheck {
            command: events_query(subject),
            why: format!("what the cluster says about {subject}"),
        });
        checks.push(NextCheck {
            command: get_query(subject),
            why: format!("the conditions and the specification of {subject}"),
        });
    }
    checks.truncate(COMMANDS_MAX);
    checks
}

/// What the analyzer proposes, else the catalogue's first look at the object.
fn checks_of(finding: &Finding) -> Vec<NextCheck> {
    if !finding.next_checks.is_empty() {
        return finding.next_checks.clone();
    }
    vec![NextCheck {
        command: get_query(&finding.object),
        why: finding.cause.first_look().to_owned(),
    }]
}

fn actions(diagnosis: &Diagnosis) -> Vec<Action> {
    let mut seen = BTreeSet::new();
    let stated = diagnosis
        .causes
        .iter()
        .flat_map(|ranked| &ranked.finding.actions);
    stated
        .filter(|action| seen.insert(action.command.clone()))
        .take(COMMANDS_MAX)
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests;
