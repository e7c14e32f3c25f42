//! What was done before and is settled: releases, restarts, nodes, renewals.

use jiff::SignedDuration;
use serde_json::json;

use super::super::image::victim;
use super::super::names::Role;
use super::super::site::{EventText, Seen, Site};
use super::super::workload::App;
use super::super::{Params, ScenarioRun};
use super::{calm, earlier};

const HOUR: i64 = 3600;

/// A finished release: every pod is new and says that it listens.
fn release(site: &mut Site, app: &App) {
    let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
    let pods = site.replace_pods(app, |template| {
        template["spec"]["containers"][0]["image"] = json!(image);
    });
    greet(site, app, &pods);
}

fn greet(site: &mut Site, app: &App, pods: &[String]) {
    let (at, now) = (site.after(5), site.now);
    let from = at.max(site.ago(HOUR));
    for pod in pods {
        let hello = app.runtime.hello(at, app.port);
        site.log(pod, &app.name, at, &hello);
        site.chat(app, pod, from, now, 12);
    }
}

pub(super) fn rolled_out_yesterday(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let app = victim(site);
        earlier(site, 26 * HOUR, |site| release(site, &app));
    })
}

pub(super) fn release_settled(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let app = victim(site);
        release(site, &app);
    })
}

pub(super) fn old_warnings(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        for (role, reason, hours, message) in [
            (
                Role::Cart,
                "BackOff",
                5,
                "Back-off restarting failed container",
            ),
            (
                Role::Orders,
                "FailedMount",
                3,
                "MountVolume.SetUp failed for volume \"config\" : configmap not synced yet",
            ),
            (
                Role::Payment,
                "Failed",
                4,
                "Failed to pull image: dial tcp: i/o timeout",
            ),
            (
                Role::Front,
                "Unhealthy",
                2,
                "Readiness probe failed: HTTP probe failed with statuscode: 503",
            ),
        ] {
            let app = site.app(role);
            let pod = site.pods_of(&app).swap_remove(0);
            let first = site.ago(hours * HOUR + 600);
            let last = site.ago(hours * HOUR);
            let seen = Seen {
                first,
                last,
                count: 7,
            };
            site.kubelet(&pod, "Warning", reason, message, seen);
        }
        let app = site.app(Role::Advice);
        let pod = site.pods_of(&app).swap_remove(0);
        let namespace = site.namespace();
        let seen = Seen {
            first: site.ago(6 * HOUR),
            last: site.ago(5 * HOUR),
            count: 12,
        };
        site.scheduler_event(
            (&namespace, &pod),
            "Warning",
            "FailedScheduling",
            "0/4 nodes are available: 4 Insufficient cpu.",
            seen,
        );
    })
}

pub(super) fn restarted_days_ago(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let app = victim(site);
        let pod = site.pods_of(&app).swap_remove(0);
        let days = site.rng.range(2, 6);
        let (code, reason) = *site
            .rng
            .pick(&[(137, "OOMKilled"), (1, "Error"), (143, "Error")]);
        let end = site.ago(days * 24 * HOUR);
        let (from, back) = (
            end - SignedDuration::from_hours(30),
            end + SignedDuration::from_secs(2),
        );
        site.edit_pod(&pod, |pod| {
            let created = from.to_string();
            pod["metadata"]["creationTimestamp"] = json!(created);
            pod["status"]["startTime"] = json!(created);
            let status = &mut pod["status"]["containerStatuses"][0];
            status["restartCount"] = json!(1);
            status["lastState"] = json!({"terminated": {"exitCode": code, "reason": reason,
                "startedAt": created, "finishedAt": end.to_string()}});
            status["state"] = json!({"running": {"startedAt": back.to_string()}});
        });
    })
}

/// A worker node other than the control plane's.
fn worker(site: &mut Site) -> String {
    let count = i64::try_from(site.names.nodes.len()).unwrap_or(2);
    let index = usize::try_from(site.rng.range(1, count)).unwrap_or(1);
    site.names.nodes[index].clone()
}

fn node_says(site: &mut Site, node: &str, reason: &str, seconds: i64) {
    let message = format!("Node {node} status is now: {reason}");
    let text = EventText {
        kind: "Normal",
        reason,
        message: &message,
        from: "kubelet",
    };
    let seen = Seen::once(site.ago(seconds));
    site.event(("Node", "", node), &text, seen);
}

pub(super) fn drained_yesterday(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let node = worker(site);
        node_says(site, &node, "NodeNotSchedulable", 25 * HOUR);
        node_says(site, &node, "NodeSchedulable", 24 * HOUR);
        site.heartbeat(&node);
    })
}

pub(super) fn node_rebooted(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let node = worker(site);
        let hours = site.rng.range(7, 12);
        let back = site.ago(hours * HOUR).to_string();
        site.edit("Node", "", &node, |node| {
            let conditions = node["status"]["conditions"].as_array_mut();
            for one in conditions.into_iter().flatten() {
                one["lastTransitionTime"] = json!(back);
            }
        });
        node_says(site, &node, "NodeNotReady", hours * HOUR + 240);
        node_says(site, &node, "NodeReady", hours * HOUR);
    })
}

pub(super) fn certificate_renewed(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let namespace = site.namespace();
        let secret = format!("{}-tls", site.names.system);
        let at = site.fault_at;
        changed_by(
            site,
            "Secret",
            &secret,
            "cert-manager-certificates-issuing",
            "f:data",
        );
        let message = "The certificate has been successfully issued";
        let text = EventText {
            kind: "Normal",
            reason: "Issuing",
            message,
            from: "cert-manager-certificates-issuing",
        };
        site.event(("Secret", &namespace, &secret), &text, Seen::once(at));
    })
}

/// Notes who wrote a field of an object, at the fault.
fn changed_by(site: &mut Site, kind: &str, name: &str, manager: &str, field: &str) {
    let namespace = site.namespace();
    let at = site.fault_at.to_string();
    site.edit(kind, &namespace, name, |one| {
        one["metadata"]["managedFields"] = json!([{"manager": manager, "operation": "Update", "apiVersion": "v1",
            "time": at, "fieldsType": "FieldsV1", "fieldsV1": {field: {}}}]);
    });
}

pub(super) fn settings_edited(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        site.edit("ConfigMap", &namespace, &app.config(), |one| {
            one["data"]["LOG_LEVEL"] = json!("warn");
        });
        changed_by(site, "ConfigMap", &app.config(), "kubectl-edit", "f:data");
    })
}

pub(super) fn secret_rotated(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let app = site.app(Role::Orders);
        changed_by(site, "Secret", &app.secret(), "rotator", "f:data");
        let at = site.fault_at.to_string();
        let pods = site.replace_pods(&app, |template| {
            template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = json!(at);
        });
        greet(site, &app, &pods);
    })
}
