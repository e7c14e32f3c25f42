//! Databases, caches and brokers, and files that are full: what clients say.

use serde_json::{Value, json};

use super::super::crash_and_logs;
use super::{crashing, server, service};
use crate::causes::fixture::Fixture;
use crate::object::ObjectRef;

fn asked(mut fixture: Fixture) -> Fixture {
    fixture.subjects = vec![ObjectRef::namespaced("Deployment", "shop", "web")];
    fixture
}

fn told(line: &str) -> Fixture {
    asked(crashing(&format!("{line}\n").repeat(5)))
}

#[test]
fn statements_that_wait_for_locks_point_at_the_database() {
    for line in [
        "ERROR 1205 (HY000): Lock wait timeout exceeded; try restarting transaction (mysql)",
        "pq: canceling statement due to lock timeout",
        "psycopg2.errors.DeadlockDetected: deadlock detected (postgres)",
    ] {
        let port = if line.contains("mysql") { 3306 } else { 5432 };
        server(told(line), "ledger", port, true).check(
            crash_and_logs,
            &["DatabaseLockOrSlowQuery Deployment shop/ledger"],
        );
    }
}

#[test]
fn one_deadlock_is_everyday_life() {
    let once = asked(crashing("pq: deadlock detected"));
    server(once, "ledger", 5432, true).check(crash_and_logs, &[]);
}

#[test]
fn a_cache_at_its_limit_is_the_cache_to_fix() {
    let line = "ReplyError: OOM command not allowed when used memory > 'maxmemory'.";
    server(told(line), "sessions", 6379, true).check(
        crash_and_logs,
        &["CacheFullOrEvicting Deployment shop/sessions"],
    );
}

#[test]
fn a_split_broker_is_the_broker_to_fix() {
    let line = "Mnesia(rabbit@q-0): ** ERROR ** mnesia_event got {inconsistent_database, running_partitioned_network, rabbit@q-1}";
    let spec = json!({"containers": [{"name": "main", "ports": [{"containerPort": 5672}]}]});
    let status = json!({"phase": "Running", "containerStatuses": [{"name": "main", "image": "i",
        "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {}}}]});
    Fixture::new()
        .deployment("broker", 1, 1, spec.clone())
        .pod("broker", "s", spec, status)
        .log("broker-77f-s", "main", false, line)
        .check(
            crash_and_logs,
            &["MessageBrokerPartition Deployment shop/broker"],
        );
}

#[test]
fn a_word_about_partitions_of_a_topic_is_no_split() {
    let line = "ERROR could not rebalance: 12 partitions assigned";
    service(told(line), "broker", 9092)
        .check(crash_and_logs, &["CrashAppException Deployment shop/web"]);
}

fn writes_to(volume: Value, line: &str) -> Fixture {
    let mut fixture = told(line);
    let pods: Vec<_> = fixture.snapshot.objects.pods.iter().cloned().collect();
    for mut pod in pods {
        let spec = pod.spec.as_mut().expect("the fixture's pods have a spec");
        spec.volumes = serde_json::from_value(json!([volume])).expect("a volume");
        spec.containers[0].volume_mounts =
            serde_json::from_value(json!([{"name": "v", "mountPath": "/scratch"}]))
                .expect("a mount");
        fixture.snapshot.objects.pods.insert(pod);
    }
    fixture
}

#[test]
fn what_is_full_depends_on_where_the_path_lies() {
    let line = "OSError: [Errno 28] No space left on device: '/scratch/a.bin'";
    writes_to(json!({"name": "v", "emptyDir": {"medium": "Memory"}}), line)
        .check(crash_and_logs, &["ShmOrTmpExhausted Deployment shop/web"]);
    let claim = json!({"name": "v", "persistentVolumeClaim": {"claimName": "data"}});
    writes_to(claim, line).check(
        crash_and_logs,
        &["DiskFullVolume PersistentVolumeClaim shop/data"],
    );
    told("could not resize shared memory segment: No space left on device")
        .check(crash_and_logs, &["ShmOrTmpExhausted Deployment shop/web"]);
}
