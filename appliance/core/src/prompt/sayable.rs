//! What may be said about the lines a prompt shows.
//!
//! For each candidate, and for none, the sentences that are true if it is
//! chosen: wordings of the phrase tables whose slots are filled by what the
//! lines themselves bear. A citation stands only behind its own line's kind,
//! object, age or sign; the model decides which sentences, about which of the
//! evidence, in which order.

use std::collections::{BTreeMap, BTreeSet};

use super::lines::{Choice, Line};
use super::phrases::PHRASES;
use crate::analysis::{Analysis, Confidence};
use crate::evidence::EvidenceId;

/// Ways to fill the slots of one sentence, by the slot's name.
type Slots = BTreeMap<String, BTreeSet<String>>;

/// A wording cut at its slots: text, ways to fill, text, … in turn.
pub(super) type Sentence = Vec<BTreeSet<String>>;

/// The sentences that a small model may write, by the candidate it has
/// chosen; 0 is none of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sayable {
    by_choice: BTreeMap<usize, Vec<Sentence>>,
}

/// What the kept lines bear.
#[derive(Default)]
struct Shown<'a> {
    evidence: BTreeMap<EvidenceId, (&'a Line, &'a str)>,
    subject: Option<&'a str>,
    candidates: BTreeMap<usize, &'a Line>,
    gaps: BTreeSet<String>,
    step: Option<&'a str>,
    fix: Option<&'a str>,
}

impl Sayable {
    /// What may be said of `card` where a prompt keeps these lines of it, each
    /// with its text as shown.
    pub(super) fn of<'a>(card: &Analysis, kept: impl Iterator<Item = (&'a Line, &'a str)>) -> Self {
        let shown = Shown::of(kept);
        let mut by_choice: BTreeMap<usize, Vec<Sentence>> = shown
            .candidates
            .keys()
            .map(|&number| (number, shown.about(card, number)))
            .collect();
        by_choice.insert(0, shown.undecided());
        Self { by_choice }
    }

    /// Whether anything may be said at all.
    pub fn is_empty(&self) -> bool {
        self.by_choice.is_empty()
    }

    /// The choices, each with its sentences.
    pub(super) fn choices(&self) -> impl Iterator<Item = (usize, &[Sentence])> {
        self.by_choice
            .iter()
            .map(|(number, sentences)| (*number, sentences.as_slice()))
    }
}

impl<'a> Shown<'a> {
    fn of(kept: impl Iterator<Item = (&'a Line, &'a str)>) -> Self {
        let mut shown = Self::default();
        for (index, (line, text)) in kept.enumerate() {
            let command = text.find("kubectl ").map_or("", |start| &text[start..]);
            match line.choice {
                Choice::Evidence(id) => drop(shown.evidence.insert(id, (line, text))),
                Choice::Cause(number) => drop(shown.candidates.insert(number, line)),
                Choice::NextCheck(_) => shown.step = shown.step.or(PHRASES.step(command)),
                Choice::Action(_) => shown.fix = shown.fix.or(PHRASES.fix(command)),
                Choice::None if index == 0 => shown.subject = line.object.as_deref(),
                Choice::None => shown.gaps.extend(gap(text).map(str::to_owned)),
            }
        }
        shown
    }

    /// Sentences that hold if candidate `number` is the cause.
    fn about(&self, card: &Analysis, number: usize) -> Vec<Sentence> {
        let Some(stated) = card.causes.get(number - 1) else {
            return Vec::new();
        };
        let culprit = self
            .candidates
            .get(&number)
            .and_then(|line| line.object.as_deref());
        let because = self.slots(&stated.because);
        let mut said = filled("shows_one", &because);
        said.extend(self.shown_by_two(&stated.because));
        said.extend(filled("since", &because));
        said.extend(filled("against", &self.slots(&stated.against)));
        let ruled: Vec<EvidenceId> = card
            .ruled_out
            .iter()
            .flat_map(|one| one.because.clone())
            .collect();
        said.extend(filled("ruled", &self.slots(&ruled)));
        if let (Some(subject), Some(culprit)) = (self.subject, culprit)
            && subject != culprit
        {
            said.extend(filled(
                "elsewhere",
                &pair("subject", subject, "culprit", culprit),
            ));
        }
        for (&other, line) in &self.candidates {
            let object = line
                .object
                .as_deref()
                .filter(|object| culprit != Some(*object));
            if let Some(object) = object
                && let Some(cause) = card.causes.get(other - 1)
            {
                let mut slots = self.slots(&cause.because);
                add(&mut slots, "other", object.to_owned());
                said.extend(filled("second", &slots));
            }
        }
        let word = match stated.confidence {
            Confidence::High if !stated.against.is_empty() => "against",
            Confidence::High => "high",
            Confidence::Medium => "medium",
            Confidence::Low => "low",
        };
        said.extend(filled(word, &Slots::new()));
        if let Some(fix) = self.fix {
            said.extend(filled("fix", &one("fix", fix)));
        }
        said.extend(self.open());
        said
    }

    /// Sentences that hold if no candidate is the cause.
    fn undecided(&self) -> Vec<Sentence> {
        let ids = self.evidence.iter();
        let told: Vec<EvidenceId> = ids
            .filter(|(_, (line, _))| line.noun != "alert")
            .map(|(id, _)| *id)
            .collect();
        let mut said = filled("none", &Slots::new());
        said.extend(filled("seen", &self.slots(&told)));
        said.extend(filled("low", &Slots::new()));
        said.extend(self.open());
        said
    }

    /// What is missing, and what to do next.
    fn open(&self) -> Vec<Sentence> {
        let mut said = Vec::new();
        if !self.gaps.is_empty() {
            let slots = Slots::from([("gap".to_owned(), self.gaps.clone())]);
            said.extend(filled("missing", &slots));
        }
        if let Some(step) = self.step {
            said.extend(filled("next", &one("step", step)));
        }
        said
    }

    /// What two lines show: nothing bears itself out, so the second is another
    /// line that says another thing.
    fn shown_by_two(&self, ids: &[EvidenceId]) -> Vec<Sentence> {
        let wordings = PHRASES.wordings("shows");
        let pairs = ids.iter().map(|first| {
            let others: Vec<EvidenceId> = ids.iter().copied().filter(|id| id != first).collect();
            let first = self.slots(&[*first]);
            let second = unlike(self.slots(&others), &first);
            (first, second)
        });
        pairs
            .flat_map(|(first, second)| {
                let said = wordings.iter();
                said.filter_map(|wording| fill(wording, &first, &second))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// How the evidence of `ids` may be cited.
    fn slots(&self, ids: &[EvidenceId]) -> Slots {
        let mut slots = Slots::new();
        for (id, (line, text)) in ids
            .iter()
            .filter_map(|id| Some((id, self.evidence.get(id)?)))
        {
            let cite = format!("[{id}]");
            let (head, body) = text.split_once(": ").unwrap_or((text, ""));
            let noun = PHRASES.noun(line.noun);
            let full = match &line.object {
                Some(object) => format!("{noun} {object} {cite}"),
                None => format!("{} {cite}", noun.split(' ').next().unwrap_or_default()),
            };
            let when = (line.noun == "change").then(|| age(head)).flatten();
            for sign in PHRASES.signs(body) {
                let plain = format!("{sign} {cite}");
                if let Some(when) = when {
                    add(&mut slots, "signwhen", format!("{plain} {when} before"));
                }
                if let Some(object) = &line.object {
                    add(&mut slots, "signon", format!("{sign} on {object} {cite}"));
                }
                add(&mut slots, "sign", plain);
            }
            if let Some(when) = when {
                add(&mut slots, "fullwhen", format!("{full} {when} before"));
            }
            add(&mut slots, "full", full);
            add(&mut slots, "by", format!("by {cite}"));
            add(&mut slots, "see", format!("see {cite}"));
            add(&mut slots, "only", cite);
        }
        slots
    }
}

/// The source a line says is missing.
fn gap(text: &str) -> Option<&'static str> {
    let source = text.strip_prefix("missing ")?.split([':', ' ']).next()?;
    PHRASES.gap(source)
}

/// `minutes` of a head that ends in `15m before`.
fn age(head: &str) -> Option<&'static str> {
    let amount = head.strip_suffix(" before")?.rsplit(' ').next()?;
    PHRASES.when(amount.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn add(slots: &mut Slots, name: &str, way: String) {
    slots.entry(name.to_owned()).or_default().insert(way);
}

fn one(name: &str, way: &str) -> Slots {
    Slots::from([(name.to_owned(), BTreeSet::from([way.to_owned()]))])
}

fn pair(first: &str, one_way: &str, second: &str, other_way: &str) -> Slots {
    let mut slots = one(first, one_way);
    slots.extend(one(second, other_way));
    slots
}

/// The wordings of `kind` whose slots can all be filled.
fn filled(kind: &str, slots: &Slots) -> Vec<Sentence> {
    let wordings = PHRASES.wordings(kind).iter();
    wordings
        .filter_map(|wording| fill(wording, slots, slots))
        .collect()
}

/// `wording` with its slots filled; those whose name ends in 2 from `second`.
fn fill(wording: &str, first: &Slots, second: &Slots) -> Option<Sentence> {
    let mut parts: Sentence = Vec::new();
    let mut rest = wording;
    while let Some((text, after)) = rest.split_once('{') {
        let (slot, after) = after.split_once('}')?;
        let name = slot
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .to_lowercase();
        let slots = if slot.ends_with('2') { second } else { first };
        let ways = slots.get(&name)?;
        parts.push(BTreeSet::from([text.to_owned()]));
        parts.push(if slot.starts_with(char::is_uppercase) {
            ways.iter().map(|way| capitalized(way)).collect()
        } else {
            ways.clone()
        });
        rest = after;
    }
    parts.push(BTreeSet::from([rest.to_owned()]));
    Some(parts)
}

/// The ways of `slots` that say something else than those of `said` do.
fn unlike(mut slots: Slots, said: &Slots) -> Slots {
    let known: BTreeSet<&str> = said.values().flatten().map(|way| uncited(way)).collect();
    for ways in slots.values_mut() {
        ways.retain(|way| !known.contains(uncited(way)));
    }
    slots.retain(|_, ways| !ways.is_empty());
    slots
}

/// A way to fill a slot without its citation.
fn uncited(way: &str) -> &str {
    way.split_once(" [").map_or(way, |(text, _)| text)
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
