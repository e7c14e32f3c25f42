//! Orders causes and words how sure they are.
//!
//! Points, so that each reason can be read by itself:
//!
//! | reason | points |
//! |---|---|
//! | strength of evidence: hint, likely, strong, stated | 0, 10, 20, 24 |
//! | about the alert's object; reaches it; same namespace | 18, 12, 6 |
//! | share of the unwell workloads that it explains | up to 8 |
//! | each symptom folded under it, at most five | 1 |
//! | a finer identifier | 1 |
//! | began within the window | 3 |
//! | began long before, and does not reach the alert's object | -12 |
//! | each level away from a root cause | -6 |
//! | each piece of evidence against it, at most three | -5 |
//!
//! That a cause began long before and does not reach the alert's object is
//! also told as evidence against it.
//!
//! *High* needs strong evidence, nothing against it, a path to what the alert
//! is about (where it is about more than a namespace) and six points more than
//! the next cause of another object; *medium* strong evidence in the alert's
//! namespace, or likely with three points more; the rest is *low*.
//! No cause after the first is more than *medium*. Where a source is missing,
//! [`Blind`] allows less.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::analysis::Confidence;
use crate::causes::{Case, Cause, Finding, Strength, view};
use crate::evidence::Draft;
use crate::facts::span;
use crate::object::ObjectRef;

use super::blind::Blind;
use super::fold::level;
use super::{Edges, RankedCause};

/// Trouble that began earlier than this before the alert is background.
const LONG_BEFORE: SignedDuration = SignedDuration::from_hours(6);
/// Lead over the next cause that makes a strong cause a sure one.
const CLEAR_LEAD: f64 = 6.0;
/// Lead that makes a likely cause a probable one.
const SOME_LEAD: f64 = 3.0;

struct Scored {
    finding: Finding,
    points: f64,
    /// In the alert's namespace at least.
    connected: bool,
    /// A path leads from it to what the alert is about, as far as that is known.
    reaches: bool,
}

/// Orders `found`, best first, and gives each its confidence word.
pub(super) fn rank(
    case: &Case<'_>,
    edges: &Edges,
    found: Vec<(Finding, usize)>,
) -> Vec<RankedCause> {
    let unwell = unwell_workloads(case);
    let mut scored: Vec<Scored> = found
        .into_iter()
        .map(|(finding, folded)| score(case, edges, &unwell, finding, folded))
        .collect();
    scored.sort_by(|a, b| {
        b.points
            .total_cmp(&a.points)
            .then_with(|| a.finding.cause.cmp(&b.finding.cause))
            .then_with(|| a.finding.object.cmp(&b.finding.object))
    });
    let scored = without_noise(scored);
    let blind = Blind::of(case.snapshot);
    let leads: Vec<f64> = (0..scored.len())
        .map(|place| lead(&scored, place))
        .collect();
    scored
        .into_iter()
        .zip(leads)
        .enumerate()
        .map(|(place, (one, lead))| RankedCause {
            confidence: blind.cap(one.finding.cause, confidence(&one, lead, place)),
            finding: one.finding,
        })
        .collect()
}

fn score(
    case: &Case<'_>,
    edges: &Edges,
    unwell: &BTreeSet<ObjectRef>,
    mut finding: Finding,
    folded: usize,
) -> Scored {
    let from = std::iter::once(finding.object.clone()).chain(finding.explains.clone());
    let reach = edges.reach_all(from);
    let near = nearness(case, &finding, &reach);
    let explained = unwell.iter().filter(|one| reach.contains(*one)).count();
    let share = if unwell.is_empty() {
        0.0
    } else {
        explained as f64 / unwell.len() as f64
    };
    let mut points = match finding.strength {
        Strength::Hint => 0.0,
        Strength::Likely => 10.0,
        Strength::Strong => 20.0,
        Strength::Stated => 24.0,
    };
    points += f64::from(near) * 6.0 + share * 8.0 + folded.min(5) as f64;
    points += f64::from(u8::from(finding.cause.parent().is_some()));
    points += onset(case, &finding, near);
    points -= f64::from(level(finding.cause)) * 6.0;
    points -= finding.against.len().min(3) as f64 * 5.0;
    let background = background(case, &finding, near);
    finding = finding.against(background);
    Scored {
        finding,
        points,
        connected: near > 0,
        reaches: near >= 2 || near > 0 && !names_an_object(case),
    }
}

/// Whether the alert is about more than a namespace, or the cluster.
fn names_an_object(case: &Case<'_>) -> bool {
    case.subjects.iter().any(|one| one.kind != "Namespace")
}

/// 3 about the alert's object, 2 reaches it, 1 in its namespace, 0 elsewhere.
fn nearness(case: &Case<'_>, finding: &Finding, reach: &BTreeSet<ObjectRef>) -> u8 {
    let objects = &case.snapshot.objects;
    let own = view::root_of(objects, &finding.object);
    if case.subjects.is_empty() {
        return 1;
    }
    case.subjects
        .iter()
        .map(|subject| {
            let root = view::root_of(objects, subject);
            let namespace = subject_namespace(subject);
            let in_namespace = |object: &ObjectRef| object.namespace.as_deref() == namespace;
            if *subject == finding.object || root == own {
                3
            } else if subject.kind != "Namespace"
                && (reach.contains(subject) || reach.contains(&root))
            {
                2
            } else {
                let beside = namespace.is_none()
                    || in_namespace(&finding.object)
                    || reach.iter().any(in_namespace);
                u8::from(beside)
            }
        })
        .max()
        .unwrap_or(0)
}

fn subject_namespace(subject: &ObjectRef) -> Option<&str> {
    if subject.kind == "Namespace" {
        Some(subject.name.as_str())
    } else {
        subject.namespace.as_deref()
    }
}

fn onset(case: &Case<'_>, finding: &Finding, near: u8) -> f64 {
    match finding.since {
        Some(since) if view::in_window(case, Some(since)) => 3.0,
        _ if background(case, finding, near).is_some() => -12.0,
        _ => 0.0,
    }
}

/// What speaks against a cause that was there long before the alert and does
/// not reach what the alert is about.
fn background(case: &Case<'_>, finding: &Finding, near: u8) -> Option<Draft> {
    let since = finding.since?;
    if since >= case.started_at - LONG_BEFORE || near >= 2 {
        return None;
    }
    let before = span(case.started_at.duration_since(since));
    let title = format!("began {before} before the alert and does not reach what it is about");
    let object = finding.object.clone();
    Some(Draft::status(object, title, Vec::new()).at(Some(since)))
}

/// Workloads with a pod that is not well and not leaving.
fn unwell_workloads(case: &Case<'_>) -> BTreeSet<ObjectRef> {
    let objects = &case.snapshot.objects;
    objects
        .pods
        .iter()
        .filter(|pod| !view::is_well(pod) && !view::is_terminating(pod))
        .map(|pod| view::workload_of(objects, pod))
        .collect()
}

/// Drops hints and words of peace beside real causes, and trouble far from the
/// alert beside trouble near it.
fn without_noise(scored: Vec<Scored>) -> Vec<Scored> {
    let real = |one: &Scored| {
        one.finding.strength > Strength::Hint && level(one.finding.cause) < 3 && one.connected
    };
    let any_real = scored.iter().any(real);
    let on_purpose = |one: &Scored| one.finding.cause == Cause::WatchdogInfoInhibitor;
    if let Some(place) = scored.iter().position(on_purpose) {
        return scored.into_iter().skip(place).take(1).collect();
    }
    scored
        .into_iter()
        .filter(|one| !any_real || real(one))
        .collect()
}

/// Points ahead of the best other cause of another object.
fn lead(scored: &[Scored], place: usize) -> f64 {
    let own = &scored[place];
    scored
        .iter()
        .enumerate()
        .filter(|(other, one)| *other != place && one.finding.object != own.finding.object)
        .map(|(_, one)| own.points - one.points)
        .fold(f64::INFINITY, f64::min)
}

fn confidence(one: &Scored, lead: f64, place: usize) -> Confidence {
    let strength = one.finding.strength;
    let clean = one.finding.against.is_empty() && one.connected;
    let sure = one.reaches && lead >= CLEAR_LEAD;
    if place == 0 && strength >= Strength::Strong && clean && sure {
        Confidence::High
    } else if clean
        && (strength >= Strength::Strong || strength == Strength::Likely && lead >= SOME_LEAD)
    {
        Confidence::Medium
    } else {
        Confidence::Low
    }
}
