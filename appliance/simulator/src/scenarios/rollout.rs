//! Workloads that stand still because somebody said so.
//!
//! Controllers that cannot do their work, and the tools around them, have
//! files of their own.

mod controllers;
mod tools;

use serde_json::json;

use super::alert::Alert;
use super::image::{at_deployment, victim};
use super::names::Role;
use super::site::{EventText, Seen};
use super::{Params, ScenarioRun, run};

pub(super) use self::controllers::{
    budget_blocks, collected, daemon_missing, ordered_start, service_gone, stuck, unnoticed,
};
pub(super) use self::tools::{edited_by_hand, helm_pending, no_definition, wrong_namespace};

pub(super) fn scaled_to_zero(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let app = site.app(Role::Payment);
        let caller = site.app(Role::Checkout);
        let namespace = site.namespace();
        let set = site.current_set(&app);
        let at = site.fault_at.to_string();
        site.edit("Deployment", &namespace, &app.name, |one| {
            one["spec"]["replicas"] = json!(0);
            one["metadata"]["managedFields"] = json!([{"manager": "kubectl", "operation": "Update", "apiVersion": "apps/v1", "subresource": "scale",
                "time": at, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
        });
        site.edit("ReplicaSet", &namespace, &set, |one| {
            one["spec"]["replicas"] = json!(0);
        });
        for pod in site.pods_of(&app) {
            site.delete("Pod", &namespace, &pod);
        }
        let message = format!("Scaled down replica set {set} from {} to 0", app.replicas);
        let seen = Seen::once(site.fault_at);
        site.controller_event(("Deployment", &app.name), &scale_text(&message), seen);
        site.complain(
            &caller,
            &format!(
                "call to {} failed: dial tcp: connect: connection refused",
                app.name
            ),
            24,
        );
        site.traffic_now(&caller, 0.9, 0.6);
        site.traffic_now(&app, 0.0, 0.0);
        let expected = at_deployment(site, &app, &["ScaledToZero"]);
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

pub(super) fn paused(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1600, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
        let rollout = site.rollout(&app, |template| {
            template["spec"]["containers"][0]["image"] = json!(image);
        });
        site.edit("Deployment", &namespace, &app.name, |one| {
            one["spec"]["paused"] = json!(true);
        });
        let at = site.after(4);
        let hello = app.runtime.hello(at, app.port);
        site.log(&rollout.pods[0], &app.name, at, &hello);
        let expected = at_deployment(site, &app, &["RolloutPaused"]);
        (Alert::rollout_stuck(&namespace, &app.name), expected)
    })
}

/// A scale event by hand, as `kubectl scale` leaves it.
fn scale_text(message: &str) -> EventText<'_> {
    EventText {
        kind: "Normal",
        reason: "ScalingReplicaSet",
        message,
        from: "deployment-controller",
    }
}
