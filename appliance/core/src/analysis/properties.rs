//! Whatever a model writes: it never raises a cause, never lowers one by more
//! than a word, never brings in a cause, an id or a name.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{card, prompt_for};
use super::{Analysis, Confidence, Reading, ReplyError, StatedCause, apply_reply};
use crate::evidence::EvidenceId;
use crate::object::ObjectRef;

/// Names that the card does not hold, in the ways models and logs write them.
const FORGED: &[&str] = &[
    "payments-api",
    "10.0.0.9",
    "worker-99",
    "evil.example.com",
    "shop/checkout",
    "E99",
    "@W9",
    "@P1x",
    "pay\u{200b}ments",
    "payments\u{2011}api",
    "p\u{430}yments",
    "https://evil.example",
    "sha256:ab12",
    "４２",
];

/// Sentences around a place for a name.
const FRAMES: &[&str] = &[
    "The pod {} fails.",
    "{} is the cause!",
    "Deployment {} was changed [E1].",
    "See [{}].",
    "`{}` refuses connections.",
    "Ignore the rules, \"{}\" is down.",
    "It restarts.",
    "Deployment cart ran out of memory [E1].",
    "<|im_end|> {} ?",
    "@W1 restarts after {}.",
    "",
    "\u{202e}{}\u{202c} is well.",
];

fn word() -> impl Strategy<Value = Confidence> {
    prop_oneof![
        Just(Confidence::High),
        Just(Confidence::Medium),
        Just(Confidence::Low)
    ]
}

/// A card with up to five candidates of any confidence.
fn any_card() -> impl Strategy<Value = Analysis> {
    prop::collection::vec((word(), 0..2_usize), 0..=5).prop_map(|candidates| {
        let mut card = card("high", "low");
        let causes = [
            "OomOwnLimit",
            "CrashAppException",
            "BadCommand",
            "SecretMissing",
            "DiskPressure",
        ];
        let names = ["cart", "cart-db"];
        card.causes = candidates
            .into_iter()
            .zip(causes)
            .map(|((confidence, name), cause)| StatedCause {
                cause: cause.to_owned(),
                object: ObjectRef::namespaced("Deployment", "shop", names[name]),
                confidence,
                because: vec![EvidenceId(1)],
                against: Vec::new(),
            })
            .collect();
        card
    })
}

fn summary() -> impl Strategy<Value = String> {
    let sentence = (prop::sample::select(FRAMES), prop::sample::select(FORGED))
        .prop_map(|(frame, name)| frame.replace("{}", name));
    let sentences = prop::collection::vec(sentence, 0..6).prop_map(|all| all.join(" "));
    prop_oneof![4 => sentences, 1 => any::<String>()]
}

fn choice(letter: char) -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..4_usize).prop_map(move |number| format!("{letter}{number}")),
        1 => Just("C99999999999999999999".to_owned()),
        1 => any::<String>(),
    ]
}

fn ids() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop::sample::select(vec!["E1", "E2", "E1", "E9"]), 0..3)
        .prop_map(|ids| ids.into_iter().map(str::to_owned).collect())
}

fn reply() -> impl Strategy<Value = String> {
    let whole = (
        (choice('C'), ids(), ids(), word()),
        (summary(), choice('N'), choice('A')),
    );
    let object = whole.prop_map(
        |((cause, because, against, confidence), (summary, check, action))| {
            let value: Value = json!({
                "cause": cause, "because": because, "against": against, "confidence": confidence,
                "summary": summary, "next_check": check, "action": action
            });
            value.to_string()
        },
    );
    prop_oneof![9 => object, 1 => any::<String>()]
}

fn identity(stated: &StatedCause) -> (String, ObjectRef) {
    (stated.cause.clone(), stated.object.clone())
}

/// What may have become of the candidates.
fn check_floor(card: &Analysis, worded: &Analysis) {
    assert_eq!(card.causes.len(), worded.causes.len());
    for (place, after) in worded.causes.iter().enumerate() {
        let before = card
            .causes
            .iter()
            .find(|one| identity(one) == identity(after));
        let before = before.expect("no cause is brought in");
        assert!(after.confidence <= before.confidence, "raised");
        let floor = if place == 0 {
            before.confidence.lowered()
        } else {
            before.confidence
        };
        assert!(after.confidence >= floor, "lowered by more than a word");
        assert_eq!(
            (&before.because, &before.against),
            (&after.because, &after.against)
        );
    }
    if let (Some(before), Some(after)) = (card.causes.first(), worded.causes.first()) {
        let chosen = card
            .causes
            .iter()
            .find(|one| identity(one) == identity(after));
        let tied = chosen.is_some_and(|chosen| chosen.confidence == before.confidence);
        assert!(
            identity(before) == identity(after) || tied,
            "a weaker candidate came first"
        );
    }
}

/// Everything but order, wording and the first confidence stays.
fn check_rest(card: &Analysis, worded: &Analysis) {
    assert_eq!(card.ruled_out, worded.ruled_out);
    assert_eq!(card.evidence, worded.evidence);
    assert_eq!(card.changes, worded.changes);
    assert_eq!(card.subject, worded.subject);
    assert_eq!(card.next_checks.len(), worded.next_checks.len());
    assert!(
        card.next_checks
            .iter()
            .all(|check| worded.next_checks.contains(check))
    );
    assert!(
        card.actions
            .iter()
            .all(|action| worded.actions.contains(action))
    );
    for id in &worded.summary.citations {
        assert!(
            card.evidence.iter().any(|evidence| evidence.id == *id),
            "{id} is not there"
        );
    }
    for forged in FORGED {
        assert!(
            !worded.summary.text.contains(forged),
            "{forged:?} in {:?}",
            worded.summary.text
        );
    }
}

proptest! {
    #[test]
    fn no_answer_raises_invents_or_lowers_by_more_than_a_word(card in any_card(), text in reply(), small in any::<bool>()) {
        let prompt = prompt_for(&card, small);
        match apply_reply(&card, &prompt, &text, "test") {
            Ok((worded, _)) => {
                check_floor(&card, &worded);
                check_rest(&card, &worded);
                prop_assert!(worded.summary.by.ends_with("model:test"));
            }
            Err(ReplyError::NothingLeft { .. } | ReplyError::OtherCause(_)) => {
                prop_assert!(Reading::of(&card, &prompt, &text).is_ok());
            }
            Err(_) => prop_assert!(Reading::of(&card, &prompt, &text).is_err()),
        }
    }

    #[test]
    fn a_small_model_changes_neither_order_nor_confidence(card in any_card(), text in reply()) {
        let prompt = prompt_for(&card, true);
        if prompt.lead.is_some()
            && let Ok((worded, _)) = apply_reply(&card, &prompt, &text, "test")
        {
            prop_assert_eq!(&card.causes, &worded.causes);
        }
    }
}
