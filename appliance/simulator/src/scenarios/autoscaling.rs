//! Autoscalers without metrics, target, room, peace or time.

use serde_json::{Value, json};

use super::alert::Alert;
use super::image::{at_deployment, victim};
use super::names::Role;
use super::site::{EventText, Seen, Site};
use super::workload::{App, condition};
use super::{Expected, Params, ScenarioRun, run};

/// An autoscaler by CPU with its present utilization and conditions.
pub(super) fn add(site: &mut Site, app: &App, name: &str, now: i64, conditions: &[Value]) {
    let namespace = site.namespace();
    let built = site.ago(30 * 86_400);
    let meta = site.meta(&namespace, name, built);
    site.put("HorizontalPodAutoscaler", json!({"metadata": meta,
        "spec": {"minReplicas": 1, "maxReplicas": app.replicas, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": app.name},
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]},
        "status": {"currentReplicas": app.replicas, "desiredReplicas": app.replicas,
            "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": now, "averageValue": "100m"}}}],
            "conditions": conditions}}));
}

fn at_autoscaler(site: &Site, name: &str, causes: &'static [&'static str]) -> Expected {
    Expected::Cause(
        causes,
        ("HorizontalPodAutoscaler", site.namespace(), name.to_owned()),
    )
}

fn alert(site: &Site, rule: &'static str, name: &str) -> Alert {
    Alert::about(
        rule,
        "An autoscaler does not do its work.",
        &site.namespace(),
        "horizontalpodautoscaler",
        name,
    )
}

pub(super) fn rescaled(site: &mut Site, name: &str, size: i64, why: &str, seconds: i64) {
    let namespace = site.namespace();
    let message = format!("New size: {size}; reason: {why}");
    let text = EventText {
        kind: "Normal",
        reason: "SuccessfulRescale",
        message: &message,
        from: "horizontal-pod-autoscaler",
    };
    let at = site.ago(seconds);
    site.event(
        ("HorizontalPodAutoscaler", &namespace, name),
        &text,
        Seen::once(at),
    );
}

pub(super) const ABOVE: &str = "cpu resource utilization (percentage of request) above target";
pub(super) const BELOW: &str = "All metrics below target";

pub(super) fn no_metrics(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = victim(site);
        let at = site.fault_at;
        let message = format!(
            "the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container {}",
            app.name
        );
        add(
            site,
            &app,
            &app.name,
            0,
            &[condition(
                "ScalingActive",
                "False",
                "FailedGetResourceMetric",
                &message,
                at,
            )],
        );
        let expected = at_autoscaler(site, &app.name, &["HpaNoMetrics"]);
        (alert(site, "KubeHpaReplicasMismatch", &app.name), expected)
    })
}

pub(super) fn no_target(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = victim(site);
        let gone = App {
            name: format!("{}-v1", app.name),
            ..app.clone()
        };
        let at = site.fault_at;
        let message = format!(
            "the HPA controller was unable to get the target's current scale: deployments.apps \"{}\" not found",
            gone.name
        );
        add(
            site,
            &gone,
            &app.name,
            0,
            &[condition(
                "AbleToScale",
                "False",
                "FailedGetScale",
                &message,
                at,
            )],
        );
        let expected = at_autoscaler(site, &app.name, &["HpaTargetMissing"]);
        (alert(site, "KubeHpaReplicasMismatch", &app.name), expected)
    })
}

pub(super) fn maxed(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = victim(site);
        let at = site.fault_at;
        let limited = condition(
            "ScalingLimited",
            "True",
            "TooManyReplicas",
            "the desired replica count is more than the maximum replica count",
            at,
        );
        add(
            site,
            &app,
            &app.name,
            140,
            &[
                condition("ScalingActive", "True", "ValidMetricFound", "", at),
                limited,
            ],
        );
        let expected = at_autoscaler(site, &app.name, &["HpaMaxed"]);
        (alert(site, "KubeHpaMaxedOut", &app.name), expected)
    })
}

pub(super) fn thrash(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2700, |site| {
        let app = victim(site);
        add(site, &app, &app.name, 66, &[]);
        for step in 0..9 {
            let up = step % 2 == 0;
            let (size, why) = if up {
                (app.replicas + 2, ABOVE)
            } else {
                (app.replicas, BELOW)
            };
            rescaled(site, &app.name, size, why, 2600 - step * 280);
        }
        let expected = at_autoscaler(site, &app.name, &["HpaThrash"]);
        (alert(site, "HpaScalesTooOften", &app.name), expected)
    })
}

pub(super) fn against_manifest(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        add(site, &app, &app.name, 66, &[]);
        let at = site.ago(700).to_string();
        site.edit("Deployment", &namespace, &app.name, |one| {
            one["metadata"]["managedFields"] = json!([{"manager": "kustomize-controller", "operation": "Apply", "apiVersion": "apps/v1", "time": at,
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {}}}}]);
        });
        rescaled(site, &app.name, app.replicas + 2, ABOVE, 1300);
        rescaled(site, &app.name, app.replicas + 3, ABOVE, 600);
        let expected = at_autoscaler(site, &app.name, &["HpaVsManifest"]);
        (alert(site, "KubeHpaReplicasMismatch", &app.name), expected)
    })
}

pub(super) fn lag(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 420, |site| {
        let app = site.app(Role::Catalog);
        add(site, &app, &app.name, 210, &[]);
        let namespace = site.namespace();
        let wanted = app.replicas + 3;
        let set = site.current_set(&app);
        for (kind, name) in [("Deployment", &app.name), ("ReplicaSet", &set)] {
            site.edit(kind, &namespace, name, |one| {
                one["spec"]["replicas"] = json!(wanted);
            });
        }
        rescaled(site, &app.name, wanted, ABOVE, 200);
        site.scaled(&app, &set, app.replicas, wanted, site.ago(198));
        for _ in app.replicas..wanted {
            let at = site.ago(195);
            let pod = site.create_pod(&set, at);
            site.edit_pod(&pod, |pod| {
                pod["status"]["containerStatuses"][0]["ready"] = json!(false);
            });
            site.not_ready(&pod, at);
        }
        let expected = at_autoscaler(site, &app.name, &["HpaScaleLag"]);
        (alert(site, "HpaLoadAboveTarget", &app.name), expected)
    })
}

pub(super) fn keda_trigger(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = site.app(Role::Worker);
        let name = format!("keda-hpa-{}", app.name);
        let at = site.fault_at;
        let message = "the HPA was unable to compute the replica count: unable to get external metric: error reading the queue: 401 Unauthorized";
        add(
            site,
            &app,
            &name,
            0,
            &[condition(
                "ScalingActive",
                "False",
                "FailedGetExternalMetric",
                message,
                at,
            )],
        );
        let namespace = site.namespace();
        let scaled = app.name.clone();
        site.edit("HorizontalPodAutoscaler", &namespace, &name, |one| {
            one["metadata"]["labels"] = json!({"scaledobject.keda.sh/name": scaled});
        });
        let expected = at_autoscaler(site, &name, &["KedaScalerFail"]);
        (alert(site, "KubeHpaReplicasMismatch", &name), expected)
    })
}

/// The vertical autoscaler evicts one pod after the other to resize it.
pub(super) fn vertical_loop(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let set = site.current_set(&app);
        for step in 0..4 {
            let pod = site.pods_of(&app)[0].clone();
            let at = site.after(200 + step * 500);
            let text = EventText {
                kind: "Normal",
                reason: "EvictedByVPA",
                message: "Pod was evicted by VPA Updater to apply resource recommendation.",
                from: "vpa-updater",
            };
            site.event(("Pod", &namespace, &pod), &text, Seen::once(at));
            site.delete("Pod", &namespace, &pod);
            site.create_pod(&set, at);
        }
        let expected = at_deployment(site, &app, &["VpaEvictions"]);
        (Alert::replicas_mismatch(&namespace, &app.name), expected)
    })
}
