//! Lets rules, model and both answer one case.

use std::time::Instant;

use appliance_core::analysis::{Analysis, Reading, Summary, apply_reply};
use appliance_core::eval::GoldEvidence;
use appliance_core::eval::ablation::{Ablation, Answer, Contender, Trial, alone, reversed};
use appliance_core::evidence::EvidenceId;

use super::cases::EvalCase;
use super::{Opened, memory};
use crate::analyst::{Analyst, ModelReply};
use crate::offline::{Offline, investigate};

/// What the model answered to one card.
struct Asked {
    reply: Option<(ModelReply, Reading)>,
    seconds: f64,
    peak_bytes: Option<u64>,
}

/// Answers `case` in every way and counts it.
///
/// The model is asked twice: *model* and *both* are two readings of one answer.
///
/// # Errors
/// No model is loaded.
pub(super) async fn add(
    ablation: &mut Ablation,
    case: &EvalCase,
    opened: Opened,
    offline: &Offline,
) -> anyhow::Result<()> {
    let analyst = offline
        .analyst()
        .ok_or_else(|| anyhow::anyhow!("an ablation needs a model"))?;
    let snapshot = &opened.bundle.snapshot;
    let card = investigate(&opened.bundle);
    let rules = Answer {
        cited: because(&card),
        analysis: card.clone(),
        dropped: 0,
        unusable: false,
        seconds: opened.started.elapsed().as_secs_f64(),
        peak_bytes: memory::peak_bytes(),
    };
    let complete = opened.complete.as_ref().unwrap_or(&card);
    let trial = Trial {
        case: case.name(),
        slices: slices(case, &card, &opened),
        snapshot,
        expected: &opened.expected,
        gold: GoldEvidence::of(complete, snapshot, &opened.expected),
    };
    let asked = ask(analyst, &card).await;
    let turned = reversed(&card);
    let asked_turned = ask(analyst, &turned).await;
    let answers = vec![
        (Contender::Model, by_model(&card, &asked, rules.seconds)),
        (
            Contender::ModelReversed,
            by_model(&turned, &asked_turned, rules.seconds),
        ),
        (Contender::Both, by_both(&card, &asked, &rules)),
        (Contender::Rules, rules),
    ];
    ablation.add(&trial, &card, answers);
    Ok(())
}

/// The groups of cases that this one counts in.
fn slices(case: &EvalCase, card: &Analysis, opened: &Opened) -> Vec<String> {
    let mut slices = vec![case.group().to_owned()];
    if card.causes.len() > 1 {
        slices.push("several candidates".to_owned());
    }
    let snapshot = &opened.bundle.snapshot;
    let is_meant = |subject| opened.expected.accepts_object(subject, snapshot);
    if !opened.expected.healthy && !card.subject.as_ref().is_some_and(is_meant) {
        slices.push("another object than the alert's".to_owned());
    }
    slices
}

async fn ask(analyst: &Analyst, card: &Analysis) -> Asked {
    memory::forget_peak();
    let started = Instant::now();
    let reply = analyst.reply(card, &mut |_| {}).await;
    let seconds = started.elapsed().as_secs_f64();
    let reply = reply
        .map_err(|error| error.to_string())
        .and_then(|reply| {
            let reading = Reading::of(card, &reply.prompt, &reply.text);
            let reading = reading.map_err(|error| error.to_string())?;
            Ok((reply, reading))
        })
        .inspect_err(|error| tracing::debug!(error, "the model gave no answer"));
    Asked {
        reply: reply.ok(),
        seconds,
        peak_bytes: memory::peak_bytes(),
    }
}

/// The model's choice in full; no answer is no cause.
fn by_model(card: &Analysis, asked: &Asked, card_seconds: f64) -> Answer {
    let (analysis, cited, dropped) = match &asked.reply {
        Some((reply, reading)) => (
            alone(card, reading, &reply.model),
            cited_by(reading),
            reading.checked.dropped,
        ),
        None => (silent(card), Vec::new(), 0),
    };
    Answer {
        analysis,
        cited,
        dropped,
        unusable: asked.reply.is_none(),
        seconds: card_seconds + asked.seconds,
        peak_bytes: asked.peak_bytes,
    }
}

/// What the product shows; the card stands where the answer cannot be used.
fn by_both(card: &Analysis, asked: &Asked, rules: &Answer) -> Answer {
    let worded = asked.reply.as_ref().and_then(|(reply, reading)| {
        let (worded, _) = apply_reply(card, &reply.prompt, &reply.text, &reply.model).ok()?;
        Some((worded, reading))
    });
    let mut cited = rules.cited.clone();
    let analysis = match worded {
        Some((worded, reading)) => {
            let against = &reading.against;
            let supporting = cited_by(reading).into_iter();
            cited.extend(supporting.filter(|id| !against.contains(id)));
            worded
        }
        None => card.clone(),
    };
    let read = asked.reply.as_ref().map(|(_, reading)| reading);
    Answer {
        analysis,
        cited,
        dropped: read.map_or(0, |reading| reading.checked.dropped),
        unusable: read.is_none(),
        seconds: rules.seconds + asked.seconds,
        peak_bytes: rules.peak_bytes.max(asked.peak_bytes),
    }
}

fn because(card: &Analysis) -> Vec<EvidenceId> {
    card.causes
        .first()
        .map(|stated| stated.because.clone())
        .unwrap_or_default()
}

fn cited_by(reading: &Reading) -> Vec<EvidenceId> {
    let sentences = &reading.checked.citations;
    reading.because.iter().chain(sentences).copied().collect()
}

/// Nothing stated, nothing said.
fn silent(card: &Analysis) -> Analysis {
    let mut analysis = card.clone();
    analysis.causes.clear();
    analysis.summary = Summary::default();
    analysis
}
