//! Row "Pending", and "no pod at all".

use serde_json::{Value, json};

use super::{Fixture, asked, check, node, spec, waiting, web};

fn unplaced() -> Value {
    json!({"containers": [{"name": "main", "image": "r/web:1", "resources": {"requests": {"cpu": "8", "memory": "1Gi"}}}]})
}

/// Pending without a node; the scheduler speaks of it or is silent.
fn pending(spec: Value) -> Fixture {
    web(spec, json!({"phase": "Pending"}))
}

fn small(extra: Value) -> Value {
    let mut spec = json!({"containers": [{"name": "main", "image": "r/web:1"}]});
    for (key, value) in extra.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    spec
}

fn says(fixture: Fixture, reason: &str, message: &str) -> Fixture {
    fixture.warning("Pod/web-77f-a", reason, message)
}

#[test]
fn pending_is_told_apart_by_who_speaks_of_the_pod() {
    let no_room = "0/1 nodes are available: 1 Insufficient cpu.";
    let secret = "MountVolume.SetUp failed for volume \"conf\" : secret \"conf\" not found";
    let mounting = {
        let mut spec = spec(json!({}));
        spec["volumes"] = json!([{"name": "conf", "secret": {"secretName": "conf"}}]);
        spec
    };
    let nfs = "MountVolume.SetUp failed for volume \"data\" : mount failed: exit status 32: wrong fs type, bad option";
    let sandbox = "Failed to create pod sandbox: plugin type=\"bridge\" failed (add): no IP addresses available in range set";
    let creating = || waiting("ContainerCreating", "");
    check(
        "Pending",
        vec![
            (
                "the scheduler finds no room",
                says(pending(unplaced()), "FailedScheduling", no_room),
                "InsufficientCpu Deployment shop/web",
            ),
            (
                "nobody speaks, and the scheduler is another's",
                pending(small(json!({"schedulerName": "batch-scheduler"}))),
                "CustomSchedulerMissing Deployment shop/web",
            ),
            (
                "on a node, and its Secret does not exist",
                says(web(mounting, creating()), "FailedMount", secret),
                "MountObjectMissing Deployment shop/web",
            ),
            (
                "on a node, and the mount fails",
                says(web(spec(json!({})), creating()), "FailedMount", nfs),
                "MountVolumeFailed Deployment shop/web",
            ),
            (
                "on a node, and the sandbox gets no address",
                says(
                    web(spec(json!({})), creating()),
                    "FailedCreatePodSandBox",
                    sandbox,
                ),
                "PodSandboxNetwork Node n1",
            ),
        ],
    );
}

#[test]
fn a_silent_scheduler_is_told_apart_from_a_gate_and_a_node_that_is_none() {
    let waiting = |name: &str, suffix: &str, fixture: Fixture| {
        fixture.deployment(name, 1, 0, small(json!({}))).pod(
            name,
            suffix,
            small(json!({})),
            json!({"phase": "Pending"}),
        )
    };
    let spoken = pending(small(json!({}))).event(
        "Normal",
        "ReplicaSet/web-77f",
        "SuccessfulCreate",
        "Created pod: web-77f-a",
        9,
    );
    let silent = waiting("cart", "b", spoken);
    check(
        "Pending without an event",
        vec![
            (
                "several workloads wait",
                waiting("mail", "c", silent),
                "SchedulerDown",
            ),
            (
                "a gate holds the pod",
                pending(small(
                    json!({"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]}),
                )),
                "SchedulingGated Deployment shop/web",
            ),
            (
                "nodeName is no node",
                pending(small(json!({"nodeName": "n9"}))),
                "NodeNameUnknown Deployment shop/web",
            ),
        ],
    );
}

fn refused(message: &str) -> Fixture {
    let fixture =
        Fixture::new().deployment("web", 2, 0, small(json!({"serviceAccountName": "runner"})));
    let fixture = fixture.with(json!({"kind": "ReplicaSet",
        "metadata": {"name": "web-77f", "ownerReferences": [crate::causes::fixture::owner("Deployment", "web")]},
        "spec": {"replicas": 2, "selector": {}, "template": {"spec": {"serviceAccountName": "runner", "containers": []}}},
        "status": {"replicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}]}}));
    let fixture = node(asked(fixture), "n1").alert(&[
        ("alertname", "KubeDeploymentReplicasMismatch"),
        ("namespace", "shop"),
        ("deployment", "web"),
    ]);
    fixture.warning("ReplicaSet/web-77f", "FailedCreate", message)
}

#[test]
fn a_pod_that_was_never_made_is_told_apart_by_the_refusal() {
    let forbidden = |why: &str| {
        refused(&format!(
            "Error creating: pods \"web-77f-x\" is forbidden: {why}"
        ))
    };
    let quota = |resource: &str| {
        forbidden(&format!(
            "exceeded quota: team, requested: {resource}=1, used: {resource}=4, limited: {resource}=4"
        ))
        .with(json!({"kind": "ResourceQuota", "metadata": {"name": "team"},
            "spec": {"hard": {resource: "4"}}, "status": {"hard": {resource: "4"}, "used": {resource: "4"}}}))
    };
    check(
        "no pod at all",
        vec![
            (
                "its security context",
                forbidden("violates PodSecurity \"restricted:latest\": runAsNonRoot != true"),
                "PodSecurityViolation Deployment shop/web",
            ),
            ("the quota of pods", quota("pods"), "PodQuotaExceeded"),
            (
                "the quota of CPU",
                quota("requests.cpu"),
                "CpuQuotaExceeded",
            ),
            (
                "the quota of memory",
                quota("requests.memory"),
                "MemoryQuotaExceeded",
            ),
            (
                "limits that the quota wants declared",
                forbidden("failed quota: team: must specify limits.cpu for: main"),
                "QuotaNeedsLimits Deployment shop/web",
            ),
            (
                "a limit above the range",
                forbidden("maximum cpu usage per Container is 1, but limit is 2"),
                "LimitRangeViolation Deployment shop/web",
            ),
            (
                "its account",
                forbidden(
                    "error looking up service account shop/runner: serviceaccount \"runner\" not found",
                ),
                "MissingServiceAccount Deployment shop/web",
            ),
            (
                "a webhook that answers no",
                refused(
                    "Error creating: admission webhook \"policy.local\" denied the request: no latest tag",
                ),
                "AdmissionDenied Deployment shop/web",
            ),
            (
                "a webhook that does not answer",
                refused(
                    "Error creating: Internal error occurred: failed calling webhook \"policy.local\": failed to call webhook: Post \"https://policy.guard.svc:443/validate?timeout=10s\": dial tcp 10.0.0.7:443: connect: connection refused",
                ),
                "AdmissionWebhookDown Service guard/policy",
            ),
        ],
    );
}

#[test]
fn a_node_that_does_not_fit_is_told_apart_by_the_rule_it_breaks() {
    let says = |spec: Value, message: &str| says(pending(spec), "FailedScheduling", message);
    check(
        "0/1 nodes are available",
        vec![
            (
                "a selector no node meets",
                says(
                    small(json!({"nodeSelector": {"disk": "nvme"}})),
                    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
                ),
                "NodeSelectorMismatch Deployment shop/web",
            ),
            (
                "memory",
                says(
                    json!({"containers": [{"name": "main", "image": "i", "resources": {"requests": {"memory": "64Gi"}}}]}),
                    "0/1 nodes are available: 1 Insufficient memory.",
                ),
                "InsufficientMemory Deployment shop/web",
            ),
            (
                "devices",
                says(
                    json!({"containers": [{"name": "main", "image": "i", "resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}}}]}),
                    "0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
                ),
                "InsufficientExtendedResource",
            ),
        ],
    );
}
