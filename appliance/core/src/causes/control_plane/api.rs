//! The API server's surroundings: aggregated APIs, slow webhooks, rejected
//! requests, floods of objects, versions that lie too far apart.

use std::collections::BTreeMap;

use crate::causes::{Case, Cause, Finding, Findings, Strength, component, fired, series, view};
use crate::evidence::Draft;
use crate::evidence::query::{describe_query, operand};
use crate::object::ObjectRef;

/// Seconds of a webhook from which every write is felt to be slow.
const WEBHOOK_SLOW: f64 = 1.0;
/// Requests per second that the API server may reject in passing.
const REJECTED_MIN: f64 = 1.0;
/// Objects of one resource below which no API server suffers.
const FLOOD_MIN: f64 = 20_000.0;
/// Growth within the window that is no ordinary use.
const FLOOD_GROWTH: f64 = 1.5;
/// Minor versions a kubelet may lie behind its API server.
const SKEW_MAX: u32 = 3;

/// Finds what burdens the API server or lies behind it.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    aggregated(case, findings);
    webhooks(case, findings);
    rejected(case, findings);
    floods(case, findings);
    versions(case, findings);
}

fn aggregated(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let alerts = fired::named(case, &["KubeAggregatedAPIDown", "KubeAggregatedAPIErrors"]);
    for service in objects.customs.of("APIService") {
        let object = view::reference("APIService", service);
        let down = service
            .conditions()
            .find(|one| one.kind == "Available" && one.status == "False");
        let alert = alerts
            .iter()
            .find(|alert| alert.label("name") == object.name);
        let Some(down) = down else {
            if let Some(alert) = alert {
                let statement = format!("{object} answers with errors.");
                findings.add(
                    Finding::new(
                        Cause::AggregatedApiDown,
                        object,
                        Strength::Likely,
                        statement,
                    )
                    .because([alert.draft.clone()])
                    .since(alert.since),
                );
            }
            continue;
        };
        let behind = ObjectRef::namespaced(
            "Service",
            service.text("/spec/service/namespace"),
            service.text("/spec/service/name"),
        );
        let statement = format!(
            "{object} is not available: {} ({}).",
            down.reason, down.message
        );
        let title = format!("Available is False: {}", down.reason);
        let draft = Draft::status(object.clone(), title, vec![down.message.to_owned()]).at(down.at);
        findings.add(
            Finding::new(
                Cause::AggregatedApiDown,
                object.clone(),
                Strength::Stated,
                statement,
            )
            .because([draft])
            .because(alert.map(|alert| alert.draft.clone()))
            .since(down.at)
            .explains(autoscalers(case, &object))
            .check(
                describe_query(&behind),
                "shows whether the Service behind it has endpoints",
            ),
        );
    }
}

/// Autoscalers that live on the metrics an API serves.
fn autoscalers(case: &Case<'_>, api: &ObjectRef) -> Vec<ObjectRef> {
    if !api.name.contains("metrics.k8s.io") {
        return Vec::new();
    }
    let all = case.snapshot.objects.horizontal_pod_autoscalers.iter();
    all.map(|one| view::reference("HorizontalPodAutoscaler", one))
        .collect()
}

/// Webhooks whose mean time over what was captured is long.
fn webhooks(case: &Case<'_>, findings: &mut Findings) {
    let sums = case.snapshot.series.iter();
    for sum in
        sums.filter(|one| one.name == "apiserver_admission_webhook_admission_duration_seconds_sum")
    {
        let Some(name) = sum.labels.get("name") else {
            continue;
        };
        let counts = case.snapshot.series.iter().find(|one| {
            one.name == "apiserver_admission_webhook_admission_duration_seconds_count"
                && one.labels == sum.labels
        });
        let mean = counts.and_then(|counts| Some(growth(sum)? / growth(counts)?));
        let Some(mean) = mean.filter(|mean| mean.is_finite() && *mean >= WEBHOOK_SLOW) else {
            continue;
        };
        let Some(object) = webhook(case, name) else {
            continue;
        };
        let statement = format!(
            "Webhook {name} of {object} takes {mean:.1} s for each request it is asked about."
        );
        let title = format!("{name} takes {mean:.1} s on average");
        findings.add(
            Finding::new(
                Cause::WebhookSlow,
                object.clone(),
                Strength::Strong,
                statement,
            )
            .because([series::draft(object.clone(), sum, title)])
            .check(
                format!("kubectl get {} -o yaml", object.kubectl_name()),
                "shows the Service behind the webhook and its timeout",
            ),
        );
    }
}

fn growth(series: &crate::snapshot::Series) -> Option<f64> {
    let first = series.samples.first()?.value;
    let last = series.samples.last()?.value;
    (last > first).then_some(last - first)
}

/// The configuration that holds a webhook of that name.
fn webhook(case: &Case<'_>, name: &str) -> Option<ObjectRef> {
    [
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
    ]
    .iter()
    .find_map(|kind| {
        let all = case.snapshot.objects.customs.of(kind);
        let holds = |item: &&crate::snapshot::Custom| {
            item.items("/webhooks")
                .iter()
                .any(|one| one["name"] == name)
        };
        Some(view::reference(kind, all.iter().find(holds)?))
    })
}

/// Requests that priority and fairness rejects.
fn rejected(case: &Case<'_>, findings: &mut Findings) {
    let all = case.snapshot.series.iter();
    for one in all.filter(|one| one.name == "apiserver_flowcontrol_rejected_requests_total") {
        let (Some(first), Some(last)) = (one.samples.first(), one.samples.last()) else {
            continue;
        };
        let rate = (last.value - first.value) / (last.at - first.at);
        if !rate.is_finite() || rate < REJECTED_MIN {
            continue;
        }
        let pods = component::pods(case, &["kube-apiserver"]);
        let object = pods
            .first()
            .map_or_else(component::control_plane, |pod| view::pod_ref(pod));
        let schema = one.labels.get("flow_schema").map_or("some", String::as_str);
        let statement = format!(
            "The API server rejects {rate:.1} requests per second of flow schema {schema}."
        );
        let title = format!("flow schema {schema}: {rate:.1} requests rejected per second");
        findings.add(
            Finding::new(
                Cause::ApiServerThrottling,
                object.clone(),
                Strength::Strong,
                statement,
            )
            .because([series::draft(object, one, title)])
            .check(
                format!("kubectl get flowschema -o yaml {}", operand(schema)),
                "shows whose requests are rejected",
            )
            .edit(
                format!("kubectl edit flowschema {}", operand(schema)),
                "gives the rejected requests a level of priority with more room",
            ),
        );
    }
}

/// A resource whose objects are many and grow fast.
fn floods(case: &Case<'_>, findings: &mut Findings) {
    let names = [
        "apiserver_storage_objects",
        "apiserver_resource_objects",
        "etcd_object_counts",
    ];
    for one in case
        .snapshot
        .series
        .iter()
        .filter(|one| names.contains(&one.name.as_str()))
    {
        let (Some(first), Some(last)) = (one.samples.first(), series::last(one)) else {
            continue;
        };
        if last < FLOOD_MIN || last < first.value * FLOOD_GROWTH {
            continue;
        }
        let resource = one.labels.get("resource").map_or("objects", String::as_str);
        let object = producer(case, resource).unwrap_or_else(component::control_plane);
        let statement = format!(
            "The number of {resource} grew from {:.0} to {last:.0} within an hour; most that were captured are of {object}.",
            first.value
        );
        let title = format!("{resource}: {:.0} to {last:.0} objects", first.value);
        findings.add(
            Finding::new(
                Cause::ObjectFlood,
                object.clone(),
                Strength::Strong,
                statement,
            )
            .because([series::draft(object, one, title)])
            .check(
                format!("kubectl get -A --no-headers {}", operand(resource)),
                "shows which namespace and which names they have",
            ),
        );
    }
}

/// Who owns most of the captured objects of a resource, or the namespace that holds them.
fn producer(case: &Case<'_>, resource: &str) -> Option<ObjectRef> {
    let plural = resource.split('.').next().unwrap_or(resource);
    let objects = &case.snapshot.objects;
    let mut counts: BTreeMap<ObjectRef, usize> = BTreeMap::new();
    for (kind, meta) in objects.all().filter(|(kind, _)| kind.plural == plural) {
        let Some(namespace) = &meta.namespace else {
            continue;
        };
        let own =
            ObjectRef::namespaced(kind.name, namespace, meta.name.clone().unwrap_or_default());
        let root = view::root_of(objects, &own);
        let maker = if root == own {
            ObjectRef::cluster("Namespace", namespace)
        } else {
            root
        };
        *counts.entry(maker).or_default() += 1;
    }
    let most = counts
        .into_iter()
        .max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)));
    most.map(|(object, _)| object)
}

fn versions(case: &Case<'_>, findings: &mut Findings) {
    let alert = fired::named(case, &["KubeVersionMismatch"])
        .into_iter()
        .next();
    let mut nodes: Vec<(u32, ObjectRef, String)> = Vec::new();
    for node in &case.snapshot.objects.nodes {
        let info = node
            .status
            .as_ref()
            .and_then(|status| status.node_info.as_ref());
        if let Some((version, minor)) = info
            .and_then(|info| Some((info.kubelet_version.clone(), minor(&info.kubelet_version)?)))
        {
            nodes.push((minor, view::reference("Node", node), version));
        }
    }
    nodes.sort();
    let (Some(oldest), Some(newest)) = (nodes.first(), nodes.last()) else {
        return;
    };
    let apart = newest.0 - oldest.0;
    if apart == 0 || apart <= SKEW_MAX && alert.is_none() {
        return;
    }
    let statement = format!(
        "The kubelet of {} has version {}, others have {}.",
        oldest.1, oldest.2, newest.2
    );
    let strength = if apart > SKEW_MAX {
        Strength::Strong
    } else {
        Strength::Likely
    };
    let drafts = [oldest, newest].map(|(_, node, version)| {
        Draft::status(node.clone(), format!("kubelet {version}"), Vec::new())
    });
    findings.add(
        Finding::new(Cause::VersionSkew, oldest.1.clone(), strength, statement)
            .because(drafts)
            .because(alert.map(|alert| alert.draft))
            .check("kubectl get nodes", "shows the version of every node"),
    );
}

/// The 31 of `v1.31.4`.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests;
