//! What a missing source does to confidence.
//!
//! A symptom may have a cause behind it that only a source which was not
//! captured would show; a broad identifier may have a finer one. Neither is
//! stated as surely as when that source was there and silent.

use crate::analysis::Confidence;
use crate::causes::Cause;
use crate::snapshot::Snapshot;

use super::fold::level;

/// Sources of which nothing was captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Blind {
    /// Events or logs: what tells why something does not run.
    of_reasons: bool,
    /// Events: what tells of objects that are gone.
    of_events: bool,
    /// Series: what tells whether something still answers.
    of_metrics: bool,
}

impl Blind {
    /// What the capture lacks.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let events = snapshot.objects.events.captured_anywhere();
        Self {
            of_reasons: !events || snapshot.logs.is_empty(),
            of_events: !events,
            of_metrics: snapshot.series.is_empty(),
        }
    }

    /// `confidence` in `cause`, no surer than what was seen allows.
    ///
    /// What always has a cause behind it is a hint; what may have one is a
    /// word less sure; a broad cause whose finer word only metrics, or only
    /// events, tell is likely at most.
    pub(super) fn cap(self, cause: Cause, confidence: Confidence) -> Confidence {
        let behind = match level(cause) {
            1 if self.of_reasons => confidence.lowered(),
            2 if self.of_reasons => Confidence::Low,
            _ => confidence,
        };
        let broad = self.of_metrics && is_refined_by_metrics(cause)
            || self.of_events && is_refined_by_events(cause);
        if broad {
            behind.min(Confidence::Medium)
        } else {
            behind
        }
    }
}

/// Whether only series tell this cause from a finer one: a machine that is
/// gone from one whose kubelet is, Services that fail at a node from the proxy
/// that stopped there, a node that flaps from one whose alert is a rule too shy.
fn is_refined_by_metrics(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::NodeUnreachable | Cause::KubeProxyNodeLocal | Cause::NodeFlapping
    )
}

/// Whether only an event tells this cause from a finer one: a cluster that is
/// too small from a pod that was removed to make room for another.
fn is_refined_by_events(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::InsufficientCpu
            | Cause::InsufficientMemory
            | Cause::InsufficientResources
            | Cause::TooManyPods
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::fixture::Fixture;

    const WITHOUT_REASONS: Blind = Blind {
        of_reasons: true,
        of_events: true,
        of_metrics: false,
    };
    const WITHOUT_METRICS: Blind = Blind {
        of_reasons: false,
        of_events: false,
        of_metrics: true,
    };

    #[track_caller]
    fn check(blind: Blind, cause: Cause, expected: Confidence) {
        assert_eq!(blind.cap(cause, Confidence::High), expected, "{cause}");
    }

    #[test]
    fn a_symptom_is_less_sure_when_its_reason_cannot_be_seen() {
        check(WITHOUT_REASONS, Cause::NoReadyEndpoints, Confidence::Low);
        check(WITHOUT_REASONS, Cause::ReadinessFailing, Confidence::Medium);
        check(WITHOUT_REASONS, Cause::OomOwnLimit, Confidence::High);
    }

    #[test]
    fn a_broad_cause_is_likely_at_most_when_its_finer_word_cannot_be_seen() {
        check(WITHOUT_METRICS, Cause::NodeUnreachable, Confidence::Medium);
        check(WITHOUT_REASONS, Cause::InsufficientCpu, Confidence::Medium);
        check(WITHOUT_METRICS, Cause::InsufficientCpu, Confidence::High);
        check(WITHOUT_METRICS, Cause::KubeletDown, Confidence::High);
        check(WITHOUT_METRICS, Cause::NoReadyEndpoints, Confidence::High);
    }

    #[test]
    fn whoever_sees_everything_is_as_sure_as_the_evidence() {
        check(Blind::default(), Cause::NoReadyEndpoints, Confidence::High);
        check(Blind::default(), Cause::NodeUnreachable, Confidence::High);
    }

    #[test]
    fn no_cap_raises() {
        for &cause in Cause::ALL {
            for blind in [WITHOUT_REASONS, WITHOUT_METRICS] {
                assert_eq!(blind.cap(cause, Confidence::Low), Confidence::Low);
                assert!(blind.cap(cause, Confidence::Medium) <= Confidence::Medium);
            }
        }
    }

    #[test]
    fn a_source_of_which_nothing_came_is_missing() {
        let fixture = Fixture::new().series("up", &[], &[1.0]);
        let mut snapshot = fixture.log("a", "main", false, "well").snapshot;
        assert_eq!(Blind::of(&snapshot), WITHOUT_REASONS);
        snapshot.objects.events.mark_captured_everywhere();
        assert_eq!(Blind::of(&snapshot), Blind::default());
        snapshot.series.clear();
        assert_eq!(Blind::of(&snapshot), WITHOUT_METRICS);
    }
}
