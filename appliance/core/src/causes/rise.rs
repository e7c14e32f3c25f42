//! A series that left its usual level, as evidence.

use jiff::Timestamp;

use super::{series, trend};
use crate::evidence::Draft;
use crate::facts::regime::{self, Regime};
use crate::facts::units::shown;
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// A series with its rise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Risen<'a> {
    /// The series.
    pub(crate) series: &'a Series,
    /// How it rose.
    pub(crate) regime: Regime,
}

impl<'a> Risen<'a> {
    /// The rise of a series, if there is one. The parts of a histogram are no
    /// levels, not even as rates, and a duration of zero is one of no requests.
    pub(crate) fn find(series: &'a Series) -> Option<Self> {
        let part = ["_bucket", "_count", "_sum"];
        if part.iter().any(|end| series.name.ends_with(end)) {
            return None;
        }
        let mut points = trend::levels(series);
        if series::is_duration(&series.name) {
            points.retain(|point| point.value > 0.0);
        }
        regime::rise(&points).map(|regime| Self { series, regime })
    }

    /// How much it rose.
    pub(crate) fn step(&self) -> f64 {
        self.regime.step()
    }

    /// When it began.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        trend::instant(self.regime.since)
    }

    /// Whether it holds at least that share of what was captured.
    pub(crate) fn lasts(&self, share: f64) -> bool {
        let (first, last) = (self.series.samples.first(), self.series.samples.last());
        let whole = first.zip(last).map_or(0.0, |(a, b)| b.at - a.at);
        self.regime.until - self.regime.since >= whole * share
    }

    /// The change in words: the name, both levels with their unit.
    pub(crate) fn title(&self) -> String {
        let name = &self.series.name;
        format!(
            "{name} rose from {} to {}",
            shown(name, self.regime.usual),
            shown(name, self.regime.level)
        )
    }

    /// Evidence of the change.
    pub(crate) fn draft(&self, object: ObjectRef) -> Draft {
        series::draft(object, self.series, self.title()).at(self.since())
    }
}
