//! An incident with what is known of it: the card by rules, and which of its
//! causes and which evidence are right by the scenario.

use std::collections::BTreeSet;

use appliance_collect::bundle::{self, Bundle};
use appliance_core::analysis::{AlertSummary, Analysis, IncidentSummary};
use appliance_core::causes::{Cause, Family};
use appliance_core::eval::{Expected, LabelMap, Withheld};
use appliance_core::evidence::EvidenceId;
use appliance_core::investigation::{Investigation, subjects_of};
use appliance_core::resolver::Aliases;
use appliance_core::snapshot::Snapshot;
use appliance_simulator::scenarios::{Params, Recipe};
use jiff::Timestamp;

use crate::Problem;

/// A fixed present, another for each seed.
const PRESENT: i64 = 1_790_000_000;

/// A card and what is right about it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) recipe: &'static str,
    /// What was done to the incident, for the tables of the evaluation.
    pub(crate) variant: &'static str,
    pub(crate) card: Analysis,
    /// For each cause of the card, whether it is right.
    pub(crate) right: Vec<bool>,
    /// Evidence that the rules cite for the right cause when nothing is withheld.
    pub(crate) gold: BTreeSet<EvidenceId>,
    /// The rules' sentence about the right cause, where they have one.
    pub(crate) statement: String,
}

/// The incident of `recipe` as it is, and with one source withheld.
pub(crate) fn of(recipe: &'static Recipe, seed: u64) -> Result<Vec<Told>, Problem> {
    let now = Timestamp::from_second(PRESENT + i64::try_from(seed)? * 86_417)?;
    let folder = tempfile::tempdir()?;
    let run = (recipe.build)(&Params { seed, now });
    run.write_bundle(folder.path())?;
    let mut bundle = bundle::read(folder.path())?;
    let expected = Expected::parse(&run.expected.to_string(), &LabelMap::default())?;
    let whole = told(recipe.id, "plain", &bundle, &expected);
    let (source, variant) = match seed % 3 {
        0 => (Withheld::Events, "without events"),
        1 => (Withheld::Logs, "without logs"),
        _ => (Withheld::Metrics, "without metrics"),
    };
    source.take_from(&mut bundle.snapshot);
    let mut less = told(recipe.id, variant, &bundle, &expected);
    less.gold = same_evidence(&whole, &less.card);
    Ok(vec![whole, less])
}

fn told(recipe: &'static str, variant: &'static str, bundle: &Bundle, expected: &Expected) -> Told {
    let card = card(bundle);
    let right: Vec<bool> = card
        .causes
        .iter()
        .map(|stated| match stated.cause.parse::<Cause>() {
            Ok(cause) if expected.healthy => cause.family() == Family::NotAnIncident,
            _ => is_right(expected, stated, &bundle.snapshot),
        })
        .collect();
    let place = right.iter().position(|right| *right);
    let gold = place.map(|place| card.causes[place].because.iter().copied().collect());
    let statement = card.first_sentence().filter(|_| place == Some(0));
    Told {
        recipe,
        variant,
        right,
        gold: gold.unwrap_or_default(),
        statement: statement.unwrap_or_default(),
        card,
    }
}

fn is_right(
    expected: &Expected,
    stated: &appliance_core::analysis::StatedCause,
    snapshot: &Snapshot,
) -> bool {
    expected.accepts_cause(&stated.cause) && expected.accepts_object(&stated.object, snapshot)
}

fn card(bundle: &Bundle) -> Analysis {
    let alerts = bundle.alert.as_ref().map(|alert| alert.alerts.clone());
    let alerts = alerts.unwrap_or_default();
    let subjects = subjects_of(&alerts, &Aliases::default(), &bundle.snapshot);
    let severity = alerts
        .first()
        .and_then(|alert| alert.labels.get("severity"));
    let incident = IncidentSummary {
        severity: severity.cloned().unwrap_or_default(),
        started_at: alerts.iter().map(|alert| alert.starts_at).min(),
        alerts: alerts.iter().map(AlertSummary::from).collect(),
        ..IncidentSummary::default()
    };
    Investigation {
        snapshot: &bundle.snapshot,
        alerts: &alerts,
        subjects: &subjects,
    }
    .run(incident)
}

/// The ids in `card` of what the whole run cites for the right cause.
fn same_evidence(whole: &Told, card: &Analysis) -> BTreeSet<EvidenceId> {
    let cited: Vec<_> = whole
        .card
        .evidence
        .iter()
        .filter(|evidence| whole.gold.contains(&evidence.id))
        .collect();
    card.evidence
        .iter()
        .filter(|evidence| {
            cited.iter().any(|gold| {
                gold.kind == evidence.kind
                    && gold.object == evidence.object
                    && gold.title == evidence.title
            })
        })
        .map(|evidence| evidence.id)
        .collect()
}
