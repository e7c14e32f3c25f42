//! A cluster under construction: time, chance, names, and writing objects as
//! their owners would.
//!
//! Recipes change it through these methods; what follows from the change
//! (statuses, endpoints, metrics) is written by [`super::controllers`] and
//! [`super::metrics`].

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::Params;
use super::names::{Names, Role};
use super::rng::Rng;
use super::workload::App;
use crate::world::{LogKey, Resource, World, by_kind};

/// A cluster under construction.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) rng: Rng,
    pub(crate) now: Timestamp,
    pub(crate) names: Names,
    pub(crate) apps: Vec<App>,
    /// When the fault began; until it is set, all is well.
    pub(crate) fault_at: Timestamp,
    /// Deployments that were rolled out by the scenario, and when.
    pub(crate) rollouts: BTreeMap<String, Timestamp>,
    /// Deployments whose newest specification their controller has not seen.
    pub(crate) unobserved: BTreeSet<String>,
    next_address: i64,
}

/// What an event says.
pub(crate) struct EventText<'a> {
    pub(crate) kind: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) message: &'a str,
    /// Component that reports.
    pub(crate) from: &'a str,
}

/// How often and when an event was seen.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) count: i64,
}

impl Seen {
    pub(crate) fn once(at: Timestamp) -> Self {
        Self {
            first: at,
            last: at,
            count: 1,
        }
    }
}

impl Site {
    pub(crate) fn new(params: &Params) -> Self {
        let mut rng = Rng::new(params.seed);
        let names = Names::generate(&mut rng);
        // Whole seconds: Kubernetes writes no fractions.
        let now = Timestamp::from_second(params.now.as_second()).unwrap_or(params.now);
        let mut world = World::new();
        world.freeze(now);
        Self {
            world,
            rng,
            now,
            names,
            apps: Vec::new(),
            fault_at: now,
            rollouts: BTreeMap::new(),
            unobserved: BTreeSet::new(),
            next_address: 10,
        }
    }

    /// That many seconds before now.
    pub(crate) fn ago(&self, seconds: i64) -> Timestamp {
        self.now - SignedDuration::from_secs(seconds)
    }

    /// The workload of a role.
    pub(crate) fn app(&self, role: Role) -> App {
        let found = self.apps.iter().find(|app| app.role == role);
        found.cloned().unwrap_or_else(|| App::plain(self, role))
    }

    /// The namespace of the system.
    pub(crate) fn namespace(&self) -> String {
        self.names.namespace.clone()
    }

    /// A pod address on the node of that index.
    pub(crate) fn pod_address(&mut self, node: usize) -> String {
        self.next_address += 1;
        format!("10.244.{}.{}", node + 1, self.next_address % 250 + 2)
    }

    /// The metadata of a new object.
    pub(crate) fn meta(&mut self, namespace: &str, name: &str, created: Timestamp) -> Value {
        let mut meta = Map::new();
        meta.insert("name".to_owned(), json!(name));
        if !namespace.is_empty() {
            meta.insert("namespace".to_owned(), json!(namespace));
        }
        meta.insert("uid".to_owned(), json!(self.rng.uuid()));
        meta.insert("creationTimestamp".to_owned(), json!(created.to_string()));
        Value::Object(meta)
    }

    /// Adds an object of `kind`.
    pub(crate) fn put(&mut self, kind: &str, object: Value) {
        if let Some(resource) = by_kind(kind) {
            self.world.put(resource, object);
        }
    }

    /// The object of that kind and name, or null.
    pub(crate) fn get(&self, kind: &str, namespace: &str, name: &str) -> Value {
        by_kind(kind)
            .and_then(|resource| self.world.get(resource, namespace, name))
            .map_or(Value::Null, |object| Value::clone(object))
    }

    /// All objects of a kind, with namespace and name.
    pub(crate) fn all(&self, kind: &str) -> Vec<Value> {
        by_kind(kind)
            .into_iter()
            .flat_map(|resource| self.world.objects(resource))
            .map(|(_, object)| Value::clone(object))
            .collect()
    }

    /// Changes an object in place.
    pub(crate) fn edit(
        &mut self,
        kind: &str,
        namespace: &str,
        name: &str,
        edit: impl FnOnce(&mut Value),
    ) {
        if let Some(resource) = by_kind(kind) {
            self.world.edit(resource, namespace, name, edit);
        }
    }

    /// Deletes an object, with the logs of a pod.
    pub(crate) fn delete(&mut self, kind: &str, namespace: &str, name: &str) {
        let resource: Option<&'static Resource> = by_kind(kind);
        if let Some(resource) = resource {
            self.world.delete(resource, namespace, name);
        }
        if kind == "Pod" {
            self.world
                .retain_logs(|key| key.namespace != namespace || key.pod != name);
        }
    }

    /// An owner reference to an object.
    pub(crate) fn owner(&self, kind: &str, namespace: &str, name: &str) -> Value {
        let uid = self.get(kind, namespace, name)["metadata"]["uid"].clone();
        let api = by_kind(kind).map(Resource::group_version);
        json!([{"apiVersion": api, "kind": kind, "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true}])
    }

    /// Records an event about an object, as controllers and kubelets do.
    pub(crate) fn event(&mut self, about: (&str, &str, &str), text: &EventText<'_>, seen: Seen) {
        let (kind, namespace, name) = about;
        let object = self.get(kind, namespace, name);
        let host = match text.from {
            "kubelet" if kind == "Node" => name.to_owned(),
            "kubelet" => object["spec"]["nodeName"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            _ => String::new(),
        };
        let mut event = self.event_head(about, &object, text, seen.first);
        let mut source = json!({"component": text.from});
        if !host.is_empty() {
            source["host"] = json!(host);
        }
        event["source"] = source;
        event["firstTimestamp"] = json!(seen.first.to_string());
        event["lastTimestamp"] = json!(seen.last.to_string());
        event["count"] = json!(seen.count);
        event["eventTime"] = Value::Null;
        event["reportingComponent"] = json!(text.from);
        event["reportingInstance"] = json!(host);
        self.put("Event", event);
    }

    /// Records an event of the scheduler, which writes them in the newer form.
    pub(crate) fn scheduler_event(
        &mut self,
        pod: (&str, &str),
        kind: &str,
        reason: &str,
        message: &str,
        seen: Seen,
    ) {
        let about = ("Pod", pod.0, pod.1);
        let object = self.get("Pod", pod.0, pod.1);
        let text = EventText {
            kind,
            reason,
            message,
            from: "default-scheduler",
        };
        let mut event = self.event_head(about, &object, &text, seen.first);
        event["source"] = json!({});
        event["firstTimestamp"] = Value::Null;
        event["lastTimestamp"] = Value::Null;
        event["eventTime"] = json!(micro(seen.first));
        event["action"] = json!("Scheduling");
        event["reportingComponent"] = json!("default-scheduler");
        event["reportingInstance"] = json!(format!("default-scheduler-{}", self.names.nodes[0]));
        if seen.count > 1 {
            event["series"] = json!({"count": seen.count, "lastObservedTime": micro(seen.last)});
        }
        self.put("Event", event);
    }

    fn event_head(
        &mut self,
        about: (&str, &str, &str),
        object: &Value,
        text: &EventText<'_>,
        at: Timestamp,
    ) -> Value {
        let (kind, namespace, name) = about;
        // Events of cluster-scoped objects lie in the default namespace.
        let home = if namespace.is_empty() {
            "default"
        } else {
            namespace
        };
        let suffix = self.rng.text("0123456789abcdef", 16);
        let mut involved = json!({"kind": kind, "name": name, "apiVersion": by_kind(kind).map(Resource::group_version)});
        if !namespace.is_empty() {
            involved["namespace"] = json!(namespace);
        }
        // Kubelets name the node itself as the uid of node events.
        involved["uid"] = if kind == "Node" && text.from == "kubelet" {
            json!(name)
        } else {
            object["metadata"]["uid"].clone()
        };
        if let (true, Some(container)) = (
            text.from == "kubelet" && kind == "Pod",
            object["spec"]["containers"][0]["name"].as_str(),
        ) && !matches!(
            text.reason,
            "FailedMount" | "FailedCreatePodSandBox" | "Evicted" | "FailedAttachVolume"
        ) {
            involved["fieldPath"] = json!(format!("spec.containers{{{container}}}"));
        }
        json!({
            "metadata": {"name": format!("{name}.{suffix}"), "namespace": home, "uid": self.rng.uuid(),
                         "creationTimestamp": at.to_string()},
            "involvedObject": involved, "reason": text.reason, "message": text.message, "type": text.kind,
        })
    }

    /// Writes a line to a container's log.
    pub(crate) fn log(&mut self, pod: &str, container: &str, at: Timestamp, line: &str) {
        let key = LogKey::current(&self.names.namespace, pod, container);
        self.world.log(&key, Some(at), line);
    }

    /// Writes the log of the container instance before.
    pub(crate) fn previous_log(&mut self, pod: &str, container: &str, at: Timestamp, line: &str) {
        let key = LogKey::previous(&self.names.namespace, pod, container);
        self.world.log(&key, Some(at), line);
    }

    /// Names of the pods that an owner's label selects, in order.
    pub(crate) fn pods_of(&self, app: &App) -> Vec<String> {
        self.all("Pod")
            .iter()
            .filter(|pod| {
                pod["metadata"]["namespace"] == json!(self.names.namespace)
                    && pod["metadata"]["labels"][self.names.label] == json!(app.name)
            })
            .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
            .collect()
    }
}

/// A time with microseconds, as the newer events have it.
pub(crate) fn micro(at: Timestamp) -> String {
    format!("{at:.6}")
}
