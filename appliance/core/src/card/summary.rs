//! The words of the card when no model writes them: what, since which change,
//! what was ruled out, what could not be seen.

use jiff::{SignedDuration, Timestamp};

use super::clean;
use crate::analysis::{Analysis, Confidence, Summary};
use crate::causes::Case;
use crate::evidence::{Draft, EvidenceId, EvidenceKind};
use crate::facts::{Change, span};
use crate::graph::{Diagnosis, RankedCause, Suspect};

/// How long something may last and still have a beginning worth telling.
const SINCE_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Exclusions and gaps named in a sentence.
const NAMED_MAX: usize = 3;

/// Words the summary of `analysis`, whose evidence is complete.
pub(super) fn of(case: &Case<'_>, diagnosis: &Diagnosis, analysis: &Analysis) -> Summary {
    let suspect = diagnosis.suspect.as_ref();
    let mut sentences = match diagnosis.causes.as_slice() {
        [] => vec![no_clear_cause(case, analysis)],
        [first, others @ ..] => {
            let statement = format!(
                "{}{}",
                trimmed(&first.finding.statement),
                since(case, first)
            );
            let mut sentences = vec![stated(&statement, first.confidence)];
            sentences.extend(suspect.map(|suspect| suspected(suspect, case.started_at)));
            let independent = others
                .iter()
                .find(|other| other.confidence > Confidence::Low);
            if suspect.is_none()
                && let Some(other) = independent
            {
                sentences.push(format!(
                    "Also: {}",
                    stated(&other.finding.statement, other.confidence)
                ));
            }
            if analysis.actions.is_empty() && first.confidence > Confidence::Low {
                sentences.push(first.finding.cause.fix().to_owned());
            }
            sentences
        }
    };
    sentences.extend(ruled_out(analysis));
    sentences.extend(not_seen(analysis));
    if diagnosis.causes.is_empty()
        && let Some(check) = analysis.next_checks.first()
    {
        sentences.push(format!("Next check: {}", check.command));
    }
    Summary {
        text: sentences.join(" "),
        by: "rules".to_owned(),
        citations: citations(analysis, suspect.map(|suspect| &suspect.change)),
    }
}

fn trimmed(statement: &str) -> &str {
    statement.trim_end().trim_end_matches('.')
}

/// When the trouble began, where that is known: the hour, with the day where
/// the alert is of another. What lasts for weeks is no beginning, and neither
/// is a sign from after the alert fired, such as the latest of many restarts.
fn since(case: &Case<'_>, first: &RankedCause) -> String {
    let at = first.finding.since.filter(|at| {
        let age = case.snapshot.captured_at.duration_since(*at);
        *at <= case.started_at && age < SINCE_MAX
    });
    let text = at.map(|at| at.to_string());
    let day = text.as_deref().and_then(|text| text.split_once('T'));
    let Some((day, hour)) = day else {
        return String::new();
    };
    let hour = hour.get(..5).unwrap_or(hour);
    if case.started_at.to_string().starts_with(day) {
        format!(", since {hour} UTC")
    } else {
        format!(", since {day} {hour} UTC")
    }
}

fn stated(statement: &str, confidence: Confidence) -> String {
    let statement = clean::line(statement);
    let statement = trimmed(&statement);
    match confidence {
        Confidence::High => format!("{}.", capitalized(statement)),
        Confidence::Medium => format!("Likely: {statement}."),
        Confidence::Low => format!("Only a hint: {statement}."),
    }
}

fn suspected(suspect: &Suspect, started_at: Timestamp) -> String {
    let change = &suspect.change;
    let reaches = match suspect.reaches.as_str() {
        "" => String::new(),
        reaches => format!(", which {}", clean::line(reaches)),
    };
    let by = if change.by.is_empty() {
        String::new()
    } else {
        format!(" (by {})", clean::line(&change.by))
    };
    format!(
        "{} before the alert, {} {}{by}{reaches}.",
        capitalized(&span(started_at.duration_since(change.at))),
        change.object,
        clean::line(&change.what)
    )
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

fn no_clear_cause(case: &Case<'_>, analysis: &Analysis) -> String {
    let on = analysis
        .subject
        .as_ref()
        .map_or_else(String::new, |subject| format!(" for {subject}"));
    let snapshot = case.snapshot;
    let objects = snapshot.objects.all().count();
    format!(
        "No clear cause{on}: checked {objects} objects, {} kinds of events, {} shapes of log lines and {} series.",
        case.facts.events.len(),
        case.facts.logs.len(),
        snapshot.series.len()
    )
}

/// The look-alikes that evidence excludes; of the cause's own object it goes
/// without saying.
fn ruled_out(analysis: &Analysis) -> Option<String> {
    let leading = analysis.causes.first().map(|cause| &cause.object);
    let named: Vec<String> = analysis
        .ruled_out
        .iter()
        .take(NAMED_MAX)
        .map(|ruled| match leading {
            Some(object) if *object == ruled.object => in_words(&ruled.cause),
            _ => format!("{} of {}", in_words(&ruled.cause), ruled.object),
        })
        .collect();
    let more = more(analysis.ruled_out.len());
    (!named.is_empty()).then(|| format!("Ruled out: {}{more}.", named.join(", ")))
}

fn not_seen(analysis: &Analysis) -> Option<String> {
    let named: Vec<String> = analysis
        .missing
        .iter()
        .take(NAMED_MAX)
        .map(|missing| format!("{} ({})", missing.source, missing.detail))
        .collect();
    let more = more(analysis.missing.len());
    (!named.is_empty()).then(|| format!("Not seen: {}{more}.", named.join(", ")))
}

fn more(count: usize) -> String {
    match count.saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    }
}

/// `OomOwnLimit` as `oom own limit`.
pub(crate) fn in_words(cause: &str) -> String {
    let mut words = String::new();
    for c in cause.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

/// What the sentences rest on: the first cause, its change, the alert.
fn citations(analysis: &Analysis, suspect: Option<&Change>) -> Vec<EvidenceId> {
    let mut ids: Vec<EvidenceId> = analysis
        .causes
        .first()
        .map(|cause| cause.because.clone())
        .unwrap_or_default();
    if let Some(change) = suspect {
        let title = clean::line(&Draft::change(change).title);
        ids.extend(
            analysis
                .evidence
                .iter()
                .find(|evidence| {
                    evidence.kind == EvidenceKind::Change
                        && evidence.object == change.object
                        && evidence.title == title
                })
                .map(|evidence| evidence.id),
        );
    }
    ids.extend(
        analysis
            .ruled_out
            .iter()
            .take(NAMED_MAX)
            .filter_map(|ruled| ruled.because.first().copied()),
    );
    if ids.is_empty() {
        ids.extend(analysis.evidence.first().map(|evidence| evidence.id));
    }
    let mut seen = std::collections::BTreeSet::new();
    ids.retain(|id| seen.insert(*id));
    ids
}
