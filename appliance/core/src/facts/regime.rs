//! Whether a series left its usual level, by how much, and when.
//!
//! Everything rests on medians: the usual level is the median of the points
//! before (or beside) the rise, its spread their median distance from it. A
//! rise is a regime only when it holds for several points in a row, is seen to
//! begin, stands far outside the spread, and is the only one of its height:
//! one slow scrape, noise that crosses a line now and then, a ramp over the
//! whole window and a level that was always high are none. A fall is a rise
//! upside down; the present is a median as well.
//!
//! Invariant: too few points give no answer, never a guess. Multiplying all
//! values by a positive number multiplies the answer.

use crate::snapshot::{Sample, Series};

use super::metrics::{is_counter, median, rates};

/// Fewest points that show a level and a departure from it.
pub(crate) const SAMPLES_MIN: usize = 8;
/// Fewest points before a rise; what is high from the start is no rise.
const BEFORE_MIN: usize = 4;
/// Fewest points of a rise, and of how many points there must be one more.
const WITHIN_MIN: usize = 3;
const WITHIN_SHARE: usize = 10;
/// Most points in a row below the line that do not end a rise.
const DIP_MAX: usize = 2;
/// At most one point in so many beside the rise may be as high.
const STRAYS: usize = 20;
/// How many spreads a rise stands above the usual level.
const APART: f64 = 5.0;
/// Makes the MAD of normal noise its standard deviation.
const MAD_TO_SIGMA: f64 = 1.4826;
/// The present: this many seconds before the capture.
pub(crate) const PRESENT_SECONDS: f64 = 600.0;
/// Fewest points of the present that show a state and no moment.
const PRESENT_MIN: usize = 3;

/// A level and how far single values stray from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Baseline {
    /// The median.
    pub(crate) level: f64,
    /// The median distance from it, scaled to a standard deviation.
    pub(crate) spread: f64,
}

impl Baseline {
    /// The baseline of `values`; `None` of none.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        let level = median(&mut values)?;
        for value in &mut values {
            *value = (*value - level).abs();
        }
        let spread = median(&mut values)? * MAD_TO_SIGMA;
        Some(Self { level, spread })
    }
}

/// A stretch of time in which a series kept another level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Regime {
    /// The usual level, beside the stretch.
    pub(crate) usual: f64,
    /// The level within it.
    pub(crate) level: f64,
    /// Unix time, seconds, of its first point.
    pub(crate) since: f64,
    /// Unix time, seconds, of its last point.
    pub(crate) until: f64,
}

impl Regime {
    /// How much it rose.
    pub(crate) fn step(&self) -> f64 {
        self.level - self.usual
    }

    /// How many times the usual level it reached.
    pub(crate) fn times(&self) -> f64 {
        self.level / self.usual.max(1e-9)
    }

    /// Whether it still holds at `end`, the capture's Unix time in seconds.
    pub(crate) fn holds_at(&self, end: f64) -> bool {
        self.until >= end - PRESENT_SECONDS
    }

    /// Whether it rose at least `times` over and by `floor`.
    pub(crate) fn is_large(&self, times: f64, floor: f64) -> bool {
        self.step() >= floor && self.level >= self.usual * times
    }
}

/// The points of a series as levels: rates of counters, else the values.
/// What is no number (a gap, a stale marker) is left out.
pub(crate) fn levels(series: &Series) -> Vec<Sample> {
    if is_counter(&series.name) {
        return rates(&series.samples);
    }
    let finite = series.samples.iter().filter(|one| one.value.is_finite());
    finite.copied().collect()
}

/// The rise of `points`, which are in order of time.
pub(crate) fn rise(points: &[Sample]) -> Option<Regime> {
    if points.len() < SAMPLES_MIN {
        return None;
    }
    let mut sorted: Vec<f64> = points.iter().map(|point| point.value).collect();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted[sorted.len() / 4], sorted[sorted.len() - WITHIN_MIN]);
    if high <= low {
        return None;
    }
    let line = f64::midpoint(low, high);
    let (from, to) = longest(points, line)?;
    let within = &points[from..to];
    let above = |point: &&Sample| point.value >= line;
    let beside: Vec<f64> = values(&points[..from])
        .chain(values(&points[to..]))
        .collect();
    let strays = beside.iter().filter(|value| **value >= line).count();
    let held = within.iter().filter(above).count();
    let enough = WITHIN_MIN.max(points.len().div_ceil(WITHIN_SHARE));
    if from < BEFORE_MIN || held < enough || strays * STRAYS > beside.len() {
        return None;
    }
    let usual = Baseline::of(beside)?;
    let level = median(&mut values(within).collect::<Vec<f64>>())?;
    let apart = level - usual.level > APART * usual.spread;
    apart.then_some(Regime {
        usual: usual.level,
        level,
        since: within.first()?.at,
        until: within.last()?.at,
    })
}

/// The fall of `points`, which are in order of time: a rise upside down.
pub(crate) fn fall(points: &[Sample]) -> Option<Regime> {
    let turned: Vec<Sample> = points
        .iter()
        .map(|point| Sample {
            value: -point.value,
            ..*point
        })
        .collect();
    rise(&turned).map(|found| Regime {
        usual: -found.usual,
        level: -found.level,
        ..found
    })
}

/// The level of the present, where `end` is the capture's Unix time in
/// seconds: a median, so that one busy minute says nothing.
pub(crate) fn present(points: &[Sample], end: f64) -> Option<f64> {
    let recent = points.iter().filter(|one| one.at >= end - PRESENT_SECONDS);
    let mut values: Vec<f64> = recent.map(|point| point.value).collect();
    (values.len() >= PRESENT_MIN)
        .then(|| median(&mut values))
        .flatten()
}

fn values(points: &[Sample]) -> impl Iterator<Item = f64> + '_ {
    points.iter().map(|point| point.value)
}

/// The longest stretch at or above `line`, bridging short dips: from, to.
fn longest(points: &[Sample], line: f64) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize)> = None;
    let mut open: Option<(usize, usize)> = None;
    for (place, _) in points
        .iter()
        .enumerate()
        .filter(|(_, one)| one.value >= line)
    {
        open = match open {
            Some((from, to)) if place - to <= DIP_MAX => Some((from, place + 1)),
            _ => Some((place, place + 1)),
        };
        let length = |one: Option<(usize, usize)>| one.map_or(0, |(from, to)| to - from);
        if length(open) > length(best) {
            best = open;
        }
    }
    best
}

#[cfg(test)]
mod tests;
