//! Probes that ask the wrong port: a healthy process that gets no traffic, or is killed.

use serde_json::json;

use super::super::alert::Alert;
use super::super::breakage::Exit;
use super::super::image::{at_deployment, victim};
use super::super::site::Site;
use super::super::{Params, ScenarioRun, run};
use super::{container, start_up};

/// A port near the right one.
fn wrong_port(site: &mut Site, port: i64) -> i64 {
    port + *site.rng.pick(&[1, 10, 100, -1])
}

pub(crate) fn wrong_probe_port(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let port = wrong_port(site, app.port);
        let rollout = site.rollout(&app, |template| {
            container(template)["readinessProbe"]["httpGet"]["port"] = json!(port);
        });
        let pod = rollout.pods[0].clone();
        start_up(site, &app, &pod);
        let error = format!(
            "Get \"http://{0}:{port}/ready\": dial tcp {0}:{port}: connect: connection refused",
            site.address_of(&pod)
        );
        let since = site.after(12);
        site.unready(&pod, &error, since);
        let expected = at_deployment(site, &app, &["ReadinessProbeWrongPort", "ReadinessFailing"]);
        (Alert::pod_not_ready(&site.namespace(), &pod), expected)
    })
}

pub(crate) fn liveness_wrong_port(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1800, |site| {
        let app = victim(site);
        let port = wrong_port(site, app.port);
        let rollout = site.rollout(&app, |template| {
            container(template)["livenessProbe"]["httpGet"]["port"] = json!(port);
        });
        let pod = rollout.pods[0].clone();
        let address = site.address_of(&pod);
        let exit = Exit {
            code: 137,
            reason: "Error",
            restarts: 8,
            lives: 60,
        };
        site.crash_loops(&pod, exit);
        let hello = app.runtime.hello(site.ago(72), app.port);
        site.crash_log(&app, &pod, &[hello]);
        let failing = site.repeatedly(20, 27);
        let error = format!(
            "Liveness probe failed: Get \"http://{address}:{port}/healthz\": dial tcp {address}:{port}: connect: connection refused"
        );
        site.kubelet(&pod, "Warning", "Unhealthy", &error, failing);
        let killing = site.repeatedly(40, 9);
        let text = format!(
            "Container {} failed liveness probe, will be restarted",
            app.name
        );
        site.kubelet(&pod, "Normal", "Killing", &text, killing);
        let expected = at_deployment(site, &app, &["LivenessProbeWrongPort", "LivenessKill"]);
        (
            Alert::crash_looping(&site.namespace(), &pod, &app.name),
            expected,
        )
    })
}
