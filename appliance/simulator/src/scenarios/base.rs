//! The healthy cluster every scenario starts from.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::names::{ROLES, Role};
use super::site::{EventText, Seen, Site};
use super::workload::{App, node_address};
use super::{Params, controllers, metrics};

const DAY: i64 = 86_400;

impl Site {
    /// A cluster in which all is well, with an hour of metrics and logs behind it.
    pub(crate) fn healthy(params: &Params) -> Self {
        let mut site = Self::new(params);
        let days = site.rng.range(60, 400);
        let built = site.ago(days * DAY);
        let namespace = site.namespace();
        for name in [
            "default",
            "kube-system",
            "kube-public",
            "kube-node-lease",
            "metallb-system",
            "monitoring",
            &namespace,
        ] {
            site.add_namespace(name, built);
        }
        site.add_nodes(built);
        site.add_storage(built);
        for role in ROLES.into_iter().chain([Role::Database]) {
            let app = App::draw(&mut site, role);
            site.apps.push(app);
        }
        site.add_system_workloads(built);
        site.add_platform(params.seed, built);
        let released = built + SignedDuration::from_secs(2 * DAY);
        for app in site.apps.clone() {
            site.add_configuration(&app, released);
            if app.role == Role::Database {
                site.add_database(&app, released);
            } else {
                site.add_deployment(&app, released);
            }
            site.add_service(&app, released);
        }
        site.add_edges(released);
        controllers::settle(&mut site);
        site.add_history();
        site.fault_at = site.ago(3600);
        metrics::settle(&mut site);
        site.world.forget_changes();
        site
    }

    /// Adds a namespace with what every namespace has.
    pub(crate) fn add_namespace(&mut self, name: &str, created: Timestamp) {
        let mut meta = self.meta("", name, created);
        meta["labels"] = json!({"kubernetes.io/metadata.name": name});
        self.put("Namespace", json!({"metadata": meta, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}));
        let mut meta = self.meta(name, "kube-root-ca.crt", created);
        meta["annotations"] = json!({"kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver."});
        self.put("ConfigMap", json!({"metadata": meta, "data": {"ca.crt": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"}}));
        let meta = self.meta(name, "default", created);
        self.put("ServiceAccount", json!({"metadata": meta}));
    }

    fn add_nodes(&mut self, created: Timestamp) {
        let cpu = *self.rng.pick(&[8, 16, 32]);
        let memory_kib = cpu * 4 * 1024 * 1024 - 180_224;
        for (index, name) in self.names.nodes.clone().iter().enumerate() {
            let heartbeat = self.ago(40 + i64::try_from(index).unwrap_or(0) * 17);
            let mut meta = self.meta("", name, created);
            let mut labels = json!({"kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
                                    "topology.kubernetes.io/zone": format!("room-{}", index % 3 + 1),
                                    "disk": if index % 2 == 0 { "ssd" } else { "hdd" }});
            if index == 0 {
                labels["node-role.kubernetes.io/control-plane"] = json!("");
            }
            meta["labels"] = labels;
            let address = node_address(index);
            let machine = self.rng.text("0123456789abcdef", 32);
            let boot = self.rng.uuid();
            let amounts = json!({"cpu": cpu.to_string(), "memory": format!("{memory_kib}Ki"), "pods": "110", "ephemeral-storage": "205113Mi"});
            let healthy = |kind: &str, reason: &str, message: &str| {
                json!({"type": kind, "status": if kind == "Ready" { "True" } else { "False" },
                "lastHeartbeatTime": heartbeat.to_string(), "lastTransitionTime": created.to_string(), "reason": reason, "message": message})
            };
            self.put("Node", json!({"metadata": meta, "spec": {"podCIDR": format!("10.244.{}.0/24", index + 1)},
                "status": {"capacity": amounts, "allocatable": amounts,
                    "conditions": [
                        healthy("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                        healthy("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                        healthy("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                        healthy("Ready", "KubeletReady", "kubelet is posting ready status"),
                    ],
                    "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
                    "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
                    "nodeInfo": {"machineID": machine, "bootID": boot,
                        "kernelVersion": "6.1.0-28-amd64", "osImage": "Debian GNU/Linux 12 (bookworm)",
                        "containerRuntimeVersion": "containerd://1.7.24", "kubeletVersion": "v1.33.4",
                        "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64"}}}));
            let lease = self.meta("kube-node-lease", name, created);
            let renewed = super::site::micro(self.ago(4 + i64::try_from(index).unwrap_or(0)));
            self.put("Lease", json!({"metadata": lease, "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": renewed}}));
        }
    }

    fn add_storage(&mut self, created: Timestamp) {
        let mut meta = self.meta("", "local-path", created);
        meta["annotations"] = json!({"storageclass.kubernetes.io/is-default-class": "true"});
        self.put("StorageClass", json!({"metadata": meta, "provisioner": "rancher.io/local-path",
            "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": false}));
    }

    /// CoreDNS and kube-proxy, as every cluster has them.
    fn add_system_workloads(&mut self, created: Timestamp) {
        let dns = json!({"metadata": {"labels": {"k8s-app": "kube-dns"}}, "spec": {
            "containers": [{"name": "coredns", "image": "registry.k8s.io/coredns/coredns:v1.12.0", "args": ["-conf", "/etc/coredns/Corefile"],
                "ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}, {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
                          {"name": "metrics", "containerPort": 9153, "protocol": "TCP"}],
                "resources": {"requests": {"cpu": "100m", "memory": "70Mi"}, "limits": {"memory": "170Mi"}},
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181, "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10, "failureThreshold": 3}}],
            "restartPolicy": "Always", "dnsPolicy": "Default", "serviceAccountName": "default", "schedulerName": "default-scheduler"}});
        self.add_plain_deployment("kube-system", "coredns", &dns, 2, created);
        let corefile = ".:53 {\n    errors\n    health\n    ready\n    kubernetes cluster.local in-addr.arpa ip6.arpa {\n       pods insecure\n       fallthrough in-addr.arpa ip6.arpa\n    }\n    prometheus :9153\n    forward . /etc/resolv.conf\n    cache 30\n    loop\n    reload\n    loadbalance\n}\n";
        let meta = self.meta("kube-system", "coredns", created);
        self.put(
            "ConfigMap",
            json!({"metadata": meta, "data": {"Corefile": corefile}}),
        );
        let meta = self.meta("kube-system", "kube-dns", created);
        self.put("Service", json!({"metadata": meta, "spec": {"clusterIP": "10.96.0.10", "type": "ClusterIP", "selector": {"k8s-app": "kube-dns"},
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53}, {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53}]}}));
        let proxy = json!({"metadata": {"labels": {"k8s-app": "kube-proxy"}}, "spec": {
            "containers": [{"name": "kube-proxy", "image": "registry.k8s.io/kube-proxy:v1.33.4", "command": ["/usr/local/bin/kube-proxy"]}],
            "restartPolicy": "Always", "hostNetwork": true, "serviceAccountName": "default", "schedulerName": "default-scheduler"}});
        self.add_daemon_set("kube-system", "kube-proxy", &proxy, created);
        let exporter = json!({"metadata": {"labels": {"app": "node-exporter"}}, "spec": {
            "containers": [{"name": "node-exporter", "image": "quay.io/prometheus/node-exporter:v1.9.0",
                            "ports": [{"name": "metrics", "containerPort": 9100, "protocol": "TCP"}]}],
            "restartPolicy": "Always", "hostNetwork": true, "serviceAccountName": "default", "schedulerName": "default-scheduler"}});
        self.add_daemon_set("monitoring", "node-exporter", &exporter, created);
    }

    pub(super) fn add_plain_deployment(
        &mut self,
        namespace: &str,
        name: &str,
        template: &Value,
        replicas: i64,
        created: Timestamp,
    ) {
        let labels = template["metadata"]["labels"].clone();
        let mut meta = self.meta(namespace, name, created);
        meta["generation"] = json!(1);
        meta["labels"] = labels.clone();
        meta["annotations"] = json!({"deployment.kubernetes.io/revision": "1"});
        self.put("Deployment", json!({"metadata": meta, "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": "25%"}}, "progressDeadlineSeconds": 600},
            "status": {"observedGeneration": 1, "conditions": [
                super::workload::condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", created),
                super::workload::condition("Progressing", "True", "NewReplicaSetAvailable", "", created)]}}));
        let hash = super::workload::template_hash(template);
        let set = format!("{name}-{hash}");
        let mut template = template.clone();
        template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
        let mut meta = self.meta(namespace, &set, created);
        meta["labels"] = template["metadata"]["labels"].clone();
        meta["annotations"] = json!({"deployment.kubernetes.io/revision": "1"});
        meta["ownerReferences"] = self.owner("Deployment", namespace, name);
        self.put("ReplicaSet", json!({"metadata": meta, "spec": {"replicas": replicas, "selector": {"matchLabels": template["metadata"]["labels"]}, "template": template}, "status": {}}));
        let owner = self.owner("ReplicaSet", namespace, &set);
        for index in 0..replicas {
            let pod = format!("{set}-{}", self.rng.suffix(5));
            let node = usize::try_from(index).unwrap_or(0) % self.names.nodes.len();
            self.add_pod(namespace, &pod, &owner, &template, node, created);
        }
    }

    pub(super) fn add_daemon_set(
        &mut self,
        namespace: &str,
        name: &str,
        template: &Value,
        created: Timestamp,
    ) {
        let labels = template["metadata"]["labels"].clone();
        let mut meta = self.meta(namespace, name, created);
        meta["generation"] = json!(1);
        self.put("DaemonSet", json!({"metadata": meta, "spec": {"selector": {"matchLabels": labels}, "template": template,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}}, "status": {}}));
        let owner = self.owner("DaemonSet", namespace, name);
        let mut template = template.clone();
        template["metadata"]["labels"]["controller-revision-hash"] =
            json!(super::workload::template_hash(&template));
        for node in 0..self.names.nodes.len() {
            let pod = format!("{name}-{}", self.rng.suffix(5));
            self.add_pod(namespace, &pod, &owner, &template, node, created);
        }
    }

    /// Adds the config map of a workload, and the secret of those that need one.
    pub(crate) fn add_configuration(&mut self, app: &App, created: Timestamp) {
        let namespace = self.namespace();
        let meta = self.meta(&namespace, &app.config(), created);
        let mut data = json!({"LOG_LEVEL": "info", "REQUEST_TIMEOUT": "2s", "CACHE_TTL": "60s"});
        if app.calls.contains(&Role::Database) {
            data["DB_POOL_SIZE"] = json!("20");
            data["DB_NAME"] = json!("main");
        }
        self.put("ConfigMap", json!({"metadata": meta, "data": data}));
        if app.calls.contains(&Role::Database) || app.role == Role::Database {
            let meta = self.meta(&namespace, &app.secret(), created);
            self.put("Secret", json!({"metadata": meta, "type": "Opaque", "data": {"username": "", "password": ""}}));
        }
    }

    /// Adds the service in front of a workload.
    pub(crate) fn add_service(&mut self, app: &App, created: Timestamp) {
        let namespace = self.namespace();
        let mut meta = self.meta(&namespace, &app.name, created);
        let label = self.names.label;
        meta["labels"] = json!({label: app.name});
        let address = format!(
            "10.96.{}.{}",
            self.rng.range(1, 250),
            self.rng.range(2, 250)
        );
        let (name, port) = if app.role == Role::Database {
            ("sql", 5432)
        } else {
            ("http", 80)
        };
        let cluster_ip = if app.role == Role::Database {
            "None".to_owned()
        } else {
            address
        };
        self.put("Service", json!({"metadata": meta, "spec": {"clusterIP": cluster_ip, "clusterIPs": [cluster_ip], "type": "ClusterIP",
            "ports": [{"name": name, "port": port, "protocol": "TCP", "targetPort": app.port}],
            "selector": {label: app.name}, "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}, "status": {"loadBalancer": {}}}));
    }

    fn add_database(&mut self, app: &App, created: Timestamp) {
        let namespace = self.namespace();
        let mut template = app.template(self, app.release);
        template["spec"]["containers"][0]["args"] = json!(["-c", "max_connections=100"]);
        let label = self.names.label;
        let mut meta = self.meta(&namespace, &app.name, created);
        meta["generation"] = json!(1);
        meta["labels"] = json!({label: app.name});
        let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "local-path",
            "volumeMode": "Filesystem", "resources": {"requests": {"storage": "20Gi"}}}, "status": {"phase": "Pending"}});
        self.put("StatefulSet", json!({"metadata": meta, "spec": {"replicas": app.replicas, "serviceName": app.name,
            "selector": {"matchLabels": {label: app.name}}, "template": template, "volumeClaimTemplates": [claim],
            "podManagementPolicy": "OrderedReady", "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}}, "status": {}}));
        let node = self.choose_node();
        let claim = format!("data-{}-0", app.name);
        self.add_volume(&claim, node, created);
        let owner = self.owner("StatefulSet", &namespace, &app.name);
        template["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] =
            json!(format!("{}-0", app.name));
        template["metadata"]["labels"]["controller-revision-hash"] = json!(format!(
            "{}-{}",
            app.name,
            super::workload::template_hash(&template)
        ));
        template["spec"]["volumes"] =
            json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
        self.add_pod(
            &namespace,
            &format!("{}-0", app.name),
            &owner,
            &template,
            node,
            created,
        );
    }

    fn add_volume(&mut self, claim: &str, node: usize, created: Timestamp) {
        let namespace = self.namespace();
        let meta = self.meta(&namespace, claim, created);
        let claim_uid = meta["uid"].clone();
        let volume = format!("pvc-{}", claim_uid.as_str().unwrap_or_default());
        self.put("PersistentVolumeClaim", json!({"metadata": meta, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}},
            "storageClassName": "local-path", "volumeMode": "Filesystem", "volumeName": volume},
            "status": {"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "20Gi"}}}));
        let meta = self.meta("", &volume, created);
        let host = self.names.nodes[node].clone();
        self.put("PersistentVolume", json!({"metadata": meta, "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "20Gi"},
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": claim, "uid": claim_uid},
            "hostPath": {"path": format!("/opt/local-path-provisioner/{volume}"), "type": "DirectoryOrCreate"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [host]}]}]}},
            "persistentVolumeReclaimPolicy": "Delete", "storageClassName": "local-path", "volumeMode": "Filesystem"},
            "status": {"phase": "Bound"}}));
    }

    /// The ingress in front, its certificate, and a disruption budget.
    fn add_edges(&mut self, created: Timestamp) {
        let namespace = self.namespace();
        let front = self.app(Role::Front);
        let host = format!("{}.{}", self.names.system, self.names.domain);
        let secret = format!("{}-tls", self.names.system);
        let meta = self.meta(&namespace, &secret, created);
        self.put("Secret", json!({"metadata": meta, "type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""}}));
        let meta = self.meta(&namespace, &front.name, created);
        self.put("Ingress", json!({"metadata": meta, "spec": {"ingressClassName": "nginx", "tls": [{"hosts": [host], "secretName": secret}],
            "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix",
                "backend": {"service": {"name": front.name, "port": {"number": 80}}}}]}}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "192.168.20.240"}]}}}));
        let meta = self.meta("", "nginx", created);
        self.put(
            "IngressClass",
            json!({"metadata": meta, "spec": {"controller": "k8s.io/ingress-nginx"}}),
        );
        let mut meta = self.meta(&namespace, &front.name, created);
        meta["generation"] = json!(1);
        let label = self.names.label;
        self.put("PodDisruptionBudget", json!({"metadata": meta, "spec": {"minAvailable": 1, "selector": {"matchLabels": {label: front.name}}}, "status": {"observedGeneration": 1}}));
    }

    /// Logs of the last hour, and an event or two of ordinary life.
    fn add_history(&mut self) {
        let namespace = self.namespace();
        for app in self.apps.clone() {
            for pod in self.pods_of(&app) {
                self.chat(&app, &pod, self.ago(3600), self.now, 14);
            }
        }
        let worker = self.app(Role::Worker);
        let earlier = self.rng.range(1500, 3000);
        let at = self.ago(earlier);
        if let Some(pod) = self.pods_of(&worker).first().cloned() {
            let message = format!(
                "Readiness probe failed: Get \"http://10.244.1.9:{}/ready\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                worker.port
            );
            let text = EventText {
                kind: "Warning",
                reason: "Unhealthy",
                message: &message,
                from: "kubelet",
            };
            self.event(("Pod", &namespace, &pod), &text, Seen::once(at));
        }
    }

    /// Lines of a healthy process from one time to another.
    pub(crate) fn chat(
        &mut self,
        app: &App,
        pod: &str,
        from: Timestamp,
        until: Timestamp,
        lines: i64,
    ) {
        let step = (until.duration_since(from).as_millis() / i128::from(lines.max(1))).max(1);
        let step = i64::try_from(step).unwrap_or(60_000);
        for index in 0..lines {
            let jitter = self.rng.range(0, step);
            let at = from + SignedDuration::from_millis(index * step + jitter);
            let line = app.runtime.chatter(&mut self.rng, at);
            self.log(pod, &app.name, at, &line);
        }
    }
}
