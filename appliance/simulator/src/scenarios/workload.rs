//! Workloads: what a deployment, its replica sets and pods look like.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::log_lines::Runtime;
use super::names::Role;
use super::site::Site;

/// A workload of the system.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) runtime: Runtime,
    pub(crate) image: String,
    pub(crate) release: i64,
    pub(crate) port: i64,
    pub(crate) replicas: i64,
    /// Millicores requested; the limit is four times that.
    pub(crate) cpu_milli: i64,
    /// Mebibytes requested; the limit is twice that.
    pub(crate) memory_mib: i64,
    /// Requests per second and pod when all is well.
    pub(crate) load: f64,
    pub(crate) calls: &'static [Role],
}

impl App {
    /// The workload of a role before its sizes are drawn.
    pub(crate) fn plain(site: &Site, role: Role) -> Self {
        let (runtime, calls): (Runtime, &'static [Role]) = match role {
            Role::Front => (
                Runtime::Node,
                &[Role::Catalog, Role::Cart, Role::Checkout, Role::Advice],
            ),
            Role::Catalog => (Runtime::Java, &[Role::Database]),
            Role::Cart => (Runtime::Go, &[]),
            Role::Checkout => (Runtime::Go, &[Role::Cart, Role::Payment, Role::Orders]),
            Role::Payment => (Runtime::Java, &[]),
            Role::Orders => (Runtime::Python, &[Role::Database]),
            Role::Advice => (Runtime::Python, &[Role::Catalog]),
            Role::Worker => (Runtime::Node, &[Role::Orders]),
            Role::Database => (Runtime::Postgres, &[]),
        };
        Self {
            role,
            name: site.names.of(role).to_owned(),
            runtime,
            image: site.names.image(role),
            release: 7,
            port: 8080,
            replicas: 2,
            cpu_milli: 100,
            memory_mib: 128,
            load: 4.0,
            calls,
        }
    }

    /// Draws the sizes of a workload.
    pub(crate) fn draw(site: &mut Site, role: Role) -> Self {
        let mut app = Self::plain(site, role);
        app.release = site.rng.range(3, 40);
        app.port = *site.rng.pick(&[8080, 8000, 3000, 9090, 5000, 8081]);
        app.replicas = if role == Role::Front {
            3
        } else {
            site.rng.range(2, 4)
        };
        app.cpu_milli = *site.rng.pick(&[50, 100, 150, 200]);
        app.memory_mib = *site.rng.pick(&[96, 128, 192, 256]);
        app.load = 1.0 + site.rng.unit() * 9.0;
        if role == Role::Database {
            app.port = 5432;
            app.replicas = 1;
            "docker.io/library/postgres".clone_into(&mut app.image);
            app.memory_mib = 512;
        }
        app
    }

    pub(crate) fn tag(&self, site: &Site) -> String {
        if self.role == Role::Database {
            "16.4".to_owned()
        } else {
            site.names.tag(self.release)
        }
    }

    /// The name of the workload's config map.
    pub(crate) fn config(&self) -> String {
        format!("{}-config", self.name)
    }

    /// The name of the workload's secret.
    pub(crate) fn secret(&self) -> String {
        format!("{}-credentials", self.name)
    }

    /// Its pod template.
    pub(crate) fn template(&self, site: &Site, release: i64) -> Value {
        let label = site.names.label;
        let tag = App {
            release,
            ..self.clone()
        }
        .tag(site);
        let memory = format!("{}Mi", self.memory_mib);
        let probe = |path: &str| {
            json!({"httpGet": {"path": path, "port": self.port, "scheme": "HTTP"},
            "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3})
        };
        let mut container = json!({
            "name": self.name, "image": format!("{}:{tag}", self.image),
            "ports": [{"name": if self.role == Role::Database { "sql" } else { "http" },
                       "containerPort": self.port, "protocol": "TCP"}],
            "envFrom": [{"configMapRef": {"name": self.config()}}],
            "env": self.env(site),
            "resources": {"requests": {"cpu": format!("{}m", self.cpu_milli), "memory": memory},
                          "limits": {"cpu": format!("{}m", self.cpu_milli * 4), "memory": format!("{}Mi", self.memory_mib * 2)}},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "imagePullPolicy": "IfNotPresent",
        });
        if self.role == Role::Database {
            let check = json!({"exec": {"command": ["pg_isready", "-U", "postgres"]}, "timeoutSeconds": 1,
                               "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3});
            container["readinessProbe"] = check.clone();
            container["livenessProbe"] = check;
            container["volumeMounts"] =
                json!([{"name": "data", "mountPath": "/var/lib/postgresql/data"}]);
        } else {
            container["livenessProbe"] = probe("/healthz");
            container["readinessProbe"] = probe("/ready");
        }
        json!({
            "metadata": {"labels": {label: self.name}},
            "spec": {"containers": [container], "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
                     "dnsPolicy": "ClusterFirst", "serviceAccountName": "default", "securityContext": {},
                     "schedulerName": "default-scheduler"},
        })
    }

    fn env(&self, site: &Site) -> Value {
        let mut env = vec![json!({"name": "PORT", "value": self.port.to_string()})];
        for role in self.calls {
            let other = site.app(*role);
            let word = other.name.to_uppercase().replace('-', "_");
            env.push(match role {
                Role::Database => json!({"name": "DATABASE_HOST", "value": other.name}),
                _ => json!({"name": format!("{word}_URL"), "value": format!("http://{}:80", other.name)}),
            });
        }
        if self.calls.contains(&Role::Database) || self.role == Role::Database {
            let key = json!({"secretKeyRef": {"name": self.secret(), "key": "password"}});
            env.push(json!({"name": "DATABASE_PASSWORD", "valueFrom": key}));
        }
        json!(env)
    }
}

/// The hash by which a replica set is named.
pub(crate) fn template_hash(template: &Value) -> String {
    let alphabet = b"bcdfghjklmnpqrstvwxz2456789";
    let hash = blake3::hash(template.to_string().as_bytes());
    hash.as_bytes()[..10]
        .iter()
        .map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()]))
        .collect()
}

impl Site {
    /// Adds a replica set of a deployment and gives its name.
    pub(crate) fn add_replica_set(
        &mut self,
        app: &App,
        template: &Value,
        revision: i64,
        replicas: i64,
        created: Timestamp,
    ) -> String {
        let namespace = self.namespace();
        let hash = template_hash(template);
        let name = format!("{}-{hash}", app.name);
        let mut template = template.clone();
        template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
        let labels = template["metadata"]["labels"].clone();
        let mut meta = self.meta(&namespace, &name, created);
        meta["labels"] = labels.clone();
        meta["generation"] = json!(1);
        meta["annotations"] = json!({"deployment.kubernetes.io/desired-replicas": app.replicas.to_string(),
            "deployment.kubernetes.io/max-replicas": (app.replicas + 1).to_string(),
            "deployment.kubernetes.io/revision": revision.to_string()});
        meta["ownerReferences"] = self.owner("Deployment", &namespace, &app.name);
        self.put("ReplicaSet", json!({"metadata": meta,
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
            "status": {"replicas": 0, "observedGeneration": 1}}));
        name
    }

    /// Adds the deployment of a workload with its history, and running pods.
    pub(crate) fn add_deployment(&mut self, app: &App, created: Timestamp) {
        let namespace = self.namespace();
        let template = app.template(self, app.release);
        let revision = self.rng.range(3, 12);
        let hours = self.rng.range(7, 90);
        let rolled = self.ago(hours * 3600);
        let mut meta = self.meta(&namespace, &app.name, created);
        meta["labels"] = template["metadata"]["labels"].clone();
        meta["generation"] = json!(revision);
        meta["annotations"] = json!({"deployment.kubernetes.io/revision": revision.to_string()});
        self.put("Deployment", json!({"metadata": meta,
            "spec": {"replicas": app.replicas, "selector": {"matchLabels": template["metadata"]["labels"]},
                     "template": template, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
                     "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}},
            "status": {"observedGeneration": revision,
                "conditions": [
                    condition("Progressing", "True", "NewReplicaSetAvailable", "", rolled),
                    condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", created),
                ]}}));
        let older = app.template(self, app.release - 1);
        self.add_replica_set(app, &older, revision - 1, 0, created);
        let set = self.add_replica_set(app, &template, revision, app.replicas, rolled);
        for _ in 0..app.replicas {
            self.add_pod_of_set(&set, rolled);
        }
    }

    /// Adds a running pod of a replica set on some node; gives its name.
    pub(crate) fn add_pod_of_set(&mut self, set: &str, created: Timestamp) -> String {
        let namespace = self.namespace();
        let name = format!("{set}-{}", self.rng.suffix(5));
        let owner = self.owner("ReplicaSet", &namespace, set);
        let template = self.get("ReplicaSet", &namespace, set)["spec"]["template"].clone();
        let node = self.choose_node();
        self.add_pod(&namespace, &name, &owner, &template, node, created);
        self.edit("Pod", &namespace, &name, |pod| {
            pod["metadata"]["generateName"] = json!(format!("{set}-"));
        });
        name
    }

    /// A node that takes pods.
    pub(crate) fn choose_node(&mut self) -> usize {
        let open: Vec<usize> = (0..self.names.nodes.len())
            .filter(|index| {
                let node = self.get("Node", "", &self.names.nodes[*index].clone());
                node["spec"]["unschedulable"] != json!(true)
            })
            .collect();
        if open.is_empty() {
            0
        } else {
            *self.rng.pick(&open)
        }
    }

    /// Adds a running pod.
    pub(crate) fn add_pod(
        &mut self,
        namespace: &str,
        name: &str,
        owner: &Value,
        template: &Value,
        node: usize,
        created: Timestamp,
    ) {
        let node_name = self.names.nodes[node].clone();
        let address = self.pod_address(node);
        let host = node_address(node);
        let mut meta = self.meta(namespace, name, created);
        meta["labels"] = template["metadata"]["labels"].clone();
        meta["ownerReferences"] = owner.clone();
        let mut spec = template["spec"].clone();
        spec["nodeName"] = json!(node_name);
        spec["preemptionPolicy"] = json!("PreemptLowerPriority");
        spec["priority"] = json!(0);
        spec["tolerations"] = json!([
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}]);
        let started = created + SignedDuration::from_secs(3);
        let ready = created + SignedDuration::from_secs(12);
        let statuses: Vec<Value> = spec["containers"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|container| self.running_status(container, started))
            .collect();
        let conditions: Vec<Value> = [
            ("PodReadyToStartContainers", started),
            ("Initialized", created),
            ("Ready", ready),
            ("ContainersReady", ready),
            ("PodScheduled", created),
        ]
        .into_iter()
        .map(|(kind, at)| json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": at.to_string()}))
        .collect();
        self.put("Pod", json!({"metadata": meta, "spec": spec,
            "status": {"phase": "Running", "conditions": conditions, "hostIP": host, "hostIPs": [{"ip": host}],
                       "podIP": address, "podIPs": [{"ip": address}], "startTime": created.to_string(),
                       "containerStatuses": statuses, "qosClass": "Burstable"}}));
    }

    fn running_status(&mut self, container: &Value, started: Timestamp) -> Value {
        let image = container["image"].as_str().unwrap_or_default();
        let digest = blake3::hash(image.as_bytes()).to_hex();
        let repository = image
            .rsplit_once(':')
            .map_or(image, |(repository, _)| repository);
        json!({"name": container["name"], "state": {"running": {"startedAt": started.to_string()}},
               "lastState": {}, "ready": true, "restartCount": 0, "started": true, "image": image,
               "imageID": format!("{repository}@sha256:{digest}"),
               "containerID": format!("containerd://{}", self.rng.text("0123456789abcdef", 64))})
    }
}

/// The address of the node of that index.
pub(crate) fn node_address(node: usize) -> String {
    format!("192.168.20.{}", node + 11)
}

/// A condition as controllers write it.
pub(crate) fn condition(
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    at: Timestamp,
) -> Value {
    json!({"type": kind, "status": status, "lastUpdateTime": at.to_string(), "lastTransitionTime": at.to_string(),
           "reason": reason, "message": message})
}
