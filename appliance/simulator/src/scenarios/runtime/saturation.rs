//! Limits reached while serving: CPU quota and disk space.

use jiff::SignedDuration;
use serde_json::json;

use super::super::alert::Alert;
use super::super::breakage::Exit;
use super::super::image::{at_deployment, victim};
use super::super::log_lines::Level;
use super::super::names::Role;
use super::super::{Expected, Params, ScenarioRun, run};
use super::{container, start_up};

pub(crate) fn throttled(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let limit = (app.cpu_milli / 5).max(10);
        let pods = site.replace_pods(&app, |template| {
            let resources = &mut container(template)["resources"];
            resources["limits"]["cpu"] = json!(format!("{limit}m"));
            resources["requests"]["cpu"] = json!(format!("{limit}m"));
        });
        for pod in &pods {
            start_up(site, &app, pod);
            let seen = site.repeatedly(90, 11);
            let error = format!(
                "Readiness probe failed: Get \"http://{}:{}/ready\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                site.address_of(pod),
                app.port
            );
            site.kubelet(pod, "Warning", "Unhealthy", &error, seen);
        }
        site.settle();
        for pod in &pods {
            site.gauge(
                "container_cpu_cfs_throttled_periods_total",
                &[("pod", pod)],
                |since, before| before + since * 10.0 * 0.78,
            );
        }
        site.complain_at(&app, Level::Warn, "request took 4312ms", 10);
        site.slow_now(&app, 2.2, 0.03);
        let expected = at_deployment(site, &app, &["CpuThrottling"]);
        (
            Alert::throttling(&namespace, &pods[0], &app.name, 78),
            expected,
        )
    })
}

pub(crate) fn volume_full(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = site.app(Role::Database);
        let namespace = site.namespace();
        let pod = format!("{}-0", app.name);
        let claim = format!("data-{pod}");
        site.crash_loops(
            &pod,
            Exit {
                code: 1,
                reason: "Error",
                restarts: 6,
                lives: 4,
            },
        );
        let at = site.ago(72);
        let line = |level, message: &str| app.runtime.line(level, at, message);
        let lines = [
            line(
                Level::Info,
                "starting PostgreSQL 16.4 on x86_64-pc-linux-gnu",
            ),
            line(
                Level::Error,
                "could not write to file \"pg_wal/xlogtemp.29\": No space left on device",
            ),
            line(
                Level::Info,
                "startup process (PID 29) exited with exit code 1",
            ),
        ];
        site.crash_log(&app, &pod, &lines);
        let fault = site.fault_at + SignedDuration::from_secs(0);
        let total = 20.0 * 1_073_741_824.0;
        let start = site.ago(3600);
        let span = fault.duration_since(start).as_secs().max(1) as f64;
        let labels = [
            ("namespace", namespace.as_str()),
            ("persistentvolumeclaim", claim.as_str()),
            ("job", "kubelet"),
        ];
        site.new_gauge("kubelet_volume_stats_available_bytes", &labels, |since| {
            if since >= 0.0 {
                20_480.0
            } else {
                (total * 0.09 * (-since / span)).round()
            }
        });
        for role in [Role::Orders, Role::Catalog] {
            let caller = site.app(role);
            site.complain(
                &caller,
                &format!(
                    "connection to server at \"{}\", port 5432 failed: Connection refused",
                    app.name
                ),
                16,
            );
            site.traffic_now(&caller, 0.8, 0.8);
        }
        let expected = Expected::Cause(
            &["DiskFullVolume", "VolumeFilling"],
            ("PersistentVolumeClaim", namespace.clone(), claim.clone()),
        );
        (Alert::volume_filling(&namespace, &claim), expected)
    })
}
