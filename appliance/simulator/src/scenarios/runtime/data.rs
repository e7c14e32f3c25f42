//! What clients tell of databases, caches, brokers, queues and upstreams.

use serde_json::json;

use super::super::alert::Alert;
use super::super::image::at_deployment;
use super::super::log_lines::Level;
use super::super::names::Role;
use super::super::site::Site;
use super::super::workload::App;
use super::super::{Expected, Params, ScenarioRun, run};

/// The database is to fix, although its clients tell.
fn at_database(site: &Site, causes: &'static [&'static str]) -> Expected {
    let database = site.app(Role::Database);
    Expected::Cause(causes, ("StatefulSet", site.namespace(), database.name))
}

/// Both clients of the database say `error`, and most of their requests fail.
fn clients_say(
    params: &Params,
    id: &str,
    error: &'static str,
    causes: &'static [&'static str],
) -> ScenarioRun {
    run(params, id, 1400, |site| {
        for role in [Role::Orders, Role::Catalog] {
            let app = site.app(role);
            site.complain(&app, error, 18);
            site.traffic_now(&app, 0.8, 0.6);
        }
        let app = site.app(Role::Orders);
        (
            Alert::errors(&site.namespace(), &app.name),
            at_database(site, causes),
        )
    })
}

pub(crate) fn read_only(params: &Params, id: &str) -> ScenarioRun {
    clients_say(
        params,
        id,
        "pq: cannot execute INSERT in a read-only transaction (SQLSTATE 25006)",
        &["DatabaseReadOnly"],
    )
}

pub(crate) fn locked(params: &Params, id: &str) -> ScenarioRun {
    clients_say(
        params,
        id,
        "pq: canceling statement due to lock timeout (SQLSTATE 55P03) while updating tuple (14,3) in relation \"stock\"",
        &["DatabaseLockOrSlowQuery"],
    )
}

/// The database does not answer, and its own probe says so.
pub(crate) fn dependency_down(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1400, |site| {
        let database = site.app(Role::Database);
        let pod = format!("{}-0", database.name);
        let since = site.after(20);
        site.unready(&pod, "localhost:5432 - no response", since);
        let address = site.address_of(&pod);
        for role in [Role::Orders, Role::Catalog] {
            let app = site.app(role);
            let error = format!(
                "connection to server at \"{}\" ({address}), port 5432 failed: Connection refused",
                database.name
            );
            site.complain(&app, &error, 18);
            site.traffic_now(&app, 0.8, 0.9);
        }
        let app = site.app(Role::Orders);
        let expected = at_database(
            site,
            &["ReadinessFailing", "DependencyRefused", "NoReadyEndpoints"],
        );
        (Alert::errors(&site.namespace(), &app.name), expected)
    })
}

/// A callee is ready and does not answer one of its callers in time.
pub(crate) fn dependency_silent(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1400, |site| {
        let app = site.app(Role::Checkout);
        let target = site.app(Role::Payment);
        let error = format!(
            "call to {0} failed: Post \"http://{0}:80/charge\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            target.name
        );
        site.complain(&app, &error, 24);
        site.traffic_now(&app, 0.9, 0.5);
        let expected = at_deployment(site, &target, &["DependencyTimeout"]);
        (Alert::errors(&site.namespace(), &app.name), expected)
    })
}

/// A workload beside the system's own, with a Service on `port`.
fn beside(site: &mut Site, name: &str, image: &str, port: i64) -> App {
    let app = App {
        name: name.to_owned(),
        image: image.to_owned(),
        port,
        replicas: 1,
        calls: &[],
        ..App::plain(site, Role::Cart)
    };
    let built = site.ago(50 * 86_400);
    site.add_configuration(&app, built);
    site.add_deployment(&app, built);
    site.add_service(&app, built);
    let namespace = site.namespace();
    site.edit("Service", &namespace, name, |one| {
        one["spec"]["ports"][0]["port"] = json!(port);
    });
    app
}

/// Gives a workload one more variable, in its template and its pods.
fn configure(site: &mut Site, app: &App, name: &str, value: &str) {
    let namespace = site.namespace();
    let variable = json!({"name": name, "value": value});
    let add = |list: &mut serde_json::Value| {
        if let Some(list) = list.as_array_mut() {
            list.push(variable.clone());
        }
    };
    site.edit("Deployment", &namespace, &app.name, |one| {
        add(&mut one["spec"]["template"]["spec"]["containers"][0]["env"]);
    });
    for pod in site.pods_of(app) {
        site.edit_pod(&pod, |pod| add(&mut pod["spec"]["containers"][0]["env"]));
    }
}

pub(crate) fn cache_full(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1400, |site| {
        let cache = beside(site, "session-cache", "docker.io/library/redis", 6379);
        let app = site.app(Role::Cart);
        configure(site, &app, "REDIS_ADDRESS", "session-cache:6379");
        site.complain(
            &app,
            "redis: OOM command not allowed when used memory > 'maxmemory'.",
            22,
        );
        site.traffic_now(&app, 0.8, 0.7);
        let expected = at_deployment(site, &cache, &["CacheFullOrEvicting"]);
        (Alert::errors(&site.namespace(), &app.name), expected)
    })
}

pub(crate) fn broker_split(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1400, |site| {
        let broker = beside(site, "event-bus", "docker.io/library/rabbitmq", 5672);
        let line = "Mnesia('rabbit@event-bus-0'): ** ERROR ** mnesia_event got {inconsistent_database, running_partitioned_network, 'rabbit@event-bus-1'}";
        site.complain(&broker, line, 6);
        let app = site.app(Role::Worker);
        configure(site, &app, "AMQP_HOST", "event-bus");
        site.complain_at(
            &app,
            Level::Warn,
            "publish was not confirmed, it is tried again",
            9,
        );
        site.traffic_now(&app, 0.4, 0.3);
        let expected = at_deployment(site, &broker, &["MessageBrokerPartition"]);
        (Alert::errors(&site.namespace(), &app.name), expected)
    })
}

/// The consumers are well and too few.
pub(crate) fn backlog(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1900, |site| {
        let app = site.app(Role::Worker);
        let namespace = site.namespace();
        let queue = *site.rng.pick(&["receipts", "outbox", "thumbnails"]);
        configure(site, &app, "QUEUE_NAME", queue);
        let labels = [
            ("namespace", namespace.as_str()),
            ("queue", queue),
            ("job", "rabbitmq"),
        ];
        site.new_gauge("rabbitmq_queue_messages_ready", &labels, |since| {
            if since < 0.0 {
                20.0 + (since / 120.0).sin() * 4.0
            } else {
                20.0 + since * 1.7
            }
        });
        let expected = at_deployment(site, &app, &["QueueBacklog"]);
        (
            Alert::about("QueueGrows", "A queue grows.", &namespace, "queue", queue),
            expected,
        )
    })
}

pub(crate) fn upstream_limits(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1400, |site| {
        let app = site.app(Role::Payment);
        site.complain(
            &app,
            "upstream answered 429 Too Many Requests, retry after 30 s",
            26,
        );
        site.traffic_now(&app, 1.0, 0.4);
        let expected = at_deployment(site, &app, &["UpstreamRateLimited"]);
        (Alert::errors(&site.namespace(), &app.name), expected)
    })
}

/// The other side is a company elsewhere.
pub(crate) fn outside(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1400, |site| {
        let app = site.app(Role::Payment);
        let error = "charge failed: Post \"https://api.acquirer.example/v1/charges\": dial tcp 203.0.113.44:443: i/o timeout";
        site.complain(&app, error, 26);
        site.traffic_now(&app, 0.9, 0.6);
        let expected = at_deployment(site, &app, &["OutsideVisibility"]);
        (Alert::errors(&site.namespace(), &app.name), expected)
    })
}
