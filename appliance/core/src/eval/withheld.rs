//! Analysing with less than was captured.
//!
//! A good verdict degrades: without the evidence it rests on it becomes less
//! sure or is withdrawn, it does not become another one. What is taken away
//! is told as a gap, as if the source had not answered.

use serde::Serialize;

use crate::snapshot::{Collection, Snapshot};

/// A source that is taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Withheld {
    /// What components told of objects.
    Events,
    /// What containers wrote.
    Logs,
    /// Series.
    Metrics,
}

impl Withheld {
    /// Takes the source away from `snapshot`.
    pub fn take_from(self, snapshot: &mut Snapshot) {
        let source = match self {
            Self::Events => {
                snapshot.objects.events = Collection::default();
                "events"
            }
            Self::Logs => {
                snapshot.logs.clear();
                "logs"
            }
            Self::Metrics => {
                snapshot.series.clear();
                "metrics"
            }
        };
        snapshot.gap(source, "withheld for the evaluation");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Series;

    #[test]
    fn a_withheld_source_is_gone_and_named() {
        let mut snapshot = Snapshot::default();
        snapshot.series.push(Series {
            name: "up".to_owned(),
            labels: std::collections::BTreeMap::new(),
            samples: Vec::new(),
        });
        Withheld::Metrics.take_from(&mut snapshot);
        assert!(snapshot.series.is_empty());
        assert_eq!(snapshot.gaps[0].source, "metrics");
        Withheld::Logs.take_from(&mut snapshot);
        Withheld::Events.take_from(&mut snapshot);
        assert_eq!(snapshot.gaps.len(), 3);
    }
}
