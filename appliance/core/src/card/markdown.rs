//! An analysis as Markdown, for tickets and chat.
//!
//! Untrusted text is escaped or stands in code, with fences longer than any run
//! of backticks inside, so that it can never become markup or a link.

use std::fmt::Write as _;

use super::clean::line;
use super::text::{confidence, ids, kind, risk};
use crate::analysis::{Action, Analysis, Evidence};
use crate::object::ObjectRef;

/// Renders `analysis` as Markdown, ending with a line feed.
pub fn render(analysis: &Analysis) -> String {
    let mut out = String::new();
    head(analysis, &mut out);
    section(&mut out, "Causes", &analysis.causes, |cause| {
        let against = match ids(&cause.against) {
            ids if ids.is_empty() => String::new(),
            ids => format!(", against {}", escape(&ids)),
        };
        format!(
            "**{}** of {}, {} confidence {}{against}",
            escape(&cause.cause),
            object(&cause.object),
            confidence(cause.confidence),
            escape(&ids(&cause.because))
        )
    });
    section(&mut out, "Changes", &analysis.changes, |change| {
        let id = escape(&ids(&[change.evidence]));
        let why = match change.suspected.as_str() {
            "" => String::new(),
            why => format!(", **suspected**: {}", escape(why)),
        };
        format!(
            "{} {} {} {id}{why}",
            change.at,
            object(&change.object),
            escape(&change.what)
        )
    });
    section(&mut out, "Ruled out", &analysis.ruled_out, |ruled| {
        let ids = escape(&ids(&ruled.because));
        format!(
            "{} of {} {ids}",
            escape(&ruled.cause),
            object(&ruled.object)
        )
    });
    section(&mut out, "Not seen", &analysis.missing, |missing| {
        format!("{}: {}", escape(&missing.source), escape(&missing.detail))
    });
    section(&mut out, "Next checks", &analysis.next_checks, |check| {
        format!("{}: {}", code(&check.command), escape(&check.why))
    });
    section(
        &mut out,
        "Actions, for a person to decide",
        &analysis.actions,
        action,
    );
    context(analysis, &mut out);
    evidence(analysis, &mut out);
    out
}

fn head(analysis: &Analysis, out: &mut String) {
    let incident = &analysis.incident;
    let title = match escape(&incident.title) {
        title if title.is_empty() => "Incident".to_owned(),
        title => title,
    };
    let facts: Vec<String> = [escape(&incident.severity), escape(&incident.status)]
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
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "# {title}\n");
    if !facts.is_empty() {
        let _ = writeln!(out, "{}\n", facts.join(", "));
    }
    let _ = writeln!(
        out,
        "{} {}\n\n*Worded by {}.*",
        escape(&analysis.summary.text),
        escape(&ids(&analysis.summary.citations)),
        escape(&analysis.summary.by)
    );
}

fn section<T>(out: &mut String, heading: &str, items: &[T], write: impl Fn(&T) -> String) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## {heading}\n");
    for item in items {
        let _ = writeln!(out, "- {}", write(item).trim_end());
    }
}

fn action(action: &Action) -> String {
    let undo = match (action.undo.as_str(), action.reversible) {
        ("", true) => String::new(),
        ("", false) => "; cannot be undone".to_owned(),
        (undo, _) => format!("; undo with {}", code(undo)),
    };
    format!(
        "{} ({} risk): {}{undo}",
        code(&action.command),
        risk(action.risk),
        escape(&action.why)
    )
}

fn context(analysis: &Analysis, out: &mut String) {
    let context = &analysis.enrichment;
    let restarts = (context.restarts > 0).then(|| context.restarts.to_string());
    let mut facts: Vec<String> = [
        ("Service", context.service.as_str()),
        ("Owner", &context.owner),
        ("Objective", &context.slo),
        ("Restarts", restarts.as_deref().unwrap_or_default()),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| format!("{name}: {}", escape(value)))
    .collect();
    // Addresses stay code: whether they are links is the reader's choice.
    for (name, url) in [
        ("Dashboard", &context.dashboard_url),
        ("Runbook", &context.runbook_url),
    ] {
        if !url.is_empty() {
            facts.push(format!("{name}: {}", code(url)));
        }
    }
    facts.extend(
        context
            .top_metrics
            .iter()
            .map(|metric| format!("{} {}", code(&metric.query), escape(&metric.change))),
    );
    section(out, "Context", &facts, Clone::clone);
}

fn evidence(analysis: &Analysis, out: &mut String) {
    if analysis.evidence.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## Evidence");
    for piece in &analysis.evidence {
        let at = piece.at.map_or_else(String::new, |at| format!(" at {at}"));
        let _ = writeln!(
            out,
            "\n**{}** {} of {}{at}: {}",
            piece.id,
            kind(piece.kind),
            object(&piece.object),
            escape(&piece.title)
        );
        if !piece.lines.is_empty() {
            let _ = write!(out, "\n{}", fenced(piece));
        }
        if !piece.truncated.is_empty() {
            let _ = writeln!(out, "\nCut: {}", escape(&piece.truncated));
        }
        if !piece.query.is_empty() {
            let _ = writeln!(out, "\n{}", code(&piece.query));
        }
    }
}

fn fenced(piece: &Evidence) -> String {
    let lines: Vec<String> = piece.lines.iter().map(|text| line(text)).collect();
    let longest = lines
        .iter()
        .map(|line| longest_run(line))
        .max()
        .unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}text\n{}\n{fence}\n", lines.join("\n"))
}

fn object(object: &ObjectRef) -> String {
    escape(&object.to_string())
}

/// `text` as inline code.
fn code(text: &str) -> String {
    let text = line(text);
    let mark = "`".repeat(longest_run(&text) + 1);
    // A space keeps a backtick at the edge from joining the mark.
    let space = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{mark}{space}{text}{space}{mark}")
}

/// The longest run of backticks in `text`.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// `text` on one line with everything escaped that Markdown or HTML would read.
fn escape(text: &str) -> String {
    let text = line(text);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A bare address would become a link by itself.
            ':' if out.ends_with("http") || out.ends_with("https") => out.push_str("&#58;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|'
            | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
