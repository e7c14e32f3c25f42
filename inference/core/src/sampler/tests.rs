//! Facts about the sampler.

use proptest::prelude::*;

use super::*;

fn params(change: impl FnOnce(&mut SamplingParams)) -> SamplingParams {
    let mut params = SamplingParams {
        seed: Some(42),
        ..SamplingParams::default()
    };
    change(&mut params);
    params
}

/// How often each token is drawn over `draws` positions.
fn histogram(
    params: &SamplingParams,
    logits: &[f32],
    mask: Option<&TokenMask>,
    draws: u64,
) -> Vec<u32> {
    let mut counts = vec![0; logits.len()];
    let mut sampler = Sampler::new(params.clone(), 0, &[]);
    for position in 0..draws {
        sampler.position = position;
        let token = sampler
            .sample(&mut logits.to_vec(), mask)
            .expect("something is allowed");
        counts[token as usize] += 1;
    }
    counts
}

#[track_caller]
fn check_kept(change: impl FnOnce(&mut SamplingParams), logits: &[f32], expected: &[usize]) {
    let counts = histogram(&params(change), logits, None, 2000);
    let kept: Vec<usize> = (0..counts.len())
        .filter(|&token| counts[token] > 0)
        .collect();
    assert_eq!(kept, expected);
}

#[test]
fn greedy_takes_the_lowest_number_of_equals() {
    let mut sampler = Sampler::new(SamplingParams::greedy(1), 0, &[]);
    assert_eq!(sampler.sample(&mut [1.0, 3.0, 3.0, 2.0], None), Some(1));
}

#[test]
fn nan_and_masked_tokens_are_never_chosen() {
    let mask = TokenMask::of(&[0, 2]);
    let logits = [f32::NAN, 9.0, -5.0];
    let mut greedy = Sampler::new(SamplingParams::greedy(1), 0, &[]);
    assert_eq!(greedy.sample(&mut logits.to_vec(), Some(&mask)), Some(2));
    assert_eq!(
        histogram(&params(|_| ()), &logits, Some(&mask), 50),
        [0, 0, 50]
    );
}

#[test]
fn nothing_allowed_gives_nothing() {
    for params in [SamplingParams::greedy(1), SamplingParams::default()] {
        let mut sampler = Sampler::new(params, 0, &[]);
        assert_eq!(
            sampler.sample(&mut [1.0, 2.0], Some(&TokenMask::of(&[]))),
            None
        );
        assert_eq!(
            sampler.sample(&mut [f32::NAN, f32::NEG_INFINITY], None),
            None
        );
    }
}

#[test]
fn infinite_logits_do_not_break_the_draw() {
    assert_eq!(
        histogram(&params(|_| ()), &[f32::INFINITY, 0.0], None, 20),
        [20, 0]
    );
}

#[test]
fn draws_follow_the_softmax() {
    let logits = [0.0_f32, 1.0, 2.0];
    let counts = histogram(&params(|_| ()), &logits, None, 20_000);
    let total: f32 = logits.iter().map(|logit| logit.exp()).sum();
    for (count, logit) in counts.iter().zip(logits) {
        let (found, expected) = (*count as f32 / 20_000.0, logit.exp() / total);
        assert!((found - expected).abs() < 0.015, "{counts:?}");
    }
}

#[test]
fn cuts_keep_the_likeliest() {
    let logits = [0.0, 3.0, 1.0, 2.5];
    check_kept(|p| p.top_k = 2, &logits, &[1, 3]);
    check_kept(|p| p.top_k = 1, &logits, &[1]);
    check_kept(|p| p.top_p = 0.5, &logits, &[1]);
    check_kept(|p| p.top_p = 0.8, &logits, &[1, 3]);
    check_kept(|p| p.min_p = 0.5, &logits, &[1, 3]);
    check_kept(|p| p.temperature = 1e-3, &logits, &[1]);
}

#[test]
fn penalties_count_what_was_written() {
    let mut sampler = Sampler::new(
        SamplingParams {
            frequency_penalty: 0.5,
            presence_penalty: 0.25,
            ..SamplingParams::greedy(9)
        },
        0,
        &[1],
    );
    sampler.accept(0);
    sampler.accept(0);
    let mut logits = [2.0, 1.0];
    sampler.sample(&mut logits, None);
    assert_eq!(logits.map(f32::to_bits), [0.75_f32, 1.0].map(f32::to_bits));
}

#[test]
fn repetition_penalty_counts_the_prompt_too() {
    let mut sampler = Sampler::new(
        SamplingParams {
            repetition_penalty: 2.0,
            ..SamplingParams::greedy(9)
        },
        0,
        &[1],
    );
    let mut logits = [-1.0, 4.0, -1.0];
    sampler.accept(2);
    sampler.sample(&mut logits, None);
    assert_eq!(
        logits.map(f32::to_bits),
        [-1.0_f32, 2.0, -2.0].map(f32::to_bits)
    );
}

#[test]
fn bias_bans_and_forces() {
    check_kept(
        |p| p.logit_bias = BTreeMap::from([(0, -100.0)]),
        &[9.0, 0.0],
        &[1],
    );
    check_kept(
        |p| p.logit_bias = BTreeMap::from([(0, 100.0)]),
        &[0.0, 9.0],
        &[0],
    );
}

/// What is kept of `logits` when all of them are ranked.
fn kept_of_all(logits: &[f32], top_k: usize, top_p: f32) -> Vec<usize> {
    let weights: Vec<f64> = logits.iter().map(|logit| f64::from(logit.exp())).collect();
    let mut ranked: Vec<usize> = (0..logits.len()).collect();
    ranked.sort_by(|a, b| weights[*b].total_cmp(&weights[*a]));
    if top_k > 0 {
        ranked.truncate(top_k);
    }
    let total: f64 = ranked.iter().map(|token| weights[*token]).sum();
    let mut sum = 0.0;
    let before = ranked.iter().take_while(|token| {
        sum += weights[**token];
        sum < total * f64::from(top_p)
    });
    let kept = before.count() + 1;
    ranked.truncate(kept);
    ranked
}

#[test]
fn no_more_are_ranked_than_it_takes_and_the_same_are_kept() {
    // Few that hold most of the weight, and many that are all alike.
    let steep: Vec<f32> = (0..40).map(|at| (at * 7 % 40) as f32 * -0.7).collect();
    let flat = vec![0.0; 5000];
    for logits in [steep, flat] {
        for (top_k, top_p) in [(0, 0.3), (0, 0.999), (3, 1.0), (200, 0.5), (0, 0.9)] {
            let mut sampler = Sampler::new(params(|p| (p.top_k, p.top_p) = (top_k, top_p)), 0, &[]);
            sampler.gather(&logits, None);
            sampler.keep_top();
            sampler.weigh();
            sampler.cut();
            let found: Vec<usize> = sampler
                .candidates
                .iter()
                .map(|c| c.token as usize)
                .collect();
            assert_eq!(found, kept_of_all(&logits, top_k, top_p), "{top_k} {top_p}");
        }
    }
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_tokens(seed: u64, logits in prop::collection::vec(-10.0_f32..10.0, 2..50)) {
        let run = || {
            let mut sampler = Sampler::new(SamplingParams { seed: Some(seed), ..SamplingParams::default() }, 0, &[]);
            (0..8).map(|_| {
                let token = sampler.sample(&mut logits.clone(), None).expect("all are allowed");
                sampler.accept(token);
                token
            }).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }

    #[test]
    fn any_logits_and_mask_give_an_allowed_token_or_none(
        logits in prop::collection::vec(prop::num::f32::ANY, 0..40),
        allowed in prop::collection::vec(0_u32..50, 0..10),
        temperature in 0.0_f32..2.0, top_k in 0_usize..5, top_p in 0.01_f32..1.0, min_p in 0.0_f32..1.0,
    ) {
        let mask = TokenMask::of(&allowed);
        let params = SamplingParams { temperature, top_p, top_k, min_p, ..SamplingParams::default() };
        let mut sampler = Sampler::new(params, 1, &[]);
        if let Some(token) = sampler.sample(&mut logits.clone(), Some(&mask)) {
            prop_assert!(mask.allows(token) && (token as usize) < logits.len());
        }
    }
}
