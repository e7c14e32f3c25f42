//! The card of every recipe, as the engineer who is woken by it reads it.
//!
//! Every cause an analyzer can state has a recipe; its card must tell what to
//! run next and what would repair, in commands that a shell takes as they
//! stand, with the catalogue's risk, and say what else it was not.

#![allow(clippy::unwrap_used, reason = "a test of runs it has built itself")]

mod card;
mod commands;
mod shell;

use std::collections::BTreeSet;

use appliance_core::causes::Cause;

use self::card::{Card, all};

/// Runs `test` over every card and shows all that is wrong at once.
#[track_caller]
fn check(test: impl Fn(&Card) -> Vec<String>) {
    let wrong: Vec<String> = all()
        .iter()
        .flat_map(|card| {
            let wrong = test(card);
            wrong.into_iter().map(|what| format!("{}: {what}", card.id))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_recipe_leads_to_its_cause_and_names_nothing_unknown() {
    check(|card| {
        let score = &card.score;
        let mut wrong: Vec<String> = score
            .phantoms
            .iter()
            .map(|name| format!("{name} is no name of the cluster"))
            .collect();
        if !score.joint_at_1 {
            wrong.push(format!("wanted {}, got {:?}", score.label, score.got));
        }
        wrong
    });
}

#[test]
fn every_recipe_states_a_cause_that_cites_evidence() {
    check(|card| {
        let causes = card.causes().filter(|one| one.finding.because.is_empty());
        causes
            .map(|one| format!("{} cites nothing", one.finding.cause))
            .collect()
    });
}

#[test]
fn every_cause_names_a_command_to_run_next() {
    check(|card| {
        let silent = card
            .causes()
            .filter(|one| one.finding.next_checks.is_empty());
        silent
            .map(|one| format!("{} has no next check", one.finding.cause))
            .collect()
    });
}

#[test]
fn every_cause_that_has_a_fix_names_a_repair() {
    check(|card| {
        let helpless = card.causes().filter(|one| {
            one.finding.actions.is_empty() && !card::NO_REPAIR.contains(&one.finding.cause)
        });
        helpless
            .map(|one| {
                format!(
                    "{} of {} has no action",
                    one.finding.cause, one.finding.object
                )
            })
            .collect()
    });
}

#[test]
fn a_repair_has_the_risk_of_the_catalogue() {
    check(|card| {
        let mut wrong = Vec::new();
        for one in card.causes() {
            for action in &one.finding.actions {
                if action.risk > one.finding.cause.risk() {
                    wrong.push(format!(
                        "{} {:?}: {}",
                        one.finding.cause, action.risk, action.command
                    ));
                }
            }
        }
        wrong
    });
}

#[test]
fn every_command_is_what_a_shell_would_run() {
    check(|card| {
        let mut wrong = Vec::new();
        for one in card.causes() {
            let finding = &one.finding;
            for next in &finding.next_checks {
                wrong.extend(commands::wrong_check(&next.command));
                wrong.extend(commands::wrong_reason(&next.why));
            }
            for action in &finding.actions {
                wrong.extend(commands::wrong_repair(&action.command));
                wrong.extend(commands::wrong_reason(&action.why));
                if !action.undo.is_empty() {
                    wrong.extend(commands::wrong_repair(&action.undo));
                }
            }
        }
        wrong
    });
}

#[test]
fn every_confusable_cause_says_what_it_is_not() {
    check(|card| {
        let leading = card.causes().next().map(|one| one.finding.cause);
        let silent = leading.filter(|cause| !card::UNMISTAKABLE.contains(cause));
        let silent = silent.filter(|_| card.analysis.ruled_out.is_empty());
        silent
            .map(|cause| format!("{cause} rules nothing out"))
            .into_iter()
            .collect()
    });
}

#[test]
fn the_first_sentence_is_one_that_can_be_read_at_night() {
    /// Two lines of a terminal and a half.
    const CHARS_MAX: usize = 260;
    check(|card| {
        let first = card.analysis.first_sentence().unwrap_or_default();
        let short = (20..=CHARS_MAX).contains(&first.chars().count());
        let whole = first.starts_with(char::is_uppercase) && first.ends_with('.');
        let wrong = !(short && whole);
        wrong.then(|| format!("{first:?}")).into_iter().collect()
    });
}

#[test]
fn every_cause_of_the_catalogue_has_a_recipe() {
    if card::only().is_some() {
        return;
    }
    let stated: BTreeSet<Cause> = all()
        .iter()
        .flat_map(|card| card.causes().map(|one| one.finding.cause))
        .collect();
    // Where the evidence decides, a finer word stands for its parent.
    let has = |cause: Cause| {
        let finer = stated.iter().any(|one| one.parent() == Some(cause));
        stated.contains(&cause) || finer || card::NO_RECIPE.contains(&cause)
    };
    let missing: Vec<&Cause> = Cause::ALL.iter().filter(|cause| !has(**cause)).collect();
    assert!(missing.is_empty(), "no card states {missing:?}");
}
