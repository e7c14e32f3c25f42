//! Rows "exit 137" and "exit 143".

use serde_json::{Value, json};

use super::{Fixture, ago, check, crashing, running, spec, web};

fn limited() -> Value {
    spec(json!({"resources": {"limits": {"memory": "64Mi"}},
        "livenessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 10}, "ports": [{"containerPort": 8080}]}))
}

fn killed(reason: &str) -> Fixture {
    web(limited(), crashing(reason, 137, 900))
}

fn by_liveness(fixture: Fixture) -> Fixture {
    let words = "Liveness probe failed: dial tcp 10.1.1.1:8080: i/o timeout";
    let killing = "Container main failed liveness probe, will be restarted";
    fixture.warning("Pod/web-77f-a", "Unhealthy", words).event(
        "Normal",
        "Pod/web-77f-a",
        "Killing",
        killing,
        2,
    )
}

fn evicted() -> Fixture {
    let message =
        "The node was low on resource: memory. Container main was using 3Gi, request is 0.";
    let status =
        json!({"phase": "Failed", "reason": "Evicted", "message": message, "startTime": ago(5)});
    web(limited(), status).warning("Pod/web-77f-a", "Evicted", message)
}

fn deleted(mut fixture: Fixture) -> Fixture {
    let pods = &mut fixture.snapshot.objects.pods;
    let mut pod = pods.get("shop", "web-77f-a").cloned().unwrap();
    pod.metadata.deletion_timestamp = serde_json::from_value(json!(ago(1))).unwrap();
    pods.insert(pod);
    fixture
}

#[test]
fn exit_137_is_told_apart_by_who_killed() {
    let oom = "System OOM encountered, victim process: main, pid: 4242";
    check(
        "exit 137",
        vec![
            (
                "reason OOMKilled",
                killed("OOMKilled"),
                "OomOwnLimit Deployment shop/web",
            ),
            (
                "Error after a failed liveness probe",
                by_liveness(killed("Error")),
                "LivenessKill",
            ),
            (
                "evicted by its node",
                evicted(),
                "EvictedPressure Deployment shop/web",
            ),
            (
                "the node ran out of memory",
                killed("Error").warning("Node/n1", "SystemOOM", oom),
                "NodeOomVictim Node n1",
            ),
            ("the pod is being deleted", deleted(killed("Error")), ""),
        ],
    );
}

#[test]
fn exit_143_is_told_apart_by_who_sent_the_signal() {
    let preempted = "Preempted by pod 1f2e on node n1";
    check(
        "exit 143",
        vec![
            (
                "a failed liveness probe",
                by_liveness(web(limited(), crashing("Error", 143, 900))),
                "LivenessKill",
            ),
            (
                "a pod of higher priority",
                web(spec(json!({})), json!({"phase": "Failed", "reason": "Preempted", "message": preempted,
                    "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "lastTransitionTime": ago(3)}]}))
                    .event("Normal", "Pod/web-77f-a", "Preempted", preempted, 3),
                "Preempted",
            ),
            ("a rollout that takes the pod away", deleted(web(limited(), running(true))), ""),
        ],
    );
}

#[test]
fn a_memory_kill_is_told_apart_by_the_container_it_hit() {
    let two = json!({"nodeName": "n1", "containers": [
        {"name": "web", "image": "r/web:1", "resources": {"limits": {"memory": "64Mi"}}},
        {"name": "istio-proxy", "image": "r/proxy:1", "resources": {"limits": {"memory": "64Mi"}}}]});
    let status = |victim: &str| {
        let one = |name: &str| {
            let mut status = json!({"name": name, "image": "i", "imageID": "", "ready": true,
                "restartCount": 0, "state": {"running": {}}});
            if name == victim {
                status["restartCount"] = json!(4);
                status["ready"] = json!(false);
                status["lastState"] = json!({"terminated": {"reason": "OOMKilled", "exitCode": 137,
                    "startedAt": ago(4), "finishedAt": ago(2)}});
            }
            status
        };
        json!({"phase": "Running", "containerStatuses": [one("web"), one("istio-proxy")]})
    };
    check(
        "OOMKilled of one container of two",
        vec![
            (
                "the main one",
                web(two.clone(), status("web")),
                "OomOwnLimit Deployment shop/web",
            ),
            (
                "the sidecar",
                web(two.clone(), status("istio-proxy")),
                "OomSidecar Deployment shop/web",
            ),
        ],
    );
}
