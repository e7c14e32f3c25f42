//! An analysis as terminal text.
//!
//! Everything untrusted goes through the cleaner, line by line, so that no log
//! line can move the cursor or forge a heading of the card.

use std::fmt::Write as _;

use super::clean::line;
use crate::analysis::{Analysis, Confidence, Risk};
use crate::evidence::{EvidenceId, EvidenceKind};

/// Evidence lines shown per piece; `--format json` has all of them.
const LINES_SHOWN: usize = 6;

/// Renders `analysis` as plain text, ending with a line feed.
pub fn render(analysis: &Analysis) -> String {
    let mut out = String::new();
    head(analysis, &mut out);
    causes(analysis, &mut out);
    list(&mut out, "Changes", &analysis.changes, |change| {
        let why = match change.suspected.as_str() {
            "" => String::new(),
            why => format!("\n      suspected: {}", line(why)),
        };
        format!(
            "{}  {} {} [{}]{why}",
            change.at,
            change.object,
            line(&change.what),
            change.evidence
        )
    });
    list(&mut out, "Ruled out", &analysis.ruled_out, |ruled| {
        format!(
            "{} of {} {}",
            line(&ruled.cause),
            object(&ruled.object),
            ids(&ruled.because)
        )
    });
    list(&mut out, "Not seen", &analysis.missing, |missing| {
        format!("{}: {}", line(&missing.source), line(&missing.detail))
    });
    list(&mut out, "Next checks", &analysis.next_checks, |check| {
        format!("{}\n      {}", line(&check.command), line(&check.why))
    });
    list(
        &mut out,
        "Actions, for a person to decide",
        &analysis.actions,
        |action| {
            let undo = if action.undo.is_empty() {
                if action.reversible {
                    String::new()
                } else {
                    "\n      cannot be undone".to_owned()
                }
            } else {
                format!("\n      undo: {}", line(&action.undo))
            };
            format!(
                "[{} risk] {}\n      {}{undo}",
                risk(action.risk),
                line(&action.command),
                line(&action.why)
            )
        },
    );
    enrichment(analysis, &mut out);
    evidence(analysis, &mut out);
    out
}

fn head(analysis: &Analysis, out: &mut String) {
    let incident = &analysis.incident;
    let title = match line(&incident.title) {
        title if title.is_empty() => "Incident".to_owned(),
        title => title,
    };
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "{title}");
    let facts = [line(&incident.severity), line(&incident.status)];
    let facts: Vec<String> = facts
        .into_iter()
        .filter(|fact| !fact.is_empty())
        .chain(incident.started_at.map(|at| format!("since {at}")))
        .chain(
            analysis
                .subject
                .as_ref()
                .map(|subject| format!("on {}", object(subject))),
        )
        .collect();
    if !facts.is_empty() {
        let _ = writeln!(out, "{}", facts.join(", "));
    }
    let _ = writeln!(
        out,
        "\n{}\n(worded by {}{})",
        line(&analysis.summary.text),
        line(&analysis.summary.by),
        match ids(&analysis.summary.citations) {
            ids if ids.is_empty() => String::new(),
            ids => format!(", on {ids}"),
        }
    );
}

fn causes(analysis: &Analysis, out: &mut String) {
    list(out, "Causes", &analysis.causes, |cause| {
        let against = match ids(&cause.against) {
            ids if ids.is_empty() => String::new(),
            ids => format!(", against {ids}"),
        };
        format!(
            "{} of {} ({} confidence) {}{against}",
            line(&cause.cause),
            object(&cause.object),
            confidence(cause.confidence),
            ids(&cause.because)
        )
    });
}

fn list<T>(out: &mut String, heading: &str, items: &[T], write: impl Fn(&T) -> String) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{heading}");
    for item in items {
        let _ = writeln!(out, "  - {}", write(item));
    }
}

fn enrichment(analysis: &Analysis, out: &mut String) {
    let context = &analysis.enrichment;
    let restarts = (context.restarts > 0).then(|| context.restarts.to_string());
    let mut facts: Vec<String> = [
        ("service", context.service.clone()),
        ("owner", context.owner.clone()),
        ("objective", context.slo.clone()),
        ("restarts", restarts.unwrap_or_default()),
        ("dashboard", context.dashboard_url.clone()),
        ("runbook", context.runbook_url.clone()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| format!("{name}: {}", line(&value)))
    .collect();
    facts.extend(
        context
            .top_metrics
            .iter()
            .map(|metric| format!("{} {}", line(&metric.query), line(&metric.change))),
    );
    list(out, "Context", &facts, Clone::clone);
}

fn evidence(analysis: &Analysis, out: &mut String) {
    list(out, "Evidence", &analysis.evidence, |evidence| {
        let at = evidence
            .at
            .map_or_else(String::new, |at| format!(" at {at}"));
        let mut text = format!(
            "{} {} {}{at}: {}",
            evidence.id,
            kind(evidence.kind),
            object(&evidence.object),
            line(&evidence.title)
        );
        for shown in evidence.lines.iter().take(LINES_SHOWN) {
            let _ = write!(text, "\n      | {}", line(shown));
        }
        let hidden = evidence.lines.len().saturating_sub(LINES_SHOWN);
        if hidden > 0 {
            let _ = write!(text, "\n      ({hidden} more lines)");
        }
        if !evidence.truncated.is_empty() {
            let _ = write!(text, "\n      (cut: {})", line(&evidence.truncated));
        }
        if !evidence.query.is_empty() {
            let _ = write!(text, "\n      > {}", line(&evidence.query));
        }
        text
    });
}

fn object(object: &crate::object::ObjectRef) -> String {
    line(&object.to_string())
}

/// `[E1 E2]`, empty for none.
pub(super) fn ids(ids: &[EvidenceId]) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let ids: Vec<String> = ids.iter().map(EvidenceId::to_string).collect();
    format!("[{}]", ids.join(" "))
}

pub(super) const fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}

pub(super) const fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::High => "high",
        Risk::Medium => "medium",
        Risk::Low => "low",
    }
}

pub(super) const fn kind(kind: EvidenceKind) -> &'static str {
    match kind {
        EvidenceKind::Alert => "alert",
        EvidenceKind::Event => "event",
        EvidenceKind::Log => "log",
        EvidenceKind::Status => "status",
        EvidenceKind::Spec => "spec",
        EvidenceKind::Change => "change",
        EvidenceKind::Metric => "metric",
        EvidenceKind::Probe => "probe",
    }
}
