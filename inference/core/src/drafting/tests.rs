//! Facts about guesses.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(tokens: &[TokenId], most: usize, expected: &[TokenId]) {
    assert_eq!(PromptLookup::default().draft(tokens, most), expected);
}

#[test]
fn what_followed_the_longest_run_is_guessed() {
    check(&[1, 2, 3, 4, 9, 0, 3, 4, 5, 1, 2, 3, 4], 1, &[9]);
    check(&[7, 8, 5, 6, 7, 8], 2, &[5, 6]);
}

#[test]
fn of_equal_runs_the_latest_counts() {
    check(&[1, 2, 5, 1, 2, 6, 1, 2], 1, &[6]);
}

#[test]
fn one_token_is_no_run() {
    check(&[1, 5, 2, 1], 4, &[]);
    check(&[], 4, &[]);
    check(&[1], 4, &[]);
}

#[test]
fn a_repetition_is_continued_past_the_end() {
    check(&[1, 2, 1, 2], 5, &[1, 2, 1, 2, 1]);
    check(&[3, 3, 3], 4, &[3, 3, 3, 3]);
}

#[test]
fn wrong_guesses_end_guessing_until_the_next_probe() {
    let text = [1, 2, 3, 1, 2];
    let mut lookup = PromptLookup::default();
    let mut tries = 0;
    while !lookup.draft(&text, 99).is_empty() {
        lookup.observe(1, 4, 0);
        tries += 1;
        assert!(tries < 20, "guessing never ends");
    }
    lookup.observe(PROBE_AFTER - 1, 0, 0);
    assert!(lookup.draft(&text, 99).is_empty());
    lookup.observe(1, 0, 0);
    assert_eq!(lookup.draft(&text, 99).len(), PROBE);
}

#[test]
fn right_guesses_make_longer_ones() {
    let text = [1, 2, 3, 1, 2];
    let mut lookup = PromptLookup::default();
    let before = lookup.draft(&text, 99).len();
    for _ in 0..10 {
        let drafted = lookup.draft(&text, 99).len();
        lookup.observe(drafted + 1, drafted, drafted);
    }
    let after = lookup.draft(&text, 99).len();
    assert!(before < after && after == DRAFT_MAX, "{before} {after}");
}

proptest! {
    #[test]
    fn any_history_gives_a_bounded_guess(tokens in prop::collection::vec(0_u32..4, 0..60), most in 0_usize..20, history in prop::collection::vec((0_usize..9, 0_usize..9), 0..20)) {
        let mut lookup = PromptLookup::default();
        for (drafted, accepted) in history {
            lookup.observe(1, drafted, accepted.min(drafted));
        }
        prop_assert!(lookup.draft(&tokens, most).len() <= most.min(DRAFT_MAX));
    }
}
