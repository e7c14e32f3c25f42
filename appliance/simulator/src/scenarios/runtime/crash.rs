//! Processes that end: for want of a setting, by a defect, by their memory limit, or by design.

use serde_json::{Value, json};

use super::super::alert::Alert;
use super::super::breakage::Exit;
use super::super::image::{at_deployment, victim};
use super::super::site::Site;
use super::super::workload::App;
use super::super::{Expected, Params, ScenarioRun, run};
use super::container;

pub(crate) fn oom_after_limit_lowered(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1900, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let limit = app.memory_mib / 3;
        let pods = site.replace_pods(&app, |template| {
            let resources = &mut container(template)["resources"];
            resources["limits"]["memory"] = json!(format!("{limit}Mi"));
            resources["requests"]["memory"] = json!(format!("{limit}Mi"));
        });
        let exit = Exit {
            code: 137,
            reason: "OOMKilled",
            restarts: 6,
            lives: 95,
        };
        for pod in &pods {
            site.crash_loops(pod, exit);
            let hello = app.runtime.hello(site.ago(160), app.port);
            site.crash_log(&app, pod, &[hello]);
        }
        site.settle();
        let bytes = (limit << 20) as f64;
        for pod in &pods {
            // A saw: up to the limit, killed, and up again.
            site.gauge(
                "container_memory_working_set_bytes",
                &[("pod", pod)],
                |since, _| bytes * (0.45 + 0.54 * (since % 300.0) / 240.0).min(0.99),
            );
        }
        site.traffic_now(&app, 0.6, 0.4);
        let expected = Expected::Cause(
            &["OomOwnLimit"],
            ("Deployment", namespace.clone(), app.name.clone()),
        );
        (
            Alert::crash_looping(&namespace, &pods[0], &app.name),
            expected,
        )
    })
}

/// A rollout whose pod writes `lines` and ends with `code`.
pub(super) fn crash_rollout(
    site: &mut Site,
    app: &App,
    change: impl FnOnce(&mut Value),
    code: i64,
    lines: &[String],
) -> String {
    let rollout = site.rollout(app, change);
    let pod = rollout.pods[0].clone();
    let reason = if code == 0 { "Completed" } else { "Error" };
    site.crash_loops(
        &pod,
        Exit {
            code,
            reason,
            restarts: 7,
            lives: 2,
        },
    );
    site.crash_log(app, &pod, lines);
    pod
}

pub(crate) fn crash_on_config(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = victim(site);
        let setting = *site
            .rng
            .pick(&["JWT_SECRET", "QUEUE_URL", "STORAGE_BUCKET", "API_KEY"]);
        let error = match site.rng.range(0, 3) {
            0 => format!("required environment variable {setting} is not set"),
            1 => format!("KeyError: '{setting}'"),
            _ => format!("invalid config: {setting} is required"),
        };
        let lines = app.runtime.crash(site.ago(72), &error);
        let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
        let pod = crash_rollout(
            site,
            &app,
            |template| container(template)["image"] = json!(image),
            1,
            &lines,
        );
        let expected = at_deployment(site, &app, &["CrashConfigEnv"]);
        (
            Alert::crash_looping(&site.namespace(), &pod, &app.name),
            expected,
        )
    })
}

pub(crate) fn crash_exception(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = victim(site);
        let error = *site.rng.pick(&[
            "runtime error: index out of range [3] with length 3",
            "TypeError: Cannot read properties of undefined (reading 'length')",
            "java.lang.NullPointerException: Cannot invoke \"String.length()\" because \"name\" is null",
            "AttributeError: 'NoneType' object has no attribute 'items'",
        ]);
        let lines = app.runtime.crash(site.ago(72), error);
        let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
        let pod = crash_rollout(
            site,
            &app,
            |template| container(template)["image"] = json!(image),
            2,
            &lines,
        );
        let expected = at_deployment(site, &app, &["CrashAppException", "CodeDefect"]);
        (
            Alert::crash_looping(&site.namespace(), &pod, &app.name),
            expected,
        )
    })
}

pub(crate) fn exits_normally(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = victim(site);
        let lines = [
            "usage: server [--port PORT] [--config FILE]".to_owned(),
            "  --help    print this text and exit".to_owned(),
        ];
        let pod = crash_rollout(
            site,
            &app,
            |template| container(template)["args"] = json!(["--help"]),
            0,
            &lines,
        );
        let expected = at_deployment(site, &app, &["CrashExit0Loop"]);
        (
            Alert::crash_looping(&site.namespace(), &pod, &app.name),
            expected,
        )
    })
}
