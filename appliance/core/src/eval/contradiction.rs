//! Sentences of a summary that say something else than the analysis.
//!
//! A summary contradicts its analysis where a sentence blames another cause
//! or another object than the one stated, rests on evidence that was recorded
//! against the stated cause, is surer or less sure than the stated word, or
//! says that there is no cause beside a stated one. Sentences that rule out,
//! doubt or add ("also") may name what they like.
//!
//! The reading is by words and errs on the side of silence: what it reports
//! is a contradiction, what it does not report may still be one.

use crate::analysis::{Analysis, Confidence, StatedCause, sentences};
use crate::card::in_words;
use crate::causes::Cause;
use crate::evidence::EvidenceId;
use crate::object::ObjectRef;

/// Words of sentences that do not blame.
const SETS_ASIDE: &[&str] = &[
    "ruled out",
    "rules out",
    "not ",
    "no ",
    "against",
    "unlikely",
    "also:",
    "other",
    "although",
    "though",
    "but ",
    "however",
    "except",
    "unless",
    "rather than",
    "instead of",
    "n't ",
    "not seen",
];
/// Words before or after the one to blame.
const BLAMES: &[&str] = &[
    "because of",
    "caused by",
    "due to",
    "is the cause",
    "the cause is",
    "root cause",
    "culprit",
    "at fault",
    "is to blame",
    "broke ",
    "is responsible",
    "brought down",
];
const SURE: &[&str] = &[
    "states this",
    "states it",
    "no doubt",
    "certainly",
    "definitely",
    "little doubt",
];
const UNSURE: &[&str] = &[
    "only a hint",
    "a hint only",
    "a guess",
    "is thin",
    "not certain",
];
const NO_CAUSE: &[&str] = &[
    "no clear cause",
    "no cause is",
    "no candidate fits",
    "none of the candidates",
];

/// The sentences of `analysis` that contradict it, each with the reason.
pub fn contradictions(analysis: &Analysis) -> Vec<String> {
    let Some(stated) = analysis.causes.first() else {
        return Vec::new();
    };
    let sentences = sentences(&analysis.summary.text);
    let with_reason = sentences.iter().filter_map(|sentence| {
        let reason = reason(analysis, stated, sentence)?;
        Some(format!("{sentence:?} {reason}"))
    });
    with_reason.collect()
}

fn reason(analysis: &Analysis, stated: &StatedCause, sentence: &str) -> Option<String> {
    let lower = sentence.to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| lower.contains(phrase));
    if says(NO_CAUSE) {
        return Some("denies that there is a cause".to_owned());
    }
    match stated.confidence {
        Confidence::Low if says(SURE) => return Some("is surer than low".to_owned()),
        Confidence::High if says(UNSURE) => return Some("is less sure than high".to_owned()),
        Confidence::Low | Confidence::Medium | Confidence::High => {}
    }
    if says(SETS_ASIDE) {
        return None;
    }
    let cited = cited(sentence);
    if let Some(id) = cited.iter().find(|id| stated.against.contains(id)) {
        return Some(format!("rests on {id}, which speaks against the cause"));
    }
    if let Some(cause) = other_cause(analysis, stated, sentence) {
        return Some(format!("names {cause}, not {}", stated.cause));
    }
    says(BLAMES)
        .then(|| other_culprit(analysis, stated, sentence))
        .flatten()
        .map(|object| format!("blames {object}, not {}", stated.object))
}

/// Ids in brackets.
fn cited(sentence: &str) -> Vec<EvidenceId> {
    let brackets = sentence.split('[').skip(1);
    let inside = brackets.filter_map(|rest| rest.split_once(']'));
    inside
        .flat_map(|(ids, _)| ids.split([',', ' ', ';']))
        .filter_map(|id| Some(EvidenceId(id.strip_prefix('E')?.parse().ok()?)))
        .collect()
}

/// A cause other than the stated one, its parent or its child: by identifier,
/// or one that was considered, in words.
fn other_cause(analysis: &Analysis, stated: &StatedCause, sentence: &str) -> Option<Cause> {
    let own: Option<Cause> = stated.cause.parse().ok();
    let is_kin = |cause: Cause| {
        let parents = (own.and_then(Cause::parent), cause.parent());
        own == Some(cause) || parents.0 == Some(cause) || parents.1.is_some() && parents.1 == own
    };
    let identified = words(sentence).filter_map(|word| word.parse().ok());
    let candidates = analysis.causes.iter().map(|other| &other.cause);
    let considered = candidates.chain(analysis.ruled_out.iter().map(|out| &out.cause));
    let lower = sentence.to_lowercase();
    // A single word, such as a deadlock, is said of many things.
    let worded = |cause: &Cause| {
        let name = in_words(cause.id());
        name.contains(' ') && lower.contains(&name) && !in_words(&stated.cause).contains(&name)
    };
    let in_words = considered.filter_map(|id| id.parse().ok()).filter(worded);
    identified.chain(in_words).find(|&cause| !is_kin(cause))
}

/// The objects a blaming sentence names, where the stated one is not among them.
fn other_culprit(analysis: &Analysis, stated: &StatedCause, sentence: &str) -> Option<String> {
    let named: Vec<&ObjectRef> = objects(analysis)
        .filter(|object| words(sentence).any(|word| word == object.name))
        .collect();
    let is_meant = |object: &&ObjectRef| belongs(&object.name, &stated.object.name);
    (!named.iter().any(is_meant)).then(|| named.first().map(ToString::to_string))?
}

/// What controllers derive from a name begins with it.
fn belongs(name: &str, stated: &str) -> bool {
    let derived = |long: &str, short: &str| {
        long.strip_prefix(short)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    derived(name, stated) || derived(stated, name)
}

/// Causes, ruled-out candidates and the subject: who could be blamed.
fn objects(analysis: &Analysis) -> impl Iterator<Item = &ObjectRef> {
    let causes = analysis.causes.iter().map(|stated| &stated.object);
    let ruled_out = analysis.ruled_out.iter().map(|out| &out.object);
    causes.chain(ruled_out).chain(&analysis.subject)
}

fn words(sentence: &str) -> impl Iterator<Item = &str> {
    let apart = sentence.split(|c: char| c.is_whitespace() || ",;()[]\"'`".contains(c));
    apart
        .flat_map(|word| word.split('/'))
        .map(|word| word.trim_matches(['.', ':', '!', '?']))
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::tests::{analysis, web};

    #[track_caller]
    fn check(sentence: &str, expected: Option<&str>) {
        let mut analysis = analysis("OomOwnLimit", web());
        let stated = &mut analysis.causes[0];
        stated.against = vec![EvidenceId(2)];
        let mut other = stated.clone();
        other.object = ObjectRef::namespaced("Deployment", "shop", "cart");
        other.cause = "BadCommand".to_owned();
        analysis.causes.push(other);
        analysis.summary.text = sentence.to_owned();
        let found = contradictions(&analysis);
        assert_eq!(
            found.len(),
            usize::from(expected.is_some()),
            "{sentence}: {found:?}"
        );
        if let Some(reason) = expected {
            assert!(found[0].contains(reason), "{found:?} lacks {reason:?}");
        }
    }

    #[test]
    fn a_sentence_about_the_stated_cause_holds() {
        check("OomOwnLimit of Deployment shop/web broke it [E1].", None);
        check("The errors are caused by pods of web.", None);
        check("The restarts of web-7d9f-x are caused by web.", None);
    }

    #[test]
    fn another_cause_or_culprit_contradicts() {
        check("Its BadCommand stops it.", Some("names BadCommand"));
        check("A bad command stops it.", Some("names BadCommand"));
        check(
            "This is caused by Deployment cart.",
            Some("blames Deployment shop/cart"),
        );
    }

    #[test]
    fn what_is_ruled_out_or_added_may_be_named() {
        check("Ruled out: BadCommand of cart.", None);
        check("Also: BadCommand of cart.", None);
        check("It is not caused by cart.", None);
    }

    #[test]
    fn evidence_against_the_cause_does_not_carry_it() {
        check("The kills show it [E2].", Some("rests on E2"));
        check("The kills speak against it [E2].", None);
    }

    #[test]
    fn a_sentence_is_as_sure_as_the_word() {
        check("Take this as a hint only.", Some("less sure"));
        check("The evidence leaves little doubt.", None);
        check("There is no clear cause.", Some("denies"));
    }
}
