//! Claims, volumes, and the pods that wait for them.

use serde_json::json;

use super::alert::Alert;
use super::names::Role;
use super::site::{EventText, Site};
use super::{Expected, Params, ScenarioRun, run};

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
    let database = site.app(Role::Database);
    let pod = format!("{}-0", database.name);
    let at = site.fault_at.to_string();
    site.edit_pod(&pod, |pod| pod["metadata"]["creationTimestamp"] = json!(at));
    site.unschedulable(&pod, message);
    pod
}

pub(super) fn class_missing(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let database = site.app(Role::Database);
        let namespace = site.namespace();
        let claim = format!("data-{}-0", database.name);
        let class = *site.rng.pick(&["fast-ssd", "premium", "nvme-replicated"]);
        let old =
            site.get("PersistentVolumeClaim", &namespace, &claim)["spec"]["volumeName"].clone();
        site.delete("PersistentVolume", "", old.as_str().unwrap_or_default());
        let at = site.fault_at;
        let meta = site.meta(&namespace, &claim, at);
        site.put("PersistentVolumeClaim", json!({"metadata": meta, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "volumeMode": "Filesystem", "resources": {"requests": {"storage": "20Gi"}}}, "status": {"phase": "Pending"}}));
        site.edit("StatefulSet", &namespace, &database.name, |set| {
            set["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = json!(class);
        });
        let message = format!("storageclass.storage.k8s.io \"{class}\" not found");
        let text = EventText {
            kind: "Warning",
            reason: "ProvisioningFailed",
            message: &message,
            from: "persistentvolume-controller",
        };
        let seen = site.repeatedly(2, 90);
        site.controller_event(("PersistentVolumeClaim", &claim), &text, seen);
        let total = site.names.nodes.len();
        wait_for_node(
            site,
            &format!(
                "0/{total} nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling."
            ),
        );
        database_gone(site);
        let expected = Expected::Cause(
            &["StorageClassMissing"],
            ("StatefulSet", namespace.clone(), database.name.clone()),
        );
        (
            Alert::stateful_set_mismatch(&namespace, &database.name),
            expected,
        )
    })
}

pub(super) fn volume_elsewhere(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let database = site.app(Role::Database);
        let namespace = site.namespace();
        let pod = format!("{}-0", database.name);
        let home = site.get("Pod", &namespace, &pod)["spec"]["nodeName"]
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
            vec![("StatefulSet", namespace.clone(), database.name.clone())],
        );
        (
            Alert::stateful_set_mismatch(&namespace, &database.name),
            expected,
        )
    })
}
