//! Probes that fail for other reasons than a port: protocol, patience, an app
//! that is not well, and starts that take long.

use serde_json::{Value, json};

use super::super::alert::Alert;
use super::super::breakage::Exit;
use super::super::image::{at_deployment, victim};
use super::super::names::Role;
use super::super::site::Site;
use super::super::workload::App;
use super::super::{Params, ScenarioRun, run};
use super::{container, start_up};

/// The kubelet kills the container again and again after its probe failed.
fn killed(site: &mut Site, app: &App, pod: &str, role: &str, error: &str, lives: i64) {
    let exit = Exit {
        code: 137,
        reason: "Error",
        restarts: 8,
        lives,
    };
    site.crash_loops(pod, exit);
    let failing = site.repeatedly(20, 27);
    site.kubelet(
        pod,
        "Warning",
        "Unhealthy",
        &format!("{role} probe failed: {error}"),
        failing,
    );
    let killing = site.repeatedly(40, 9);
    let text = format!(
        "Container {} failed {} probe, will be restarted",
        app.name,
        role.to_lowercase()
    );
    site.kubelet(pod, "Normal", "Killing", &text, killing);
}

/// A rollout whose pods a changed probe kills.
fn by_probe(
    params: &Params,
    id: &str,
    change: impl Fn(&mut Value),
    error: impl Fn(&str, i64) -> String,
    lives: i64,
    causes: &'static [&'static str],
) -> ScenarioRun {
    run(params, id, 1800, |site| {
        let app = victim(site);
        let rollout = site.rollout(&app, |template| {
            change(&mut container(template)["livenessProbe"]);
        });
        let pod = rollout.pods[0].clone();
        let error = error(&site.address_of(&pod), app.port);
        killed(site, &app, &pod, "Liveness", &error, lives);
        let hello = app.runtime.hello(site.ago(72), app.port);
        site.crash_log(&app, &pod, &[hello]);
        let expected = at_deployment(site, &app, causes);
        (
            Alert::crash_looping(&site.namespace(), &pod, &app.name),
            expected,
        )
    })
}

pub(crate) fn liveness_wrong_protocol(params: &Params, id: &str) -> ScenarioRun {
    by_probe(
        params,
        id,
        |probe| probe["httpGet"]["scheme"] = json!("HTTPS"),
        |address, port| {
            format!(
                "Get \"https://{address}:{port}/healthz\": http: server gave HTTP response to HTTPS client"
            )
        },
        60,
        &["LivenessProbeWrongProtocol", "LivenessKill"],
    )
}

pub(crate) fn liveness_impatient(params: &Params, id: &str) -> ScenarioRun {
    by_probe(
        params,
        id,
        |probe| {
            probe["periodSeconds"] = json!(1);
            probe["failureThreshold"] = json!(1);
            probe["initialDelaySeconds"] = json!(1);
        },
        |address, port| {
            format!(
                "Get \"http://{address}:{port}/healthz\": dial tcp {address}:{port}: connect: connection refused"
            )
        },
        3,
        &["LivenessProbeWrongTiming", "LivenessKill", "SlowStart"],
    )
}

/// The process hangs after a while and the probe rightly fails.
pub(crate) fn liveness_hangs(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let app = victim(site);
        let pod = site.pods_of(&app)[0].clone();
        let (address, port) = (site.address_of(&pod), app.port);
        let error = format!(
            "Get \"http://{address}:{port}/healthz\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        );
        killed(site, &app, &pod, "Liveness", &error, 240);
        let hello = app.runtime.hello(site.ago(290), app.port);
        site.crash_log(&app, &pod, &[hello]);
        let expected = at_deployment(site, &app, &["LivenessKill"]);
        (
            Alert::crash_looping(&site.namespace(), &pod, &app.name),
            expected,
        )
    })
}

pub(crate) fn slow_start(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1800, |site| {
        let app = site.app(Role::Catalog);
        let rollout = site.rollout(&app, |template| {
            container(template)["startupProbe"] = json!({"httpGet": {"path": "/healthz", "port": app.port, "scheme": "HTTP"},
                "timeoutSeconds": 1, "periodSeconds": 5, "failureThreshold": 6});
        });
        let pod = rollout.pods[0].clone();
        let (address, port) = (site.address_of(&pod), app.port);
        let error = format!(
            "Get \"http://{address}:{port}/healthz\": dial tcp {address}:{port}: connect: connection refused"
        );
        killed(site, &app, &pod, "Startup", &error, 32);
        let lines = [
            app.runtime.line(
                super::super::log_lines::Level::Info,
                site.ago(90),
                "loading the price index, 2.1 million entries",
            ),
            app.runtime.line(
                super::super::log_lines::Level::Info,
                site.ago(75),
                "loading the price index, 31 % done",
            ),
        ];
        site.crash_log(&app, &pod, &lines);
        let expected = at_deployment(site, &app, &["SlowStart"]);
        (
            Alert::crash_looping(&site.namespace(), &pod, &app.name),
            expected,
        )
    })
}

pub(crate) fn readiness_wrong_protocol(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let rollout = site.rollout(&app, |template| {
            container(template)["readinessProbe"]["httpGet"]["scheme"] = json!("HTTPS");
        });
        let pod = rollout.pods[0].clone();
        start_up(site, &app, &pod);
        let error = format!(
            "Get \"https://{}:{}/ready\": http: server gave HTTP response to HTTPS client",
            site.address_of(&pod),
            app.port
        );
        let since = site.after(12);
        site.unready(&pod, &error, since);
        let expected = at_deployment(
            site,
            &app,
            &["ReadinessProbeWrongProtocol", "ReadinessFailing"],
        );
        (Alert::pod_not_ready(&site.namespace(), &pod), expected)
    })
}

/// The app says itself that it is not ready, and nothing else is wrong.
pub(crate) fn answers_not_ready(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = site.app(Role::Advice);
        for pod in site.pods_of(&app) {
            let since = site.after(25);
            site.unready(&pod, "HTTP probe failed with statuscode: 503", since);
        }
        site.complain_at(
            &app,
            super::super::log_lines::Level::Warn,
            "not ready: the model is stale and is built anew",
            9,
        );
        site.traffic_now(&app, 0.1, 0.1);
        let expected = at_deployment(site, &app, &["ReadinessFailing"]);
        let pod = site.pods_of(&app)[0].clone();
        (Alert::pod_not_ready(&site.namespace(), &pod), expected)
    })
}
