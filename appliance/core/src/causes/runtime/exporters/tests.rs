//! Each rule with a state that shows it, a near one that does not, and the
//! noise of everyday life.

use serde_json::{Value, json};

use crate::causes::fixture::{Fixture, ago};
use crate::object::ObjectRef;

use super::analyze;

fn well() -> Value {
    json!({"phase": "Running", "startTime": ago(600), "containerStatuses": [{"name": "main",
        "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {}}}]})
}

fn container(port: i32) -> Value {
    json!({"containers": [{"name": "main", "ports": [{"containerPort": port}]}]})
}

/// A workload `db` that serves `port` and a client `web`, about which the alert is.
fn site(port: i32) -> Fixture {
    let client = json!({"containers": [{"name": "main",
        "env": [{"name": "DB_HOST", "value": format!("db:{port}")}]}]});
    let mut fixture = Fixture::new()
        .deployment("db", 1, 1, container(port))
        .pod("db", "a", container(port), well())
        .with(json!({"kind": "Service", "metadata": {"name": "db"},
            "spec": {"selector": {"app": "db"}, "ports": [{"port": port}]}}))
        .deployment("web", 1, 1, client.clone())
        .pod("web", "a", client, well())
        .with(json!({"kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}));
    fixture.subjects = vec![ObjectRef::namespaced("Deployment", "shop", "web")];
    fixture
}

/// An hour of values, one a minute.
fn hour(value: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..60).map(|minute| value(f64::from(minute))).collect()
}

/// `before` for half an hour, then `after`.
fn step(before: f64, after: f64) -> Vec<f64> {
    hour(|minute| if minute < 30.0 { before } else { after })
}

/// A counter that grows by `before` a minute, and by `after` for the last half hour.
fn counter(before: f64, after: f64) -> Vec<f64> {
    hour(|minute| before * minute + (after - before) * (minute - 30.0).max(0.0))
}

const DB: [(&str, &str); 2] = [("namespace", "shop"), ("pod", "db-77f-a")];
const WEB: [(&str, &str); 2] = [("namespace", "shop"), ("pod", "web-77f-a")];

fn connections(used: &[f64], labels: &[(&str, &str)]) -> Fixture {
    let mut by_database = labels.to_vec();
    by_database.push(("datname", "main"));
    site(5432)
        .series("pg_stat_database_numbackends", &by_database, used)
        .series("pg_settings_max_connections", labels, &hour(|_| 100.0))
}

#[test]
fn a_database_without_a_connection_left_is_full() {
    let full = ["ConnectionPoolExhausted Deployment shop/db"];
    connections(&step(20.0, 98.0), &DB).check(analyze, &full);
    connections(&step(20.0, 85.0), &DB).check(analyze, &[]);
    // One full minute is none.
    let moment = hour(|minute| if minute > 57.0 { 99.0 } else { 20.0 });
    connections(&moment, &DB).check(analyze, &[]);
}

#[test]
fn an_exporter_of_its_own_names_the_server_by_address_or_settings() {
    let full = ["ConnectionPoolExhausted Deployment shop/db"];
    let own = json!({"containers": [{"name": "main", "ports": [{"containerPort": 9187}],
        "env": [{"name": "DATA_SOURCE_URI", "value": "db:5432/main"}]}]});
    let labels = [("namespace", "shop"), ("pod", "pg-exporter-77f-a")];
    connections(&step(20.0, 98.0), &labels)
        .deployment("pg-exporter", 1, 1, own.clone())
        .pod("pg-exporter", "a", own, well())
        .check(analyze, &full);
    let named = [("namespace", "shop"), ("server", "db:5432")];
    connections(&step(20.0, 98.0), &named).check(analyze, &full);
    // Nothing that is known serves there.
    let elsewhere = [("namespace", "shop"), ("server", "db.example.com:5432")];
    connections(&step(20.0, 98.0), &elsewhere).check(analyze, &[]);
}

#[test]
fn mysql_and_redis_count_connections_under_their_own_names() {
    for (port, used, limit) in [
        (
            3306,
            "mysql_global_status_threads_connected",
            "mysql_global_variables_max_connections",
        ),
        (6379, "redis_connected_clients", "redis_config_maxclients"),
    ] {
        site(port)
            .series(used, &DB, &step(20.0, 150.0))
            .series(limit, &DB, &hour(|_| 151.0))
            .check(analyze, &["ConnectionPoolExhausted Deployment shop/db"]);
    }
}

fn cache(share: f64) -> Fixture {
    site(6379)
        .series("redis_memory_used_bytes", &DB, &hour(|_| share * 1e9))
        .series("redis_memory_max_bytes", &DB, &hour(|_| 1e9))
}

#[test]
fn a_full_cache_that_refuses_or_begins_to_drop_is_the_cause() {
    let full = ["CacheFullOrEvicting Deployment shop/db"];
    let dropped = "redis_evicted_keys_total";
    cache(0.99)
        .series(dropped, &DB, &counter(6.0, 6000.0))
        .check(analyze, &full);
    let error = |word: &'static str| [DB[0], DB[1], ("err", word)];
    let errors = "redis_errors_total";
    cache(0.99)
        .series(errors, &error("ERR"), &hour(|_| 7.0))
        .series(errors, &error("OOM"), &counter(0.0, 60.0))
        .check(analyze, &full);
    cache(0.99)
        .series(errors, &error("ERR"), &counter(60.0, 60.0))
        .check(analyze, &[]);
    cache(0.7)
        .series(dropped, &DB, &counter(6.0, 6000.0))
        .check(analyze, &[]);
}

#[test]
fn a_full_cache_that_drops_as_always_is_what_a_cache_is_for() {
    cache(0.99)
        .series("redis_evicted_keys_total", &DB, &counter(600.0, 600.0))
        .series("redis_blocked_clients", &DB, &hour(|_| 40.0))
        .check(analyze, &[]);
}

#[test]
fn deadlocks_count_when_they_keep_coming() {
    let name = "pg_stat_database_deadlocks";
    let labels = [DB[0], DB[1], ("datname", "main")];
    site(5432)
        .series(name, &labels, &counter(0.0, 12.0))
        .check(analyze, &["DatabaseLockOrSlowQuery Deployment shop/db"]);
    let one = hour(|minute| if minute > 40.0 { 1.0 } else { 0.0 });
    site(5432).series(name, &labels, &one).check(analyze, &[]);
}

#[test]
fn a_primary_that_became_a_replica_takes_no_writes() {
    let lost = ["DatabaseReadOnly Deployment shop/db"];
    let role = "pg_replication_is_replica";
    site(5432)
        .series(role, &DB, &step(0.0, 1.0))
        .check(analyze, &lost);
    // A replica by nature, and one whose peer was promoted.
    site(5432)
        .series(role, &DB, &hour(|_| 1.0))
        .check(analyze, &[]);
    let peer = [("namespace", "shop"), ("pod", "db-77f-b")];
    site(5432)
        .pod("db", "b", container(5432), well())
        .series(role, &DB, &step(0.0, 1.0))
        .series(role, &peer, &step(1.0, 0.0))
        .check(analyze, &[]);
    site(3306)
        .series("mysql_global_variables_read_only", &DB, &step(0.0, 1.0))
        .check(analyze, &lost);
}

#[test]
fn a_redis_that_was_demoted_takes_no_writes() {
    let role = |role: &'static str| [DB[0], DB[1], ("role", role)];
    let ended = hour(|minute| if minute < 30.0 { 1.0 } else { f64::NAN });
    let began = hour(|minute| if minute < 30.0 { f64::NAN } else { 1.0 });
    site(6379)
        .series("redis_instance_info", &role("master"), &ended)
        .series("redis_instance_info", &role("slave"), &began)
        .check(analyze, &["DatabaseReadOnly Deployment shop/db"]);
    site(6379)
        .series("redis_instance_info", &role("slave"), &hour(|_| 1.0))
        .check(analyze, &[]);
}

#[test]
fn transaction_numbers_that_are_used_up_stop_all_writes() {
    let age = "pg_database_wraparound_age_datfrozenxid_seconds";
    let labels = [DB[0], DB[1], ("datname", "main")];
    site(5432)
        .series(age, &labels, &hour(|_| 2_145_000_000.0))
        .check(analyze, &["DatabaseReadOnly Deployment shop/db"]);
    let other = [DB[0], DB[1], ("datname", "other")];
    site(5432)
        .series(age, &labels, &hour(|_| 1_500_000_000.0))
        .series(age, &other, &hour(|_| 1_500_000_000.0))
        .check(analyze, &[]);
}

fn pool(active: f64, pending: f64) -> Fixture {
    site(5432)
        .series("hikaricp_connections_active", &WEB, &step(2.0, active))
        .series("hikaricp_connections_max", &WEB, &hour(|_| 10.0))
        .series("hikaricp_connections_pending", &WEB, &step(0.0, pending))
}

#[test]
fn a_pool_is_used_up_while_callers_wait_for_it() {
    let used_up = ["ConnectionPoolExhausted Deployment shop/web"];
    pool(10.0, 12.0).check(analyze, &used_up);
    pool(10.0, 0.0).check(analyze, &[]);
    pool(6.0, 3.0).check(analyze, &[]);
    site(5432)
        .series("jdbc_connections_active", &WEB, &step(2.0, 10.0))
        .series("jdbc_connections_max", &WEB, &hour(|_| 10.0))
        .check(analyze, &used_up);
}

fn heap(left: f64, collecting: f64) -> Fixture {
    site(5432)
        .series("jvm_gc_live_data_size_bytes", &WEB, &step(1e8, left))
        .series("jvm_gc_max_data_size_bytes", &WEB, &hour(|_| 1e9))
        .series(
            "jvm_gc_pause_seconds_sum",
            &WEB,
            &counter(0.5, 60.0 * collecting),
        )
}

#[test]
fn a_heap_that_collecting_no_longer_empties_is_held() {
    heap(9.5e8, 0.4).check(analyze, &["MemoryLeak Deployment shop/web"]);
    heap(9.5e8, 0.01).check(analyze, &[]);
    heap(4e8, 0.4).check(analyze, &[]);
}

#[test]
fn a_heap_that_holds_more_requests_is_no_leak() {
    let service = [("namespace", "shop"), ("service", "web")];
    let findings = heap(9.5e8, 0.4)
        .series("requests_per_second", &service, &step(10.0, 60.0))
        .check(analyze, &[]);
    assert_eq!(findings.excluded.len(), 1);
}

#[test]
fn goroutines_that_never_end_are_a_leak() {
    let routines = |of: &dyn Fn(f64) -> f64| site(5432).series("go_goroutines", &WEB, &hour(of));
    routines(&|minute| 200.0 + 100.0 * minute).check(analyze, &["MemoryLeak Deployment shop/web"]);
    routines(&|minute| 200.0 + 300.0 * minute.min(10.0)).check(analyze, &[]);
    routines(&|minute| 200.0 + 40.0 * (minute % 7.0)).check(analyze, &[]);
}

#[test]
fn members_that_run_and_do_not_agree_are_parted() {
    let name = "rabbitmq_unreachable_cluster_peers_count";
    site(5672)
        .series(name, &DB, &step(0.0, 1.0))
        .check(analyze, &["MessageBrokerPartition Deployment shop/db"]);
    let moment = hour(|minute| if minute > 58.0 { 1.0 } else { 0.0 });
    site(5672).series(name, &DB, &moment).check(analyze, &[]);
    // A member that is down explains it.
    site(5672)
        .pod("db", "b", container(5672), json!({"phase": "Pending"}))
        .series(name, &DB, &step(0.0, 1.0))
        .check(analyze, &[]);
}

#[test]
fn a_proxy_tells_which_upstream_refuses() {
    let refused = ["DependencyRefused Deployment shop/db"];
    let envoy = [
        ("namespace", "shop"),
        ("pod", "web-77f-a"),
        (
            "envoy_cluster_name",
            "outbound|5432||db.shop.svc.cluster.local",
        ),
    ];
    let name = "envoy_cluster_upstream_cx_connect_fail";
    site(5432)
        .series(name, &envoy, &counter(0.0, 60.0))
        .check(analyze, &refused);
    site(5432)
        .series(name, &envoy, &counter(12.0, 12.0))
        .check(analyze, &[]);
    let haproxy = [("namespace", "ingress"), ("proxy", "shop_db_5432")];
    site(5432)
        .series(
            "haproxy_backend_connection_errors_total",
            &haproxy,
            &counter(0.0, 60.0),
        )
        .check(analyze, &refused);
}
