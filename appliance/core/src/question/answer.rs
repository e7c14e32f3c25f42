//! The rules' answers: sentences made of what the analysis holds.

use jiff::Timestamp;

use super::words::{ITEMS_MAX, age, line, listed, relative, sentence, shown, sureness, word};
use super::{Answer, Question, Topic};
use crate::analysis::{Analysis, ChangeEntry, Evidence, StatedCause};
use crate::causes::Cause;
use crate::evidence::EvidenceId;

/// The answer to `question`; `None` if only a model could give one.
pub(super) fn answer(question: &Question, analysis: &Analysis, now: Timestamp) -> Option<Answer> {
    let mut said = Said::default();
    match question {
        Question::Changes => changes(analysis, &mut said),
        Question::NextCheck => next_check(analysis, &mut said),
        Question::Repair => repair(analysis, &mut said),
        Question::StillHappening => still_happening(analysis, now, &mut said),
        Question::SinceWhen => since_when(analysis, now, &mut said),
        Question::Grounds => grounds(analysis, &mut said),
        Question::Affected => affected(analysis, &mut said),
        Question::Missing => missing(analysis, &mut said),
        Question::WhyNot(topic) => why_not(topic, analysis, &mut said),
        Question::Other => return None,
    }
    Some(said.into_answer())
}

/// Sentences and what they cite.
#[derive(Default)]
struct Said {
    sentences: Vec<String>,
    citations: Vec<EvidenceId>,
}

impl Said {
    fn say(&mut self, sentence: impl Into<String>) {
        self.sentences.push(sentence.into());
    }

    /// The citations of `ids` as text, noted; empty where there are none.
    fn cite(&mut self, ids: &[EvidenceId]) -> String {
        let ids = &ids[..ids.len().min(ITEMS_MAX)];
        self.citations.extend_from_slice(ids);
        if ids.is_empty() {
            return String::new();
        }
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        format!(" [{}]", ids.join(", "))
    }

    fn into_answer(mut self) -> Answer {
        self.citations.sort_unstable();
        self.citations.dedup();
        Answer {
            text: self.sentences.join(" "),
            citations: self.citations,
            by: "rules".to_owned(),
            declined: false,
        }
    }
}

fn changes(analysis: &Analysis, said: &mut Said) {
    if analysis.changes.is_empty() {
        return said
            .say("No change was seen in the time before the alert, in what could be captured.");
    }
    let mut changes: Vec<&ChangeEntry> = analysis.changes.iter().collect();
    changes.sort_by_key(|change| change.suspected.is_empty());
    for change in changes.into_iter().take(ITEMS_MAX) {
        let when = relative(change.at, analysis.incident.started_at);
        let cited = said.cite(&[change.evidence]);
        let why = match change.suspected.as_str() {
            "" => String::new(),
            why => format!(" This one is suspected: it is the {}.", line(why)),
        };
        said.say(format!(
            "{}, {when}: {}{cited}.{why}",
            change.object,
            line(&change.what)
        ));
    }
    rest(analysis.changes.len(), "changes", said);
}

fn next_check(analysis: &Analysis, said: &mut Said) {
    let Some(first) = analysis.next_checks.first() else {
        return said.say("No further check is known for what was found.");
    };
    said.say(format!("Run `{}`: {}", first.command, sentence(&first.why)));
    if let Some(second) = analysis.next_checks.get(1) {
        said.say(format!(
            "Then `{}`: {}",
            second.command,
            sentence(&second.why)
        ));
    }
}

fn repair(analysis: &Analysis, said: &mut Said) {
    let fix = leading(analysis)
        .and_then(|(_, known)| known)
        .map(Cause::fix);
    match analysis.actions.first() {
        Some(action) => {
            let undo = if action.reversible {
                "it can be undone"
            } else {
                "it cannot be undone"
            };
            said.say(format!(
                "`{}` ({} risk, {undo}): {}",
                action.command,
                word(action.risk),
                sentence(&action.why)
            ));
            if !action.undo.is_empty() {
                said.say(format!("To undo it: `{}`.", line(&action.undo)));
            }
        }
        None => match fix {
            Some(fix) => said.say(format!(
                "{fix} No command for it can be made from what was captured."
            )),
            None => said.say("No repair is known, since no cause is clear."),
        },
    }
}

fn still_happening(analysis: &Analysis, now: Timestamp, said: &mut Said) {
    let alerts = &analysis.incident.alerts;
    let firing = alerts
        .iter()
        .filter(|alert| alert.status == "firing")
        .count();
    if analysis.incident.status == "resolved" {
        said.say("Alertmanager reports it as resolved.");
    } else {
        said.say(match (firing, alerts.len()) {
            (1, 1) => "By the last notification its alert is firing.".to_owned(),
            (0, 1) => "By the last notification its alert is no longer firing.".to_owned(),
            (firing, all) => {
                format!("By the last notification {firing} of {all} alerts are firing.")
            }
        });
    }
    let newest = analysis
        .evidence
        .iter()
        .filter(|item| item.at.is_some())
        .max_by_key(|item| item.at);
    if let Some((item, at)) = newest.and_then(|item| Some((item, item.at?))) {
        let cited = said.cite(&[item.id]);
        said.say(format!(
            "The newest evidence is {} old: {}{cited}.",
            age(at, now),
            shown(item)
        ));
    }
    said.say("This is what the last look showed; analyze again to look at the cluster now.");
}

fn since_when(analysis: &Analysis, now: Timestamp, said: &mut Said) {
    match analysis.incident.started_at {
        Some(start) => said.say(format!("Since {start}, {} ago.", age(start, now))),
        None => said.say("None of its alerts says when it began."),
    }
    let changes = &analysis.changes;
    let suspected = changes.iter().find(|change| !change.suspected.is_empty());
    if let Some(change) = suspected.or(changes.first()) {
        let when = relative(change.at, analysis.incident.started_at);
        let cited = said.cite(&[change.evidence]);
        let which = if suspected.is_some() {
            "suspected"
        } else {
            "nearest"
        };
        said.say(format!(
            "The {which} change is {}, {when}{cited}.",
            change.object
        ));
    }
}

fn grounds(analysis: &Analysis, said: &mut Said) {
    let Some((stated, _)) = leading(analysis) else {
        return said.say("No cause is clear, so there is nothing to prove; see what was ruled out and what is missing.");
    };
    said.say(format!(
        "{} of {}, {}.",
        stated.cause,
        stated.object,
        sureness(stated.confidence)
    ));
    evidence_of(&stated.because, analysis, said);
    if stated.against.is_empty() {
        said.say("Nothing captured speaks against it.");
    } else {
        against(&stated.against, analysis, said);
    }
}

fn affected(analysis: &Analysis, said: &mut Said) {
    let alerts = &analysis.incident.alerts;
    let mut names: Vec<&str> = alerts.iter().map(|alert| alert.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    said.say(match alerts.len() {
        1 => format!("One alert belongs to it: {}.", listed(&names)),
        all => format!("{all} alerts belong to it: {}.", listed(&names)),
    });
    let mut objects: Vec<String> = Vec::new();
    let all = analysis
        .subject
        .iter()
        .chain(analysis.causes.iter().map(|cause| &cause.object));
    for object in all.map(ToString::to_string) {
        if !objects.contains(&object) {
            objects.push(object);
        }
    }
    if !objects.is_empty() {
        let objects: Vec<&str> = objects.iter().map(String::as_str).collect();
        said.say(format!("What it is about: {}.", listed(&objects)));
    }
    match analysis.enrichment.restarts {
        0 => {}
        1 => said.say("Its containers restarted once."),
        times => said.say(format!("Its containers restarted {times} times.")),
    }
}

fn missing(analysis: &Analysis, said: &mut Said) {
    if analysis.missing.is_empty() {
        return said.say("Everything that was asked for could be captured.");
    }
    for gap in analysis.missing.iter().take(ITEMS_MAX) {
        said.say(format!("{}: {}.", line(&gap.source), line(&gap.detail)));
    }
    rest(analysis.missing.len(), "gaps", said);
}

fn why_not(topic: &Topic, analysis: &Analysis, said: &mut Said) {
    let mut known = false;
    for (place, stated) in analysis.causes.iter().enumerate() {
        if topic.means(&stated.cause, &stated.object) {
            known = true;
            candidate(place, stated, analysis, said);
            evidence_of(&stated.because, analysis, said);
        }
    }
    for out in analysis
        .ruled_out
        .iter()
        .filter(|out| topic.means(&out.cause, &out.object))
        .take(ITEMS_MAX)
    {
        known = true;
        said.say(format!("{} of {} is ruled out.", out.cause, out.object));
        evidence_of(&out.because, analysis, said);
    }
    if known {
        return;
    }
    let seen: Vec<&Evidence> = analysis
        .evidence
        .iter()
        .filter(|item| topic.objects.contains(&item.object))
        .take(2)
        .collect();
    for item in &seen {
        let cited = said.cite(&[item.id]);
        said.say(format!("What was seen of it: {}{cited}.", shown(item)));
    }
    if seen.is_empty() {
        said.say("Nothing that was captured points at it.");
    } else {
        said.say("No rule finds a cause in it.");
    }
    instead(analysis, said);
    if !analysis.missing.is_empty() {
        let sources: Vec<&str> = analysis
            .missing
            .iter()
            .map(|gap| gap.source.as_str())
            .collect();
        said.say(format!(
            "What could not be seen: {}.",
            line(&listed(&sources))
        ));
    }
}

/// What is stated in place of what was asked for.
fn instead(analysis: &Analysis, said: &mut Said) {
    if let Some((stated, _)) = leading(analysis) {
        let cited = said.cite(&stated.because);
        said.say(format!(
            "What was captured leads to {} of {}, {}{cited}.",
            stated.cause,
            stated.object,
            sureness(stated.confidence)
        ));
    }
}

fn candidate(place: usize, stated: &StatedCause, analysis: &Analysis, said: &mut Said) {
    let rank = if place == 0 {
        "is the cause that is stated"
    } else {
        "is a candidate that ranks lower"
    };
    said.say(format!(
        "{} of {} {rank}, {}.",
        stated.cause,
        stated.object,
        sureness(stated.confidence)
    ));
    against(&stated.against, analysis, said);
}

fn against(ids: &[EvidenceId], analysis: &Analysis, said: &mut Said) {
    list("Against it speaks", ids, analysis, said);
}

/// One sentence that lists the evidence.
fn evidence_of(ids: &[EvidenceId], analysis: &Analysis, said: &mut Said) {
    list("Seen", ids, analysis, said);
}

fn list(head: &str, ids: &[EvidenceId], analysis: &Analysis, said: &mut Said) {
    let cited = ids.iter().take(ITEMS_MAX);
    let items: Vec<String> = cited
        .filter_map(|id| analysis.evidence.iter().find(|item| item.id == *id))
        .map(|item| format!("{}{}", shown(item), said.cite(&[item.id])))
        .collect();
    if !items.is_empty() {
        said.say(format!("{head}: {}.", items.join("; ")));
    }
}

fn leading(analysis: &Analysis) -> Option<(&StatedCause, Option<Cause>)> {
    let stated = analysis.causes.first()?;
    Some((stated, stated.cause.parse().ok()))
}

fn rest(total: usize, what: &str, said: &mut Said) {
    if total > ITEMS_MAX {
        said.say(format!("{} more {what} are listed.", total - ITEMS_MAX));
    }
}
