//! What carries workloads: the control plane's static pods, the network
//! plugin, the load balancer, the metrics API and the monitoring; and how
//! recipes reach them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::log_lines::Runtime;
use super::names::Role;
use super::rng::Rng;
use super::site::{EventText, Seen, Site};
use super::workload::{App, node_address};

/// Static pods of the control plane.
const CONTROL_PLANE: [&str; 4] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
];

fn template(name: &str, label: &str, host_network: bool) -> Value {
    json!({"metadata": {"labels": {label: name}}, "spec": {
        "containers": [{"name": name, "image": format!("registry.k8s.io/{name}:v1"), "resources": {}}],
        "restartPolicy": "Always", "hostNetwork": host_network, "serviceAccountName": "default",
        "schedulerName": "default-scheduler"}})
}

impl Site {
    /// Adds the platform, by a chance of its own so that recipes draw as before.
    pub(super) fn add_platform(&mut self, seed: u64, created: Timestamp) {
        let own = std::mem::replace(&mut self.rng, Rng::new(seed ^ 0x9e37_79b9_7f4a_7c15));
        for name in CONTROL_PLANE {
            self.add_static_pod(name, created);
        }
        let plugin = template("calico-node", "k8s-app", true);
        self.add_daemon_set("kube-system", "calico-node", &plugin, created);
        let speaker = template("speaker", "component", true);
        self.add_daemon_set("metallb-system", "speaker", &speaker, created);
        self.add_balancer(created);
        self.add_metrics_api(created);
        let exporter = template("kube-state-metrics", "app.kubernetes.io/name", false);
        self.add_plain_deployment("monitoring", "kube-state-metrics", &exporter, 1, created);
        let meta = self.meta("monitoring", "kube-state-metrics", created);
        self.put("Service", json!({"metadata": meta, "spec": {"clusterIP": "None", "type": "ClusterIP",
            "selector": {"app.kubernetes.io/name": "kube-state-metrics"},
            "ports": [{"name": "https-main", "port": 8443, "protocol": "TCP", "targetPort": 8443}]}}));
        for (name, set) in [
            ("prometheus", "prometheus-k8s"),
            ("alertmanager", "alertmanager-main"),
        ] {
            self.add_server(name, set, created);
        }
        self.rng = own;
    }

    fn add_static_pod(&mut self, name: &str, created: Timestamp) {
        let node = self.names.nodes[0].clone();
        let mut template = template(name, "component", true);
        template["metadata"]["labels"]["tier"] = json!("control-plane");
        let owner = json!([{"apiVersion": "v1", "kind": "Node", "name": node, "controller": true,
            "uid": self.get("Node", "", &node)["metadata"]["uid"]}]);
        self.add_pod(
            "kube-system",
            &format!("{name}-{node}"),
            &owner,
            &template,
            0,
            created,
        );
    }

    fn add_balancer(&mut self, created: Timestamp) {
        let meta = self.meta("metallb-system", "default-pool", created);
        self.put("IPAddressPool", json!({"metadata": meta, "spec": {"addresses": ["192.168.20.240-192.168.20.249"], "autoAssign": true}}));
        let meta = self.meta("metallb-system", "rack-router", created);
        self.put("BGPPeer", json!({"metadata": meta, "spec": {"peerAddress": "192.168.20.1", "peerASN": 64512, "myASN": 64513}}));
    }

    fn add_metrics_api(&mut self, created: Timestamp) {
        let server = template("metrics-server", "k8s-app", false);
        self.add_plain_deployment("kube-system", "metrics-server", &server, 1, created);
        let meta = self.meta("kube-system", "metrics-server", created);
        self.put("Service", json!({"metadata": meta, "spec": {"clusterIP": "10.96.0.44", "type": "ClusterIP",
            "selector": {"k8s-app": "metrics-server"}, "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 10250}]}}));
        let mut meta = self.meta("", "v1beta1.metrics.k8s.io", created);
        meta["labels"] = json!({"k8s-app": "metrics-server"});
        self.put("APIService", json!({"metadata": meta, "spec": {"group": "metrics.k8s.io", "version": "v1beta1",
            "service": {"namespace": "kube-system", "name": "metrics-server", "port": 443}},
            "status": {"conditions": [{"type": "Available", "status": "True", "reason": "Passed", "message": "all checks passed",
                "lastTransitionTime": created.to_string()}]}}));
    }

    fn add_server(&mut self, name: &str, set: &str, created: Timestamp) {
        let template = template(name, "app.kubernetes.io/name", false);
        let labels = template["metadata"]["labels"].clone();
        let mut meta = self.meta("monitoring", set, created);
        meta["generation"] = json!(1);
        self.put("StatefulSet", json!({"metadata": meta, "spec": {"replicas": 1, "serviceName": set,
            "selector": {"matchLabels": labels}, "template": template, "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "RollingUpdate"}}, "status": {}}));
        let owner = self.owner("StatefulSet", "monitoring", set);
        self.add_pod(
            "monitoring",
            &format!("{set}-0"),
            &owner,
            &template,
            1,
            created,
        );
        let meta = self.meta("monitoring", set, created);
        self.put("Service", json!({"metadata": meta, "spec": {"clusterIP": "None", "type": "ClusterIP",
            "selector": labels, "ports": [{"name": "web", "port": 9090, "protocol": "TCP", "targetPort": 9090}]}}));
    }

    /// Does something as if the system lived in another namespace.
    pub(super) fn in_namespace<T>(
        &mut self,
        namespace: &str,
        act: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let own = std::mem::replace(&mut self.names.namespace, namespace.to_owned());
        let done = act(self);
        self.names.namespace = own;
        done
    }

    /// The pods of a namespace whose names begin so, in order.
    pub(super) fn pods_named(&self, namespace: &str, start: &str) -> Vec<String> {
        self.all("Pod")
            .iter()
            .filter(|pod| pod["metadata"]["namespace"] == json!(namespace))
            .filter_map(|pod| pod["metadata"]["name"].as_str())
            .filter(|name| name.starts_with(start))
            .map(str::to_owned)
            .collect()
    }

    /// A part of the platform, as something that logs.
    pub(super) fn part(&self, container: &str) -> App {
        App {
            name: container.to_owned(),
            runtime: Runtime::Go,
            ..self.app(Role::Cart)
        }
    }

    /// Writes a line into the log of a part's pod several times since the fault.
    pub(super) fn part_says(
        &mut self,
        namespace: &str,
        pod: &str,
        container: &str,
        line: &str,
        times: i64,
    ) {
        let span = self.now.duration_since(self.fault_at).as_secs().max(1);
        self.in_namespace(namespace, |site| {
            for index in 0..times {
                let at = site.after(index * span / times.max(1) + 5);
                let text = format!("{at} {line}");
                site.log(pod, container, at, &text);
            }
        });
    }

    /// A container of the platform crashes again and again with that last line.
    pub(super) fn part_crashes(&mut self, namespace: &str, pod: &str, container: &str, line: &str) {
        let part = self.part(container);
        self.in_namespace(namespace, |site| {
            let exit = super::breakage::Exit {
                code: 1,
                reason: "Error",
                restarts: 7,
                lives: 2,
            };
            site.crash_loops(pod, exit);
            site.crash_log(&part, pod, &[line.to_owned()]);
        });
    }

    /// What the problem detector or the kubelet writes about a node.
    pub(super) fn node_says(
        &mut self,
        node: &str,
        reason: &str,
        from: &str,
        message: &str,
        count: i64,
    ) {
        let text = EventText {
            kind: "Warning",
            reason,
            message,
            from,
        };
        let seen: Seen = self.repeatedly(5, count);
        self.event(("Node", "", node), &text, seen);
    }

    /// The address of a node.
    pub(super) fn node_ip(&self, node: &str) -> String {
        let index = self.names.nodes.iter().position(|name| name == node);
        node_address(index.unwrap_or(0))
    }

    /// A later heartbeat of a node: nothing else of it changed.
    pub(super) fn heartbeat(&mut self, node: &str) {
        let at = self.ago(3).to_string();
        self.edit("Node", "", node, |node| {
            for condition in node["status"]["conditions"]
                .as_array_mut()
                .into_iter()
                .flatten()
            {
                condition["lastHeartbeatTime"] = json!(at);
            }
        });
    }
}
