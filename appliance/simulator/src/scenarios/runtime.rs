//! Containers that start and then fail, or serve badly.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::alert::Alert;
use super::breakage::Exit;
use super::image::{at_deployment, victim};
use super::log_lines::Level;
use super::metrics::Traffic;
use super::names::Role;
use super::site::{EventText, Seen, Site};
use super::workload::App;
use super::{Expected, Params, ScenarioRun, run};

fn container(template: &mut Value) -> &mut Value {
    &mut template["spec"]["containers"][0]
}

/// A port near the right one.
fn wrong_port(site: &mut Site, port: i64) -> i64 {
    port + *site.rng.pick(&[1, 10, 100, -1])
}

pub(super) fn wrong_probe_port(params: &Params, id: &str) -> ScenarioRun {
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

/// The pod started and says so.
fn start_up(site: &mut Site, app: &App, pod: &str) {
    let at = site.after(4);
    let image = site.get("Pod", &site.namespace(), pod)["spec"]["containers"][0]["image"].clone();
    let pulled = format!("Container image {image} already present on machine");
    site.kubelet(pod, "Normal", "Pulled", &pulled, Seen::once(at));
    site.kubelet(
        pod,
        "Normal",
        "Started",
        &format!("Started container {}", app.name),
        Seen::once(at),
    );
    let hello = app.runtime.hello(at, app.port);
    site.log(pod, &app.name, at, &hello);
}

pub(super) fn liveness_wrong_port(params: &Params, id: &str) -> ScenarioRun {
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

pub(super) fn oom_after_limit_lowered(params: &Params, id: &str) -> ScenarioRun {
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

impl Site {
    /// Lets the traffic of a workload fall to a share of normal, with that share of errors.
    pub(super) fn traffic_now(&mut self, app: &App, share: f64, errors: f64) {
        let traffic = Traffic {
            rate: app.load * app.replicas as f64 * share,
            errors,
            latency: 0.05,
        };
        let from = self.fault_at.as_second();
        self.traffic(&app.name, from, traffic);
    }

    /// Lets a workload answer slowly.
    pub(super) fn slow_now(&mut self, app: &App, latency: f64, errors: f64) {
        let traffic = Traffic {
            rate: app.load * app.replicas as f64 * 0.8,
            errors,
            latency,
        };
        let from = self.fault_at.as_second();
        self.traffic(&app.name, from, traffic);
    }
}

/// A rollout whose pod writes `lines` and ends with `code`.
fn crash_rollout(
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

pub(super) fn crash_on_config(params: &Params, id: &str) -> ScenarioRun {
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

pub(super) fn crash_exception(params: &Params, id: &str) -> ScenarioRun {
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

pub(super) fn exits_normally(params: &Params, id: &str) -> ScenarioRun {
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

/// Changes where a caller thinks its dependency is, and lets it fail.
fn wrong_dependency(
    site: &mut Site,
    host: impl Fn(&App) -> String,
    error: impl Fn(&App, &str) -> String,
) -> (Alert, App) {
    let app = site.app(Role::Checkout);
    let target = site.app(Role::Payment);
    let wrong = host(&target);
    let variable = format!("{}_URL", target.name.to_uppercase().replace('-', "_"));
    let pods = site.replace_pods(&app, |template| {
        for env in container(template)["env"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            if env["name"] == json!(variable) {
                env["value"] = json!(format!("http://{wrong}"));
            }
        }
    });
    for pod in &pods {
        start_up(site, &app, pod);
    }
    let message = error(&target, &wrong);
    site.complain(&app, &message, 24);
    site.traffic_now(&app, 0.9, 0.7);
    (Alert::errors(&site.namespace(), &app.name), app)
}

pub(super) fn wrong_dependency_port(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let address = format!(
            "10.96.{}.{}",
            site.rng.range(1, 200),
            site.rng.range(2, 200)
        );
        let (alert, app) = wrong_dependency(
            site,
            |target| format!("{}:8099", target.name),
            |target, wrong| {
                format!(
                    "call to {} failed: Post \"http://{wrong}/charge\": dial tcp {address}:8099: connect: connection refused",
                    target.name
                )
            },
        );
        let expected = at_deployment(site, &app, &["DependencyWrongPort", "DependencyRefused"]);
        (alert, expected)
    })
}

pub(super) fn wrong_dependency_name(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let (alert, app) = wrong_dependency(
            site,
            |target| format!("{}-v2:80", target.name),
            |target, wrong| {
                let host = wrong.split(':').next().unwrap_or_default();
                format!(
                    "call to {} failed: Post \"http://{wrong}/charge\": dial tcp: lookup {host} on 10.96.0.10:53: no such host",
                    target.name
                )
            },
        );
        let expected = at_deployment(site, &app, &["DependencyWrongAddress", "DnsNameWrong"]);
        (alert, expected)
    })
}

pub(super) fn stale_credentials(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let role = *site.rng.pick(&[Role::Orders, Role::Catalog]);
        let app = site.app(role);
        let database = site.app(Role::Database);
        let namespace = site.namespace();
        let at = site.fault_at.to_string();
        site.edit("Secret", &namespace, &app.secret(), |secret| {
            secret["metadata"]["managedFields"] = json!([{"manager": "vault-sync", "operation": "Update", "apiVersion": "v1", "time": at,
                "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:password": {}}}}]);
            secret["metadata"]["annotations"] = json!({"rotated-at": at});
        });
        let user = app.name.replace('-', "_");
        let message = format!(
            "connection to server at \"{}\", port 5432 failed: FATAL: password authentication failed for user \"{user}\" (SQLSTATE 28P01)",
            database.name
        );
        site.complain(&app, &message, 26);
        site.complain(
            &database,
            &format!("password authentication failed for user \"{user}\""),
            26,
        );
        for pod in site.pods_of(&app) {
            let since = site.after(40);
            site.unready(&pod, "HTTP probe failed with statuscode: 503", since);
        }
        site.traffic_now(&app, 0.7, 0.95);
        let expected = at_deployment(site, &app, &["BadCredentials"]);
        (Alert::errors(&namespace, &app.name), expected)
    })
}

pub(super) fn pool_exhausted(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = site.app(Role::Orders);
        let database = site.app(Role::Database);
        let namespace = site.namespace();
        let wanted = 8;
        let set = site.current_set(&app);
        site.edit("Deployment", &namespace, &app.name, |one| {
            one["spec"]["replicas"] = json!(wanted);
        });
        site.edit("ReplicaSet", &namespace, &set, |one| {
            one["spec"]["replicas"] = json!(wanted);
        });
        site.scaled(&app, &set, app.replicas, wanted, site.fault_at);
        for _ in app.replicas..wanted {
            let at = site.after(3);
            let pod = site.create_pod(&set, at);
            start_up(site, &app, &pod);
        }
        let refused =
            "remaining connection slots are reserved for roles with the SUPERUSER attribute";
        site.complain(
            &app,
            &format!(
                "connection to server at \"{}\", port 5432 failed: FATAL: {refused}",
                database.name
            ),
            12,
        );
        site.complain_at(
            &app,
            Level::Warn,
            "timeout waiting for a connection from the pool (size 20, in use 20)",
            8,
        );
        site.complain(&database, refused, 60);
        let labels = [
            ("namespace", namespace.as_str()),
            ("service", database.name.as_str()),
            ("job", "postgres-exporter"),
        ];
        let before = app.replicas as f64 * 12.0;
        site.new_gauge("pg_stat_activity_count", &labels, |since| {
            if since < 0.0 {
                before
            } else {
                (before + since * 0.6).min(97.0)
            }
        });
        site.new_gauge("pg_settings_max_connections", &labels, |_| 100.0);
        site.slow_now(&app, 3.0, 0.4);
        let expected = at_deployment(site, &app, &["ConnectionPoolExhausted"]);
        (Alert::errors(&namespace, &app.name), expected)
    })
}

pub(super) fn throttled(params: &Params, id: &str) -> ScenarioRun {
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

pub(super) fn volume_full(params: &Params, id: &str) -> ScenarioRun {
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
            ("StatefulSet", namespace.clone(), app.name.clone()),
        );
        (Alert::volume_filling(&namespace, &claim), expected)
    })
}

/// A scale event by hand, as `kubectl scale` leaves it.
pub(super) fn scale_text(message: &str) -> EventText<'_> {
    EventText {
        kind: "Normal",
        reason: "ScalingReplicaSet",
        message,
        from: "deployment-controller",
    }
}
