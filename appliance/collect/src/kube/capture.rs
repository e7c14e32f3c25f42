//! One capture: what to list, in which order, into one snapshot.
//!
//! Decides the plan; [`super::list`] and [`super::logs`] carry it out. Nothing
//! here fails: every problem ends as a gap.

use std::collections::BTreeSet;

use appliance_core::ports::CaptureRequest;
use appliance_core::snapshot::{Collection, Custom, Gap, Objects, Snapshot};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use k8s_openapi::Resource;
use k8s_openapi::api::core::v1::Event;
use k8s_openapi::api::events::v1::Event as NewEvent;

use crate::gaps::fold;
use crate::text::quote;

use super::cache::Cache;
use super::call::{ApiError, Caller};
use super::custom::{self, Served};
use super::events::to_core;
use super::gap::gap;
use super::limits::{Budget, KubeLimits};
use super::list::{Kind, Listed, Scope, is_object_name, list};
use super::logs::{LogTarget, read_log, targets};

/// Namespaces of one capture; an alert storm may name more.
const NAMESPACES_MAX: usize = 8;

/// Nodes whose pods are listed for a node alert.
const NODES_MAX: usize = 4;

/// Namespaces of add-ons beside them.
const INFRASTRUCTURE_MAX: usize = 10;

/// What one job adds to the snapshot.
type Fill = Box<dyn FnOnce(&mut Snapshot) + Send>;

/// Everything a job needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capture<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) budget: &'a Budget,
    pub(crate) limits: &'a KubeLimits,
    pub(crate) cache: Option<&'a Cache>,
}

impl<'a> Capture<'a> {
    /// Captures what `request` asks for into `snapshot`.
    ///
    /// Logs are asked for as soon as pods are known: they decide more than
    /// settings and add-ons do, so that a slow kind must not use up their time.
    pub(crate) async fn run(self, request: &CaptureRequest, snapshot: &mut Snapshot) {
        let (namespaces, refused) = namespaces(request);
        snapshot.gaps.extend(refused);
        let first = self.answers(self.first(request, &namespaces)).await;
        fill(snapshot, first);

        let told = targets(&snapshot.objects, &request.subjects, self.limits);
        let mut around = self.infrastructure(&namespaces, &snapshot.objects);
        for namespace in &namespaces {
            self.configuration(namespace, &mut around);
        }
        let (logs, around) = tokio::join!(self.answers(self.logs(&told)), async {
            let mut fills = self.answers(around).await;
            fills.extend(self.add_ons().await);
            fills
        });
        fill(snapshot, around);
        fill(snapshot, logs);

        // Pods of the cluster's own parts that turned up meanwhile.
        let mut more = targets(&snapshot.objects, &request.subjects, self.limits);
        more.retain(|target| !told.contains(target));
        let logs = self.answers(self.logs(&more)).await;
        fill(snapshot, logs);
        snapshot.gaps = fold(std::mem::take(&mut snapshot.gaps));
    }

    /// Runs jobs side by side; the caller's slots bound how many calls are open.
    /// Their answers are in the order of the plan, whatever came first: the
    /// same cluster gives the same snapshot.
    async fn answers(self, jobs: Vec<BoxFuture<'a, Fill>>) -> Vec<Fill> {
        let mut done: Vec<(usize, Fill)> = jobs
            .into_iter()
            .enumerate()
            .map(|(index, job)| async move { (index, job.await) })
            .collect::<FuturesUnordered<_>>()
            .collect()
            .await;
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, fill)| fill).collect()
    }

    /// What must be known before it is clear which logs matter.
    fn first(self, request: &CaptureRequest, namespaces: &[String]) -> Vec<BoxFuture<'a, Fill>> {
        let mut jobs = Vec::new();
        for namespace in namespaces {
            self.first_look(namespace, &mut jobs);
        }
        self.cluster(&mut jobs);
        self.nodes(request, &mut jobs);
        self.system(namespaces, &mut jobs);
        jobs
    }

    fn logs(self, targets: &[LogTarget]) -> Vec<BoxFuture<'a, Fill>> {
        let of_target = |target: LogTarget| -> BoxFuture<'a, Fill> {
            Box::pin(async move {
                match read_log(self.caller, self.budget, self.limits, &target).await {
                    Ok(log) => {
                        Box::new(move |snapshot: &mut Snapshot| snapshot.logs.extend(log)) as Fill
                    }
                    Err(error) => missing(gap(target.describe(), "get pods/log", &error)),
                }
            })
        };
        targets.iter().cloned().map(of_target).collect()
    }

    /// What most incidents are decided by.
    fn first_look(self, namespace: &str, jobs: &mut Vec<BoxFuture<'a, Fill>>) {
        let scope = || Scope::Namespace(namespace.to_owned());
        jobs.push(self.job(scope(), |objects| &mut objects.pods));
        jobs.push(self.events(scope()));
        jobs.push(self.job(scope(), |objects| &mut objects.deployments));
        jobs.push(self.job(scope(), |objects| &mut objects.replica_sets));
        jobs.push(self.job(scope(), |objects| &mut objects.stateful_sets));
        jobs.push(self.job(scope(), |objects| &mut objects.daemon_sets));
        jobs.push(self.job(scope(), |objects| &mut objects.jobs));
        jobs.push(self.job(scope(), |objects| &mut objects.services));
        jobs.push(self.job(scope(), |objects| &mut objects.endpoint_slices));
        jobs.push(self.job(scope(), |objects| &mut objects.persistent_volume_claims));
    }

    fn cluster(self, jobs: &mut Vec<BoxFuture<'a, Fill>>) {
        jobs.push(self.job(Scope::Cluster, |objects| &mut objects.nodes));
        jobs.push(self.job(Scope::Cluster, |objects| &mut objects.namespaces));
        jobs.push(self.job(Scope::Cluster, |objects| &mut objects.persistent_volumes));
        jobs.push(self.job(Scope::Cluster, |objects| &mut objects.storage_classes));
    }

    /// Pods of the nodes an incident is about, in all namespaces.
    fn nodes(self, request: &CaptureRequest, jobs: &mut Vec<BoxFuture<'a, Fill>>) {
        let nodes: BTreeSet<&str> = request
            .subjects
            .iter()
            .filter(|subject| subject.kind == "Node" && is_object_name(&subject.name))
            .map(|subject| subject.name.as_str())
            .collect();
        for node in nodes.into_iter().take(NODES_MAX) {
            jobs.push(self.job(Scope::Node(node.to_owned()), |objects| &mut objects.pods));
        }
    }

    fn configuration(self, namespace: &str, jobs: &mut Vec<BoxFuture<'a, Fill>>) {
        let scope = || Scope::Namespace(namespace.to_owned());
        jobs.push(self.job(scope(), |objects| &mut objects.endpoints));
        jobs.push(self.job(scope(), |objects| &mut objects.replication_controllers));
        jobs.push(self.job(scope(), |objects| &mut objects.cron_jobs));
        jobs.push(self.job(scope(), |objects| &mut objects.config_maps));
        jobs.push(self.job(scope(), |objects| &mut objects.secrets));
        jobs.push(self.job(scope(), |objects| &mut objects.resource_quotas));
        jobs.push(self.job(scope(), |objects| &mut objects.limit_ranges));
        jobs.push(self.job(scope(), |objects| &mut objects.network_policies));
        jobs.push(self.job(scope(), |objects| &mut objects.ingresses));
        jobs.push(self.job(scope(), |objects| &mut objects.horizontal_pod_autoscalers));
        jobs.push(self.job(scope(), |objects| &mut objects.service_accounts));
        jobs.push(self.job(scope(), |objects| &mut objects.pod_disruption_budgets));
        jobs.push(self.job(scope(), |objects| &mut objects.role_bindings));
    }

    /// The cluster's own parts: DNS, network, node heartbeats, node events.
    fn system(self, namespaces: &[String], jobs: &mut Vec<BoxFuture<'a, Fill>>) {
        let scope = |namespace: &str| Scope::Namespace(namespace.to_owned());
        let is_new = |namespace: &str| !namespaces.iter().any(|known| known == namespace);
        if is_new("kube-system") {
            jobs.push(self.job(scope("kube-system"), |objects| &mut objects.pods));
            jobs.push(self.events(scope("kube-system")));
        }
        if is_new("default") {
            // Events about nodes are written there.
            jobs.push(self.events(scope("default")));
        }
        jobs.push(self.job(scope("kube-system"), |objects| &mut objects.leases));
        jobs.push(self.job(scope("kube-node-lease"), |objects| &mut objects.leases));
    }

    /// Pods and events of the namespaces that carry the cluster: network,
    /// load balancer, ingress, storage, monitoring.
    fn infrastructure(self, namespaces: &[String], objects: &Objects) -> Vec<BoxFuture<'a, Fill>> {
        let known = objects.namespaces.iter();
        let names = known.filter_map(|namespace| namespace.metadata.name.as_deref());
        names
            .filter(|name| is_infrastructure(name) && is_object_name(name))
            .filter(|name| !namespaces.iter().any(|known| known == name))
            .take(INFRASTRUCTURE_MAX)
            .flat_map(|name| {
                let scope = || Scope::Namespace(name.to_owned());
                [
                    self.job(scope(), |objects| &mut objects.pods),
                    self.events(scope()),
                ]
            })
            .collect()
    }

    /// Objects of kinds that the cluster may lack.
    async fn add_ons(self) -> Vec<Fill> {
        let kinds = match custom::served(self.caller, self.budget).await {
            Ok(kinds) => kinds,
            Err(error) => {
                let gap = gap("kinds of add-ons".to_owned(), "get /apis", &error);
                return vec![missing(gap)];
            }
        };
        let of_kind = |served: Served| -> BoxFuture<'a, Fill> {
            Box::pin(async move {
                let listed = served.list(self.caller, self.budget, self.limits).await;
                Box::new(move |snapshot: &mut Snapshot| add_on(&served, listed, snapshot)) as Fill
            })
        };
        self.answers(kinds.into_iter().map(of_kind).collect()).await
    }

    fn job<K: Kind>(
        self,
        scope: Scope,
        pick: fn(&mut Objects) -> &mut Collection<K>,
    ) -> BoxFuture<'a, Fill> {
        Box::pin(async move {
            let listed = self.get::<K>(&scope).await;
            filled(listed, scope, pick)
        })
    }

    /// From the watch while that is alive, by a list otherwise; a watch that
    /// fell silent is better than nothing when the list fails.
    async fn get<K: Kind>(self, scope: &Scope) -> Listed<K> {
        let store = self.cache.and_then(Cache::store::<K>);
        if let Some(listed) = store.as_ref().and_then(|store| store.fresh(scope)) {
            return listed;
        }
        let listed = list::<K>(self.caller, self.budget, self.limits, scope).await;
        let has_nothing = listed.items.is_empty() && listed.problem.is_some();
        let stale = store.filter(|_| has_nothing);
        match (stale.and_then(|store| store.stale(scope)), &listed.problem) {
            (Some((items, age)), Some(error)) => Listed {
                items,
                complete: false,
                resource_version: String::new(),
                problem: Some(ApiError::Stale {
                    age,
                    reason: error.to_string(),
                }),
            },
            _ => listed,
        }
    }

    fn events(self, scope: Scope) -> BoxFuture<'a, Fill> {
        Box::pin(async move {
            let mut listed = self.get::<Event>(&scope).await;
            let refused = listed.problem.as_ref().and_then(ApiError::status);
            if refused == Some(http::StatusCode::FORBIDDEN) {
                let newer = list::<NewEvent>(self.caller, self.budget, self.limits, &scope).await;
                if newer.problem.is_none() {
                    listed = Listed {
                        items: newer.items.into_iter().map(to_core).collect(),
                        complete: newer.complete,
                        resource_version: newer.resource_version,
                        problem: None,
                    };
                }
            }
            filled(listed, scope, |objects| &mut objects.events)
        })
    }
}

fn fill(snapshot: &mut Snapshot, fills: Vec<Fill>) {
    for fill in fills {
        fill(snapshot);
    }
}

fn add_on(served: &Served, listed: Listed<Custom>, snapshot: &mut Snapshot) {
    let collection = snapshot.objects.customs.of_mut(served.kind.name);
    for item in listed.items {
        collection.insert(item);
    }
    if listed.complete {
        collection.mark_captured_everywhere();
    }
    if let Some(error) = listed.problem {
        let right = format!("list {}", served.right());
        let gap = gap(served.kind.plural.to_owned(), &right, &error);
        snapshot.gaps.push(gap);
    }
}

/// Whether a namespace of that name usually carries the cluster rather than an
/// application: the names under which add-ons are installed.
fn is_infrastructure(namespace: &str) -> bool {
    const WORDS: [&str; 21] = [
        "calico",
        "cilium",
        "flannel",
        "weave",
        "tigera",
        "metallb",
        "kube-vip",
        "ingress",
        "traefik",
        "haproxy",
        "contour",
        "istio",
        "kong",
        "cert-manager",
        "longhorn",
        "rook",
        "ceph",
        "csi",
        "nfs",
        "monitoring",
        "prometheus",
    ];
    WORDS.iter().any(|word| namespace.contains(word))
}

fn missing(gap: Gap) -> Fill {
    Box::new(move |snapshot: &mut Snapshot| snapshot.gaps.push(gap))
}

fn filled<K: Kind>(
    listed: Listed<K>,
    scope: Scope,
    pick: fn(&mut Objects) -> &mut Collection<K>,
) -> Fill {
    Box::new(move |snapshot: &mut Snapshot| {
        let collection = pick(&mut snapshot.objects);
        for item in listed.items {
            collection.insert(item);
        }
        match &scope {
            Scope::Namespace(namespace) if listed.complete => {
                collection.mark_captured_in(namespace);
            }
            Scope::Cluster if listed.complete => collection.mark_captured_everywhere(),
            _ => {}
        }
        if let Some(error) = listed.problem {
            let right = format!("list {}", right_of::<K>());
            let source = scope.describe(K::URL_PATH_SEGMENT);
            snapshot.gaps.push(gap(source, &right, &error));
        }
    })
}

/// `deployments.apps`, `pods`.
fn right_of<K: Resource>() -> String {
    if K::GROUP.is_empty() {
        K::URL_PATH_SEGMENT.to_owned()
    } else {
        format!("{}.{}", K::URL_PATH_SEGMENT, K::GROUP)
    }
}

/// The request's namespaces and its subjects', and gaps for what is no namespace.
fn namespaces(request: &CaptureRequest) -> (Vec<String>, Vec<Gap>) {
    let of_subjects = request
        .subjects
        .iter()
        .filter_map(|subject| subject.namespace.as_ref());
    let mut wanted: Vec<String> = Vec::new();
    for namespace in of_subjects.chain(&request.namespaces) {
        if !wanted.contains(namespace) {
            wanted.push(namespace.clone());
        }
    }
    let (named, odd): (Vec<_>, Vec<_>) = wanted
        .into_iter()
        .partition(|namespace| is_object_name(namespace) && !namespace.contains('.'));
    let over = named.len().saturating_sub(NAMESPACES_MAX);
    let mut gaps: Vec<Gap> = odd
        .into_iter()
        .map(|namespace| Gap {
            source: "namespaces".to_owned(),
            detail: format!("{:?} is not a namespace's name", quote(&namespace)),
        })
        .collect();
    if over > 0 {
        gaps.push(Gap {
            source: "namespaces".to_owned(),
            detail: format!("{over} of the incident's namespaces were left out"),
        });
    }
    (named.into_iter().take(NAMESPACES_MAX).collect(), gaps)
}
