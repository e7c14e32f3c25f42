//! Callers that cannot reach what they depend on: wrong address, stale password, no connection left.

use serde_json::json;

use super::super::alert::Alert;
use super::super::image::at_deployment;
use super::super::log_lines::Level;
use super::super::names::Role;
use super::super::site::Site;
use super::super::workload::App;
use super::super::{Expected, Params, ScenarioRun, run};
use super::{container, start_up};

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

pub(crate) fn wrong_dependency_port(params: &Params, id: &str) -> ScenarioRun {
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

pub(crate) fn wrong_dependency_name(params: &Params, id: &str) -> ScenarioRun {
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

pub(crate) fn unknown_dependency(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let host = *site.rng.pick(&["legacy-mq", "tokenizer", "old-ledger"]);
        let (alert, app) = wrong_dependency(
            site,
            |_| format!("{host}:7070"),
            |_, _| {
                format!(
                    "call to {host} failed: Post \"http://{host}:7070/charge\": dial tcp: lookup {host} on 10.96.0.10:53: no such host"
                )
            },
        );
        let expected = at_deployment(site, &app, &["DnsNameWrong"]);
        (alert, expected)
    })
}

pub(crate) fn stale_credentials(params: &Params, id: &str) -> ScenarioRun {
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

pub(crate) fn pool_exhausted(params: &Params, id: &str) -> ScenarioRun {
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
        // Scaling used up what the database gives: both ends can be changed.
        let expected = Expected::Either(
            &["ConnectionPoolExhausted"],
            ("Deployment", namespace.clone(), app.name.clone()),
            vec![("StatefulSet", namespace.clone(), database.name.clone())],
        );
        (Alert::errors(&namespace, &app.name), expected)
    })
}
