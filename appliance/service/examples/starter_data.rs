//! Writes training data of the starter model: one JSON line per scenario and
//! seed, with the prompt exactly as the product writes it.
//!
//! Usage: `cargo run --release -p anchorite --example starter_data -- OUT.jsonl [SEEDS]`

use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::{Context, Result};
use appliance_collect::bundle;
use appliance_core::alert::Notification;
use appliance_core::analysis::{Analysis, IncidentSummary, StatedCause};
use appliance_core::causes::{Cause, Family};
use appliance_core::investigation::Investigation;
use appliance_core::object::ObjectRef;
use appliance_core::ports::{ModelProfile, TokenCounter};
use appliance_core::prompt::Prompt;
use appliance_core::resolver::{Aliases, resolve};
use appliance_simulator::scenarios::{self, Params};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Seeds per recipe where none are asked for.
const SEEDS: u64 = 60;

/// Stands in for the tokenizer that is trained from these very lines: byte-level
/// BPE of this text gives about one token per three bytes.
struct ThreeBytes;

impl TokenCounter for ThreeBytes {
    fn count(&self, text: &str) -> usize {
        text.len().div_ceil(3)
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments
        .next()
        .context("usage: starter_data OUT.jsonl [SEEDS]")?;
    let seeds = arguments.next().map_or(Ok(SEEDS), |text| text.parse())?;
    let mut file = BufWriter::new(File::create(&out).with_context(|| format!("create {out}"))?);
    let mut written = 0;
    for recipe in scenarios::all() {
        for seed in 0..seeds {
            let now: Timestamp = "2026-03-16T14:22:56Z".parse()?;
            let run = (recipe.build)(&Params { seed, now });
            let folder = tempfile::tempdir()?;
            run.write_bundle(folder.path())?;
            let bundle = bundle::read(folder.path())?;
            for line in lines(recipe.id, &bundle, &run.expected) {
                serde_json::to_writer(&mut file, &line)?;
                file.write_all(b"\n")?;
                written += 1;
            }
        }
        eprintln!("{}", recipe.id);
    }
    file.flush()?;
    eprintln!("{written} lines in {out}");
    Ok(())
}

/// The card of a bundle as training lines: as it is, and as if no rule had spoken.
fn lines(recipe: &str, bundle: &bundle::Bundle, expected: &Value) -> Vec<Value> {
    let card = card(bundle);
    let mut silent = card.clone();
    silent.causes.clear();
    silent.actions.clear();
    vec![
        line(recipe, &card, expected),
        line(recipe, &silent, expected),
    ]
}

fn card(bundle: &bundle::Bundle) -> Analysis {
    let alerts = bundle
        .alert
        .as_ref()
        .map_or(&[][..], |notification: &Notification| &notification.alerts);
    let subjects: Vec<ObjectRef> = alerts
        .iter()
        .flat_map(|alert| resolve(alert, &Aliases::default(), &bundle.snapshot).subjects)
        .collect();
    let incident = IncidentSummary {
        severity: alerts
            .first()
            .and_then(|alert| alert.labels.get("severity").cloned())
            .unwrap_or_default(),
        started_at: alerts.first().map(|alert| alert.starts_at),
        ..IncidentSummary::default()
    };
    Investigation {
        snapshot: &bundle.snapshot,
        alerts,
        subjects: &subjects,
    }
    .run(incident)
}

fn line(recipe: &str, card: &Analysis, expected: &Value) -> Value {
    let profile = ModelProfile {
        name: "starter".to_owned(),
        context_tokens: 1024,
        aliases: true,
    };
    let prompt = Prompt::write(card, &profile, &ThreeBytes);
    let named = |object: &ObjectRef| json!({"kind": object.kind, "alias": prompt.aliases.name(&object.name)});
    let offered = &prompt.choices;
    let ids = |ids: &[appliance_core::evidence::EvidenceId]| -> Vec<String> {
        let shown = ids.iter().filter(|id| offered.evidence.contains(id));
        shown.map(ToString::to_string).collect()
    };
    let candidates: Vec<Value> = card
        .causes
        .iter()
        .map(|cause| {
            let mut candidate = named(&cause.object);
            candidate["cause"] = json!(cause.cause);
            candidate["confidence"] = json!(cause.confidence);
            candidate["because"] = json!(ids(&cause.because));
            candidate["against"] = json!(ids(&cause.against));
            candidate
        })
        .collect();
    let change = card
        .changes
        .iter()
        .find(|change| offered.evidence.contains(&change.evidence))
        .map(|change| {
            let mut shown = named(&change.object);
            shown["evidence"] = json!(change.evidence);
            shown
        });
    json!({
        "recipe": recipe,
        "user": prompt.messages[1].text,
        "right": right(&card.causes, expected),
        "candidates": candidates,
        "change": change,
        "ruled_out": ids(&card.ruled_out.iter().flat_map(|out| out.because.clone()).collect::<Vec<_>>()),
        "symptoms": card.evidence.len() > 5,
        "missing": !card.missing.is_empty(),
        "checks": !offered.next_checks.is_empty(),
        "actions": !offered.actions.is_empty(),
    })
}

/// Which candidate, from 1, is the scenario's own answer; 0 for none.
fn right(causes: &[StatedCause], expected: &Value) -> usize {
    if expected["healthy"] == true {
        let calm = causes
            .first()
            .and_then(|first| first.cause.parse::<Cause>().ok());
        return usize::from(calm.is_some_and(|cause| cause.family() == Family::NotAnIncident));
    }
    let accepted = match &expected["cause"] {
        Value::String(one) => vec![one.clone()],
        other => serde_json::from_value(other.clone()).unwrap_or_default(),
    };
    causes
        .iter()
        .position(|cause| accepted.contains(&cause.cause))
        .map_or(0, |index| index + 1)
}
