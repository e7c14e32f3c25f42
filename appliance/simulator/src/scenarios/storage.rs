//! Claims, volumes, and the pods that wait for them.

use serde_json::{Value, json};

use super::alert::Alert;
use super::names::Role;
use super::site::{EventText, Site};
use super::{Expected, Params, ScenarioRun, run};

/// The database and what holds its data.
pub(super) struct Database {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) pod: String,
    pub(super) claim: String,
}

impl Database {
    pub(super) fn of(site: &Site) -> Self {
        let name = site.app(Role::Database).name;
        Self {
            namespace: site.namespace(),
            pod: format!("{name}-0"),
            claim: format!("data-{name}-0"),
            name,
        }
    }

    /// The volume that its claim is bound to.
    pub(super) fn volume(&self, site: &Site) -> String {
        let claim = site.get("PersistentVolumeClaim", &self.namespace, &self.claim);
        claim["spec"]["volumeName"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The alert about its missing pod.
    pub(super) fn mismatch(&self) -> Alert {
        Alert::stateful_set_mismatch(&self.namespace, &self.name)
    }

    /// That alert, where the database itself is to be found.
    pub(super) fn at_fault(self, causes: &'static [&'static str]) -> (Alert, Expected) {
        let alert = self.mismatch();
        (
            alert,
            Expected::Cause(causes, ("StatefulSet", self.namespace, self.name)),
        )
    }
}

/// Callers of the database find it gone.
pub(super) fn database_gone(site: &mut Site) {
    let database = site.app(Role::Database);
    for role in [Role::Orders, Role::Catalog] {
        let caller = site.app(role);
        let error = format!(
            "could not translate host name \"{}\" to address: Name or service not known",
            database.name
        );
        site.complain(&caller, &error, 14);
        site.traffic_now(&caller, 0.8, 0.8);
    }
}

/// The database's pod was recreated and waits.
pub(super) fn wait_for_node(site: &mut Site, message: &str) -> String {
    let pod = Database::of(site).pod;
    let at = site.fault_at.to_string();
    site.edit_pod(&pod, |pod| pod["metadata"]["creationTimestamp"] = json!(at));
    site.unschedulable(&pod, message);
    pod
}

/// The database waits for its claim, which nothing serves yet.
pub(super) fn unbound(site: &mut Site) {
    let total = site.names.nodes.len();
    let message = format!(
        "0/{total} nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling."
    );
    wait_for_node(site, &message);
    database_gone(site);
}

/// Replaces the database's claim by one that waits, and its volume by none.
pub(super) fn new_claim(site: &mut Site, spec: &Value) -> String {
    let database = Database::of(site);
    let old = database.volume(site);
    site.delete("PersistentVolume", "", &old);
    let at = site.fault_at;
    let meta = site.meta(&database.namespace, &database.claim, at);
    site.put(
        "PersistentVolumeClaim",
        json!({"metadata": meta, "spec": spec, "status": {"phase": "Pending"}}),
    );
    database.claim
}

/// What the volume controller says of a claim, again and again.
pub(super) fn claim_says(site: &mut Site, claim: &str, text: (&str, &str, &str), every: i64) {
    let (kind, reason, message) = text;
    let text = EventText {
        kind,
        reason,
        message,
        from: "persistentvolume-controller",
    };
    let seen = site.repeatedly(2, every);
    site.controller_event(("PersistentVolumeClaim", claim), &text, seen);
}

pub(super) fn class_missing(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let database = Database::of(site);
        let class = *site.rng.pick(&["fast-ssd", "premium", "nvme-replicated"]);
        let claim = new_claim(
            site,
            &json!({"accessModes": ["ReadWriteOnce"], "storageClassName": class, "volumeMode": "Filesystem", "resources": {"requests": {"storage": "20Gi"}}}),
        );
        site.edit("StatefulSet", &database.namespace, &database.name, |set| {
            set["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = json!(class);
        });
        let message = format!("storageclass.storage.k8s.io \"{class}\" not found");
        claim_says(
            site,
            &claim,
            ("Warning", "ProvisioningFailed", &message),
            90,
        );
        unbound(site);
        database.at_fault(&["StorageClassMissing"])
    })
}

pub(super) fn volume_elsewhere(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let database = Database::of(site);
        let home = site.get("Pod", &database.namespace, &database.pod)["spec"]["nodeName"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let at = site.fault_at.to_string();
        site.edit("Node", "", &home, |node| {
            node["spec"]["unschedulable"] = json!(true);
            node["spec"]["taints"] = json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": at}]);
        });
        let total = site.names.nodes.len();
        wait_for_node(
            site,
            &format!(
                "0/{total} nodes are available: 1 node(s) were unschedulable, {} node(s) had volume node affinity conflict. preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling.",
                total - 1
            ),
        );
        database_gone(site);
        let expected = Expected::Either(
            &["NodeCordoned", "VolumeNodeAffinity"],
            ("Node", String::new(), home),
            vec![(
                "StatefulSet",
                database.namespace.clone(),
                database.name.clone(),
            )],
        );
        (database.mismatch(), expected)
    })
}
