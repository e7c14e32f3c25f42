//! Ways between pods and from outside: load balancers, gateways, meshes,
//! names, sockets and the proxies of nodes.

use serde_json::json;

use super::alert::Alert;
use super::names::Role;
use super::network::calls_fail;
use super::node::victim_node;
use super::site::{EventText, Site};
use super::workload::App;
use super::{Expected, Params, ScenarioRun, run};

pub(super) fn object(
    causes: &'static [&'static str],
    kind: &'static str,
    namespace: &str,
    name: &str,
) -> Expected {
    Expected::Cause(causes, (kind, namespace.to_owned(), name.to_owned()))
}

/// The address that a Service's name stands for.
pub(super) fn cluster_ip(site: &Site, app: &App) -> String {
    let service = site.get("Service", &site.namespace(), &app.name);
    service["spec"]["clusterIP"]
        .as_str()
        .unwrap_or("10.96.0.9")
        .to_owned()
}

pub(super) fn pool_empty(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let namespace = site.namespace();
        let front = site.app(Role::Front);
        let name = format!("{}-public", front.name);
        let at = site.fault_at;
        let meta = site.meta(&namespace, &name, at);
        let label = site.names.label;
        site.put("Service", json!({"metadata": meta, "spec": {"type": "LoadBalancer", "clusterIP": "10.96.7.7", "selector": {label: front.name},
            "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": front.port, "nodePort": 31080}]}, "status": {"loadBalancer": {}}}));
        let message = format!(
            "Failed to allocate IP for \"{namespace}/{name}\": no available IPs in pool \"default-pool\""
        );
        let text = EventText {
            kind: "Warning",
            reason: "AllocationFailed",
            message: &message,
            from: "metallb-controller",
        };
        let seen = site.repeatedly(2, 12);
        site.event(("Service", &namespace, &name), &text, seen);
        let alert = Alert::new(
            "ServiceWithoutAddress",
            "warning",
            600,
            "A load balancer Service has no address.",
            format!("Service {namespace}/{name} waits for an address."),
        )
        .label("namespace", &namespace)
        .label("service", &name);
        (
            alert,
            object(
                &["LoadBalancerIpPool"],
                "IPAddressPool",
                "metallb-system",
                "default-pool",
            ),
        )
    })
}

pub(super) fn session_down(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let namespace = site.namespace();
        let front = site.app(Role::Front);
        let host = format!("{}.{}", site.names.system, site.names.domain);
        let pods = site.pods_named("metallb-system", "speaker");
        for pod in &pods {
            site.part_says("metallb-system", pod, "speaker",
                "level=error event=sessionDown peer=192.168.20.1:179 error=\"hold timer expired\" msg=\"BGP session down\"", 9);
            let labels = [
                ("pod", pod.as_str()),
                ("peer", "192.168.20.1:179"),
                ("namespace", "metallb-system"),
                ("job", "speaker"),
            ];
            site.new_gauge("metallb_bgp_session_up", &labels, |since| {
                f64::from(u8::from(since < 0.0))
            });
        }
        let node = site.names.nodes[0].clone();
        site.heartbeat(&node);
        site.traffic_now(&front, 0.02, 0.0);
        (
            Alert::probe_failed(&namespace, &front.name, &host),
            object(
                &["LoadBalancerBgpL2"],
                "BGPPeer",
                "metallb-system",
                "rack-router",
            ),
        )
    })
}

pub(super) fn route_unresolved(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let front = site.app(Role::Front);
        let (at, built) = (site.fault_at, site.ago(90 * 86_400));
        let meta = site.meta(&namespace, "edge", built);
        site.put("Gateway", json!({"metadata": meta, "spec": {"gatewayClassName": "cilium", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
            "status": {"conditions": [{"type": "Programmed", "status": "True", "reason": "Programmed", "message": "", "lastTransitionTime": built.to_string()}]}}));
        let meta = site.meta(&namespace, &front.name, at);
        let wrong = format!("{}-v2", front.name);
        let message = format!("backend Service {namespace}/{wrong} not found");
        site.put("HTTPRoute", json!({"metadata": meta, "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": [{"name": wrong, "port": 80}]}]},
            "status": {"parents": [{"parentRef": {"name": "edge"}, "controllerName": "io.cilium/gateway-controller", "conditions": [
                {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": at.to_string()},
                {"type": "ResolvedRefs", "status": "False", "reason": "BackendNotFound", "message": message, "lastTransitionTime": at.to_string()}]}]}}));
        site.traffic_now(&front, 0.01, 0.0);
        let expected = object(&["GatewayHttproute"], "HTTPRoute", &namespace, &front.name);
        let alert = Alert::new(
            "GatewayErrors",
            "critical",
            300,
            "The gateway answers with errors.",
            "Most requests to the gateway are answered with 500.",
        )
        .label("namespace", &namespace)
        .label("gateway", "edge");
        (alert, expected)
    })
}

pub(super) fn ingress_misroute(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let front = site.app(Role::Front);
        let host = format!("{}.{}", site.names.system, site.names.domain);
        let at = site.fault_at.to_string();
        let wrong = format!("{}-web", front.name);
        site.edit("Ingress", &namespace, &front.name, |ingress| {
            ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] = json!(wrong);
            ingress["metadata"]["managedFields"] = json!([{"manager": "kubectl-edit", "operation": "Update", "apiVersion": "networking.k8s.io/v1", "time": at,
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:rules": {}}}}]);
        });
        site.traffic_now(&front, 0.01, 0.0);
        let expected = object(&["IngressMisroute"], "Ingress", &namespace, &front.name);
        (
            Alert::probe_failed(&namespace, &front.name, &host),
            expected,
        )
    })
}

pub(super) fn gateway_misroute(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let front = site.app(Role::Front);
        let target = site.app(Role::Catalog);
        let wrong = format!("{}s", target.name);
        let map = format!("{}-routes", front.name);
        let at = site.fault_at;
        let meta = site.meta(&namespace, &map, at);
        let style = site.rng.range(0, 3);
        let file = match style {
            0 => format!(
                "server {{\n  listen 8080;\n  location /items {{\n    proxy_pass http://{wrong}:80;\n  }}\n}}\n"
            ),
            1 => format!(
                "spring:\n  cloud:\n    gateway:\n      routes:\n      - id: items\n        uri: http://{wrong}:80\n        predicates: [Path=/items/**]\n"
            ),
            _ => format!("backend items\n  balance roundrobin\n  server one {wrong}:80 check\n"),
        };
        site.put(
            "ConfigMap",
            json!({"metadata": meta, "data": {"routes.conf": file}}),
        );
        let volume = json!([{"name": "routes", "configMap": {"name": map}}]);
        site.edit("Deployment", &namespace, &front.name, |deployment| {
            deployment["spec"]["template"]["spec"]["volumes"] = volume.clone();
        });
        for pod in site.pods_of(&front) {
            site.edit_pod(&pod, |pod| pod["spec"]["volumes"] = volume.clone());
        }
        let error = format!(
            "GET /items 502: could not resolve {wrong} (host not found in upstream \"{wrong}\")"
        );
        calls_fail(site, &front, &error, 0.45);
        let expected = object(
            &["GatewayMisroute", "DependencyWrongAddress"],
            "Deployment",
            &namespace,
            &front.name,
        );
        (Alert::errors(&namespace, &front.name), expected)
    })
}

pub(super) fn policy_denies(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let (caller, target) = (site.app(Role::Checkout), site.app(Role::Payment));
        let at = site.fault_at;
        let name = format!("{}-callers", target.name);
        let meta = site.meta(&namespace, &name, at);
        let label = site.names.label;
        site.put("AuthorizationPolicy", json!({"metadata": meta, "spec": {"selector": {"matchLabels": {label: target.name}}, "action": "ALLOW",
            "rules": [{"from": [{"source": {"principals": ["cluster.local/ns/other/sa/client"]}}]}]}}));
        calls_fail(
            site,
            &caller,
            &format!(
                "call to http://{}:80/charge failed: 403 Forbidden: RBAC: access denied",
                target.name
            ),
            0.6,
        );
        let expected = object(&["MeshAuthzMtls"], "AuthorizationPolicy", &namespace, &name);
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

pub(super) fn strict_tls(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let (caller, target) = (site.app(Role::Worker), site.app(Role::Orders));
        let at = site.fault_at;
        let meta = site.meta(&namespace, "default", at);
        site.put(
            "PeerAuthentication",
            json!({"metadata": meta, "spec": {"mtls": {"mode": "STRICT"}}}),
        );
        let error = format!(
            "POST http://{}:80/jobs: upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            target.name
        );
        calls_fail(site, &caller, &error, 0.9);
        let expected = object(
            &["MeshAuthzMtls"],
            "PeerAuthentication",
            &namespace,
            "default",
        );
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

pub(super) fn local_ports(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let (caller, target) = (site.app(Role::Checkout), site.app(Role::Payment));
        let address = cluster_ip(site, &target);
        calls_fail(
            site,
            &caller,
            &format!("dial tcp {address}:80: connect: cannot assign requested address"),
            0.5,
        );
        for pod in site.pods_of(&caller) {
            site.edit_pod(&pod, |pod| {
                pod["metadata"]["annotations"]["example.com/sockets"] = json!("28231 in TIME-WAIT");
            });
        }
        let expected = object(&["EphemeralPorts"], "Deployment", &namespace, &caller.name);
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

pub(super) fn proxy_down(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let node = victim_node(site);
        let pods = site.pods_named("kube-system", "kube-proxy");
        let on =
            |pod: &String| site.get("Pod", "kube-system", pod)["spec"]["nodeName"] == json!(node);
        let pod = pods.iter().find(|pod| on(pod)).cloned().unwrap_or_default();
        site.part_crashes("kube-system", &pod, "kube-proxy", "server.go:494] \"Error running ProxyServer\" err=\"unable to create proxier: unable to get node IP for hostname\"");
        let expected = object(&["KubeProxyDown", "KubeProxyNodeLocal"], "Node", "", &node);
        (
            Alert::crash_looping("kube-system", &pod, "kube-proxy"),
            expected,
        )
    })
}

pub(super) fn proxy_of_one_node(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let node = victim_node(site);
        site.heartbeat(&node);
        let namespace = site.namespace();
        for role in [Role::Front, Role::Catalog, Role::Cart] {
            let app = site.app(role);
            for other in site.names.nodes.clone() {
                let labels = [
                    ("node", other.as_str()),
                    ("namespace", namespace.as_str()),
                    ("target", app.name.as_str()),
                    ("job", "in-cluster-probe"),
                ];
                let broken = other == node;
                site.new_gauge("probe_success", &labels, |since| {
                    f64::from(u8::from(!(broken && since >= 0.0)))
                });
            }
        }
        let alert = Alert::new(
            "ServicesUnreachableFromNode",
            "critical",
            300,
            "Services do not answer from a node.",
            format!("Probes of Services from node {node} fail."),
        )
        .label("node", &node);
        (alert, object(&["KubeProxyNodeLocal"], "Node", "", &node))
    })
}

pub(super) fn hairpin(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let namespace = site.namespace();
        let app = site.app(Role::Advice);
        let pods = site.pods_of(&app);
        site.edit_pod(&pods[0], |pod| {
            pod["metadata"]["annotations"]["example.com/self-check"] = json!("on");
        });
        let error = format!("GET http://{}:80/self failed: connect timed out", app.name);
        calls_fail(site, &app, &error, 0.5);
        let expected = object(
            &["HairpinOrSameNodeOnly"],
            "DaemonSet",
            "kube-system",
            "calico-node",
        );
        (Alert::errors(&namespace, &app.name), expected)
    })
}

/// A Service's requests take long while its CPU is idle.
fn slow_requests(site: &mut Site, app: &App) {
    let namespace = site.namespace();
    let labels = [
        ("namespace", namespace.as_str()),
        ("service", app.name.as_str()),
    ];
    site.new_gauge("request_duration_p95_seconds", &labels, |since| {
        if since < 0.0 { 0.05 } else { 0.9 }
    });
    site.slow_now(app, 0.9, 0.01);
}

pub(super) fn pod_delay(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let namespace = site.namespace();
        let app = site.app(Role::Payment);
        slow_requests(site, &app);
        let pods = site.pods_of(&app);
        site.edit_pod(&pods[0], |pod| {
            pod["metadata"]["annotations"]["kubernetes.io/egress-bandwidth"] = json!("1M");
        });
        let expected = object(&["PodNetworkDelay"], "Deployment", &namespace, &app.name);
        (Alert::slow(&namespace, &app.name), expected)
    })
}
