//! The cards of all recipes, made once for all tests.

use std::sync::{LazyLock, Mutex};

use appliance_collect::bundle;
use appliance_core::analysis::{AlertSummary, Analysis, IncidentSummary};
use appliance_core::card;
use appliance_core::causes::{self, Case, Cause};
use appliance_core::eval::{CaseScore, Expected, LabelMap, score};
use appliance_core::facts::Facts;
use appliance_core::graph::{self, Diagnosis, RankedCause};
use appliance_core::investigation::subjects_of;
use appliance_core::resolver::Aliases;
use appliance_simulator::scenarios::{self, Params, Recipe};
use jiff::Timestamp;

use Cause as C;

/// Causes whose repair is that of another cause, or that need none.
pub(crate) const NO_REPAIR: &[Cause] = &[
    // Another cause is to be repaired.
    C::DependencyRefused,
    C::DependencyTimeout,
    C::NoReadyEndpoints,
    C::PvcUnbound,
    C::TrafficDrop,
    C::WaitingFirstConsumer,
    // The way out lies with people or machines outside the cluster, or with a
    // client that nothing captured names, or with a node that still reports
    // and must let go of its volume by itself.
    C::ApiServerSloBurn,
    C::MultiAttach,
    C::ApiServerThrottling,
    C::ObjectFlood,
    C::ClusterOvercommitted,
    C::OwnerGc,
    C::SchedulingGated,
    C::WatchdogAbsent,
    C::WrongNamespaceOrContext,
    // Nothing is broken.
    C::AlertObjectAbsent,
    C::AlreadyRecovered,
    C::CapacityAdvice,
    C::ExpectedFailure,
    C::OutsideVisibility,
    C::PlannedMaintenance,
    C::RolloutInProgress,
    C::WatchdogInfoInhibitor,
];

/// Causes that look like no other: the alert's own word, or a plain reading of
/// one object.
pub(crate) const UNMISTAKABLE: &[Cause] = &[
    C::AlertObjectAbsent,
    C::AlreadyRecovered,
    C::CapacityAdvice,
    C::ClusterOvercommitted,
    C::ExpectedFailure,
    C::PlannedMaintenance,
    C::RolloutInProgress,
    C::WaitingFirstConsumer,
    C::WatchdogInfoInhibitor,
    C::WrongNamespaceOrContext,
];

/// Causes that no recipe of this seed states: which resource of a quota runs
/// out depends on the seed.
pub(crate) const NO_RECIPE: &[Cause] = &[C::CpuQuotaExceeded, C::PodQuotaExceeded];

/// A recipe's card and what it was made from.
pub(crate) struct Card {
    pub(crate) id: &'static str,
    pub(crate) analysis: Analysis,
    pub(crate) score: CaseScore,
    diagnosis: Diagnosis,
}

impl Card {
    /// The stated causes, best first.
    pub(crate) fn causes(&self) -> impl Iterator<Item = &RankedCause> {
        self.diagnosis.causes.iter()
    }

    fn of(recipe: &'static Recipe) -> Self {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let run = (recipe.build)(&Params { seed: 0, now });
        let folder = tempfile::tempdir().unwrap();
        run.write_bundle(folder.path()).unwrap();
        let bundle = bundle::read(folder.path()).unwrap();
        let alerts = bundle.alert.map(|alert| alert.alerts).unwrap_or_default();
        let subjects = subjects_of(&alerts, &Aliases::default(), &bundle.snapshot);
        let started_at = alerts.iter().map(|alert| alert.starts_at).min();
        let started_at = started_at.unwrap_or(bundle.snapshot.captured_at);
        let facts = Facts::find(&bundle.snapshot, started_at);
        let case = Case {
            snapshot: &bundle.snapshot,
            facts: &facts,
            alerts: &alerts,
            subjects: &subjects,
            started_at,
        };
        let diagnosis = graph::diagnose(&case, causes::analyze(&case));
        let incident = IncidentSummary {
            alerts: alerts.iter().map(AlertSummary::from).collect(),
            ..IncidentSummary::default()
        };
        let analysis = card::assemble(&case, incident, &diagnosis);
        let expected = Expected::parse(&run.expected.to_string(), &LabelMap::default()).unwrap();
        Self {
            id: recipe.id,
            score: score(&analysis, &bundle.snapshot, &expected),
            analysis,
            diagnosis,
        }
    }
}

static ALL: LazyLock<Vec<Card>> = LazyLock::new(make);

/// Every recipe's card, in the registry's order.
pub(crate) fn all() -> &'static [Card] {
    &ALL
}

/// Part of the names of the recipes to try, where not all are.
#[allow(
    clippy::disallowed_methods,
    reason = "a person chooses which recipes are tried by this variable"
)]
pub(crate) fn only() -> Option<String> {
    std::env::var("ANCHORITE_SCENARIO").ok()
}

fn make() -> Vec<Card> {
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(4);
    let only = only();
    let wanted = |recipe: &&Recipe| only.as_ref().is_none_or(|only| recipe.id.contains(only));
    let recipes = scenarios::all().iter().filter(wanted);
    let waiting = Mutex::new(recipes.enumerate());
    let made = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some((place, recipe)) = next else { break };
                    let card = Card::of(recipe);
                    made.lock().unwrap().push((place, card));
                }
            });
        }
    });
    let mut made = made.into_inner().unwrap();
    made.sort_by_key(|(place, _)| *place);
    made.into_iter().map(|(_, card)| card).collect()
}
