//! One line of training data: the prompt as the product writes it, and which
//! answer to it is right.

use appliance_core::evidence::EvidenceId;
use appliance_core::ports::{ModelProfile, TokenCounter};
use appliance_core::prompt::Prompt;
use serde_json::{Value, json};

use crate::told::Told;

/// The window of the starter model, tokens.
const WINDOW: usize = 1536;

/// Stands in for the tokenizer that is trained from these very lines: byte-level
/// BPE of this text gives about one token per three bytes.
struct ThreeBytes;

impl TokenCounter for ThreeBytes {
    fn count(&self, text: &str) -> usize {
        text.len().div_ceil(3)
    }
}

/// The line of `told`.
pub(crate) fn of(told: &Told, seed: u64) -> Value {
    let profile = ModelProfile {
        name: "starter".to_owned(),
        context_tokens: WINDOW,
        aliases: true,
    };
    let prompt = Prompt::write(&told.card, &profile, &ThreeBytes);
    let place = told.right.iter().position(|right| *right);
    let stated = place.map(|place| &told.card.causes[place]);
    let shown = |ids: &mut dyn Iterator<Item = EvidenceId>| -> Vec<String> {
        let kept = ids.filter(|id| prompt.choices.evidence.contains(id));
        kept.map(|id| id.to_string()).collect()
    };
    json!({
        "recipe": told.recipe,
        "held_out": models::held_out(told.recipe),
        "seed": seed,
        "variant": told.variant,
        "user": prompt.messages[1].text,
        "right": place.map_or(0, |place| place + 1),
        "cause": stated.map(|stated| stated.cause.as_str()),
        "confidence": stated.map(|stated| stated.confidence),
        "gold": if stated.is_some() { shown(&mut told.gold.iter().copied()) } else { Vec::new() },
        "against": stated.map_or_else(Vec::new, |stated| shown(&mut stated.against.iter().copied())),
        "statement": prompt.aliases.hide(&told.statement),
    })
}
