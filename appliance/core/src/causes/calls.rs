//! Who calls whom, and which workload a series is about.
//!
//! Calls are known from series that name both ends (a service graph, a mesh)
//! and from settings that name a host of the cluster. A callee that nobody
//! measures passes the question on to what it calls.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, series, view, wiring};
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// Callers and what each calls.
#[derive(Debug, Default)]
pub(crate) struct Calls(BTreeMap<ObjectRef, BTreeSet<ObjectRef>>);

impl Calls {
    /// The calls of the snapshot.
    pub(crate) fn of(case: &Case<'_>) -> Self {
        let mut calls = Self::default();
        for (client, server) in measured(case) {
            calls.add(Some(client), Some(server));
        }
        let objects = &case.snapshot.objects;
        let deployments = objects.deployments.iter();
        let sets = objects.stateful_sets.iter();
        let workloads = deployments
            .map(|one| view::reference("Deployment", one))
            .chain(sets.map(|one| view::reference("StatefulSet", one)));
        for workload in workloads {
            let namespace = workload.namespace.clone().unwrap_or_default();
            for setting in wiring::settings_of(objects, &workload) {
                let service = wiring::service_of(objects, &setting.host, &namespace);
                let callee = service.map(|service| wiring::workload_behind(objects, service));
                calls.add(Some(workload.clone()), callee);
            }
        }
        calls
    }

    fn add(&mut self, client: Option<ObjectRef>, server: Option<ObjectRef>) {
        if let (Some(client), Some(server)) = (client, server)
            && client != server
        {
            self.0.entry(client).or_default().insert(server);
        }
    }

    /// What `workload` calls, passing through callees that `is_measured` does not know.
    pub(crate) fn callees(
        &self,
        workload: &ObjectRef,
        is_measured: impl Fn(&ObjectRef) -> bool,
    ) -> BTreeSet<ObjectRef> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::from([workload]);
        let mut open = vec![workload];
        while let Some(next) = open.pop() {
            for callee in self.0.get(next).into_iter().flatten() {
                if is_measured(callee) {
                    found.insert(callee.clone());
                } else if seen.insert(callee) {
                    open.push(callee);
                }
            }
        }
        found.remove(workload);
        found
    }

    /// Workloads that call `workload`, directly or through others.
    pub(crate) fn callers(&self, workload: &ObjectRef) -> Vec<ObjectRef> {
        let mut reached = BTreeSet::from([workload.clone()]);
        loop {
            let calls_in = |servers: &BTreeSet<ObjectRef>| !servers.is_disjoint(&reached);
            let next: Vec<ObjectRef> = self
                .0
                .iter()
                .filter(|(client, servers)| !reached.contains(*client) && calls_in(servers))
                .map(|(client, _)| client.clone())
                .collect();
            if next.is_empty() {
                break;
            }
            reached.extend(next);
        }
        reached.remove(workload);
        reached.into_iter().collect()
    }
}

/// Callers and callees that series of a service graph or a mesh name.
pub(crate) fn measured(case: &Case<'_>) -> BTreeSet<(ObjectRef, ObjectRef)> {
    let mut names: BTreeSet<(&str, &str, Option<&str>)> = BTreeSet::new();
    for series in &case.snapshot.series {
        if let Some((client, server)) = series::ends(series) {
            names.insert((client, server, namespace_of(series)));
        }
    }
    let both = |(client, server, near)| named(case, client, near).zip(named(case, server, near));
    names.into_iter().filter_map(both).collect()
}

fn namespace_of(series: &Series) -> Option<&str> {
    let labels = [
        "destination_workload_namespace",
        "destination_service_namespace",
        "exported_namespace",
        "namespace",
    ];
    labels
        .iter()
        .find_map(|label| series.labels.get(*label))
        .map(String::as_str)
}

/// The workload a series is about: of its pod, else of its service label.
pub(crate) fn workload_of(case: &Case<'_>, series: &Series) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let label = |name: &str| series.labels.get(name).map(String::as_str);
    let pod = label("namespace")
        .zip(label("pod"))
        .and_then(|(namespace, pod)| objects.pods.get(namespace, pod));
    match pod {
        Some(pod) => Some(view::workload_of(objects, pod)),
        None => named(case, series::service_label(series)?, namespace_of(series)),
    }
}

/// The workload, or the workload behind the Service, of that name: in
/// `namespace` where the series names one that was captured, else anywhere.
pub(crate) fn named(case: &Case<'_>, name: &str, namespace: Option<&str>) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let here = namespace.filter(|one| objects.pods.in_namespace(one).next().is_some());
    let fits = |found: &str, of: &str| found == name && here.is_none_or(|one| of == one);
    if let Some(found) = objects
        .deployments
        .iter()
        .find(|one| fits(view::name_of(*one), view::namespace_of(*one)))
    {
        return Some(view::reference("Deployment", found));
    }
    if let Some(found) = objects
        .stateful_sets
        .iter()
        .find(|one| fits(view::name_of(*one), view::namespace_of(*one)))
    {
        return Some(view::reference("StatefulSet", found));
    }
    if let Some(pod) = objects
        .pods
        .iter()
        .find(|one| fits(view::name_of(*one), view::namespace_of(*one)))
    {
        return Some(view::workload_of(objects, pod));
    }
    let service = objects
        .services
        .iter()
        .find(|one| fits(view::name_of(*one), view::namespace_of(*one)))?;
    Some(wiring::workload_behind(objects, service))
}

/// The nodes that pods of `workload` run on.
pub(crate) fn nodes_of(case: &Case<'_>, workload: &ObjectRef) -> BTreeSet<String> {
    view::pods_of(&case.snapshot.objects, workload)
        .iter()
        .filter_map(|pod| pod.spec.as_ref()?.node_name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::Findings;
    use crate::causes::fixture::Fixture;

    fn calling(host: &str) -> serde_json::Value {
        json!({"containers": [{"name": "main", "env": [{"name": "NEXT_URL", "value": format!("http://{host}:80")}]}]})
    }

    fn shop() -> Fixture {
        let service = |name: &str| json!({"kind": "Service", "metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}});
        Fixture::new()
            .deployment("front", 1, 1, calling("cart"))
            .deployment("cart", 1, 1, calling("stock"))
            .deployment("stock", 1, 1, json!({"containers": [{"name": "main"}]}))
            .with(service("cart"))
            .with(service("stock"))
    }

    fn names(of: impl IntoIterator<Item = ObjectRef>) -> Vec<String> {
        of.into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn settings_tell_who_calls_whom() {
        shop().findings(|case: &Case<'_>, _: &mut Findings| {
            let calls = Calls::of(case);
            let front = named(case, "front", None).unwrap();
            let stock = named(case, "stock", None).unwrap();
            assert_eq!(names(calls.callees(&front, |_| true)), ["cart"]);
            assert_eq!(
                names(calls.callees(&front, |one| one.name != "cart")),
                ["stock"]
            );
            assert_eq!(names(calls.callers(&stock)), ["cart", "front"]);
            assert_eq!(named(case, "stock", Some("elsewhere")), Some(stock));
            assert_eq!(named(case, "nobody", None), None);
        });
    }
}
