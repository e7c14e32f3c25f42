//! Verdicts on series that were asked of a Prometheus, against those on the
//! series as they were recorded: both must be the scenario's answer.
//!
//! A sample; `ANCHORITE_LIVE=all` tries every scenario and prints which differ.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "this is a test"
)]

use std::time::Duration;

use appliance_collect::bundle::{self, Bundle};
use appliance_collect::prometheus::{PrometheusLimits, PrometheusOptions, PrometheusSource};
use appliance_core::alert::Alert;
use appliance_core::analysis::IncidentSummary;
use appliance_core::eval::{CaseScore, Expected, LabelMap, score};
use appliance_core::investigation::{Investigation, subjects_of};
use appliance_core::object::ObjectRef;
use appliance_core::ports::{CaptureRequest, SnapshotSource};
use appliance_core::resolver::Aliases;
use appliance_core::snapshot::Snapshot;
use appliance_egress::{AllowList, Egress, Roots};
use appliance_simulator::scenarios::{self, Params, Recipe};
use appliance_simulator::{Options, Simulator};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::registry::Registry;

/// Scenarios that metrics decide, and clusters in which they must not.
const SAMPLE: [&str; 18] = [
    "traffic-surge",
    "traffic-stays-away",
    "noisy-neighbour",
    "cpu-throttled",
    "queue-backlog",
    "memory-leak",
    "pod-network-delay",
    "node-network-slow",
    "autoscaler-thrash",
    "nic-flapping",
    "database-disk-full",
    "routing-session-down",
    "conntrack-table-full",
    "nic-receive-errors",
    "healthy-busy",
    "healthy-morning",
    "healthy-counters-reset",
    "healthy-release-settled",
];

/// What an incident looks back on.
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// The series of a simulated Prometheus in place of those in the bundle.
async fn asked(
    run: &scenarios::ScenarioRun,
    snapshot: &Snapshot,
    subjects: Vec<ObjectRef>,
) -> Snapshot {
    let simulator = Simulator::start(run.after.clone(), Options::default())
        .await
        .unwrap();
    let options = PrometheusOptions {
        url: simulator.prometheus_url(),
        token_file: None,
        roots: Roots::default(),
        // Debug builds evaluate slowly, and the machine may be busy.
        limits: PrometheusLimits {
            query: Duration::from_mins(2),
            capture: Duration::from_mins(8),
            points_max: 60,
            ..PrometheusLimits::default()
        },
    };
    let allowed: AllowList = [options.destination().unwrap()].into_iter().collect();
    let egress = Egress::new(allowed, &mut Registry::default());
    let source = PrometheusSource::try_new(&options, &egress).unwrap();
    let request = CaptureRequest {
        subjects,
        namespaces: Vec::new(),
        alerts: Vec::new(),
        from: snapshot.captured_at - WINDOW,
        until: snapshot.captured_at,
    };
    let live = source.capture(&request).await;
    assert_eq!(live.gaps, [], "{}", run.source);
    Snapshot {
        series: live.series,
        ..snapshot.clone()
    }
}

fn judge(snapshot: &Snapshot, alerts: &[Alert], expected: &Expected) -> CaseScore {
    let subjects = subjects_of(alerts, &Aliases::default(), snapshot);
    let investigation = Investigation {
        snapshot,
        alerts,
        subjects: &subjects,
    };
    score(
        &investigation.run(IncidentSummary::default()),
        snapshot,
        expected,
    )
}

/// Whether the verdict on asked series is right; prints what it was if not.
async fn check(recipe: &Recipe) -> bool {
    let now = Timestamp::from_second(1_790_000_000).unwrap();
    let run = (recipe.build)(&Params { seed: 3, now });
    let folder = tempfile::tempdir().unwrap();
    run.write_bundle(folder.path()).unwrap();
    let expected = Expected::parse(&run.expected.to_string(), &LabelMap::default()).unwrap();
    let Bundle {
        snapshot, alert, ..
    } = bundle::read(folder.path()).unwrap();
    let alerts = alert.map(|alert| alert.alerts).unwrap_or_default();
    let subjects = subjects_of(&alerts, &Aliases::default(), &snapshot);
    let live = asked(&run, &snapshot, subjects).await;
    let scored = judge(&live, &alerts, &expected);
    if !scored.joint_at_1 {
        let recorded = judge(&snapshot, &alerts, &expected);
        println!(
            "{}: wanted {} {}, asked {:?}, recorded right: {}",
            recipe.id,
            scored.label,
            scored.expected_object,
            scored
                .got
                .map(|got| (got.cause, got.object, got.confidence)),
            recorded.joint_at_1
        );
    }
    scored.joint_at_1
}

#[tokio::test]
async fn series_that_are_asked_for_give_the_verdict_of_recorded_ones() {
    let every = std::env::var("ANCHORITE_LIVE").is_ok();
    let tried = scenarios::all()
        .iter()
        .filter(|recipe| every || SAMPLE.contains(&recipe.id));
    let (mut right, mut wrong) = (0, Vec::new());
    for recipe in tried {
        if check(recipe).await {
            right += 1;
        } else {
            wrong.push(recipe.id);
        }
    }
    println!("{right} right, wrong: {wrong:?}");
    assert!(
        right >= SAMPLE.len() || !wrong.is_empty(),
        "a scenario of the sample is gone"
    );
    assert_eq!(wrong, [""; 0]);
}
