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
    let mut many = vec![-1.0; 3000];
    for equal in [1700, 1702, 2999] {
        many[equal] = 0.5;
    }
    assert_eq!(sampler.sample(&mut many, None), Some(1700));
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
    // Few that hold most of the weight, many that are all alike, and many that are not.
    let steep: Vec<f32> = (0..40).map(|at| (at * 7 % 40) as f32 * -0.7).collect();
    let flat = vec![0.0; 5000];
    let mixed: Vec<f32> = (0..20_011)
        .map(|at| (at * 7919 % 20_011) as f32 * -1e-3)
        .collect();
    for logits in [steep, flat, mixed] {
        for (top_k, top_p) in [(0, 0.3), (0, 0.999), (3, 1.0), (200, 0.5), (0, 0.9)] {
            let mut sampler = Sampler::new(params(|p| (p.top_k, p.top_p) = (top_k, top_p)), 0, &[]);
            sampler.keep(Runs::of(&mut logits.clone(), None).expect("has tokens"));
            let found: Vec<usize> = sampler
                .candidates
                .iter()
                .map(|c| c.token as usize)
                .collect();
            assert_eq!(found, kept_of_all(&logits, top_k, top_p), "{top_k} {top_p}");
        }
    }
}

/// Where in the sum of all weights each token lies, by the book.
fn shares(
    logits: &[f32],
    mask: Option<&TokenMask>,
    params: &SamplingParams,
) -> Vec<std::ops::Range<f64>> {
    let usable = |token: usize| {
        let allowed = mask.is_none_or(|mask| mask.allows(TokenId::try_from(token).expect("few")));
        allowed && logits[token] > f32::NEG_INFINITY
    };
    let most = (0..logits.len())
        .filter(|&token| usable(token))
        .fold(f32::NEG_INFINITY, |most, token| most.max(logits[token]));
    let weight = |token: usize| {
        let weight = (f64::from(logits[token] - most) / f64::from(params.temperature)).exp();
        let kept = usable(token) && weight >= f64::from(params.min_p);
        if kept { weight } else { 0.0 }
    };
    let total: f64 = (0..logits.len()).map(weight).sum();
    let mut sum = 0.0;
    let shares = (0..logits.len()).map(|token| {
        let start = sum;
        sum += weight(token) / total;
        start..sum
    });
    shares.collect()
}

#[test]
fn each_token_of_a_large_vocabulary_is_drawn_by_its_share() {
    // Runs and words of a mask that are whole, cut short and empty.
    for count in [1, 31, 33, 512, 513, 1100, 5000] {
        let mut logits: Vec<f32> = (0..count)
            .map(|at| (at * 7919 % 4999) as f32 * 2e-3)
            .collect();
        logits[count / 2] = f32::NAN;
        logits[count / 3] = f32::NEG_INFINITY;
        logits[0] = 9.5;
        let few = TokenMask::of(&[0, 2, 30, 600, 601, 4000]);
        let bits = (0..count.div_ceil(32) / 2).map(|at| if at % 5 == 0 { 0 } else { 0xf731_5a01 });
        let many = TokenMask::from_words([1].into_iter().chain(bits).collect());
        for mask in [None, Some(&few), Some(&many)] {
            for (temperature, min_p) in [(1.0, 0.0), (0.3, 0.0), (2.0, 0.5), (1e-3, 0.0)] {
                let params = params(|p| (p.temperature, p.min_p) = (temperature, min_p));
                let shares = shares(&logits, mask, &params);
                let mut sampler = Sampler::new(params, 0, &[]);
                for position in 0..200 {
                    sampler.position = position;
                    let token = sampler.sample(&mut logits.clone(), mask);
                    let share = &shares[token.expect("is one") as usize];
                    let uniform = rng::uniform(42, position);
                    assert!(
                        share.start < share.end
                            && share.start - 1e-6 < uniform
                            && uniform < share.end + 1e-6,
                        "{count} {temperature} {min_p}: {token:?} at {share:?} for {uniform}"
                    );
                }
            }
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
