//! Each edge with the object beside it that must not be reached.

use serde_json::{Value, json};

use super::*;
use crate::causes::fixture::{Fixture, NAMESPACE};
use crate::facts::Facts;

fn edges(fixture: &Fixture) -> Edges {
    let started_at = fixture.alerts[0].starts_at;
    let facts = Facts::find(&fixture.snapshot, started_at);
    Edges::of(&Case {
        snapshot: &fixture.snapshot,
        facts: &facts,
        alerts: &fixture.alerts,
        subjects: &fixture.subjects,
        started_at,
    })
}

/// `Kind/name`, cluster-scoped where the name begins with `/`.
fn object(text: &str) -> ObjectRef {
    let (kind, name) = text.split_once('/').unwrap_or(("Pod", text));
    match name.strip_prefix('/') {
        Some(name) => ObjectRef::cluster(kind, name),
        None => ObjectRef::namespaced(kind, NAMESPACE, name),
    }
}

/// What trouble of `from` brings down: `to`, and not `other`.
#[track_caller]
fn suffers(fixture: &Fixture, from: &str, to: &str, other: &str) {
    let reach = edges(fixture).reach(&object(from));
    assert!(reach.contains(&object(to)), "{from} does not reach {to}");
    assert!(!reach.contains(&object(other)), "{from} reaches {other}");
}

/// What a change of `from` can touch: `to`, and not `other`; its trouble
/// reaches neither.
#[track_caller]
fn governs(fixture: &Fixture, from: &str, to: &str, other: &str) {
    let edges = edges(fixture);
    let touched_by = |target: &str| edges.upstream([object(target)]);
    assert!(
        touched_by(to).contains_key(&object(from)),
        "{from} does not touch {to}"
    );
    assert!(
        !touched_by(other).contains_key(&object(from)),
        "{from} touches {other}"
    );
    assert!(
        !edges.reach(&object(from)).contains(&object(to)),
        "{from} carries {to}"
    );
}

/// Deployments `web` and `api`, one pod each, with these pod specs.
fn two(web: Value, api: Value) -> Fixture {
    let status = json!({"phase": "Running"});
    Fixture::new()
        .deployment("web", 1, 1, web.clone())
        .pod("web", "a", web, status.clone())
        .deployment("api", 1, 1, api.clone())
        .pod("api", "a", api, status)
}

fn service(name: &str) -> Value {
    json!({"kind": "Service", "metadata": {"name": name}, "spec": {"selector": {"app": name}}})
}

fn container(extra: &Value) -> Value {
    let mut container = json!({"name": "main"});
    if let (Some(all), Some(extra)) = (container.as_object_mut(), extra.as_object()) {
        all.extend(extra.clone());
    }
    json!({"containers": [container]})
}

#[test]
fn pods_suffer_from_everything_they_need_to_start() {
    let needs = json!({
        "initContainers": [{"name": "init", "envFrom": [{"secretRef": {"name": "login"}}]}],
        "containers": [{"name": "main", "env": [
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "k"}}}]}],
        "imagePullSecrets": [{"name": "registry"}],
        "serviceAccountName": "runner",
        "volumes": [{"name": "all", "projected": {"sources": [
            {"configMap": {"name": "settings"}}, {"secret": {"name": "certificate"}}]}}]});
    let fixture = two(needs, container(&json!({}))).with(json!({"kind": "ServiceAccount",
        "metadata": {"name": "runner"}, "imagePullSecrets": [{"name": "mirror"}]}));
    for from in [
        "Secret/login",
        "Secret/keys",
        "Secret/registry",
        "ServiceAccount/runner",
        "ConfigMap/settings",
        "Secret/certificate",
        "Secret/mirror",
    ] {
        suffers(&fixture, from, "Deployment/web", "Deployment/api");
    }
}

#[test]
fn clients_suffer_from_the_hosts_in_variables_and_arguments() {
    for client in [
        container(&json!({"env": [{"name": "API_URL", "value": "http://api/"}]})),
        container(&json!({"args": ["--upstream=api:80"]})),
        container(&json!({"command": ["sh", "-c", "serve --api http://api.shop.svc"]})),
    ] {
        let fixture = two(client, container(&json!({})))
            .with(service("api"))
            .with(service("apis"));
        suffers(&fixture, "Deployment/api", "Deployment/web", "Service/apis");
        suffers(
            &fixture,
            "Deployment/web",
            "Deployment/web",
            "Deployment/api",
        );
    }
}

#[test]
fn an_attachment_stands_between_a_node_and_the_volume() {
    let fixture = two(
        json!({"containers": [], "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}),
        container(&json!({})),
    )
    .with(json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {"volumeName": "pv-1", "storageClassName": "fast"}}))
    .with(json!({"kind": "VolumeAttachment", "metadata": {"name": "va-1"},
        "spec": {"nodeName": "n1", "source": {"persistentVolumeName": "pv-1"}}}))
    .with(json!({"kind": "VolumeAttachment", "metadata": {"name": "va-2"},
        "spec": {"nodeName": "n2", "source": {"persistentVolumeName": "pv-2"}}}));
    for from in ["Node//n1", "VolumeAttachment//va-1", "StorageClass//fast"] {
        suffers(&fixture, from, "Deployment/web", "Deployment/api");
    }
    suffers(
        &fixture,
        "Node//n2",
        "PersistentVolume//pv-2",
        "Deployment/web",
    );
}

#[test]
fn routes_suffer_from_class_gateway_certificate_and_service() {
    let fixture = two(container(&json!({})), container(&json!({})))
        .with(service("web"))
        .with(json!({"kind": "Ingress", "metadata": {"name": "front"}, "spec": {"ingressClassName": "nginx",
            "tls": [{"secretName": "front-tls"}], "defaultBackend": {"service": {"name": "web"}}}}))
        .with(json!({"kind": "Ingress", "metadata": {"name": "other"}, "spec": {"ingressClassName": "traefik"}}))
        .with(json!({"kind": "Certificate", "metadata": {"name": "front"},
            "spec": {"secretName": "front-tls", "issuerRef": {"kind": "ClusterIssuer", "name": "ca"}}}))
        .with(json!({"kind": "Gateway", "metadata": {"name": "edge"},
            "spec": {"listeners": [{"tls": {"certificateRefs": [{"name": "edge-tls"}]}}]}}))
        .with(json!({"kind": "HTTPRoute", "metadata": {"name": "front"}, "spec": {
            "parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]}}));
    for from in [
        "IngressClass//nginx",
        "Secret/front-tls",
        "Certificate/front",
        "ClusterIssuer//ca",
        "Deployment/web",
    ] {
        suffers(&fixture, from, "Ingress/front", "Ingress/other");
    }
    for from in ["Gateway/edge", "Secret/edge-tls", "Deployment/web"] {
        suffers(&fixture, from, "HTTPRoute/front", "Ingress/other");
    }
}

#[test]
fn what_refuses_pods_harms_only_who_lacks_them() {
    let short = |name: &str| {
        json!({"kind": "Deployment", "metadata": {"name": name}, "status": {"replicas": 0}, "spec": {"replicas": 2,
            "selector": {}, "template": {"metadata": {"labels": {"app": name}},
                "spec": {"containers": [], "priorityClassName": "critical"}}}})
    };
    let webhook = |name: &str, resource: &str| {
        json!({"kind": "ValidatingWebhookConfiguration", "metadata": {"name": name}, "webhooks": [{
            "clientConfig": {"service": {"namespace": NAMESPACE, "name": "api"}},
            "rules": [{"resources": [resource]}]}]})
    };
    let fixture = two(container(&json!({})), container(&json!({})))
        .with(short("web"))
        .with(service("api"))
        .with(json!({"kind": "ResourceQuota", "metadata": {"name": "compute"}}))
        .with(json!({"kind": "ResourceQuota", "metadata": {"name": "compute", "namespace": "elsewhere"}}))
        .with(json!({"kind": "LimitRange", "metadata": {"name": "sizes"}}))
        .with(webhook("pods", "pods"))
        .with(webhook("secrets", "secrets"));
    for from in [
        "ResourceQuota/compute",
        "LimitRange/sizes",
        "PriorityClass//critical",
        "ValidatingWebhookConfiguration//pods",
    ] {
        suffers(&fixture, from, "Deployment/web", "Deployment/api");
    }
    suffers(&fixture, "Service/api", "Deployment/web", "Deployment/api");
    suffers(
        &fixture,
        "Service/api",
        "ValidatingWebhookConfiguration//secrets",
        "Deployment/api",
    );
    let secrets = "ValidatingWebhookConfiguration//secrets";
    suffers(&fixture, secrets, secrets, "Deployment/web");
    let elsewhere = ObjectRef::namespaced("ResourceQuota", "elsewhere", "compute");
    assert!(
        !edges(&fixture)
            .reach(&elsewhere)
            .contains(&object("Deployment/web"))
    );
}

#[test]
fn autoscalers_suffer_from_the_api_they_read() {
    let scaler = |name: &str, source: &str| {
        json!({"kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": {"maxReplicas": 3,
            "metrics": [{"type": source}], "scaleTargetRef": {"kind": "Deployment", "name": name}}})
    };
    let fixture = two(container(&json!({})), container(&json!({})))
        .with(scaler("web", "Resource"))
        .with(scaler("api", "External"))
        .with(json!({"kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"}, "spec": {
            "group": "metrics.k8s.io", "service": {"namespace": NAMESPACE, "name": "metrics-server"}}}));
    for from in [
        "APIService//v1beta1.metrics.k8s.io",
        "Service/metrics-server",
    ] {
        suffers(
            &fixture,
            from,
            "HorizontalPodAutoscaler/web",
            "HorizontalPodAutoscaler/api",
        );
    }
    governs(
        &fixture,
        "HorizontalPodAutoscaler/web",
        "Deployment/web",
        "Deployment/api",
    );
}

#[test]
fn policies_bindings_budgets_and_meshes_govern_what_they_select() {
    let web = json!({"matchLabels": {"app": "web"}});
    let on_node = json!({"nodeName": "n1", "containers": [], "serviceAccountName": "runner"});
    let fixture = two(on_node, container(&json!({})))
        .node("n1", json!({}), json!({"unschedulable": true}))
        .node("n2", json!({}), json!({"unschedulable": true}))
        .with(service("web"))
        .with(service("api"))
        .with(json!({"kind": "NetworkPolicy", "metadata": {"name": "only"}, "spec": {"podSelector": web}}))
        .with(json!({"kind": "PodDisruptionBudget", "metadata": {"name": "keep"}, "spec": {"selector": web}}))
        .with(json!({"kind": "RoleBinding", "metadata": {"name": "may"},
            "roleRef": {"apiGroup": "", "kind": "Role", "name": "r"},
            "subjects": [{"kind": "ServiceAccount", "name": "runner"}]}))
        .with(json!({"kind": "DestinationRule", "metadata": {"name": "dr"}, "spec": {"host": "web.shop.svc.cluster.local"}}))
        .with(json!({"kind": "PeerAuthentication", "metadata": {"name": "strict"}, "spec": {"selector": web}}))
        .with(json!({"kind": "VirtualService", "metadata": {"name": "vs"}, "spec": {"hosts": ["web"]}}));
    for from in [
        "NetworkPolicy/only",
        "RoleBinding/may",
        "PeerAuthentication/strict",
    ] {
        governs(&fixture, from, "Deployment/web", "Deployment/api");
    }
    for from in ["DestinationRule/dr", "VirtualService/vs"] {
        governs(&fixture, from, "Service/web", "Service/api");
    }
    governs(&fixture, "PodDisruptionBudget/keep", "Node//n1", "Node//n2");
}

#[test]
fn delivery_tools_govern_the_workloads_that_carry_their_marks() {
    let marked = |key: &str, mark: Value| {
        json!({"kind": "Deployment", "metadata": {"name": "web", key: mark},
            "spec": {"selector": {}, "template": {"metadata": {"labels": {"app": "web"}}}}})
    };
    for (tool, key, mark) in [
        (
            json!({"kind": "Application", "metadata": {"name": "front", "namespace": "argocd"}}),
            "annotations",
            json!({"argocd.argoproj.io/tracking-id": "front:apps/Deployment:shop/web"}),
        ),
        (
            json!({"kind": "Kustomization", "metadata": {"name": "front"}}),
            "labels",
            json!({"kustomize.toolkit.fluxcd.io/name": "front"}),
        ),
        (
            json!({"kind": "HelmRelease", "metadata": {"name": "front"}}),
            "labels",
            json!({"helm.toolkit.fluxcd.io/name": "front"}),
        ),
        (
            json!({"kind": "Secret", "metadata": {"name": "front", "labels": {"owner": "helm", "name": "front"}}}),
            "annotations",
            json!({"meta.helm.sh/release-name": "front"}),
        ),
    ] {
        let kind = tool["kind"].as_str().unwrap_or_default().to_owned();
        let namespace = tool["metadata"]["namespace"]
            .as_str()
            .unwrap_or(NAMESPACE)
            .to_owned();
        let fixture = two(container(&json!({})), container(&json!({})))
            .with(tool)
            .with(marked(key, mark));
        let edges = edges(&fixture);
        let tool = ObjectRef::namespaced(&kind, &namespace, "front");
        let above = |name: &str| edges.upstream([object(name)]);
        assert!(above("Deployment/web").contains_key(&tool), "{kind}");
        assert!(!above("Deployment/api").contains_key(&tool), "{kind}");
    }
}

#[test]
fn the_dns_carries_who_calls_by_name_while_none_of_its_pods_is_ready() {
    let calls = container(&json!({"env": [{"name": "API_HOST", "value": "api"}]}));
    let with_dns = |ready: bool| {
        two(calls.clone(), container(&json!({})))
            .with(service("api"))
            .with(json!({"kind": "Service", "metadata": {"name": "kube-dns", "namespace": "kube-system"},
                "spec": {"selector": {"k8s-app": "kube-dns"}}}))
            .with(json!({"kind": "Pod", "metadata": {"name": "dns-1", "namespace": "kube-system",
                    "labels": {"k8s-app": "kube-dns"}}, "spec": {"containers": []},
                "status": {"phase": "Running", "conditions": [
                    {"type": "Ready", "status": if ready { "True" } else { "False" }}]}}))
    };
    let dns = ObjectRef::namespaced("Pod", "kube-system", "dns-1");
    let down = edges(&with_dns(false)).reach(&dns);
    assert!(down.contains(&object("Deployment/web")));
    assert!(!down.contains(&object("Deployment/api")), "it calls nobody");
    let up = edges(&with_dns(true)).reach(&dns);
    assert!(!up.contains(&object("Deployment/web")));
    let complains = with_dns(true).log(
        "web-77f-a",
        "main",
        false,
        "ERROR lookup api on 10.96.0.10:53: server misbehaving",
    );
    let reach = edges(&complains).reach(&dns);
    assert!(reach.contains(&object("Deployment/web")));
    assert!(!reach.contains(&object("Deployment/api")));
}
