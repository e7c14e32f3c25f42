use proptest::prelude::*;

use super::*;
use crate::alert::{AlertStatus, Labels, fingerprint};

const START: i64 = 1_800_000_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).expect("in range")
}

/// A machine and the messages' sequence numbers.
struct Case {
    incidents: Incidents,
    seq: u64,
}

impl Case {
    fn new(policy: Policy) -> Self {
        Self {
            incidents: Incidents::new(policy, Aliases::default()),
            seq: 0,
        }
    }

    fn receive(&mut self, now: i64, alert: &Alert, sender: &str) -> Vec<Effect> {
        self.seq += 1;
        let received = Received {
            alert,
            group_key: "{}:{alertname=\"A\"}",
            sender,
            truncated_alerts: 0,
            seq: self.seq,
        };
        let effects = self.incidents.apply(Event::Alert(received), at(now));
        self.verify();
        effects
    }

    /// The counts agree with what is tracked.
    fn verify(&self) {
        for incident in self.incidents.live() {
            let firing = self
                .incidents
                .tracked
                .values()
                .filter(|alert| alert.incident == Some(incident.id) && !alert.is_ended())
                .count() as u64;
            assert_eq!(incident.firing_count, firing, "{}", incident.id);
            assert_eq!(incident.is_open(), firing > 0, "{}", incident.id);
        }
    }
}

fn alert(status: AlertStatus, labels: &str, starts: i64, ends: Option<i64>) -> Alert {
    let labels: Labels = labels
        .split_whitespace()
        .map(|pair| pair.split_once('=').expect("name=value"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Alert {
        status,
        fingerprint: fingerprint::of(&labels),
        labels,
        annotations: Labels::new(),
        starts_at: at(starts),
        ends_at: ends.map(at),
        generator_url: String::new(),
    }
}

/// Plays `TIME [SENDER] +|- LABELS @START[..END]` lines and prints what they
/// did, one effect list a line. Tracking is left out.
#[track_caller]
fn check(script: &str, expected: &str) {
    let mut case = Case::new(Policy::default());
    let mut got = Vec::new();
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (head, tail) = line.split_once('@').expect("@start");
        let (time, rest) = head.trim().split_once(' ').expect("time");
        let sign = rest.find(['+', '-']).expect("sign");
        let (sender, labels) = rest.split_at(sign);
        let (starts, ends) = tail
            .split_once("..")
            .map_or((tail, None), |(s, e)| (s, Some(e)));
        let number = |text: &str| text.parse::<i64>().expect("number");
        let status = if labels.starts_with('+') {
            AlertStatus::Firing
        } else {
            AlertStatus::Resolved
        };
        let alert = alert(status, &labels[1..], number(starts), ends.map(number));
        let effects = case.receive(number(time), &alert, sender.trim());
        got.push(print(&effects));
    }
    let expected: Vec<_> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(got, expected);
}

fn print(effects: &[Effect]) -> String {
    let words: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Opened(id) => Some(format!("opened {}", id.number())),
            Effect::Reopened(id) => Some(format!("reopened {}", id.number())),
            Effect::Updated(id) => Some(format!("updated {}", id.number())),
            Effect::Resolved(id) => Some(format!("resolved {}", id.number())),
            Effect::WatchdogSeen(_) => Some("watchdog".to_owned()),
            Effect::Tracked(_) | Effect::Forgotten(_) => None,
        })
        .collect();
    if words.is_empty() {
        "nothing".to_owned()
    } else {
        words.join(", ")
    }
}

#[test]
fn symptoms_of_one_workload_fold_and_the_last_end_resolves() {
    check(
        "0 a + alertname=KubePodCrashLooping namespace=shop pod=ads-0 @0
         1 a + alertname=KubeStatefulSetReplicasMismatch namespace=shop statefulset=ads @0
         2 a + alertname=TargetDown namespace=shop service=ads @0
         3 a + alertname=TargetDown namespace=shop service=cart @0
         9 a - alertname=KubePodCrashLooping namespace=shop pod=ads-0 @0..8
         9 a - alertname=KubeStatefulSetReplicasMismatch namespace=shop statefulset=ads @0..8
         9 a - alertname=TargetDown namespace=shop service=ads @0..8",
        "opened 1
         updated 1
         updated 1
         opened 2
         updated 1
         updated 1
         resolved 1",
    );
}

#[test]
fn repetition_is_nothing_new_and_a_peer_is_counted_once() {
    check(
        "0 a + alertname=A namespace=s pod=x-0 @0
         5 a + alertname=A namespace=s pod=x-0 @0
         6 b + alertname=A namespace=s pod=x-0 @0
         7 b + alertname=A namespace=s pod=x-0 @0
         8 a - alertname=A namespace=s pod=x-0 @0..7
         9 b - alertname=A namespace=s pod=x-0 @0..7",
        "opened 1
         nothing
         updated 1
         nothing
         resolved 1
         nothing",
    );
}

#[test]
fn an_end_before_its_start_opens_nothing_when_the_start_comes_late() {
    check(
        "0 a - alertname=A namespace=s pod=x-0 @-60..-5
         9 b + alertname=A namespace=s pod=x-0 @-60
         900 a + alertname=A namespace=s pod=x-0 @890",
        "nothing
         nothing
         opened 1",
    );
}

#[test]
fn an_alert_given_up_and_sent_again_fires_again() {
    check(
        "0 a + alertname=A namespace=s pod=x-0 @0
         300 a - alertname=A namespace=s pod=x-0 @0..290
         310 a + alertname=A namespace=s pod=x-0 @0",
        "opened 1
         resolved 1
         reopened 1",
    );
}

#[test]
fn an_older_end_never_closes_a_newer_start() {
    check(
        "0 a + alertname=A namespace=s pod=x-0 @0
         100 b + alertname=A namespace=s pod=x-0 @90
         101 a - alertname=A namespace=s pod=x-0 @0..60
         200 b - alertname=A namespace=s pod=x-0 @90..190",
        "opened 1
         updated 1
         nothing
         resolved 1",
    );
}

#[test]
fn a_subject_reopens_within_ten_minutes_and_is_new_later() {
    check(
        "0 a + alertname=A namespace=s pod=x-0 @0
         60 a - alertname=A namespace=s pod=x-0 @0..50
         600 a + alertname=B namespace=s pod=x-0 @590
         700 a - alertname=B namespace=s pod=x-0 @590..690
         1400 a + alertname=A namespace=s pod=x-0 @1390",
        "opened 1
         resolved 1
         reopened 1
         resolved 1
         opened 2",
    );
}

#[test]
fn what_keeps_coming_back_is_flapping() {
    let mut case = Case::new(Policy::default());
    for round in 0..4 {
        let (on, off) = (round * 300, round * 300 + 100);
        assert!(
            !case.incidents.live().any(|incident| incident.flapping),
            "round {round}"
        );
        case.receive(
            on,
            &alert(
                AlertStatus::Firing,
                "alertname=A namespace=s pod=x-0",
                on,
                None,
            ),
            "a",
        );
        case.receive(
            off,
            &alert(
                AlertStatus::Resolved,
                "alertname=A namespace=s pod=x-0",
                on,
                Some(off),
            ),
            "a",
        );
    }
    assert!(case.incidents.live().all(|incident| incident.flapping));
    assert_eq!(case.incidents.live().count(), 1);
}

#[test]
fn signals_to_machines_open_nothing() {
    check(
        "0 a + alertname=Watchdog severity=none @0
         1 a + alertname=Deadline severity=none namespace=s pod=x-0 @0
         2 a + alertname=InfoInhibitor severity=none namespace=s alertname2=C @0
         3 a + alertname=CPUThrottlingHigh severity=info namespace=s pod=x-0 @0
         4 a + alertname=CPUThrottlingHigh severity=info namespace=other pod=x-0 @0
         5 a - alertname=InfoInhibitor severity=none namespace=s alertname2=C @0..4
         6 a + alertname=CPUThrottlingHigh severity=info namespace=s pod=y-0 @0
         7 a - alertname=Watchdog severity=none @0..6",
        "watchdog
         nothing
         nothing
         nothing
         opened 1
         nothing
         opened 2
         nothing",
    );
}

#[test]
fn alerts_without_a_subject_fold_by_their_group() {
    check(
        "0 a + alertname=Odd site=x @0
         1 a + alertname=Odd site=y @0",
        "opened 1
         updated 1",
    );
}

#[test]
fn a_silent_watchdog_is_late_after_three_intervals() {
    let mut case = Case::new(Policy::default());
    assert!(
        !case.incidents.watchdog_late(at(0)),
        "none was ever promised"
    );
    case.receive(
        0,
        &alert(AlertStatus::Firing, "alertname=Watchdog", 0, None),
        "a",
    );
    assert!(!case.incidents.watchdog_late(at(12 * 3600)));
    assert!(case.incidents.watchdog_late(at(12 * 3600 + 1)));
}

#[test]
fn ten_thousand_alerts_of_a_storm_fold_within_bounds() {
    let mut incidents = Incidents::new(Policy::default(), Aliases::default());
    for i in 0..10_000 {
        let alert = alert(
            AlertStatus::Firing,
            &format!("alertname=A namespace=n{i} pod=x-0 severity=critical"),
            0,
            None,
        );
        let received = Received {
            alert: &alert,
            group_key: "g",
            sender: "a",
            truncated_alerts: 0,
            seq: i,
        };
        incidents.apply(Event::Alert(received), at(1));
    }
    let live: Vec<_> = incidents.live().collect();
    assert_eq!(live.len(), 101, "a hundred subjects and one storm");
    let storm = live
        .iter()
        .find(|incident| incident.key == "storm")
        .expect("storm");
    assert_eq!((storm.alert_count, storm.firing_count), (9900, 9900));
    assert!(storm.alerts.len() <= 50);
    assert!(serde_json::to_vec(storm).expect("serializes").len() < 64 << 10);
}

#[test]
fn beyond_the_tracking_limit_alerts_are_still_counted() {
    let policy = Policy {
        tracked_max: 3,
        ..Policy::default()
    };
    let mut incidents = Incidents::new(policy, Aliases::default());
    for i in 0..10 {
        let alert = alert(
            AlertStatus::Firing,
            &format!("alertname=A{i} namespace=s pod=x-0"),
            0,
            None,
        );
        let received = Received {
            alert: &alert,
            group_key: "g",
            sender: "a",
            truncated_alerts: 7,
            seq: i,
        };
        incidents.apply(Event::Alert(received), at(1));
    }
    let incident = incidents.live().next().expect("one");
    assert_eq!(
        (
            incident.alert_count,
            incident.firing_count,
            incident.truncated_alerts
        ),
        (10, 3, 7)
    );
}

#[test]
fn titles_and_severity_follow_the_worst_and_stay_one_line() {
    let mut case = Case::new(Policy::default());
    case.receive(
        0,
        &alert(
            AlertStatus::Firing,
            "alertname=A namespace=s deployment=x severity=warning",
            5,
            None,
        ),
        "a",
    );
    case.receive(
        0,
        &alert(
            AlertStatus::Firing,
            "alertname=B namespace=s deployment=x severity=critical",
            3,
            None,
        ),
        "a",
    );
    let incident = case.incidents.live().next().expect("one");
    assert_eq!(incident.title, "A on Deployment s/x and 1 more alert");
    assert_eq!(incident.severity, "critical");
    assert_eq!(incident.started_at, at(3));
    assert_eq!(incident.namespaces(), ["s"]);
    let mut hostile = alert(AlertStatus::Firing, "namespace=s deployment=y", 0, None);
    hostile
        .labels
        .insert("alertname".into(), format!("A\n\u{7}{}", "x".repeat(4000)));
    case.receive(1, &hostile, "a");
    let title = &case.incidents.live().last().expect("two").title;
    assert!(title.len() < 120 && !title.contains('\n'), "{title}");
}

#[test]
fn ids_have_one_spelling() {
    let id: IncidentId = "INC-000123".parse().expect("an id");
    assert_eq!((id.number(), id.to_string().as_str()), (123, "INC-000123"));
    for wrong in ["INC-123", "inc-000123", "INC-0000123", "", "INC-+00123"] {
        assert!(wrong.parse::<IncidentId>().is_err(), "{wrong}");
    }
    assert_eq!(
        IncidentId::from_number(12_345_678).to_string().parse(),
        Ok(IncidentId::from_number(12_345_678))
    );
}

/// One random message: gap in seconds, pod, fires, age of the start, sender.
type Message = (i64, u8, bool, i64, u8);

fn message() -> impl Strategy<Value = Message> {
    (0_i64..400, 0_u8..6, any::<bool>(), 0_i64..200, 0_u8..2)
}

fn play(case: &mut Case, now: i64, message: Message) -> Vec<Effect> {
    let (_, pod, fires, age, sender) = message;
    let labels = format!("alertname=A{} namespace=s{} pod=x-{pod}", pod % 3, pod % 2);
    let sender = if sender == 0 { "a" } else { "b" };
    let message = if fires {
        alert(AlertStatus::Firing, &labels, now - age, None)
    } else {
        alert(AlertStatus::Resolved, &labels, now - age, Some(now))
    };
    case.receive(now, &message, sender)
}

proptest! {
    #[test]
    fn a_firing_alert_is_in_exactly_one_incident(messages in prop::collection::vec(message(), 1..60)) {
        let mut case = Case::new(Policy::default());
        let mut now = 0;
        for message in messages {
            now += message.0;
            play(&mut case, now, message);
            for tracked in case.incidents.tracked.values().filter(|alert| !alert.is_ended()) {
                let incident = tracked.incident.and_then(|id| case.incidents.get(id));
                prop_assert!(incident.is_some_and(Incident::is_open));
            }
        }
    }

    #[test]
    fn repeating_a_message_changes_nothing(messages in prop::collection::vec(message(), 1..40)) {
        let mut case = Case::new(Policy::default());
        let mut now = 0;
        for message in messages {
            now += message.0;
            play(&mut case, now, message);
            let before = case.incidents.live.clone();
            let effects = play(&mut case, now, message);
            prop_assert_eq!(effects, vec![]);
            prop_assert_eq!(&before, &case.incidents.live);
        }
    }

    #[test]
    fn what_is_restored_goes_on_as_if_never_stopped(
        messages in prop::collection::vec(message(), 2..50),
        stop in 1_usize..50,
    ) {
        let mut case = Case::new(Policy::default());
        let mut restarted: Option<Case> = None;
        let mut now = 0;
        for (i, message) in messages.into_iter().enumerate() {
            now += message.0;
            if i == stop {
                let old = &case.incidents;
                let incidents = Incidents::new(Policy::default(), Aliases::default()).restore(
                    old.live.values().cloned(),
                    old.tracked.iter().map(|(id, tracked)| (*id, tracked.clone())),
                    old.next_id(),
                    old.watchdog_at(),
                );
                restarted = Some(Case { incidents, seq: case.seq });
            }
            let effects = play(&mut case, now, message);
            if let Some(restarted) = &mut restarted {
                prop_assert_eq!(play(restarted, now, message), effects);
                prop_assert_eq!(&restarted.incidents.live, &case.incidents.live);
            }
        }
    }
}
