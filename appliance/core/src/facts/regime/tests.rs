use proptest::prelude::*;

use super::*;

fn points(values: impl IntoIterator<Item = f64>) -> Vec<Sample> {
    let numbered = values.into_iter().zip(0u32..);
    let at = |(value, minute): (f64, u32)| Sample {
        at: f64::from(minute) * 60.0,
        value,
    };
    numbered.map(at).collect()
}

#[track_caller]
fn check(values: impl IntoIterator<Item = f64>, expected: Option<(f64, f64, f64)>) {
    let found = rise(&points(values)).map(|one| (one.usual, one.level, one.since / 60.0));
    assert_eq!(found, expected);
}

fn step(at: usize) -> f64 {
    if at < 20 { 1.0 } else { 5.0 }
}

#[test]
fn a_step_is_a_regime_from_its_first_point() {
    check((0..40).map(step), Some((1.0, 5.0, 20.0)));
    check(
        (0..40).map(|at| if (20..30).contains(&at) { 5.0 } else { 1.0 }),
        Some((1.0, 5.0, 20.0)),
    );
    check(
        (0..40).map(|at| if at == 25 { 0.5 } else { step(at) }),
        Some((1.0, 5.0, 20.0)),
    );
}

#[test]
fn what_is_short_flat_always_high_or_only_one_point_is_none() {
    check((0..40).map(|_| 3.0), None);
    check((0..7).map(|at| step(at * 6)), None);
    check((0..40).map(|at| if at == 20 { 900.0 } else { 1.0 }), None);
    check((0..40).map(|at| if at < 10 { 5.0 } else { 1.0 }), None);
    check([], None);
}

#[test]
fn ramps_and_waves_are_no_regime() {
    check((0..60).map(f64::from), None);
    check(
        (0..240).map(|at| 10.0 + 8.0 * (f64::from(at) / 38.0).sin()),
        None,
    );
    check((0..60).map(|at| f64::from(at % 10)), None);
}

#[test]
fn a_counter_that_begins_again_is_no_rise() {
    let series = |reset: f64| Series {
        name: "http_requests_total".to_owned(),
        labels: std::collections::BTreeMap::new(),
        samples: points((0..40).map(|at| {
            let grown = 1e6 + f64::from(at) * 300.0;
            if at < 20 { grown } else { grown - reset }
        })),
    };
    assert_eq!(rise(&levels(&series(0.0))), None);
    assert_eq!(rise(&levels(&series(1_005_000.0))), None);
    assert_eq!(rise(&levels(&series(500_000.0))), None);
}

#[test]
fn what_is_no_number_is_left_out() {
    let values = (0..40).map(|at| if at % 3 == 0 { f64::NAN } else { step(at) });
    let series = Series {
        name: "queue_depth".to_owned(),
        labels: std::collections::BTreeMap::new(),
        samples: points(values),
    };
    let found = rise(&levels(&series)).unwrap();
    assert_eq!((found.usual, found.level), (1.0, 5.0));
}

/// Chance by seed (splitmix64), in 0..1.
struct Chance(u64);

impl Chance {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal, by the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

type Noise = fn(&mut Chance, f64, f64) -> f64;

/// Kinds of series without any event: of chance, the part of the day, and the value before.
const KINDS: [(&str, Noise); 7] = [
    ("gaussian gauge", |chance, _, _| {
        100.0 + 10.0 * chance.normal()
    }),
    ("log-normal latency", |chance, _, _| {
        0.1 * (0.45 * chance.normal()).exp()
    }),
    ("correlated latency", |chance, _, before| {
        0.1 * (0.8 * (before.max(1e-6) / 0.1).ln() + 0.25 * chance.normal()).exp()
    }),
    ("heavy tail", |chance, _, _| {
        (-(1.0 - chance.unit()).ln()).powi(2)
    }),
    ("daily load", |chance, part, _| {
        100.0 + 60.0 * (part * std::f64::consts::TAU).sin() + 5.0 * chance.normal()
    }),
    ("rare events", |chance, _, _| {
        f64::from(u8::from(chance.unit() < 0.05))
    }),
    ("almost constant", |chance, _, _| {
        5.0 + 1e-3 * chance.normal()
    }),
];

/// The rate is printed: `cargo test -p appliance-core --lib noise -- --nocapture`.
#[test]
#[allow(clippy::print_stdout, reason = "the measured rate is for a person")]
fn noise_alone_hardly_ever_gives_a_verdict() {
    const SERIES: u64 = 600;
    let (mut false_verdicts, mut large) = (0, 0);
    for (kind, value) in KINDS {
        let mut found = 0;
        for (seed, length) in (0..SERIES).zip([31_u32, 49, 61, 241].into_iter().cycle()) {
            let mut chance = Chance(seed * 977 + kind.len() as u64);
            let mut before = 0.1;
            let series = points((0..length).map(|at| {
                before = value(&mut chance, f64::from(at) / f64::from(length), before);
                before
            }));
            let risen = rise(&series);
            found += u64::from(risen.is_some());
            large += u64::from(risen.is_some_and(|one| one.is_large(3.0, 0.0)));
        }
        println!("{kind}: {found} verdicts on {SERIES} series without an event");
        false_verdicts += found;
    }
    let all = SERIES * KINDS.len() as u64;
    println!("in all {false_verdicts} of {all}, {large} of them threefold");
    assert!(false_verdicts * 100 <= all, "more than one in a hundred");
    assert!(
        large * 500 <= all,
        "more than one in five hundred threefold"
    );
}

proptest! {
    #[test]
    fn the_unit_does_not_matter(seed in 0u64..500, exponent in -9i32..9) {
        let mut chance = Chance(seed);
        let series: Vec<f64> = (0..60)
            .map(|at| step(at) + 0.2 * chance.normal())
            .collect();
        // A power of two changes no digit.
        let factor = 2f64.powi(exponent * 3);
        let plain = rise(&points(series.iter().copied())).unwrap();
        let scaled = rise(&points(series.iter().map(|value| value * factor))).unwrap();
        let expected = Regime {
            usual: plain.usual * factor,
            level: plain.level * factor,
            ..plain
        };
        prop_assert_eq!(expected, scaled);
    }

    #[test]
    fn any_points_are_read(values in proptest::collection::vec(proptest::num::f64::ANY, 0..60)) {
        let series = Series {
            name: "x".to_owned(),
            labels: std::collections::BTreeMap::new(),
            samples: points(values),
        };
        let _ = rise(&levels(&series));
    }

    #[test]
    fn a_step_is_found_under_noise(seed in 0u64..300) {
        let mut chance = Chance(seed);
        let series = points((0..60).map(|at| {
            let level = if at < 35 { 0.1 } else { 1.0 };
            level * (0.2 * chance.normal()).exp()
        }));
        let found = rise(&series).unwrap();
        prop_assert!(found.is_large(4.0, 0.1));
        prop_assert!((33.0..=37.0).contains(&(found.since / 60.0)));
    }
}
