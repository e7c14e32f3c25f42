//! Names and how they resolve: Services that stand for names, resolvers of one
//! workload, the cluster's own, and ports that are not translated.

use serde_json::{Value, json};

use super::alert::Alert;
use super::links::{cluster_ip, object};
use super::names::Role;
use super::network::calls_fail;
use super::{Params, ScenarioRun, run};

pub(super) fn external_name(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let (caller, target) = (site.app(Role::Checkout), site.app(Role::Payment));
        let host = format!("{}.retired.svc.cluster.local", target.name);
        let at = site.fault_at;
        site.add_namespace("retired", at);
        site.edit("Service", &namespace, &target.name, |service| {
            service["spec"] = json!({"type": "ExternalName", "externalName": host, "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}]});
        });
        calls_fail(
            site,
            &caller,
            &format!(
                "call failed: dial tcp: lookup {} on 10.96.0.10:53: no such host",
                target.name
            ),
            0.7,
        );
        let expected = object(
            &["ExternalnameOrHeadlessMisuse"],
            "Service",
            &namespace,
            &target.name,
        );
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

pub(super) fn headless_port(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let (caller, target) = (site.app(Role::Checkout), site.app(Role::Payment));
        site.edit("Service", &namespace, &target.name, |service| {
            service["spec"]["clusterIP"] = json!("None");
            service["spec"]["clusterIPs"] = json!(["None"]);
        });
        calls_fail(
            site,
            &caller,
            &format!(
                "call failed: dial tcp {}:80: connect: connection refused",
                target.name
            ),
            0.7,
        );
        let expected = object(
            &["ExternalnameOrHeadlessMisuse"],
            "Service",
            &namespace,
            &target.name,
        );
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

pub(super) fn own_resolver(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let (caller, target) = (site.app(Role::Checkout), site.app(Role::Payment));
        site.edit("Deployment", &namespace, &caller.name, |deployment| {
            deployment["spec"]["template"]["spec"]["dnsPolicy"] = json!("Default");
        });
        for pod in site.pods_of(&caller) {
            site.edit_pod(&pod, |pod| pod["spec"]["dnsPolicy"] = json!("Default"));
        }
        calls_fail(
            site,
            &caller,
            &format!(
                "call failed: dial tcp: lookup {}: no such host",
                target.name
            ),
            0.9,
        );
        let expected = object(
            &["DnsPolicyNdots", "ServiceDnsFailure"],
            "Deployment",
            &namespace,
            &caller.name,
        );
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

pub(super) fn resolver_of_one(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let (caller, target) = (site.app(Role::Worker), site.app(Role::Orders));
        for pod in site.pods_of(&caller) {
            site.edit_pod(&pod, |pod| {
                pod["metadata"]["annotations"]["example.com/resolver"] = json!("169.254.20.10");
            });
        }
        calls_fail(
            site,
            &caller,
            &format!("getaddrinfo EAI_AGAIN {}", target.name),
            0.9,
        );
        let expected = object(
            &["ServiceDnsFailure"],
            "Deployment",
            &namespace,
            &caller.name,
        );
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

pub(super) fn protocol_mismatch(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let (caller, target) = (site.app(Role::Checkout), site.app(Role::Payment));
        site.edit("Service", &namespace, &target.name, |service| {
            service["spec"]["ports"][0]["protocol"] = json!("UDP");
        });
        let address = cluster_ip(site, &target);
        calls_fail(
            site,
            &caller,
            &format!(
                "call to {} failed: dial tcp {address}:80: connect: connection refused",
                target.name
            ),
            0.7,
        );
        let expected = object(
            &["ServiceProtocolMismatch"],
            "Service",
            &namespace,
            &target.name,
        );
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

pub(super) fn dns_forward(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let pods = site.pods_named("kube-system", "coredns");
        for pod in &pods {
            site.part_says("kube-system", pod, "coredns",
                "[ERROR] plugin/errors: 2 api.partner.example. A: read udp 10.244.1.12:41733->192.168.20.1:53: i/o timeout", 25);
        }
        site.in_namespace("kube-system", |site| {
            site.edit_pod(&pods[0], |pod: &mut Value| {
                pod["metadata"]["annotations"]["example.com/upstream"] = json!("192.168.20.1");
            });
        });
        let alert = Alert::new(
            "CoreDNSForwardErrorsHigh",
            "critical",
            600,
            "CoreDNS forwards get errors.",
            "CoreDNS is returning SERVFAIL for 32% of forward requests to 192.168.20.1:53.",
        )
        .label("namespace", "kube-system")
        .label("to", "192.168.20.1:53")
        .label("job", "kube-dns");
        (
            alert,
            object(
                &["CorednsDownOrOverloaded"],
                "Deployment",
                "kube-system",
                "coredns",
            ),
        )
    })
}
