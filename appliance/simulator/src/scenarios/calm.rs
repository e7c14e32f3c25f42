//! Alerts behind which nothing is wrong any more.

use serde_json::json;

use super::alert::Alert;
use super::image::victim;
use super::log_lines::Level;
use super::site::Seen;
use super::{Expected, Params, ScenarioRun, run};

/// A short hiccup: one restart, a few failed probes, an old warning; all is well since.
pub(super) fn red_herring(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let pod = site.pods_of(&app)[0].clone();
        let finished = site.after(20);
        let started = site.ago(30 * 3600);
        let back = site.after(22);
        site.edit_pod(&pod, |pod| {
            let status = &mut pod["status"]["containerStatuses"][0];
            status["restartCount"] = json!(1);
            status["lastState"] = json!({"terminated": {"exitCode": 1, "reason": "Error", "startedAt": started.to_string(), "finishedAt": finished.to_string()}});
            status["state"] = json!({"running": {"startedAt": back.to_string()}});
            for condition in pod["status"]["conditions"].as_array_mut().into_iter().flatten() {
                if condition["type"] == "Ready" || condition["type"] == "ContainersReady" {
                    condition["lastTransitionTime"] = json!(site_ready(back));
                }
            }
        });
        let error = format!(
            "Readiness probe failed: Get \"http://{}:{}/ready\": dial tcp: connect: connection refused",
            site.address_of(&pod),
            app.port
        );
        let seen = Seen {
            first: site.after(21),
            last: site.after(31),
            count: 2,
        };
        site.kubelet(&pod, "Warning", "Unhealthy", &error, seen);
        site.kubelet(
            &pod,
            "Normal",
            "Started",
            &format!("Started container {}", app.name),
            Seen::once(back),
        );
        let line = app.runtime.line(
            Level::Error,
            finished,
            "unexpected end of stream, shutting down",
        );
        site.previous_log(&pod, &app.name, finished, &line);
        let hello = app.runtime.hello(back, app.port);
        site.log(&pod, &app.name, back, &hello);
        let expected = Expected::Healthy;
        (Alert::pod_not_ready(&namespace, &pod), expected)
    })
}

fn site_ready(started: jiff::Timestamp) -> String {
    (started + jiff::SignedDuration::from_secs(12)).to_string()
}
