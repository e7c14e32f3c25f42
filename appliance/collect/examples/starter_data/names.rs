//! Other names for all that people name, over a whole card.
//!
//! Verdicts do not depend on names (a test of this crate holds the rules to
//! that), so renaming the card equals renaming the cluster.

use std::collections::BTreeMap;

use appliance_core::analysis::Analysis;
use appliance_core::object::ObjectRef;
use serde_json::Value;

use crate::variants::Rng;

/// Kinds whose names controllers derive from those of others.
const DERIVED: [&str; 4] = ["Pod", "ReplicaSet", "Lease", "Alert"];
/// What every cluster calls the same.
const FIXED: [&str; 3] = ["default", "kubernetes", "coredns"];
/// Shorter names are also words of messages.
const LENGTH_MIN: usize = 4;

/// `card` in other names; unchanged if it cannot be read back.
pub(crate) fn other(card: &Analysis, rng: &mut Rng) -> Analysis {
    let mut names = BTreeMap::new();
    let causes = card.causes.iter().map(|cause| &cause.object);
    let evidence = card.evidence.iter().map(|evidence| &evidence.object);
    for object in causes.chain(evidence).chain(&card.subject) {
        add(&mut names, object, rng);
    }
    let Ok(mut value) = serde_json::to_value(card) else {
        return card.clone();
    };
    rename(&mut value, &names);
    serde_json::from_value(value).unwrap_or_else(|_| card.clone())
}

fn add(names: &mut BTreeMap<String, String>, object: &ObjectRef, rng: &mut Rng) {
    let own = (!DERIVED.contains(&object.kind.as_str())).then_some(&object.name);
    for name in own.into_iter().chain(&object.namespace) {
        let fixed = FIXED.contains(&name.as_str()) || name.starts_with("kube-");
        if name.len() >= LENGTH_MIN && !fixed && !names.contains_key(name) {
            names.insert(name.clone(), invented(rng));
        }
    }
}

/// Two or three syllables, now and then with a number behind.
fn invented(rng: &mut Rng) -> String {
    const ONSETS: [&str; 12] = ["b", "d", "f", "g", "k", "l", "m", "n", "r", "st", "t", "v"];
    const RIMES: [&str; 10] = ["a", "ar", "e", "en", "i", "il", "o", "or", "u", "un"];
    let mut name = String::new();
    for _ in 0..2 + rng.below(2) {
        name += ONSETS[rng.below(ONSETS.len())];
        name += RIMES[rng.below(RIMES.len())];
    }
    if rng.below(4) == 0 {
        name += &format!("-{}", rng.below(30));
    }
    name
}

fn rename(value: &mut Value, names: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => {
            for (old, new) in names.iter().rev() {
                *text = replaced(text, old, new);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        Value::Object(fields) => fields
            .iter_mut()
            .filter(|(key, _)| !["kind", "cause", "confidence", "id"].contains(&key.as_str()))
            .for_each(|(_, item)| rename(item, names)),
        _ => {}
    }
}

/// `old` as a whole word becomes `new`; dashes and dots end words.
fn replaced(text: &str, old: &str, new: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(old) {
        let end = start + old.len();
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let whole =
            !inside(rest[..start].chars().next_back()) && !inside(rest[end..].chars().next());
        out.push_str(&rest[..start]);
        out.push_str(if whole { new } else { old });
        rest = &rest[end..];
    }
    out + rest
}
