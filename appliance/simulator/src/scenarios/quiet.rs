//! Alerts that need no repair: rollouts under way, announced work, limits that
//! are only close, and objects that are not there.

use serde_json::json;

use super::alert::Alert;
use super::image::{add_quota, at_deployment, victim};
use super::names::Role;
use super::node::node_cause;
use super::site::{EventText, Seen};
use super::{Expected, Params, ScenarioRun, run};

pub(super) fn watchdog(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 3000, |_| {
        let expected = Expected::Cause(
            &["WatchdogInfoInhibitor"],
            ("Namespace", String::new(), "default".to_owned()),
        );
        (Alert::watchdog(), expected)
    })
}

/// The new pod was made a minute ago and starts as it should.
pub(super) fn rolling_out(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 60, |site| {
        let app = victim(site);
        let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
        let rollout = site.rollout(&app, |template| {
            template["spec"]["containers"][0]["image"] = json!(image);
        });
        let pod = rollout.pods[0].clone();
        site.waits(&pod, "ContainerCreating", "");
        let gone = site
            .pods_of(&app)
            .into_iter()
            .find(|other| *other != pod)
            .unwrap_or_default();
        let namespace = site.namespace();
        site.delete("Pod", &namespace, &gone);
        let expected = at_deployment(site, &app, &["RolloutInProgress"]);
        (Alert::replicas_mismatch(&namespace, &app.name), expected)
    })
}

/// A node is drained by the tool that reboots nodes one after the other.
pub(super) fn maintenance(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 900, |site| {
        let node = site.names.nodes[1].clone();
        let at = site.fault_at;
        let since = at.to_string();
        site.edit("Node", "", &node, |node| {
            node["spec"]["unschedulable"] = json!(true);
            node["spec"]["taints"] = json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": since}]);
            node["metadata"]["annotations"] = json!({"weave.works/kured-reboot-in-progress": since});
        });
        let message = format!("Node {node} status is now: NodeNotSchedulable");
        let text = EventText {
            kind: "Normal",
            reason: "NodeNotSchedulable",
            message: &message,
            from: "kubelet",
        };
        site.event(("Node", "", &node), &text, Seen::once(at));
        let expected = node_cause(&["PlannedMaintenance"], &node);
        (
            Alert::node("NodeUnschedulable", &node, "Node takes no pods."),
            expected,
        )
    })
}

/// The pod of the alert is long gone, and so is everything of its name.
pub(super) fn absent(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let namespace = site.namespace();
        let pod = format!(
            "legacy-import-{}-{}",
            site.rng.suffix(9),
            site.rng.suffix(5)
        );
        let expected = Expected::Cause(
            &["AlertObjectAbsent"],
            ("Pod", namespace.clone(), pod.clone()),
        );
        (Alert::pod_not_ready(&namespace, &pod), expected)
    })
}

pub(super) fn almost_full(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let namespace = site.namespace();
        let quota = "team-quota";
        add_quota(site, quota, &json!({"pods": "0"}));
        site.settle();
        let used: i64 = site.get("ResourceQuota", &namespace, quota)["status"]["used"]["pods"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .unwrap_or(10);
        let hard = (used + 1).to_string();
        site.edit("ResourceQuota", &namespace, quota, |one| {
            one["spec"]["hard"] = json!({"pods": hard});
        });
        let expected = Expected::Cause(
            &["CapacityAdvice"],
            ("ResourceQuota", namespace.clone(), quota.to_owned()),
        );
        (
            Alert::about(
                "KubeQuotaAlmostFull",
                "Namespace quota is going to be full.",
                &namespace,
                "resourcequota",
                quota,
            ),
            expected,
        )
    })
}

/// A hiccup of a callee: errors for two minutes, none since.
pub(super) fn hiccup(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2700, |site| {
        let app = site.app(Role::Checkout);
        let target = site.app(Role::Payment);
        for pod in site.pods_of(&app) {
            for second in [4, 9, 31] {
                let at = site.after(second);
                let line = app.runtime.line(
                    super::log_lines::Level::Error,
                    at,
                    &format!("call to {} failed: connection reset by peer", target.name),
                );
                site.log(&pod, &app.name, at, &line);
            }
            let until = site.now;
            let from = site.after(60);
            site.chat(&app, &pod, from, until, 40);
        }
        (
            Alert::errors(&site.namespace(), &app.name),
            Expected::Healthy,
        )
    })
}
