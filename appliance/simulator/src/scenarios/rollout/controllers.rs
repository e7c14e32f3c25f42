//! Controllers that do not bring about what is asked.

use serde_json::json;

use super::super::alert::Alert;
use super::super::image::{at_deployment, victim};
use super::super::names::Role;
use super::super::site::{EventText, Seen, Site};
use super::super::{Expected, Params, ScenarioRun, run};

/// New pods run and wait for a word from outside that never comes.
pub(crate) fn stuck(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = victim(site);
        let gate = "target-health.example/registered";
        let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
        let rollout = site.rollout(&app, |template| {
            template["spec"]["containers"][0]["image"] = json!(image);
            template["spec"]["readinessGates"] = json!([{"conditionType": gate}]);
        });
        let pod = rollout.pods[0].clone();
        let since = site.after(15).to_string();
        site.edit_pod(&pod, |pod| {
            for condition in pod["status"]["conditions"]
                .as_array_mut()
                .into_iter()
                .flatten()
            {
                if condition["type"] == "Ready" {
                    condition["status"] = json!("False");
                    condition["reason"] = json!("ReadinessGatesNotReady");
                    condition["lastTransitionTime"] = json!(since);
                }
            }
        });
        let at = site.after(6);
        let hello = app.runtime.hello(at, app.port);
        site.log(&pod, &app.name, at, &hello);
        let expected = at_deployment(site, &app, &["RolloutStuck"]);
        (Alert::rollout_stuck(&site.namespace(), &app.name), expected)
    })
}

/// Nobody acts on a new specification.
pub(crate) fn unnoticed(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let at = site.fault_at.to_string();
        site.edit("Deployment", &namespace, &app.name, |one| {
            let generation = one["metadata"]["generation"].as_i64().unwrap_or(1) + 1;
            one["metadata"]["generation"] = json!(generation);
            one["spec"]["template"]["spec"]["containers"][0]["image"] = json!(format!("{}:next", app.image));
            one["metadata"]["managedFields"] = json!([{"manager": "helm", "operation": "Update", "apiVersion": "apps/v1", "time": at,
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:template": {}}}}]);
        });
        site.unobserved.insert(app.name.clone());
        let expected = at_deployment(site, &app, &["GenerationMismatch", "ControllerManagerDown"]);
        let alert = Alert::about(
            "KubeDeploymentGenerationMismatch",
            "Deployment generation mismatch due to possible roll-back.",
            &namespace,
            "deployment",
            &app.name,
        );
        (alert, expected)
    })
}

/// The first of three ordered pods is not ready, so the others do not come.
pub(crate) fn ordered_start(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let database = site.app(Role::Database);
        let namespace = site.namespace();
        site.edit("StatefulSet", &namespace, &database.name, |set| {
            set["spec"]["replicas"] = json!(3);
        });
        let pod = format!("{}-0", database.name);
        let since = site.after(20);
        site.edit_pod(&pod, |pod| {
            pod["status"]["containerStatuses"][0]["ready"] = json!(false);
        });
        site.not_ready(&pod, since);
        let expected = Expected::Cause(
            &["StatefulSetBlocked"],
            ("StatefulSet", namespace.clone(), database.name.clone()),
        );
        (
            Alert::stateful_set_mismatch(&namespace, &database.name),
            expected,
        )
    })
}

/// The governing Service was deleted; the pods' own names do not resolve.
pub(crate) fn service_gone(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let database = site.app(Role::Database);
        let namespace = site.namespace();
        site.delete("Service", &namespace, &database.name);
        site.delete("Endpoints", &namespace, &database.name);
        site.delete("EndpointSlice", &namespace, &format!("{}-1", database.name));
        let expected = Expected::Cause(
            &["StatefulSetServiceMissing"],
            ("StatefulSet", namespace.clone(), database.name.clone()),
        );
        (
            Alert::stateful_set_mismatch(&namespace, &database.name),
            expected,
        )
    })
}

pub(crate) fn daemon_missing(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let (namespace, name) = ("monitoring", "node-exporter");
        let pods: Vec<String> = site
            .all("Pod")
            .iter()
            .filter(|pod| pod["metadata"]["ownerReferences"][0]["name"] == json!(name))
            .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
            .collect();
        site.delete("Pod", namespace, &pods[0]);
        let expected = Expected::Cause(
            &["DaemonSetNotScheduledMisscheduled"],
            ("DaemonSet", namespace.to_owned(), name.to_owned()),
        );
        let alert = Alert::about(
            "KubeDaemonSetNotScheduled",
            "DaemonSet pods are not scheduled.",
            namespace,
            "daemonset",
            name,
        );
        (alert, expected)
    })
}

/// A drain waits for a budget that allows nothing.
pub(crate) fn budget_blocks(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let front = site.app(Role::Front);
        let namespace = site.namespace();
        site.edit("PodDisruptionBudget", &namespace, &front.name, |one| {
            one["spec"]["minAvailable"] = json!(front.replicas);
        });
        let pod = site.pods_of(&front)[0].clone();
        let text = EventText {
            kind: "Warning",
            reason: "EvictionBlocked",
            message: "Cannot evict pod as it would violate the pod's disruption budget.",
            from: "drain-controller",
        };
        let seen = site.repeatedly(10, 200);
        site.event(("Pod", &namespace, &pod), &text, seen);
        let expected = Expected::Cause(
            &["PdbBlocks"],
            ("PodDisruptionBudget", namespace.clone(), front.name.clone()),
        );
        let alert = Alert::about(
            "KubePdbNotEnoughHealthyPods",
            "PDB does not have enough healthy pods.",
            &namespace,
            "poddisruptionbudget",
            &front.name,
        );
        (alert, expected)
    })
}

/// A Deployment was deleted, and its pods with it.
pub(crate) fn collected(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = site.app(Role::Payment);
        let caller = site.app(Role::Checkout);
        let namespace = site.namespace();
        let at = site.after(2);
        let sets: Vec<String> = site
            .all("ReplicaSet")
            .iter()
            .filter(|set| set["metadata"]["ownerReferences"][0]["name"] == json!(app.name))
            .filter_map(|set| set["metadata"]["name"].as_str().map(str::to_owned))
            .collect();
        for pod in site.pods_of(&app) {
            stop(site, &pod, &app.name, at);
        }
        for set in sets {
            site.delete("ReplicaSet", &namespace, &set);
        }
        site.delete("Deployment", &namespace, &app.name);
        let error = format!(
            "call to {} failed: dial tcp: connect: connection refused",
            app.name
        );
        site.complain(&caller, &error, 20);
        site.traffic_now(&caller, 0.9, 0.6);
        site.traffic_now(&app, 0.0, 0.0);
        let expected = Expected::Cause(
            &["OwnerGc"],
            ("Service", namespace.clone(), app.name.clone()),
        );
        (Alert::errors(&namespace, &app.name), expected)
    })
}

fn stop(site: &mut Site, pod: &str, container: &str, at: jiff::Timestamp) {
    let namespace = site.namespace();
    let message = format!("Stopping container {container}");
    site.kubelet(pod, "Normal", "Killing", &message, Seen::once(at));
    site.delete("Pod", &namespace, pod);
}
