//! Verdicts on series: did it change at the onset, and by how much.
//!
//! The baseline's median and spread (MAD) are compared with the median after
//! the onset. A floor under the spread, absolute and relative, keeps a flat
//! line from crying at noise. Counters become rates first. A series with too
//! few points gets no verdict, never a guess.

use jiff::Timestamp;

use super::MetricVerdict;
use super::regime::{Baseline, levels};
use crate::snapshot::{Sample, Series, Snapshot, openmetrics};

/// Fewest points on either side of the onset; fewer make no median worth telling.
const POINTS_MIN: usize = 4;
/// Distance in spreads from which on a series counts as changed.
const SCORE_MIN: f64 = 6.0;
/// A change smaller than this part of the baseline is noise.
const RELATIVE_FLOOR: f64 = 0.05;
/// Least spread in the series' own unit: a tenth of a millisecond, of a
/// millicore, of an error in a thousand seconds. Less is rounding.
const ABSOLUTE_FLOOR: f64 = 1e-4;
/// Alerts fire after their `for`; the baseline ends this much before, in
/// seconds, if enough of it is left: the longest that fits is taken.
const LEADS: [f64; 3] = [1800.0, 600.0, 0.0];

/// The series of `snapshot` that changed, most first.
pub(super) fn find(snapshot: &Snapshot, started_at: Timestamp) -> Vec<MetricVerdict> {
    let onset = started_at.as_duration().as_secs_f64();
    let mut verdicts: Vec<MetricVerdict> = snapshot
        .series
        .iter()
        .filter_map(|series| verdict(series, onset))
        .filter(|verdict| verdict.score.abs() >= SCORE_MIN)
        .collect();
    verdicts.sort_by(|a, b| {
        b.score
            .abs()
            .total_cmp(&a.score.abs())
            .then_with(|| a.query.cmp(&b.query))
    });
    verdicts
}

/// The verdict on one series, changed or not; `None` without enough points.
///
/// `onset` is in seconds since 1970. The score's sign is the change's.
pub fn verdict(series: &Series, onset: f64) -> Option<MetricVerdict> {
    let counter = is_counter(&series.name);
    let points = levels(series);
    let mut after: Vec<f64> = values(&points, onset, f64::INFINITY);
    if after.len() < POINTS_MIN {
        return None;
    }
    let before = Baseline::of(baseline(&points, onset)?)?;
    let last = *after.last()?;
    let (before_median, after_median) = (before.level, median(&mut after)?);
    let scale = before_median.abs().max(after_median.abs());
    let spread = before
        .spread
        .max(RELATIVE_FLOOR * scale / 2.0)
        .max(ABSOLUTE_FLOOR);
    let selector = openmetrics::selector(&series.name, &series.labels);
    Some(MetricVerdict {
        query: if counter {
            format!("rate({selector}[5m])")
        } else {
            selector
        },
        name: series.name.clone(),
        labels: series.labels.clone(),
        before: before_median,
        after: after_median,
        score: (after_median - before_median) / spread,
        last,
    })
}

/// Values of the baseline: up to a lead before the onset, all before it at worst.
fn baseline(points: &[Sample], onset: f64) -> Option<Vec<f64>> {
    LEADS
        .iter()
        .map(|lead| values(points, f64::NEG_INFINITY, onset - lead))
        .find(|values| values.len() >= 2 * POINTS_MIN)
        .or_else(|| Some(values(points, f64::NEG_INFINITY, onset)))
        .filter(|values| values.len() >= POINTS_MIN)
}

fn values(points: &[Sample], from: f64, until: f64) -> Vec<f64> {
    points
        .iter()
        .filter(|point| from <= point.at && point.at < until)
        .map(|point| point.value)
        .collect()
}

/// Whether a metric of this name only ever grows, by naming convention.
pub fn is_counter(name: &str) -> bool {
    ["_total", "_count", "_sum", "_bucket"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}

/// Growth per second between neighbours; a restart of the counter counts from zero.
pub fn rates(samples: &[Sample]) -> Vec<Sample> {
    let finite: Vec<&Sample> = samples.iter().filter(|s| s.value.is_finite()).collect();
    finite
        .windows(2)
        .filter(|pair| pair[1].at > pair[0].at)
        .map(|pair| {
            let grown = pair[1].value - pair[0].value;
            let grown = if grown < 0.0 { pair[1].value } else { grown };
            Sample {
                at: pair[1].at,
                value: grown / (pair[1].at - pair[0].at),
            }
        })
        .collect()
}

/// How much a counter grew over its samples; a restart counts from zero.
pub fn increase(samples: &[Sample]) -> f64 {
    let finite = samples
        .iter()
        .map(|one| one.value)
        .filter(|one| one.is_finite());
    let mut before = None;
    let mut grown = 0.0;
    for value in finite {
        grown += match before {
            None => 0.0,
            Some(before) if value < before => value,
            Some(before) => value - before,
        };
        before = Some(value);
    }
    grown
}

/// The median of finite values; `None` of none.
pub fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    let upper = *values.select_nth_unstable_by(middle, f64::total_cmp).1;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = values[..middle].iter().copied().max_by(f64::total_cmp)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, values: impl IntoIterator<Item = f64>) -> Series {
        let samples = values
            .into_iter()
            .zip(0u32..)
            .map(|(value, at)| Sample {
                at: f64::from(at) * 10.0,
                value,
            })
            .collect();
        Series {
            name: name.into(),
            labels: [("pod".into(), "a".into())].into(),
            samples,
        }
    }

    /// Ten points of `before`, ten of `after`; the onset is at 100.
    fn check(
        name: &str,
        before: impl Fn(u32) -> f64,
        after: impl Fn(u32) -> f64,
        changed: Option<bool>,
    ) {
        let values = (0..20).map(|at| if at < 10 { before(at) } else { after(at) });
        let verdict = verdict(&series(name, values), 100.0);
        assert_eq!(
            verdict.as_ref().map(|v| v.score.abs() >= SCORE_MIN),
            changed,
            "{verdict:?}"
        );
        if let Some(verdict) = verdict {
            assert!(verdict.score.is_finite());
        }
    }

    #[test]
    fn a_step_is_a_change_and_noise_is_none() {
        check("cpu", |_| 0.1, |_| 0.9, Some(true));
        check(
            "cpu",
            |at| 0.1 + f64::from(at % 3) * 0.02,
            |at| 0.11 + f64::from(at % 3) * 0.02,
            Some(false),
        );
        check("cpu", |_| 100.0, |_| 101.0, Some(false));
        check("ratio", |_| 1.0, |_| 0.5, Some(true));
        check("errors", |_| 0.0, |_| 1.0, Some(true));
        check("flat", |_| 0.0, |_| 0.0, Some(false));
    }

    #[test]
    fn a_growing_counter_is_steady_and_a_faster_one_changed() {
        check("x_total", f64::from, f64::from, Some(false));
        check("x_total", f64::from, |at| f64::from(at) * 50.0, Some(true));
        check("x_total", f64::from, |at| f64::from(at - 10), Some(false));
    }

    #[test]
    fn nan_and_short_series_give_no_verdict() {
        check("x", |_| f64::NAN, |_| 1.0, None);
        check("x", |_| 1.0, |_| f64::INFINITY, None);
        assert_eq!(verdict(&series("x", [1.0, 2.0]), 10.0), None);
        assert_eq!(verdict(&series("x", []), 10.0), None);
    }

    #[test]
    fn a_counter_that_begins_again_did_not_grow_by_its_past() {
        let grown = |values: &[f64]| increase(&series("x_total", values.iter().copied()).samples);
        for (values, expected) in [
            (&[][..], 0.0),
            (&[7.0], 0.0),
            (&[7.0, 9.0, f64::NAN, 10.0], 3.0),
            (&[900.0, 0.0, 1.0], 1.0),
        ] {
            assert!((grown(values) - expected).abs() < 1e-9, "{values:?}");
        }
    }

    #[test]
    fn medians_are_exact() {
        for (values, expected) in [
            (vec![], None),
            (vec![3.0], Some(3.0)),
            (vec![3.0, 1.0], Some(2.0)),
            (vec![5.0, 1.0, 3.0], Some(3.0)),
            (vec![4.0, 1.0, 3.0, 2.0], Some(2.5)),
        ] {
            assert_eq!(median(&mut values.clone()), expected, "{values:?}");
        }
    }
}
