//! The workload's part of a pod's name.
//!
//! Controllers append a random suffix from an alphabet without vowels, 0, 1
//! and 3, a StatefulSet an ordinal, a CronJob the scheduled minute.
//!
//! # Source
//! `k8s.io/apimachinery/pkg/util/rand` for the alphabet.

/// `name` without what its controllers appended; other kinds' names whole,
/// except a `ReplicaSet`'s hash and a `Job`'s scheduled minute.
pub(super) fn stem<'a>(kind: &str, name: &'a str) -> &'a str {
    match kind {
        "Pod" => pod_stem(name),
        "ReplicaSet" => without(name, is_hash).unwrap_or(name),
        "Job" => without(name, is_minute).unwrap_or(name),
        _ => name,
    }
}

fn pod_stem(name: &str) -> &str {
    if let Some(stem) = without(name, is_ordinal) {
        return stem;
    }
    let Some(stem) = without(name, is_suffix) else {
        return name;
    };
    without(stem, is_hash)
        .or_else(|| without(stem, is_minute))
        .unwrap_or(stem)
}

fn without(name: &str, matches: impl Fn(&str) -> bool) -> Option<&str> {
    let (stem, last) = name.rsplit_once('-')?;
    (!stem.is_empty() && matches(last)).then_some(stem)
}

/// A pod's own suffix.
fn is_suffix(part: &str) -> bool {
    part.len() == 5 && part.bytes().all(is_random)
}

/// A pod template's hash: 6 to 10 characters, since shorter ones are words.
fn is_hash(part: &str) -> bool {
    (6..=10).contains(&part.len())
        && part.bytes().all(is_random)
        && part.bytes().any(|b| b.is_ascii_digit())
}

fn is_ordinal(part: &str) -> bool {
    (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Minutes since 1970, as a `CronJob` names its Jobs: eight digits until 2160.
fn is_minute(part: &str) -> bool {
    part.len() == 8 && part.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_random(byte: u8) -> bool {
    b"bcdfghjklmnpqrstvwxz2456789".contains(&byte)
}
