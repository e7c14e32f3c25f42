//! Queues that grow because nobody empties them fast enough.
//!
//! The object is the consumer: a workload named like the queue or the
//! consumer group, else the one whose settings or logs name it. Without one
//! the queue's own exporter says where to look.

use std::collections::BTreeMap;

use crate::causes::subject::{is_asked, is_near};
use crate::causes::trend;
use crate::causes::{Case, Cause, Finding, Findings, Strength, series, view, wiring};
use crate::evidence::Draft;
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// Parts of the names of series that count what waits, in exporters of brokers
/// and job queues and in sites' own gauges.
const BACKLOG: [&str; 12] = [
    "queue_messages_ready",
    "queue_messages",
    "consumergroup_lag",
    "consumer_lag",
    "consumer_group_lag",
    "num_pending",
    "queue_length",
    "queue_depth",
    "queue_size",
    "jobs_waiting",
    "approximate_number_of_messages",
    "backlog",
];

/// Labels that name a queue or its consumer, the consumer first.
const NAMES: [&str; 8] = [
    "consumergroup",
    "consumer_group",
    "group",
    "consumer_name",
    "queue",
    "queue_name",
    "stream_name",
    "topic",
];

/// Grown at least this many times over, by this many messages.
const GROWN: f64 = 3.0;
const GROWN_MIN: f64 = 100.0;

/// Finds queues that grow.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let mut queues: BTreeMap<(&str, String), Vec<&Series>> = BTreeMap::new();
    for series in series::named(case.snapshot, &BACKLOG) {
        if view::mentions(&series.name, &["_total", "_bytes", "limit", "capacity"]) {
            continue;
        }
        let namespace = series.labels.get("namespace").map_or("", String::as_str);
        if let Some(name) = NAMES.iter().find_map(|label| series.labels.get(*label)) {
            queues
                .entry((namespace, name.clone()))
                .or_default()
                .push(series);
        }
    }
    for ((namespace, name), mut series) in queues {
        series.sort_by(|a, b| a.name.cmp(&b.name));
        let grown = series.iter().find_map(|one| {
            let shift = trend::shift(case, one)?;
            shift
                .rose_or_grows(GROWN, GROWN_MIN)
                .then_some((*one, shift))
        });
        let Some((series, shift)) = grown else {
            continue;
        };
        let consumer = consumer_of(case, namespace, &name);
        let near = consumer.as_ref().is_some_and(|one| is_asked(case, one));
        if !near && !is_near(case, namespace) {
            continue;
        }
        let object = consumer.unwrap_or_else(|| exporter_of(case, series, namespace));
        findings.add(backlog(case, &object, series, &name, shift));
    }
}

fn backlog(
    case: &Case<'_>,
    object: &ObjectRef,
    series: &Series,
    name: &str,
    shift: trend::Shift,
) -> Finding {
    let pods = view::pods_of(&case.snapshot.objects, object);
    let ready = pods.iter().filter(|pod| view::is_well(pod)).count();
    let statement = format!(
        "Queue {name} grew from {:.0} to {:.0} messages: {object} does not keep up, {ready} of its pods are ready.",
        shift.usual, shift.now
    );
    let title = format!("{name} grew from {:.0} to {:.0}", shift.usual, shift.now);
    let consumers = Draft::status(
        object.clone(),
        format!("{ready} of {} consumer pods are ready", pods.len()),
        Vec::new(),
    );
    Finding::new(
        Cause::QueueBacklog,
        object.clone(),
        Strength::Likely,
        statement,
    )
    .because([series::draft(object.clone(), series, title), consumers])
    .since(shift.since())
    .explains(pods.into_iter().map(view::pod_ref))
    .check(
        format!(
            "kubectl get pods{}",
            super::namespace_words(object.namespace.as_deref())
        ),
        "shows whether the consumers run",
    )
}

/// The workload that empties the queue of that name.
fn consumer_of(case: &Case<'_>, namespace: &str, name: &str) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let workloads = || {
        let deployments = objects
            .deployments
            .iter()
            .map(|one| view::reference("Deployment", one));
        let sets = objects
            .stateful_sets
            .iter()
            .map(|one| view::reference("StatefulSet", one));
        deployments
            .chain(sets)
            .filter(|one| namespace.is_empty() || one.namespace.as_deref() == Some(namespace))
    };
    workloads().find(|one| one.name == name).or_else(|| {
        let mut using = workloads().filter(|one| reads_from(case, one, name));
        let first = using.next()?;
        using.next().is_none().then_some(first)
    })
}

/// Whether the template of a workload names the queue as what it consumes.
fn reads_from(case: &Case<'_>, workload: &ObjectRef, name: &str) -> bool {
    let spec = view::template_of(&case.snapshot.objects, workload);
    spec.into_iter()
        .flat_map(|spec| &spec.containers)
        .any(|container| {
            let by_variable = container.env.iter().flatten().any(|variable| {
                variable.value.as_deref() == Some(name)
                    && view::mentions(&variable.name, &["queue", "group", "topic", "stream"])
                    && !view::mentions(&variable.name, &["publish", "produce", "output", "target"])
            });
            let arguments = container.args.iter().chain(&container.command).flatten();
            by_variable
                || arguments
                    .into_iter()
                    .any(|word| word.split('=').any(|part| part == name))
        })
}

fn exporter_of(case: &Case<'_>, series: &Series, namespace: &str) -> ObjectRef {
    let objects = &case.snapshot.objects;
    let service = series
        .labels
        .get("service")
        .and_then(|name| objects.services.get(namespace, name));
    match service {
        Some(service) => wiring::workload_behind(objects, service),
        None => ObjectRef::cluster("Namespace", namespace),
    }
}
