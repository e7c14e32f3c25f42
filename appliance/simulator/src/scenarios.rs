//! Clusters that break in known ways.
//!
//! A recipe builds a healthy cluster, breaks one thing, and lets objects,
//! events, logs and metrics follow as kubelet, scheduler and controllers would
//! write them. Names, sizes and times come from a seed, so that each recipe
//! gives endless variants; the same parameters give the same run.
//!
//! One file per family of faults; `RECIPES`, [`workloads`], [`infrastructure`] and
//! [`healthy`] are the registries. What follows
//! from a fault is written by `controllers` and `metrics`, never by a recipe.

/// Makes a registry out of `family::function "id" "title" "story"`.
macro_rules! recipes {
    ($name:ident: $($family:ident :: $function:ident $id:literal $title:literal $story:literal)*) => {
        /// Recipes of this registry.
        pub(super) const $name: &[$crate::scenarios::Recipe] = &[$(
            $crate::scenarios::Recipe {
                id: $id,
                title: $title,
                story: $story,
                build: |params| $family::$function(params, $id),
            },
        )*];
    };
}

mod alert;
mod autoscaling;
mod base;
mod breakage;
mod calm;
mod changed;
mod claims;
mod control;
mod controllers;
mod fabric;
mod hardware;
mod healthy;
mod image;
mod infrastructure;
mod kubelets;
mod links;
mod log_lines;
mod machine;
mod metrics;
mod names;
mod network;
mod node;
mod paths;
mod placement;
mod platform;
mod quiet;
mod refusals;
mod resolving;
mod rng;
mod rollout;
mod runtime;
mod scheduling;
mod site;
mod startup;
mod storage;
mod traffic;
mod volumes;
mod watchers;
mod workload;
mod workloads;

use std::path::Path;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::alert::Alert;
use self::site::Site;
use crate::world::bundle::write_json;
use crate::world::{BundleError, World};

/// What a run is made from.
#[derive(Clone, Copy, Debug)]
pub struct Params {
    /// Decides names, sizes and details.
    pub seed: u64,
    /// The present of the run; the fault lies some time before.
    pub now: Timestamp,
}

/// A way in which clusters break.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Identifier, in kebab-case.
    pub id: &'static str,
    /// What happened, in a few words.
    pub title: &'static str,
    /// What happened, told to a person.
    pub story: &'static str,
    /// Builds a run.
    pub build: fn(&Params) -> ScenarioRun,
}

/// One run of a recipe. Both worlds stand still at [`Params::now`]; let them
/// run with [`World::unfreeze`].
#[derive(Clone, Debug)]
pub struct ScenarioRun {
    /// The healthy cluster.
    pub before: World,
    /// The cluster when the alert is handled; the same objects as before otherwise.
    pub after: World,
    /// The webhook body Alertmanager sends (version 4).
    pub alert: Value,
    /// `{"cause": […], "object": {…}, "or_objects": […]}`, the first the best,
    /// others acceptable; or `{"healthy": true}`. With `"changed": […]`, the
    /// objects that people and tools changed.
    pub expected: Value,
    /// Cluster name.
    pub cluster: String,
    /// Which recipe, with which seed.
    pub source: String,
}

impl ScenarioRun {
    /// Writes the state after the fault as an incident bundle with its alert and answer.
    pub fn write_bundle(&self, folder: &Path) -> Result<(), BundleError> {
        self.after
            .write_bundle(folder, &self.cluster, &self.source)?;
        write_json(&folder.join("alert.json"), &self.alert)?;
        write_json(&folder.join("expected.json"), &self.expected)
    }
}

/// Every registry, one after the other.
static ALL: LazyLock<Vec<Recipe>> = LazyLock::new(|| {
    [
        RECIPES,
        workloads::RECIPES,
        infrastructure::RECIPES,
        healthy::RECIPES,
    ]
    .concat()
});

/// All recipes: the twelve told in demos first, then family by family, healthy clusters last.
pub fn all() -> &'static [Recipe] {
    &ALL
}

/// The recipe of that identifier.
pub fn find(id: &str) -> Option<&'static Recipe> {
    all().iter().find(|recipe| recipe.id == id)
}

/// Kind, namespace (empty for cluster-scoped kinds) and name of an object.
type Place = (&'static str, String, String);

/// What a recipe expects the analysis to find.
enum Expected {
    /// Causes, best first, and the object to fix: kind, namespace, name.
    Cause(&'static [&'static str], Place),
    /// As [`Expected::Cause`], with other objects a person might name as well.
    Either(&'static [&'static str], Place, Vec<Place>),
    /// Nothing is wrong any more, or never was.
    Healthy,
}

/// A fault of that many seconds ago, in a healthy cluster.
fn run(
    params: &Params,
    id: &str,
    seconds: i64,
    fault: impl FnOnce(&mut Site) -> (Alert, Expected),
) -> ScenarioRun {
    let mut site = Site::healthy(params);
    let before = site.world.clone();
    let jitter = site.rng.range(0, 300);
    site.fault(seconds + jitter);
    let (alert, expected) = fault(&mut site);
    let changed = changed::objects(&before, &site.world);
    site.settle();
    site.world.sort_logs();
    let mut expected = match expected {
        Expected::Healthy => json!({"healthy": true}),
        Expected::Cause(causes, object) => json!({"cause": causes, "object": reference(object)}),
        Expected::Either(causes, object, others) => {
            let others: Vec<Value> = others.into_iter().map(reference).collect();
            json!({"cause": causes, "object": reference(object), "or_objects": others})
        }
    };
    expected["changed"] = changed.into_iter().map(reference).collect();
    ScenarioRun {
        before,
        alert: alert.webhook(&site),
        expected,
        cluster: site.names.cluster.clone(),
        source: format!("simulated: {id}, seed {}", params.seed),
        after: site.world,
    }
}

fn reference((kind, namespace, name): Place) -> Value {
    let mut object = json!({"kind": kind});
    if !namespace.is_empty() {
        object["namespace"] = json!(namespace);
    }
    object["name"] = json!(name);
    object
}

impl Site {
    /// Lets statuses and series follow from objects.
    fn settle(&mut self) {
        controllers::settle(self);
        metrics::settle(self);
    }
}

recipes! {
    RECIPES:
    image::bad_image "bad-image-after-rollout" "A rollout names an image that does not exist"
        "A release was rolled out with a tag that was never pushed. The new pod cannot pull its image; the old pods still serve."
    runtime::wrong_probe_port "wrong-probe-port" "The readiness probe asks the wrong port"
        "A manifest change moved the readiness probe to a port nothing listens on. New pods run, but never become ready."
    runtime::oom_after_limit_lowered "oom-after-limit-lowered" "Containers are killed after their memory limit was lowered"
        "To save memory somebody lowered a limit below what the process needs. It is killed minutes after each start."
    network::selector_typo "service-selector-typo" "A service selects no pods, and the frontend is slow"
        "The selector of a service was mistyped. Its endpoints are empty; what people notice is a slow frontend that waits for it."
    image::quota_full "quota-full-no-pods" "Pods are not created because the quota is used up"
        "A deployment was scaled up in a namespace whose quota is full. There is no pod to look at: the replica set may not create one."
    scheduling::cordoned_node "cordoned-node" "Pods wait because their nodes are cordoned"
        "Nodes were cordoned for maintenance and forgotten. Pods that must be replaced find no place."
    image::missing_secret "missing-secret" "A secret that a container needs was deleted"
        "A clean-up removed a secret that looked unused. Pods started since cannot build their environment."
    network::dns_refused_by_policy "coredns-refused-by-network-policy" "A network policy cuts a namespace off from DNS"
        "A default-deny egress policy was applied without allowing DNS. Every name fails, in this namespace only."
    node::stops_reporting "node-stops-reporting" "A node falls silent"
        "A node stopped sending heartbeats. Its pods still look like Running, and their services are short of endpoints."
    runtime::pool_exhausted "database-pool-exhausted-after-scaling" "More replicas use up the database's connections"
        "A workload was scaled out; every replica opens a full pool, and together they need more connections than the database has."
    network::certificate_expired "certificate-expired" "The certificate of the ingress has expired"
        "The certificate in front was not renewed. Everything inside is healthy; clients refuse to connect."
    calm::red_herring "healthy-red-herring" "An alert fires, and all is well again"
        "A pod was restarted by a short hiccup, an old warning stands in the events, and by the time the alert arrives everything works."

    image::config_map_missing "missing-config-map" "A config map that a container needs is gone"
        "A config map was renamed, the workload still asks for the old name."
    image::config_key_missing "missing-config-key" "A key is missing in a config map"
        "A new release needs a key that its config map does not have yet."
    image::pull_denied "image-pull-denied" "The registry refuses the cluster's credentials"
        "The image was moved to a private project, and the namespace has no pull secret for it."
    image::registry_down "registry-unreachable" "The registry does not answer"
        "The site's registry is down. Every pod that needs a new image waits, whatever workload it is of."
    image::wrong_platform "wrong-image-platform" "The image is built for another processor"
        "The release was built on a laptop with another architecture than the nodes have."
    image::bad_command "bad-command" "The command of a container does not exist"
        "A changed command names a binary that is not in the image."
    image::init_hangs "init-container-hangs" "An init container waits for something that never comes"
        "An init container waits for a service by a name that does not exist."
    image::missing_service_account "missing-service-account" "The service account of a workload does not exist"
        "A manifest names a service account that was never created. The replica set may not create pods."
    image::mount_missing "missing-mounted-secret" "A volume names a secret that does not exist"
        "A volume of a new release refers to a secret that is not there. The pod waits in ContainerCreating."
    image::pod_security "pod-security-violation" "The namespace's security level refuses the pods"
        "The namespace enforces the restricted level, and the new template asks for privileges."
    image::quota_needs_limits "quota-needs-limits" "The quota wants limits that the pods do not state"
        "A quota on CPU and memory was introduced; a template without requests and limits is refused."

    scheduling::insufficient_cpu "insufficient-cpu" "No node has the CPU that is requested"
        "A changed request asks for more CPU than any node has left."
    scheduling::insufficient_memory "insufficient-memory" "No node has the memory that is requested"
        "A changed request asks for more memory than any node has left."
    scheduling::selector_mismatch "node-selector-mismatch" "No node has the label that is selected"
        "A node selector names a label that no node carries."
    scheduling::untolerated_taint "untolerated-taint" "All nodes have a taint that pods do not tolerate"
        "Nodes were tainted for a migration, and a workload that must restart has no toleration."
    scheduling::anti_affinity "anti-affinity-too-strict" "There are more replicas than nodes allowed by anti-affinity"
        "Anti-affinity allows one pod per node, and the workload was scaled beyond the number of nodes."

    runtime::liveness_wrong_port "liveness-wrong-port" "The liveness probe asks the wrong port and kills a healthy process"
        "The liveness probe was moved to a port nothing listens on. The kubelet restarts a healthy container again and again."
    runtime::crash_on_config "crash-on-missing-setting" "The process ends because a setting is missing"
        "A setting was dropped from the environment; the process says so and exits."
    runtime::crash_exception "crash-after-release" "A new release crashes on start"
        "A new release ends with an exception while it starts. The old one still serves."
    runtime::exits_normally "container-exits-normally" "The process ends without an error, again and again"
        "A changed argument makes the server print its help and end with status 0."
    runtime::wrong_dependency_port "wrong-dependency-port" "A client is configured with a port nothing listens on"
        "The address of a dependency was changed to a port its service does not have."
    runtime::wrong_dependency_name "wrong-dependency-name" "A client is configured with a host name that does not exist"
        "The address of a dependency was mistyped. Its name does not resolve."
    runtime::stale_credentials "stale-database-credentials" "The database refuses a password that was rotated"
        "The database password was rotated in the secret and the database; a workload still runs with the old one."
    runtime::throttled "cpu-throttled" "A container is slow because its CPU limit is too low"
        "A CPU limit was lowered. The container is throttled most of the time, and requests take seconds."
    runtime::volume_full "database-disk-full" "The database's volume is full"
        "The volume of the database has no space left. It cannot write, and ends."

    rollout::scaled_to_zero "scaled-to-zero" "A workload was scaled to zero and forgotten"
        "Somebody scaled a workload to zero to test something. Its callers fail."
    rollout::paused "rollout-paused" "A rollout was paused halfway"
        "A rollout was paused after its first pod, and the deployment stays between two releases."

    network::target_port "wrong-target-port" "A service sends to a port nothing listens on"
        "The target port of a service was changed. Endpoints are ready, connections are refused."
    network::policy_blocks "network-policy-blocks-callers" "A network policy keeps callers out"
        "A policy allows only pods with a label that the callers do not have. Connections time out."
    network::dns_down "coredns-down" "CoreDNS crashes, and no name resolves"
        "A change of the Corefile does not parse. CoreDNS does not start, and names fail in the whole cluster."

    storage::class_missing "storage-class-missing" "A claim names a storage class that does not exist"
        "A new database asks for a storage class the cluster does not have. Its claim waits, and so does its pod."
    storage::volume_elsewhere "volume-on-another-node" "The volume lies on a node that takes no pods"
        "The database's volume lies on one node. That node was cordoned, and no other can mount the volume."

    node::disk_pressure "node-disk-pressure" "A node runs out of disk and evicts pods"
        "The disk of a node is full of logs. The kubelet evicts pods from it."
    node::runtime_down "container-runtime-down" "The container runtime of a node is down"
        "The container runtime of a node stopped. The kubelet says so, and the node is not ready."
}

#[cfg(test)]
mod tests;
