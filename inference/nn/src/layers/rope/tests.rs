//! Rotations against numbers worked out by hand.

use super::*;

fn config(dimensions: usize, scaling: RopeScaling) -> RopeConfig {
    RopeConfig {
        theta: 10_000.0,
        dimensions,
        scaling,
    }
}

#[track_caller]
fn check(config: &RopeConfig, pairs: Pairs, position: usize, expected: [f32; 4]) {
    let rope = Rope::new(config, pairs, 100);
    let mut angles = Vec::new();
    rope.angles(position, &mut angles);
    let mut x = match pairs {
        Pairs::Neighbors => [1.0, 0.0, 1.0, 0.0],
        Pairs::Halves => [1.0, 1.0, 0.0, 0.0],
    };
    rope.rotate(&mut x, 4, &angles);
    assert!(
        x.iter().zip(expected).all(|(x, e)| (x - e).abs() < 1e-6),
        "{x:?}"
    );
}

#[test]
fn pairs_turn_by_position_times_frequency() {
    let plain = config(4, RopeScaling::None);
    let (fast, slow) = (1.0_f32.sin_cos(), 0.01_f32.sin_cos());
    check(&plain, Pairs::Neighbors, 0, [1.0, 0.0, 1.0, 0.0]);
    check(
        &plain,
        Pairs::Neighbors,
        1,
        [fast.1, fast.0, slow.1, slow.0],
    );
    check(&plain, Pairs::Halves, 1, [fast.1, slow.1, fast.0, slow.0]);
}

#[test]
fn divisors_and_linear_factor_slow_the_turning() {
    let (fast, slow) = (5.0_f32.sin_cos(), 0.01_f32.sin_cos());
    let expected = [fast.1, fast.0, slow.1, slow.0];
    let divisors = config(4, RopeScaling::Divisors(vec![2.0, 10.0]));
    check(&divisors, Pairs::Neighbors, 10, expected);
    let slow = 0.05_f32.sin_cos();
    let expected = [fast.1, fast.0, slow.1, slow.0];
    check(
        &config(4, RopeScaling::Linear(2.0)),
        Pairs::Neighbors,
        10,
        expected,
    );
}

#[test]
fn values_past_the_rotated_ones_stay() {
    let (sine, cosine) = 1.0_f32.sin_cos();
    let half = config(2, RopeScaling::None);
    check(&half, Pairs::Neighbors, 1, [cosine, sine, 1.0, 0.0]);
    check(
        &half,
        Pairs::Halves,
        1,
        [cosine - sine, sine + cosine, 0.0, 0.0],
    );
}

#[test]
fn long_divisors_are_for_windows_past_the_original() {
    let long = |original| {
        config(
            2,
            RopeScaling::LongRope {
                short: vec![1.0],
                long: vec![2.0],
                original,
                attention_factor: 1.0,
            },
        )
    };
    let (sine, cosine) = 1.0_f32.sin_cos();
    check(&long(100), Pairs::Neighbors, 1, [cosine, sine, 1.0, 0.0]);
    check(&long(99), Pairs::Neighbors, 2, [cosine, sine, 1.0, 0.0]);
}

#[test]
fn llama3_keeps_fast_pairs_and_slows_slow_ones() {
    let scaling = RopeScaling::Llama3 {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original: 8192,
    };
    let found = config(128, scaling).frequencies(8192);
    let plain = config(128, RopeScaling::None).frequencies(8192);
    assert!((found[0] - plain[0]).abs() < 1e-12);
    assert!((found[63] - plain[63] / 8.0).abs() < 1e-12);
}

#[test]
fn what_cannot_be_turned_is_refused() {
    for (dimensions, scaling) in [
        (6, RopeScaling::None),
        (3, RopeScaling::None),
        (0, RopeScaling::None),
        (4, RopeScaling::Linear(0.0)),
        (4, RopeScaling::Divisors(vec![1.0])),
        (4, RopeScaling::Divisors(vec![1.0, 0.0])),
    ] {
        let config = config(dimensions, scaling);
        assert!(config.check(4).is_err(), "{config:?}");
    }
}
