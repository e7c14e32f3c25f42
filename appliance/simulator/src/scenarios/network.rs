//! Services, policies, names and certificates.

use serde_json::json;

use super::alert::Alert;
use super::breakage::Exit;
use super::log_lines::Level;
use super::names::Role;
use super::site::Site;
use super::workload::App;
use super::{Expected, Params, ScenarioRun, run};

/// Calls of one workload to another fail: what both ends show.
pub(super) fn calls_fail(site: &mut Site, caller: &App, error: &str, share: f64) {
    site.complain(caller, error, 22);
    site.traffic_now(caller, 0.9, share);
}

pub(super) fn selector_typo(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let target = site.app(Role::Catalog);
        let front = site.app(Role::Front);
        let namespace = site.namespace();
        let label = site.names.label;
        let position = usize::try_from(site.rng.range(1, 4))
            .unwrap_or(1)
            .min(target.name.len() - 1);
        let mut typo = target.name.clone();
        typo.remove(position);
        let at = site.fault_at.to_string();
        site.edit("Service", &namespace, &target.name, |service| {
            service["spec"]["selector"] = json!({label: typo});
            service["metadata"]["managedFields"] = json!([{"manager": "kubectl-edit", "operation": "Update", "apiVersion": "v1", "time": at,
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:selector": {}}}}]);
        });
        let error = format!(
            "GET http://{}:80/items failed after 3 attempts: connect ECONNREFUSED",
            target.name
        );
        site.complain(&front, &error, 22);
        site.complain_at(
            &front,
            Level::Warn,
            "GET / 200 4120ms (served without items)",
            12,
        );
        site.slow_now(&front, 2.8, 0.06);
        site.traffic_now(&target, 0.0, 0.0);
        let expected = Expected::Cause(
            &["ServiceSelectorMismatch"],
            ("Service", namespace.clone(), target.name),
        );
        (Alert::slow(&namespace, &front.name), expected)
    })
}

pub(super) fn target_port(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let target = site.app(Role::Payment);
        let caller = site.app(Role::Checkout);
        let namespace = site.namespace();
        let wrong = target.port + *site.rng.pick(&[1, 10, 80]);
        site.edit("Service", &namespace, &target.name, |service| {
            service["spec"]["ports"][0]["targetPort"] = json!(wrong);
        });
        let address = site.get("Service", &namespace, &target.name)["spec"]["clusterIP"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        calls_fail(
            site,
            &caller,
            &format!(
                "call to {} failed: dial tcp {address}:80: connect: connection refused",
                target.name
            ),
            0.65,
        );
        site.traffic_now(&target, 0.0, 0.0);
        let expected = Expected::Cause(
            &["TargetPortMismatch"],
            ("Service", namespace.clone(), target.name),
        );
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

fn add_policy(site: &mut Site, name: &str, spec: &serde_json::Value) {
    let namespace = site.namespace();
    let at = site.fault_at;
    let mut meta = site.meta(&namespace, name, at);
    meta["generation"] = json!(1);
    site.put("NetworkPolicy", json!({"metadata": meta, "spec": spec}));
}

pub(super) fn policy_blocks(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let target = site.app(Role::Payment);
        let caller = site.app(Role::Checkout);
        let namespace = site.namespace();
        let label = site.names.label;
        let name = format!("{}-allow", target.name);
        add_policy(
            site,
            &name,
            &json!({"podSelector": {"matchLabels": {label: target.name}}, "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"access": "payment-client"}}}], "ports": [{"protocol": "TCP", "port": target.port}]}]}),
        );
        let address = site.get("Service", &namespace, &target.name)["spec"]["clusterIP"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        calls_fail(
            site,
            &caller,
            &format!(
                "call to {} failed: dial tcp {address}:80: i/o timeout",
                target.name
            ),
            0.6,
        );
        site.traffic_now(&target, 0.0, 0.0);
        let expected = Expected::Cause(
            &["NetworkPolicyIngress"],
            ("NetworkPolicy", namespace.clone(), name),
        );
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

pub(super) fn dns_refused_by_policy(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let name = *site
            .rng
            .pick(&["default-deny-egress", "restrict-egress", "lockdown"]);
        add_policy(
            site,
            name,
            &json!({"podSelector": {}, "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": {}}]}]}),
        );
        for app in site.apps.clone() {
            let Some(other) = app.calls.first() else {
                continue;
            };
            let host = site.app(*other).name;
            let query = format!("{host}.{namespace}.svc.cluster.local.");
            let error = format!(
                "lookup {host} on 10.96.0.10:53: read udp {}:41733->10.96.0.10:53: i/o timeout (query {query})",
                site.pods_of(&app)
                    .first()
                    .map_or("10.244.1.9".to_owned(), |pod| site.address_of(pod))
            );
            site.complain(&app, &error, 16);
            site.traffic_now(&app, 0.7, 0.85);
        }
        let front = site.app(Role::Front);
        let expected = Expected::Cause(
            &["NetworkPolicyEgressDns"],
            ("NetworkPolicy", namespace.clone(), name.to_owned()),
        );
        (Alert::errors(&namespace, &front.name), expected)
    })
}

pub(super) fn dns_down(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let namespace = site.namespace();
        let at = site.fault_at.to_string();
        site.edit("ConfigMap", "kube-system", "coredns", |config| {
            config["data"]["Corefile"] = json!(".:53 {\n    errors\n    health\n    ready\n    kubernetes cluster.local in-addr.arpa ip6.arpa\n    foward . /etc/resolv.conf\n    cache 30\n}\n");
            config["metadata"]["managedFields"] = json!([{"manager": "kubectl-edit", "operation": "Update", "apiVersion": "v1", "time": at,
                "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:Corefile": {}}}}]);
        });
        let pods: Vec<String> = site
            .all("Pod")
            .iter()
            .filter(|pod| pod["metadata"]["labels"]["k8s-app"] == "kube-dns")
            .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
            .collect();
        site.in_namespace("kube-system", |site| {
            let dns = App {
                name: "coredns".to_owned(),
                ..site.app(Role::Cart)
            };
            for pod in &pods {
                site.crash_loops(
                    pod,
                    Exit {
                        code: 1,
                        reason: "Error",
                        restarts: 8,
                        lives: 1,
                    },
                );
                let line =
                    "/etc/coredns/Corefile:6 - Error during parsing: Unknown directive 'foward'"
                        .to_owned();
                site.crash_log(&dns, pod, &[line]);
            }
        });
        for app in site.apps.clone() {
            let Some(other) = app.calls.first() else {
                continue;
            };
            let host = site.app(*other).name;
            site.complain(
                &app,
                &format!("lookup {host} on 10.96.0.10:53: read udp: connect: connection refused"),
                14,
            );
            site.traffic_now(&app, 0.7, 0.85);
        }
        let _ = namespace;
        let expected = Expected::Cause(
            &["CorednsDownOrOverloaded"],
            ("Deployment", "kube-system".to_owned(), "coredns".to_owned()),
        );
        (
            Alert::crash_looping("kube-system", &pods[0], "coredns"),
            expected,
        )
    })
}

pub(super) fn certificate_expired(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let front = site.app(Role::Front);
        let namespace = site.namespace();
        let secret = format!("{}-tls", site.names.system);
        let host = format!("{}.{}", site.names.system, site.names.domain);
        let expired = site.fault_at;
        let renewal = site.ago(15 * 86_400).to_string();
        site.edit("Secret", &namespace, &secret, |one| {
            one["metadata"]["annotations"] = json!({"cert-manager.io/certificate-name": secret, "cert-manager.io/not-after": expired.to_string(),
                "cert-manager.io/renewal-failed-since": renewal});
        });
        let labels = [
            ("host", host.as_str()),
            ("namespace", namespace.as_str()),
            ("secret_name", secret.as_str()),
            ("job", "ingress-nginx"),
        ];
        let expiry = expired.as_second() as f64;
        site.new_gauge(
            "nginx_ingress_controller_ssl_expire_time_seconds",
            &labels,
            |_| expiry,
        );
        let probe = [("target", host.as_str()), ("job", "blackbox")];
        site.new_gauge("probe_success", &probe, |since| {
            f64::from(u8::from(since < 0.0))
        });
        site.new_gauge("probe_ssl_earliest_cert_expiry", &probe, |_| expiry);
        let message = format!(
            "client connection failed: x509: certificate has expired or is not yet valid: current time is after {expired}"
        );
        site.complain_at(&front, Level::Warn, &message, 6);
        site.traffic_now(&front, 0.05, 0.002);
        let expected = Expected::Cause(
            &["TlsSecretOrExpired", "AppCertExpired"],
            ("Secret", namespace.clone(), secret),
        );
        (
            Alert::probe_failed(&namespace, &front.name, &host),
            expected,
        )
    })
}
