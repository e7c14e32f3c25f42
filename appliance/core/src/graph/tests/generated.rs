//! Generated clusters: workloads that call one another by random edges, one or
//! two of them killed for memory, everything that needs them crashing.
//!
//! The deepest unhealthy thing is the cause, what suffers folds under it, and
//! causes that do not reach one another stay apart.

use super::*;

/// Names that no slip turns into one another.
const NAMES: [&str; 12] = [
    "ledger", "window", "carrier", "billing", "harvest", "thunder", "quartz", "mosaic", "pigeon",
    "saffron", "velvet", "glacier",
];

/// Workloads, each with those it calls; a caller stands before what it calls.
#[derive(Clone, Debug)]
struct Calls {
    names: Vec<&'static str>,
    calls: Vec<Vec<usize>>,
}

impl Calls {
    /// `bits` decide, pair by pair, who calls whom.
    fn new(first_name: usize, count: usize, bits: &[bool]) -> Self {
        let mut bits = bits.iter().copied();
        let calls = (0..count)
            .map(|caller| {
                (caller + 1..count)
                    .filter(|_| bits.next().unwrap_or(false))
                    .collect()
            })
            .collect();
        Self {
            names: NAMES[first_name..first_name + count].to_vec(),
            calls,
        }
    }

    /// Whether `caller` needs `broken`, itself or through others.
    fn needs(&self, caller: usize, broken: usize) -> bool {
        caller == broken
            || self.calls[caller]
                .iter()
                .any(|next| self.needs(*next, broken))
    }

    /// The cluster in which `broken` is killed and its callers crash, with
    /// what the callers log.
    fn cluster(&self, broken: usize) -> (Vec<Value>, Vec<(String, String)>) {
        let (mut objects, mut logs) = (Vec::new(), Vec::new());
        for (place, name) in self.names.iter().enumerate() {
            let suffers_from = self.calls[place]
                .iter()
                .find(|next| self.needs(**next, broken));
            let status = match suffers_from {
                _ if place == broken => oom(),
                Some(_) => crash(),
                None => well(),
            };
            objects.extend(self.workload(place, &status));
            if let Some(next) = suffers_from.filter(|_| place != broken) {
                let line = format!(
                    "dial tcp: connect to {}:8080: connection refused",
                    self.names[*next]
                );
                logs.push((format!("{name}-77f-a"), line));
            }
        }
        (objects, logs)
    }

    fn workload(&self, place: usize, status: &Value) -> Vec<Value> {
        let environment: Vec<Value> = self.calls[place]
            .iter()
            .map(|next| {
                json!({"name": format!("{}_ADDR", self.names[*next].to_uppercase()),
                "value": format!("{}:8080", self.names[*next])})
            })
            .collect();
        let mut objects = workload(self.names[place], 8080, status);
        for object in &mut objects {
            for pointer in ["/spec/containers/0", "/spec/template/spec/containers/0"] {
                if let Some(container) = object.pointer_mut(pointer) {
                    container["env"] = json!(environment);
                }
            }
        }
        objects
    }
}

/// A cluster of calls and which of its workloads breaks.
fn calls(first_name: usize) -> impl Strategy<Value = (Calls, usize)> {
    (3..7usize, proptest::collection::vec(any::<bool>(), 15))
        .prop_flat_map(move |(count, bits)| (Just(Calls::new(first_name, count, &bits)), 0..count))
}

fn named(fixture: &Fixture) -> Vec<String> {
    diagnosis(fixture)
        .causes
        .iter()
        .map(|ranked| format!("{} {}", ranked.finding.cause, ranked.finding.object))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_deepest_unhealthy_thing_is_the_only_cause((calls, broken) in calls(0)) {
        let (objects, logs) = calls.cluster(broken);
        let expected = vec![format!("OomOwnLimit Deployment shop/{}", calls.names[broken])];
        prop_assert_eq!(named(&build(objects, &logs)), expected);
    }

    #[test]
    fn causes_that_do_not_reach_one_another_stay_two(
        (one, broken) in calls(0),
        (other, lost) in calls(6),
    ) {
        let (mut objects, mut logs) = one.cluster(broken);
        let (more, lines) = other.cluster(lost);
        objects.extend(more);
        logs.extend(lines);
        let mut found = named(&build(objects, &logs));
        found.sort_unstable();
        let mut expected = vec![
            format!("OomOwnLimit Deployment shop/{}", one.names[broken]),
            format!("OomOwnLimit Deployment shop/{}", other.names[lost]),
        ];
        expected.sort_unstable();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn what_suffers_is_reached_and_what_does_not_is_not((calls, broken) in calls(0)) {
        let (objects, logs) = calls.cluster(broken);
        let fixture = build(objects, &logs);
        let started_at = fixture.alerts[0].starts_at;
        let facts = Facts::find(&fixture.snapshot, started_at);
        let case = Case {
            snapshot: &fixture.snapshot,
            facts: &facts,
            alerts: &fixture.alerts,
            subjects: &fixture.subjects,
            started_at,
        };
        let edges = crate::graph::Edges::of(&case);
        let workload = |place: usize| ObjectRef::namespaced("Deployment", "shop", calls.names[place]);
        let reach = edges.reach(&workload(broken));
        let upstream = edges.upstream([workload(0)]);
        for place in 0..calls.names.len() {
            prop_assert_eq!(reach.contains(&workload(place)), calls.needs(place, broken));
            // Whoever can touch the first is what the first needs.
            prop_assert_eq!(upstream.contains_key(&workload(place)), calls.needs(0, place));
        }
    }
}
