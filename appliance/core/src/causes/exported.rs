//! What exporters of databases, caches, brokers and runtimes measure: of which
//! workload, and how much.
//!
//! An exporter stands beside its server in one pod, or in a pod of its own and
//! names the server by a label or by its own settings. Names of series follow
//! the exporters' releases. Decides nothing about causes.
//!
//! Invariant: a workload is given only where it serves one of the ports asked
//! for; an exporter's own pod is never taken for what it measures.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, Service};

use super::{Case, machine, trend, view, wiring};
use crate::facts::metrics::rates;
use crate::facts::regime::{self, Regime};
use crate::object::ObjectRef;
use crate::snapshot::{Sample, Series};

/// Labels under which an exporter names its server.
const TARGETS: [&str; 5] = ["server", "addr", "target", "host", "instance"];

/// What tells one measured server or process from another: namespace, pod,
/// instance, server.
pub(crate) type Place<'a> = [&'a str; 4];

/// One quantity of one server, its series added up.
#[derive(Clone, Debug)]
pub(crate) struct Measured<'a> {
    /// The first of its series, for evidence and labels.
    pub(crate) series: &'a Series,
    /// The sum, in order of time.
    pub(crate) points: Vec<Sample>,
}

impl Measured<'_> {
    /// Its level at the capture.
    pub(crate) fn now(&self, case: &Case<'_>) -> Option<f64> {
        regime::present(&self.points, trend::end_of(case))
    }

    /// Its rise, where that still holds.
    pub(crate) fn risen(&self, case: &Case<'_>) -> Option<Regime> {
        regime::rise(&self.points).filter(|one| one.holds_at(trend::end_of(case)))
    }
}

/// What the values of a series are. Exporters' names do not always say:
/// `pg_stat_activity_count` is a level, `pg_stat_database_deadlocks` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Read as it is.
    Level,
    /// Read as its growth per second.
    Counter,
}

/// The quantity under any of `names`, by the place it was measured at.
pub(crate) fn by_place<'a>(
    case: &Case<'a>,
    names: &[&str],
    sort: Sort,
) -> BTreeMap<Place<'a>, Measured<'a>> {
    // The first spelling that a site has counts; two would count double.
    let of = |name: &str| {
        let all = case.snapshot.series.iter();
        all.filter(|one| one.name == name).collect::<Vec<_>>()
    };
    let all = names
        .iter()
        .map(|name| of(name))
        .find(|one| !one.is_empty());
    gathered(all.into_iter().flatten(), sort)
}

/// Those series by the place they were measured at.
pub(crate) fn gathered<'a>(
    all: impl IntoIterator<Item = &'a Series>,
    sort: Sort,
) -> BTreeMap<Place<'a>, Measured<'a>> {
    let mut found: BTreeMap<Place<'a>, Vec<&'a Series>> = BTreeMap::new();
    for series in all {
        found.entry(place(series)).or_default().push(series);
    }
    found
        .into_iter()
        .filter_map(|(place, all)| {
            let series = *all.first()?;
            let points = added(&all, sort);
            Some((place, Measured { series, points }))
        })
        .collect()
}

/// The points of several series as one.
pub(crate) fn added(all: &[&Series], sort: Sort) -> Vec<Sample> {
    let points = |one: &&Series| match sort {
        Sort::Level => {
            let finite = one.samples.iter().filter(|point| point.value.is_finite());
            finite.copied().collect()
        }
        Sort::Counter => rates(&one.samples),
    };
    trend::add_up(all.iter().flat_map(points))
}

fn place(series: &Series) -> Place<'_> {
    ["namespace", "pod", "instance", "server"]
        .map(|label| series.labels.get(label).map_or("", String::as_str))
}

/// The workload that serves one of `ports` and that `series` measures.
pub(crate) fn server_of(case: &Case<'_>, series: &Series, ports: &[i32]) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let label = |name: &str| series.labels.get(name).map(String::as_str);
    let namespace = label("namespace").unwrap_or_default();
    let pod = label("pod").and_then(|pod| objects.pods.get(namespace, pod));
    if let Some(pod) = pod.filter(|pod| pod_serves(case, pod, ports)) {
        return Some(view::workload_of(objects, pod));
    }
    let behind = |host: &str| {
        let service = wiring::service_of(objects, host, namespace)?;
        let serves = service_serves(service, ports);
        serves.then(|| wiring::workload_behind(objects, service))
    };
    let named = TARGETS
        .iter()
        .filter_map(|name| label(name))
        .find_map(|address| behind(host_of(address)));
    named.or_else(|| {
        let exporter = view::workload_of(objects, pod?);
        let settings = wiring::settings_of(objects, &exporter);
        settings.iter().find_map(|setting| behind(&setting.host))
    })
}

/// The host of an address that may have a scheme, a user, a port and a path.
fn host_of(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.split(['/', '?']).next().unwrap_or(rest);
    machine::host(rest.rsplit('@').next().unwrap_or(rest))
}

fn pod_serves(case: &Case<'_>, pod: &Pod, ports: &[i32]) -> bool {
    let declared = wiring::declared_ports(wiring::containers(pod));
    let objects = &case.snapshot.objects;
    declared.iter().any(|port| ports.contains(port))
        || view::services_of(objects, pod).iter().any(|service| {
            let namespace = service.namespace.as_deref().unwrap_or_default();
            let service = objects.services.get(namespace, &service.name);
            service.is_some_and(|service| service_serves(service, ports))
        })
}

fn service_serves(service: &Service, ports: &[i32]) -> bool {
    let own = wiring::ports(service);
    own.iter().any(|port| ports.contains(&port.port))
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn hosts_are_read_from_every_form_of_address() {
        for (address, host) in [
            ("redis://:secret@cache.shop:6379/0", "cache.shop"),
            ("orders-db:5432", "orders-db"),
            ("10.1.2.3:9121", "10.1.2.3"),
            ("cache", "cache"),
            ("", ""),
        ] {
            assert_eq!(host_of(address), host);
        }
    }
}
