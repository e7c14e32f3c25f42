//! How a series stands now against how it was, and whether it grows.
//!
//! Baseline and present are medians over several points, so that one slow
//! scrape or one busy minute says nothing; whether the difference is more than
//! noise is [`regime`]'s to say. Counters become rates first.
//!
//! Invariant: a series with too few points gives no answer, never a guess.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Case;
use crate::facts::metrics::median;
pub(crate) use crate::facts::regime::levels;
use crate::facts::regime::{self, PRESENT_SECONDS, Regime};
use crate::snapshot::{Sample, Series};

/// Fewest points that make a median worth telling.
const POINTS_MIN: usize = 4;
/// The baseline ends this many seconds before the alert began, since most
/// rules wait that long before they fire.
const LEAD_SECONDS: f64 = 900.0;

/// A level then and now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shift {
    /// Median of the baseline.
    pub(crate) usual: f64,
    /// Median of the present.
    pub(crate) now: f64,
    /// Unix time, seconds, when it first came halfway to the present level
    /// and stayed on that side.
    pub(crate) since: f64,
    /// The rise or the fall that still holds.
    regime: Option<Regime>,
    /// Whether it grows all the time.
    growth: Option<Growth>,
}

impl Shift {
    /// Whether it left its usual level, and stands at least `times` over and
    /// by `floor` above it.
    pub(crate) fn rose(&self, times: f64, floor: f64) -> bool {
        let large = |one: Regime| one.is_large(times, floor);
        self.is_above(times, floor) && self.regime.is_some_and(large)
    }

    /// The same, or it grows steadily: what waits has no level.
    pub(crate) fn rose_or_grows(&self, times: f64, floor: f64) -> bool {
        self.rose(times, floor) || self.is_above(times, floor) && self.growth.is_some()
    }

    /// Whether it left its usual level, at least `least`, and only the part
    /// `left` of it remains.
    pub(crate) fn fell_to(&self, left: f64, least: f64) -> bool {
        let deep = |one: Regime| one.step() < 0.0 && one.level <= one.usual * left;
        self.usual >= least && self.now <= self.usual * left && self.regime.is_some_and(deep)
    }

    fn is_above(&self, times: f64, floor: f64) -> bool {
        self.now - self.usual >= floor && self.now >= self.usual * times
    }

    /// When it began, as a time.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        instant(self.since)
    }
}

/// Unix seconds as a time.
pub(crate) fn instant(seconds: f64) -> Option<Timestamp> {
    #[allow(clippy::cast_possible_truncation, reason = "Unix seconds fit")]
    Timestamp::from_second(seconds as i64).ok()
}

/// How `series` stands at the capture against before the alert.
pub(crate) fn shift(case: &Case<'_>, series: &Series) -> Option<Shift> {
    shift_of(case, &levels(series))
}

/// The same for points that were added up by the caller, in order of time.
pub(crate) fn shift_of(case: &Case<'_>, points: &[Sample]) -> Option<Shift> {
    let end = end_of(case);
    let onset = case.started_at.as_duration().as_secs_f64();
    let border = (onset - LEAD_SECONDS).min(end - 2.0 * PRESENT_SECONDS);
    let mut before = values(points, f64::NEG_INFINITY, border);
    if before.len() < POINTS_MIN {
        return None;
    }
    let usual = median(&mut before)?;
    let now = regime::present(points, end)?;
    let half = f64::midpoint(usual, now);
    let still = |point: &&Sample| (point.value >= half) == (now >= usual);
    let since = points.iter().rev().take_while(still).last();
    let left = if now >= usual {
        regime::rise(points)
    } else {
        regime::fall(points)
    };
    Some(Shift {
        usual,
        now,
        since: since.map_or(end, |point| point.at),
        regime: left.filter(|one| one.holds_at(end)),
        growth: growth(points),
    })
}

/// The level of a series at the capture.
pub(crate) fn present(case: &Case<'_>, series: &Series) -> Option<f64> {
    regime::present(&levels(series), end_of(case))
}

/// The capture's Unix time, seconds.
pub(crate) fn end_of(case: &Case<'_>) -> f64 {
    case.snapshot.captured_at.as_duration().as_secs_f64()
}

fn values(points: &[Sample], from: f64, until: f64) -> Vec<f64> {
    points
        .iter()
        .filter(|point| from <= point.at && point.at < until)
        .map(|point| point.value)
        .collect()
}

/// Adds up series point by point; times within the same second are one.
pub(crate) fn sum<'a>(all: impl IntoIterator<Item = &'a Series>) -> Vec<Sample> {
    add_up(all.into_iter().flat_map(levels))
}

/// Adds up points of several series; times within the same second are one.
pub(crate) fn add_up(points: impl IntoIterator<Item = Sample>) -> Vec<Sample> {
    let mut total: BTreeMap<i64, Sample> = BTreeMap::new();
    for point in points {
        #[allow(clippy::cast_possible_truncation, reason = "Unix seconds fit")]
        let second = point.at.round() as i64;
        total
            .entry(second)
            .and_modify(|known| known.value += point.value)
            .or_insert(point);
    }
    total.into_values().collect()
}

/// Steady growth over a stretch of points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Growth {
    /// Level at the beginning.
    pub(crate) from: f64,
    /// Level at the end.
    pub(crate) to: f64,
    /// How long it has grown, seconds.
    pub(crate) seconds: f64,
}

/// Whether `points` grow from third to third without levelling off.
pub(crate) fn growth(points: &[Sample]) -> Option<Growth> {
    let third = points.len() / 3;
    if third < POINTS_MIN {
        return None;
    }
    let level = |part: &[Sample]| {
        let mut values: Vec<f64> = part.iter().map(|point| point.value).collect();
        median(&mut values)
    };
    let first = level(&points[..third])?;
    let middle = level(&points[third..2 * third])?;
    let last = level(&points[points.len() - third..])?;
    let (early, late) = (middle - first, last - middle);
    let steady = early > 0.0 && late >= 0.5 * early && late <= 2.5 * early;
    let (start, end) = (points.first()?, points.last()?);
    steady.then_some(Growth {
        from: first,
        to: last,
        seconds: end.at - start.at,
    })
}

#[cfg(test)]
mod tests {
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
    fn check(values: impl IntoIterator<Item = f64>, grows: bool) {
        assert_eq!(growth(&points(values)).is_some(), grows);
    }

    #[test]
    fn a_ramp_grows_and_a_plateau_does_not() {
        check((0..30).map(|at| 100.0 + f64::from(at)), true);
        check((0..30).map(|at| f64::from(at.min(10))), false);
        check((0..30).map(|_| 5.0), false);
        check((0..30).map(|at| f64::from(at % 3)), false);
        check([1.0, 2.0, 3.0], false);
    }

    #[test]
    fn counters_of_several_series_add_up() {
        let series = |factor: f64| Series {
            name: "x_total".to_owned(),
            labels: std::collections::BTreeMap::new(),
            samples: points((0..3).map(|at| f64::from(at) * 60.0 * factor)),
        };
        let (a, b) = (series(1.0), series(2.0));
        let total: Vec<f64> = sum([&a, &b]).iter().map(|point| point.value).collect();
        assert_eq!(total, [3.0, 3.0]);
    }
}
