//! The lines of a prompt, each with its rank and what it lets the model choose.

use jiff::Timestamp;

use super::aliases::Aliases;
use crate::analysis::{Analysis, Evidence, RuledOut, StatedCause};
use crate::budget::RankedLine;
use crate::evidence::{EvidenceId, EvidenceKind};
use crate::object::ObjectRef;

/// Characters of evidence text in one line; the rest is on the screen.
const EVIDENCE_CHARS_MAX: usize = 320;

/// The same for small models, which were trained on short lines.
const EVIDENCE_CHARS_MAX_SMALL: usize = 160;

/// What a line lets the model say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Nothing: context only.
    None,
    /// `C<n>`: the n-th candidate, from 1.
    Cause(usize),
    /// `E<n>`.
    Evidence(EvidenceId),
    /// `N<n>`: the n-th next check, from 1.
    NextCheck(usize),
    /// `A<n>`: the n-th action, from 1.
    Action(usize),
}

/// A line before the budget.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) ranked: RankedLine,
    pub(super) choice: Choice,
    /// `Pod @P1`, where the line is about an object that has an alias.
    pub(super) object: Option<String>,
    /// What sort of evidence it is; empty for other lines.
    pub(super) noun: &'static str,
}

impl Line {
    fn about(mut self, object: &ObjectRef, aliases: &Aliases) -> Self {
        let has_alias = aliases.name(&object.name).starts_with('@');
        self.object = has_alias.then(|| name_object(object, aliases));
        self
    }
}

/// Numbers the names of `card` by relevance: the best candidate's object first.
pub(super) fn aliases(card: &Analysis) -> Aliases {
    let mut aliases = Aliases::default();
    let causes = card.causes.iter().map(|cause| &cause.object);
    let ruled_out = card.ruled_out.iter().map(|ruled_out| &ruled_out.object);
    let evidence = card.evidence.iter().map(|evidence| &evidence.object);
    for object in causes.chain(&card.subject).chain(evidence).chain(ruled_out) {
        aliases.add(object);
    }
    for evidence in &card.evidence {
        aliases.add_places(&evidence.title);
        evidence
            .lines
            .iter()
            .for_each(|line| aliases.add_places(line));
    }
    aliases
}

/// All lines of `card`, in the order they are read; short ones for a small model.
pub(super) fn write(card: &Analysis, aliases: &Aliases, small: bool) -> Vec<Line> {
    let mut first = line(0, Choice::None, alert(card, aliases));
    if let Some(subject) = &card.subject {
        first = first.about(subject, aliases);
    }
    let mut lines = vec![first];
    for (index, cause) in card.causes.iter().enumerate() {
        let text = candidate(index + 1, cause, aliases);
        lines.push(line(1, Choice::Cause(index + 1), text).about(&cause.object, aliases));
    }
    for ruled_out in card.ruled_out.iter().take(4) {
        lines.push(line(6, Choice::None, excluded(ruled_out, aliases)));
    }
    for missing in card.missing.iter().take(4) {
        let text = format!("missing {}: {}", missing.source, missing.detail);
        lines.push(shortened(7, Choice::None, aliases.hide(&one_line(&text))));
    }
    for evidence in &card.evidence {
        let text = evidence_line(evidence, card.incident.started_at, aliases, small);
        let rank = evidence_rank(card, evidence.id);
        let mut line = shortened(rank, Choice::Evidence(evidence.id), text);
        line.noun = noun(evidence.kind);
        lines.push(line.about(&evidence.object, aliases));
    }
    for (index, check) in card.next_checks.iter().take(4).enumerate() {
        let why = reason(&check.why, small);
        let text = format!("N{} {}{why}", index + 1, check.command);
        let choice = Choice::NextCheck(index + 1);
        lines.push(line(5, choice, aliases.hide(&one_line(&text))));
    }
    for (index, action) in card.actions.iter().take(3).enumerate() {
        let risk = format!("{:?}", action.risk).to_lowercase();
        let why = reason(&action.why, small);
        let text = format!("A{} {risk} risk: {}{why}", index + 1, action.command);
        let choice = Choice::Action(index + 1);
        lines.push(line(5, choice, aliases.hide(&one_line(&text))));
    }
    lines
}

/// Why a command is offered; small models choose by the command alone.
fn reason(why: &str, small: bool) -> String {
    if small {
        String::new()
    } else {
        format!(" ({why})")
    }
}

fn line(rank: u32, choice: Choice, text: String) -> Line {
    Line {
        ranked: RankedLine {
            rank,
            text,
            shortest_chars: 0,
        },
        choice,
        object: None,
        noun: "",
    }
}

fn shortened(rank: u32, choice: Choice, text: String) -> Line {
    let mut line = line(rank, choice, text);
    line.ranked.shortest_chars = 48;
    line
}

/// Evidence of the first candidate is kept longest, uncited evidence shortest.
fn evidence_rank(card: &Analysis, id: EvidenceId) -> u32 {
    let position = card
        .causes
        .iter()
        .position(|cause| cause.because.contains(&id) || cause.against.contains(&id));
    match position {
        Some(0) => 2,
        Some(_) => 3,
        None if card.changes.iter().any(|change| change.evidence == id) => 4,
        None if card.evidence.first().is_some_and(|first| first.id == id) => 4,
        None => 8,
    }
}

fn alert(card: &Analysis, aliases: &Aliases) -> String {
    let names: Vec<&str> = card
        .incident
        .alerts
        .iter()
        .take(3)
        .map(|alert| alert.name.as_str())
        .collect();
    let subject = card.subject.as_ref().map_or_else(
        || "unknown".to_owned(),
        |object| name_object(object, aliases),
    );
    let text = format!(
        "alert {} severity {} about {subject}",
        names.join(", "),
        card.incident.severity
    );
    one_line(&text)
}

fn candidate(number: usize, cause: &StatedCause, aliases: &Aliases) -> String {
    let confidence = format!("{:?}", cause.confidence).to_lowercase();
    let mut text = format!(
        "C{number} {} of {}, {confidence}, for {}",
        cause.cause,
        name_object(&cause.object, aliases),
        ids(&cause.because)
    );
    if !cause.against.is_empty() {
        text += &format!(", against {}", ids(&cause.against));
    }
    text
}

fn excluded(ruled_out: &RuledOut, aliases: &Aliases) -> String {
    format!(
        "ruled out {} of {} by {}",
        ruled_out.cause,
        name_object(&ruled_out.object, aliases),
        ids(&ruled_out.because)
    )
}

fn evidence_line(
    evidence: &Evidence,
    onset: Option<Timestamp>,
    aliases: &Aliases,
    small: bool,
) -> String {
    let chars_max = if small {
        EVIDENCE_CHARS_MAX_SMALL
    } else {
        EVIDENCE_CHARS_MAX
    };
    let kind = noun(evidence.kind);
    let age = match (evidence.at, onset) {
        (Some(at), Some(onset)) => relative(at, onset),
        _ => String::new(),
    };
    let mut body = evidence.title.clone();
    for text in &evidence.lines {
        body += " | ";
        body += text;
        if body.len() > chars_max {
            break;
        }
    }
    // Aliases first: a name cut in two could not be replaced.
    let body: String = aliases
        .hide(&one_line(&body))
        .chars()
        .take(chars_max)
        .collect();
    format!(
        "{} {kind} {}{age}: {body}",
        evidence.id,
        name_object(&evidence.object, aliases)
    )
}

const fn noun(kind: EvidenceKind) -> &'static str {
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

/// ` 3m before` or ` 2h after` the onset; empty within the same minute.
fn relative(at: Timestamp, onset: Timestamp) -> String {
    let seconds = at.as_second() - onset.as_second();
    let side = if seconds < 0 { "before" } else { "after" };
    let (amount, unit) = match seconds.abs() {
        0..60 => return String::new(),
        length @ 60..3600 => (length / 60, "m"),
        length @ 3600..172_800 => (length / 3600, "h"),
        length => (length / 86_400, "d"),
    };
    format!(" {amount}{unit} {side}")
}

fn name_object(object: &ObjectRef, aliases: &Aliases) -> String {
    format!("{} {}", object.kind, aliases.name(&object.name))
}

fn ids(ids: &[EvidenceId]) -> String {
    let words: Vec<String> = ids.iter().take(6).map(ToString::to_string).collect();
    words.join(" ")
}

/// Untrusted text on one line, control characters gone.
fn one_line(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}
