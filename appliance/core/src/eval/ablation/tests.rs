use super::*;
use crate::analysis::{Confidence, Reading};
use crate::eval::tests::{BENCHMARK, analysis, labels, snapshot, web};
use crate::object::ObjectRef;
use crate::ports::{ModelProfile, TokenCounter};
use crate::prompt::Prompt;

struct ByLength;

impl TokenCounter for ByLength {
    fn count(&self, text: &str) -> usize {
        text.len().div_ceil(3)
    }
}

/// The right cause first, another of the same workload second.
fn card() -> Analysis {
    let mut card = analysis("OomOwnLimit", web());
    let mut other = card.causes[0].clone();
    "BadCommand".clone_into(&mut other.cause);
    other.confidence = Confidence::Medium;
    card.causes.push(other);
    card
}

fn reading(card: &Analysis, cause: &str) -> Reading {
    let profile = ModelProfile {
        name: "test".to_owned(),
        context_tokens: 4096,
        aliases: false,
    };
    let prompt = Prompt::write(card, &profile, &ByLength);
    let text = serde_json::json!({
        "cause": cause, "because": ["E1"], "against": [], "confidence": "low",
        "summary": "It restarts [E1]. The pod payments-api fails.", "next_check": "N0", "action": "A0"
    });
    Reading::of(card, &prompt, &text.to_string()).expect("the answer can be read")
}

fn answer(analysis: Analysis) -> Answer {
    Answer {
        cited: vec![EvidenceId(1)],
        dropped: usize::from(analysis.summary.by.contains("model:")),
        analysis,
        unusable: false,
        seconds: 0.5,
        peak_bytes: Some(1 << 20),
    }
}

/// One case in which the model picks `cause`.
fn ablation(cause: &str) -> Ablation {
    let (card, snapshot) = (card(), snapshot());
    let expected = Expected::parse(BENCHMARK, &labels()).expect("expectation");
    let trial = Trial {
        case: "case-1".to_owned(),
        slices: vec!["several candidates".to_owned()],
        snapshot: &snapshot,
        expected: &expected,
        gold: GoldEvidence::of(&card, &snapshot, &expected),
    };
    let alone = alone(&card, &reading(&card, cause), "test");
    let mut ablation = Ablation::new("test".to_owned());
    let answers = vec![
        (Contender::Rules, answer(card.clone())),
        (Contender::Model, answer(alone)),
    ];
    ablation.add(&trial, &card, answers);
    ablation.finish();
    ablation
}

fn joint(ablation: &Ablation, contender: Contender) -> (usize, usize) {
    let totals = &ablation.totals[ALL][&contender];
    (totals.joint_at_1.of, totals.joint_at_3.of)
}

#[test]
fn the_models_choice_counts_in_full_when_it_is_alone() {
    assert_eq!(joint(&ablation("C1"), Contender::Model), (1, 1));
    assert_eq!(joint(&ablation("C2"), Contender::Model), (0, 1));
    let none = ablation("C0");
    assert_eq!(joint(&none, Contender::Model), (0, 0));
    assert_eq!(none.totals[ALL][&Contender::Model].abstained.of, 1);
    assert_eq!(joint(&none, Contender::Rules), (1, 1));
}

#[test]
fn the_model_alone_is_as_sure_as_it_says() {
    let totals = &ablation("C1").totals[ALL];
    let words = |contender| &totals[&contender].calibration.by_word;
    assert_eq!(words(Contender::Model)["low"].of, 1);
    assert_eq!(words(Contender::Rules)["high"].of, 1);
}

#[test]
fn what_was_dropped_and_changed_is_counted() {
    let ablation = ablation("C2");
    let model = &ablation.totals[ALL][&Contender::Model];
    assert_eq!((model.kept.of, model.kept.total), (1, 2));
    assert_eq!(model.changed["cause"], 1);
    assert_eq!(model.changed["summary"], 1);
    assert_eq!(ablation.totals[ALL][&Contender::Rules].kept.total, 0);
    assert_eq!(
        ablation.totals["several candidates"][&Contender::Rules]
            .joint_at_1
            .total,
        1
    );
}

#[test]
fn evidence_is_compared_by_what_it_is_and_not_by_its_number() {
    let (complete, snapshot) = (card(), snapshot());
    let expected = Expected::parse(BENCHMARK, &labels()).expect("expectation");
    let gold = GoldEvidence::of(&complete, &snapshot, &expected);
    let mut other = complete.clone();
    other.evidence[0].id = EvidenceId(9);
    let mut strange = other.evidence[0].clone();
    strange.id = EvidenceId(10);
    strange.object = ObjectRef::cluster("Node", "n1");
    other.evidence.push(strange);
    let citing = gold
        .score(&other, &[EvidenceId(9), EvidenceId(10)])
        .expect("there is a gold");
    assert!((citing.precision() - 0.5).abs() < 1e-9);
    assert!((citing.recall() - 1.0).abs() < 1e-9);
    assert!((citing.f1() - 2.0 / 3.0).abs() < 1e-9);
    let wrong = Expected::parse(r#"{"cause": "DiskPressure"}"#, &labels()).expect("expectation");
    assert_eq!(
        GoldEvidence::of(&complete, &snapshot, &wrong).score(&other, &[]),
        None
    );
}

#[test]
fn the_table_names_every_contender_and_group() {
    let text = ablation("C2").text();
    for part in [
        "model, reversed",
        "joint@1",
        "evidence F1",
        "several candidates",
        "calibration error",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(ablation("C2").is_sound());
}

#[test]
fn a_reversed_card_has_the_same_candidates() {
    let turned = reversed(&card());
    assert_eq!(turned.causes[0].cause, "BadCommand");
    assert_eq!(turned.causes.len(), 2);
}
