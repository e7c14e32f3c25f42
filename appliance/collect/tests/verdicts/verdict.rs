//! What the product says of a bundle, as far as it may not change.

use appliance_collect::bundle::Bundle;
use appliance_core::analysis::{Analysis, Confidence, IncidentSummary};
use appliance_core::investigation::{Investigation, subjects_of};
use appliance_core::object::ObjectRef;
use appliance_core::resolver::Aliases;
use appliance_simulator::variants::Names;

use crate::bundle::{Files, read};

/// One stated cause.
pub(crate) type Stated = (String, ObjectRef, Confidence);

/// The causes of an analysis, best first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict(pub(crate) Vec<Stated>);

/// The rules' analysis of a bundle.
pub(crate) fn analyze(files: &Files) -> Analysis {
    investigate(&read(files))
}

/// The rules' analysis of a bundle that was read.
pub(crate) fn investigate(bundle: &Bundle) -> Analysis {
    let alerts = bundle.alert.as_ref().map(|alert| alert.alerts.clone());
    let alerts = alerts.unwrap_or_default();
    let subjects = subjects_of(&alerts, &Aliases::default(), &bundle.snapshot);
    let investigation = Investigation {
        snapshot: &bundle.snapshot,
        alerts: &alerts,
        subjects: &subjects,
    };
    investigation.run(IncidentSummary::default())
}

impl Verdict {
    pub(crate) fn of(files: &Files) -> Self {
        Self::stated(analyze(files))
    }

    pub(crate) fn stated(analysis: Analysis) -> Self {
        Self(
            analysis
                .causes
                .into_iter()
                .map(|stated| (stated.cause, stated.object, stated.confidence))
                .collect(),
        )
    }

    /// The same verdict in other names.
    pub(crate) fn renamed(&self, names: &Names) -> Self {
        let rename = |object: &ObjectRef| ObjectRef {
            kind: object.kind.clone(),
            namespace: object.namespace.as_deref().map(|name| names.in_text(name)),
            name: names.in_text(&object.name),
        };
        Self(
            self.0
                .iter()
                .map(|(cause, object, confidence)| (cause.clone(), rename(object), *confidence))
                .collect(),
        )
    }

    /// The first answer is the same, and so are the others in whatever order:
    /// equals may change places with their names.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let sorted = |verdict: &Self| {
            let mut rest: Vec<String> = verdict
                .0
                .iter()
                .map(|(cause, object, confidence)| format!("{cause} {object} {confidence:?}"))
                .collect();
            rest.sort();
            rest
        };
        self.0.first() == other.0.first() && sorted(self) == sorted(other)
    }
}
