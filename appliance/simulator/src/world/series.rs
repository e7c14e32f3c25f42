//! Metric series by name and labels.
//!
//! A world whose clock runs has samples up to the moment it was built. So that
//! queries at later moments find values, [`SeriesStore::extend_to`] goes on as
//! the series went: counters keep their last slope, gauges their last value.

use std::collections::BTreeMap;

use appliance_core::snapshot::{Sample, Series};

/// Most samples that [`SeriesStore::extend_to`] adds to one series at a time:
/// a day of minutes.
const EXTENSION_MAX: usize = 1440;

type Labels = BTreeMap<String, String>;

/// Series by metric name, then labels.
#[derive(Clone, Debug, Default)]
pub struct SeriesStore {
    by_name: BTreeMap<String, BTreeMap<Labels, Vec<Sample>>>,
}

impl SeriesStore {
    /// Adds a sample. Samples of a series are added in order of time; one that
    /// is not later than the last replaces nothing and is dropped.
    pub fn push(&mut self, name: &str, labels: &Labels, sample: Sample) {
        let samples = self
            .by_name
            .entry(name.to_owned())
            .or_default()
            .entry(labels.clone())
            .or_default();
        if samples.last().is_none_or(|last| last.at < sample.at) {
            samples.push(sample);
        }
    }

    /// Replaces the samples of a series.
    pub fn set(&mut self, name: &str, labels: Labels, samples: Vec<Sample>) {
        self.by_name
            .entry(name.to_owned())
            .or_default()
            .insert(labels, samples);
    }

    /// Changes the samples of the series of `name` whose labels `which` accepts.
    pub fn edit(
        &mut self,
        name: &str,
        which: impl Fn(&Labels) -> bool,
        mut edit: impl FnMut(&Labels, &mut Vec<Sample>),
    ) {
        let series = self.by_name.get_mut(name).into_iter().flatten();
        for (labels, samples) in series.filter(|(labels, _)| which(labels)) {
            edit(labels, samples);
        }
    }

    /// Drops the series for which `keep` says no.
    pub fn retain(&mut self, keep: impl Fn(&str, &Labels) -> bool) {
        for (name, series) in &mut self.by_name {
            series.retain(|labels, _| keep(name, labels));
        }
        self.by_name.retain(|_, series| !series.is_empty());
    }

    /// All series, by name, then labels.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Labels, &[Sample])> {
        self.by_name.iter().flat_map(|(name, series)| {
            series
                .iter()
                .map(move |(labels, samples)| (name.as_str(), labels, samples.as_slice()))
        })
    }

    /// The series of one metric.
    pub fn of<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a Labels, &'a [Sample])> + 'a {
        self.by_name
            .get(name)
            .into_iter()
            .flatten()
            .map(|(labels, samples)| (labels, samples.as_slice()))
    }

    /// Metric names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// All series as the core knows them.
    pub fn to_series(&self) -> Vec<Series> {
        self.iter()
            .map(|(name, labels, samples)| Series {
                name: name.to_owned(),
                labels: labels.clone(),
                samples: samples.to_vec(),
            })
            .collect()
    }

    /// Goes on with every series of at least two samples up to `until` (Unix seconds).
    pub fn extend_to(&mut self, until: f64) {
        for (name, series) in &mut self.by_name {
            let counter = is_counter(name);
            for samples in series.values_mut() {
                extend(samples, until, counter);
            }
        }
    }
}

/// Whether the name is that of a counter, or of a part of a histogram.
pub(crate) fn is_counter(name: &str) -> bool {
    ["_total", "_bucket", "_count", "_sum"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}

fn extend(samples: &mut Vec<Sample>, until: f64, counter: bool) {
    let [.., before, last] = samples[..] else {
        return;
    };
    let step = last.at - before.at;
    if step <= 0.0 || !before.value.is_finite() || !last.value.is_finite() {
        return;
    }
    let rise = if counter {
        (last.value - before.value).max(0.0)
    } else {
        0.0
    };
    // After a long pause only the newest stretch matters.
    let wanted = ((until - last.at) / step).floor();
    let first = (wanted - EXTENSION_MAX as f64).max(0.0);
    let mut round = first + 1.0;
    while round <= wanted {
        samples.push(Sample {
            at: last.at + round * step,
            value: last.value + round * rise,
        });
        round += 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extended(name: &str, values: [f64; 2], until: f64) -> Vec<f64> {
        let mut store = SeriesStore::default();
        for (index, value) in values.into_iter().enumerate() {
            let at = index as f64 * 60.0;
            store.push(name, &Labels::new(), Sample { at, value });
        }
        store.extend_to(until);
        store.to_series()[0]
            .samples
            .iter()
            .map(|sample| sample.value)
            .collect()
    }

    #[test]
    fn counters_go_on_rising_and_gauges_stay() {
        assert_eq!(extended("x_total", [1.0, 3.0], 185.0), [1.0, 3.0, 5.0, 7.0]);
        assert_eq!(extended("x", [1.0, 3.0], 185.0), [1.0, 3.0, 3.0, 3.0]);
    }

    #[test]
    fn a_long_pause_adds_a_bounded_number_of_samples() {
        assert_eq!(extended("x", [1.0, 3.0], 1e12).len(), 2 + EXTENSION_MAX);
    }
}
