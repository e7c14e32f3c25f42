//! Faults between objects that agree only by name: an ingress and its class, a
//! certificate and its issuer, a volume and the node that holds it, the rules
//! of a mesh, a monitor and what it selects.

use serde_json::{Value, json};

use super::alert::Alert;
use super::links::object;
use super::names::Role;
use super::network::calls_fail;
use super::site::Site;
use super::storage::Database;
use super::{Expected, Params, ScenarioRun, run};

/// Who edited an object at the time of the fault.
fn edited(site: &Site, version: &str, fields: &Value) -> Value {
    json!([{"manager": "kubectl-edit", "operation": "Update", "apiVersion": version,
        "time": site.fault_at.to_string(), "fieldsType": "FieldsV1", "fieldsV1": fields}])
}

pub(super) fn class_missing(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let front = site.app(Role::Front);
        let host = format!("{}.{}", site.names.system, site.names.domain);
        let wrong = ["nginx-internal", "public", "ngnix"];
        let wrong = wrong[usize::try_from(site.rng.range(0, 3)).unwrap_or(0).min(2)];
        let edit = edited(
            site,
            "networking.k8s.io/v1",
            &json!({"f:spec": {"f:ingressClassName": {}}}),
        );
        site.edit("Ingress", &namespace, &front.name, |ingress| {
            ingress["spec"]["ingressClassName"] = json!(wrong);
            ingress["metadata"]["managedFields"] = edit;
            ingress["status"] = json!({"loadBalancer": {}});
        });
        site.traffic_now(&front, 0.01, 0.0);
        let expected = object(&["IngressMisroute"], "Ingress", &namespace, &front.name);
        (
            Alert::probe_failed(&namespace, &front.name, &host),
            expected,
        )
    })
}

pub(super) fn issuer_broken(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let namespace = site.namespace();
        let front = site.app(Role::Front);
        let secret = format!("{}-tls", site.names.system);
        let host = format!("{}.{}", site.names.system, site.names.domain);
        let (end, due, start) = (site.fault_at, site.ago(20 * 86_400), site.ago(90 * 86_400));
        let built = site.ago(200 * 86_400);
        let meta = site.meta("", "site-ca", built);
        site.put("ClusterIssuer", json!({"metadata": meta, "spec": {"ca": {"secretName": "site-ca-key-pair"}},
            "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "ErrGetKeyPair",
                "message": "Error getting keypair for CA issuer: secret \"site-ca-key-pair\" not found",
                "lastTransitionTime": due.to_string()}]}}));
        let meta = site.meta(&namespace, &secret, built);
        site.put("Certificate", json!({"metadata": meta, "spec": {"secretName": secret, "dnsNames": [host],
                "issuerRef": {"kind": "ClusterIssuer", "name": "site-ca", "group": "cert-manager.io"}},
            "status": {"notBefore": start.to_string(), "notAfter": end.to_string(), "renewalTime": due.to_string(),
                "conditions": [{"type": "Ready", "status": "False", "reason": "Expired",
                    "message": format!("Certificate expired on {end}"), "lastTransitionTime": end.to_string()}]}}));
        let message = format!(
            "client connection failed: x509: certificate has expired or is not yet valid: current time is after {end}"
        );
        calls_fail(site, &front, &message, 0.6);
        let expected = Expected::Either(
            &["TlsSecretOrExpired"],
            ("ClusterIssuer", String::new(), "site-ca".to_owned()),
            vec![("Certificate", namespace.clone(), secret)],
        );
        (
            Alert::probe_failed(&namespace, &front.name, &host),
            expected,
        )
    })
}

/// The database was placed on another node; its volume is held where it was,
/// and the events that said so are gone.
pub(super) fn attachment_stuck(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 7500, |site| {
        let database = Database::of(site);
        let volume = database.volume(site);
        let Database { namespace, pod, .. } = &database;
        let held = site.get("Pod", namespace, pod)["spec"]["nodeName"].clone();
        let other = site.names.nodes.iter().find(|node| held != **node).cloned();
        let other = other.unwrap_or_default();
        let at = site.fault_at.to_string();
        site.edit_pod(pod, |pod| {
            pod["metadata"]["creationTimestamp"] = json!(at);
            pod["spec"]["nodeName"] = json!(other);
        });
        // A volume of the network may be attached to any node.
        site.edit("PersistentVolume", "", &volume, |volume| {
            if let Some(spec) = volume["spec"].as_object_mut() {
                spec.shift_remove("nodeAffinity");
                spec.shift_remove("hostPath");
            }
            volume["spec"]["csi"] =
                json!({"driver": "rbd.csi.ceph.com", "volumeHandle": "0001-0009-rook-ceph"});
        });
        site.stuck_creating(pod, "FailedAttachVolume", "Multi-Attach error", 1);
        site.forget_events(pod, "FailedAttachVolume");
        let meta = site.meta("", &format!("csi-{volume}"), site.ago(30 * 86_400));
        site.put("VolumeAttachment", json!({"metadata": meta,
            "spec": {"attacher": "rbd.csi.ceph.com", "nodeName": held, "source": {"persistentVolumeName": volume}},
            "status": {"attached": true, "detachError": {"time": at,
                "message": "rpc error: code = Internal desc = rbd: image is still being used"}}}));
        site.drop_logs(pod);
        database.at_fault(&["MultiAttach"])
    })
}

/// Puts a proxy beside the containers of a workload.
fn with_proxy(site: &mut Site, role: Role) {
    let app = site.app(role);
    for pod in site.pods_of(&app) {
        site.edit_pod(&pod, |pod| {
            if let Some(containers) = pod["spec"]["containers"].as_array_mut() {
                containers.push(json!({"name": "istio-proxy", "image": "istio/proxyv2:1.27.0"}));
            }
        });
    }
}

pub(super) fn mesh_modes(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let (caller, target) = (site.app(Role::Checkout), site.app(Role::Payment));
        with_proxy(site, Role::Checkout);
        with_proxy(site, Role::Payment);
        let (at, built) = (site.fault_at, site.ago(90 * 86_400));
        let meta = site.meta(&namespace, "default", built);
        site.put(
            "PeerAuthentication",
            json!({"metadata": meta, "spec": {"mtls": {"mode": "STRICT"}}}),
        );
        let meta = site.meta(&namespace, &target.name, at);
        site.put(
            "DestinationRule",
            json!({"metadata": meta, "spec": {
            "host": format!("{}.{namespace}.svc.cluster.local", target.name),
            "trafficPolicy": {"tls": {"mode": "DISABLE"}}}}),
        );
        let error = format!(
            "POST http://{}:80/charge: 503 upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            target.name
        );
        calls_fail(site, &caller, &error, 0.9);
        let expected = object(
            &["MeshAuthzMtls"],
            "DestinationRule",
            &namespace,
            &target.name,
        );
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

pub(super) fn subset_gone(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let (caller, target) = (site.app(Role::Checkout), site.app(Role::Payment));
        let (at, built) = (site.fault_at, site.ago(90 * 86_400));
        let label = site.names.label;
        let meta = site.meta(&namespace, &target.name, built);
        site.put(
            "DestinationRule",
            json!({"metadata": meta, "spec": {"host": target.name,
            "subsets": [{"name": "stable", "labels": {label: target.name}}]}}),
        );
        let meta = site.meta(&namespace, &target.name, at);
        site.put(
            "VirtualService",
            json!({"metadata": meta, "spec": {"hosts": [target.name],
            "http": [{"route": [{"destination": {"host": target.name, "subset": "canary"}}]}]}}),
        );
        let error = format!(
            "POST http://{}:80/charge: 503 Service Unavailable: no healthy upstream",
            target.name
        );
        calls_fail(site, &caller, &error, 0.95);
        let expected = object(
            &["IngressMisroute"],
            "VirtualService",
            &namespace,
            &target.name,
        );
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

pub(super) fn monitor_selects_nothing(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let namespace = site.namespace();
        let app = site.app(Role::Catalog);
        let label = site.names.label;
        let at = site.fault_at;
        let meta = site.meta(&namespace, &app.name, at);
        let wrong = format!("{}-api", app.name);
        site.put(
            "PodMonitor",
            json!({"metadata": meta, "spec": {"selector": {"matchLabels": {label: wrong}},
            "podMetricsEndpoints": [{"port": "http", "interval": "30s"}]}}),
        );
        let alert = Alert::new(
            "PrometheusTargetMissing",
            "warning",
            600,
            "A job has no target any more.",
            format!(
                "No target of job {namespace}/{} has been scraped for 10 minutes.",
                app.name
            ),
        )
        .label("job", &format!("{namespace}/{}", app.name))
        .label("namespace", &namespace);
        let expected = object(&["ScrapeTargetDown"], "PodMonitor", &namespace, &app.name);
        (alert, expected)
    })
}
