//! Facts about placement: every filter, its near miss, and which reason decides.

#![allow(
    clippy::needless_pass_by_value,
    reason = "JSON snippets read best when written where they are used"
)]

mod room;

use serde_json::{Value, json};

use super::fit::Kind;
use super::message::{Clause, clauses};
use super::{custom_scheduler, gated, preempted, scheduler_down, unknown_node, unplaced};
use crate::causes::fixture::{Fixture, ago};
use crate::causes::{Analyzer, Cause, Findings, Strength};

fn pod_spec(extra: Value) -> Value {
    let mut spec = json!({"containers": [{"name": "app", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]});
    for (key, value) in extra.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    spec
}

fn asking(cpu: &str, memory: &str) -> Value {
    json!({"containers": [{"name": "app", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]})
}

fn waiting(spec: &Value) -> Fixture {
    Fixture::new().deployment("web", 1, 0, spec.clone()).pod(
        "web",
        "a",
        spec.clone(),
        json!({"phase": "Pending"}),
    )
}

/// A control plane that is cordoned and two workers.
fn cluster(fixture: Fixture) -> Fixture {
    fixture
        .node(
            "cp",
            json!({"node-role.kubernetes.io/control-plane": ""}),
            json!({"unschedulable": true}),
        )
        .node("n1", json!({"disk": "ssd"}), json!({}))
        .node("n2", json!({"disk": "hdd"}), json!({}))
}

fn running(fixture: Fixture, name: &str, node: &str, mut spec: Value) -> Fixture {
    spec["nodeName"] = json!(node);
    fixture.with(
        json!({"kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
        "spec": spec, "status": {"phase": "Running", "containerStatuses": []}}),
    )
}

#[track_caller]
fn check(spec: Value, message: &str, expected: &[&str]) -> Findings {
    cluster(waiting(&spec))
        .warning("Pod/web-77f-a", "FailedScheduling", message)
        .check(unplaced, expected)
}

#[test]
fn a_selector_that_no_node_satisfies_decides_over_a_cordoned_control_plane() {
    let findings = check(
        pod_spec(json!({"nodeSelector": {"disk": "nvme"}})),
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector.",
        &["NodeSelectorMismatch Deployment shop/web"],
    );
    assert_eq!(findings.found[0].strength, Strength::Stated);
    assert!(
        findings
            .excluded
            .iter()
            .any(|exclusion| exclusion.cause == Cause::NodeCordoned)
    );
}

#[test]
fn a_required_affinity_is_told_apart_from_a_selector() {
    let affinity = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}}}});
    check(
        pod_spec(affinity),
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector.",
        &["NodeAffinityMismatch Deployment shop/web"],
    );
}

#[test]
fn rules_that_leave_only_a_closed_control_plane_exclude_every_worker() {
    let spec = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        {"nodeSelectorTerms": [{"matchExpressions": [{"key": "disk", "operator": "NotIn", "values": ["ssd", "hdd"]}]}]}}}});
    check(
        pod_spec(spec),
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector.",
        &["NodeAffinityMismatch Deployment shop/web"],
    );
}

#[test]
fn rules_that_aim_at_a_closed_control_plane_meet_its_cordon() {
    check(
        pod_spec(json!({"nodeSelector": {"kubernetes.io/hostname": "cp"}})),
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector.",
        &["NodeCordoned Deployment shop/web"],
    );
}

#[test]
fn a_node_without_a_hostname_label_is_known_by_its_name() {
    let spec = pod_spec(json!({"nodeSelector": {"kubernetes.io/hostname": "n3"}}));
    cluster(waiting(&spec))
        .with(json!({"kind": "Node", "metadata": {"name": "n3"}, "spec": {"taints": [{"key": "broken", "effect": "NoExecute"}]}}))
        .check(unplaced, &["UntoleratedTaint Deployment shop/web"]);
}

#[test]
fn a_cordon_on_the_only_matching_node_decides_over_the_selector() {
    let spec = pod_spec(json!({"nodeSelector": {"disk": "ssd"}}));
    let findings = cluster(waiting(&spec))
        .node("n1", json!({"disk": "ssd"}), json!({"unschedulable": true}))
        .warning("Pod/web-77f-a", "FailedScheduling", "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 2 node(s) were unschedulable.")
        .check(unplaced, &["NodeCordoned Deployment shop/web"]);
    assert!(findings.found[0].statement.contains("n1"));
    assert_eq!(findings.found[0].actions[0].undo, "kubectl cordon n1");
}

#[test]
fn a_taint_on_the_only_matching_node_decides() {
    let spec = pod_spec(json!({"nodeSelector": {"disk": "ssd"}}));
    cluster(waiting(&spec))
        .node("n1", json!({"disk": "ssd"}), json!({"taints": [{"key": "team", "value": "b", "effect": "NoSchedule"}]}))
        .warning("Pod/web-77f-a", "FailedScheduling", "0/3 nodes are available: 1 node(s) had untolerated taint {team: b}, 1 node(s) were unschedulable, 1 node(s) didn't match Pod's node affinity/selector.")
        .check(unplaced, &["UntoleratedTaint Deployment shop/web"]);
}

#[test]
fn a_taint_that_follows_from_a_nodes_trouble_stays_a_hint() {
    let spec = pod_spec(json!({"nodeSelector": {"disk": "ssd"}}));
    let findings = cluster(waiting(&spec))
        .node(
            "n1",
            json!({"disk": "ssd"}),
            json!({"taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule"}]}),
        )
        .check(unplaced, &["UntoleratedTaint Deployment shop/web"]);
    assert_eq!(findings.found[0].strength, Strength::Hint);
}

#[test]
fn a_tolerated_taint_is_no_reason() {
    let spec = pod_spec(
        json!({"nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "team", "operator": "Exists"}]}),
    );
    cluster(waiting(&spec))
        .node(
            "n1",
            json!({"disk": "ssd"}),
            json!({"taints": [{"key": "team", "value": "b", "effect": "NoSchedule"}]}),
        )
        .check(unplaced, &[]);
}

#[test]
fn the_resource_that_is_short_is_named() {
    let message = |resource: &str| {
        format!(
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient {resource}. preemption: 0/3 nodes are available: 3 No preemption victims found."
        )
    };
    check(
        asking("6", "1Gi"),
        &message("cpu"),
        &["InsufficientCpu Deployment shop/web"],
    );
    check(
        asking("1", "20Gi"),
        &message("memory"),
        &["InsufficientMemory Deployment shop/web"],
    );
    check(
        asking("6", "20Gi"),
        "",
        &["InsufficientResources Deployment shop/web"],
    );
    check(
        json!({"containers": [{"name": "app", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}),
        &message("nvidia.com/gpu"),
        &["InsufficientExtendedResource Deployment shop/web"],
    );
}

#[test]
fn what_runs_already_is_subtracted() {
    let spec = asking("2", "1Gi");
    let full = cluster(waiting(&spec));
    let full = running(full, "big-1", "n1", asking("3", "1Gi"));
    full.check(unplaced, &[]);
    let full = running(cluster(waiting(&spec)), "big-1", "n1", asking("3", "1Gi"));
    running(full, "big-2", "n2", asking("3", "1Gi"))
        .check(unplaced, &["InsufficientCpu Deployment shop/web"]);
}

#[test]
fn the_schedulers_count_decides_when_other_namespaces_were_not_captured() {
    check(
        asking("1", "1Gi"),
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient memory.",
        &["InsufficientMemory Deployment shop/web"],
    );
}

#[test]
fn the_message_alone_is_enough() {
    waiting(&pod_spec(json!({})))
        .warning("Pod/web-77f-a", "FailedScheduling", "0/5 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 4 node(s) didn't match pod topology spread constraints.")
        .check(unplaced, &["TopologySpreadConstraint Deployment shop/web"]);
    waiting(&pod_spec(json!({})))
        .warning(
            "Pod/web-77f-a",
            "FailedScheduling",
            "0/2 nodes are available: 2 node(s) exceed max volume count.",
        )
        .check(unplaced, &["MaxVolumesPerNode Deployment shop/web"]);
}

#[test]
fn the_condition_speaks_when_events_are_gone() {
    let conditions = json!([{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes are available: 2 Too many pods."}]);
    Fixture::new()
        .deployment("web", 1, 0, pod_spec(json!({})))
        .pod(
            "web",
            "a",
            pod_spec(json!({})),
            json!({"phase": "Pending", "conditions": conditions}),
        )
        .check(unplaced, &["TooManyPods Deployment shop/web"]);
}

fn keeps_apart() -> Value {
    json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}]}}})
}

#[test]
fn anti_affinity_with_a_pod_on_every_node_decides() {
    let spec = pod_spec(keeps_apart());
    let mut placed = spec.clone();
    let mut fixture = cluster(waiting(&spec));
    for (suffix, node) in [("b", "n1"), ("c", "n2")] {
        placed["nodeName"] = json!(node);
        fixture = fixture.pod("web", suffix, placed.clone(), json!({"phase": "Running"}));
    }
    fixture.check(unplaced, &["PodAntiAffinity Deployment shop/web"]);
}

#[test]
fn anti_affinity_with_a_free_node_is_no_reason() {
    let spec = pod_spec(keeps_apart());
    let mut placed = spec.clone();
    placed["nodeName"] = json!("n1");
    cluster(waiting(&spec))
        .pod("web", "b", placed, json!({"phase": "Running"}))
        .check(unplaced, &[]);
}

#[test]
fn anothers_anti_affinity_counts_as_well() {
    let spec = pod_spec(json!({}));
    let fixture = running(
        cluster(waiting(&spec)),
        "loner-1",
        "n1",
        pod_spec(keeps_apart()),
    );
    running(fixture, "loner-2", "n2", pod_spec(keeps_apart()))
        .check(unplaced, &["PodAntiAffinity Deployment shop/web"]);
}

#[test]
fn a_host_port_that_is_held_everywhere_is_taken() {
    let spec =
        json!({"containers": [{"name": "app", "ports": [{"containerPort": 80, "hostPort": 80}]}]});
    let fixture = running(cluster(waiting(&spec)), "edge-1", "n1", spec.clone());
    running(fixture, "edge-2", "n2", spec).check(unplaced, &["HostPortTaken Deployment shop/web"]);
}

#[test]
fn a_volume_that_no_free_node_reaches_decides() {
    let spec = pod_spec(
        json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}),
    );
    cluster(waiting(&spec))
        .with(json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {"volumeName": "v1"}, "status": {"phase": "Bound"}}))
        .with(json!({"kind": "PersistentVolume", "metadata": {"name": "v1"}, "spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["n9"]}]}]}}}}))
        .warning("Pod/web-77f-a", "FailedScheduling", "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had volume node affinity conflict.")
        .check(unplaced, &["VolumeNodeAffinity Deployment shop/web"]);
}

#[test]
fn a_claim_that_does_not_exist_keeps_the_pod_waiting() {
    let spec = pod_spec(
        json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}),
    );
    cluster(waiting(&spec))
        .warning(
            "Pod/web-77f-a",
            "FailedScheduling",
            "0/3 nodes are available: persistentvolumeclaim \"data\" not found.",
        )
        .check(unplaced, &["PvcUnbound Deployment shop/web"]);
}

#[test]
fn a_claim_with_a_cause_of_its_own_is_left_to_storage() {
    let spec = pod_spec(
        json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}),
    );
    cluster(waiting(&spec))
        .with(json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
            "spec": {"storageClassName": "", "resources": {"requests": {"storage": "2Gi"}}}, "status": {"phase": "Pending"}}))
        .with(json!({"kind": "PersistentVolume", "metadata": {"name": "v1"}, "spec": {"capacity": {"storage": "1Gi"}}, "status": {"phase": "Available"}}))
        .warning("Pod/web-77f-a", "FailedScheduling", "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
        .check(unplaced, &[]);
}

#[test]
fn a_pod_that_has_its_node_by_now_is_no_finding() {
    let spec = pod_spec(json!({"nodeSelector": {"disk": "nvme"}}));
    let mut placed = spec.clone();
    placed["nodeName"] = json!("n1");
    cluster(Fixture::new().deployment("web", 1, 1, spec))
        .pod("web", "a", placed, json!({"phase": "Running"}))
        .warning(
            "Pod/web-77f-a",
            "FailedScheduling",
            "0/3 nodes are available: 3 Insufficient cpu.",
        )
        .check(unplaced, &[]);
}

#[test]
fn messages_are_read_clause_by_clause() {
    let old = "0/3 nodes are available: 1 node(s) had taint {a: b}, that the pod didn't tolerate, 2 Insufficient cpu.";
    let kinds: Vec<(usize, Kind)> = clauses(old)
        .iter()
        .map(|clause| (clause.nodes, clause.kind))
        .collect();
    assert_eq!(kinds, [(1, Kind::Taint), (2, Kind::Cpu)]);
    assert_eq!(clauses("skip schedule deleting pod"), Vec::<Clause>::new());
}

#[track_caller]
fn special(analyzer: Analyzer, spec: &Value, expected: &[&str]) {
    cluster(waiting(spec)).check(analyzer, expected);
}

#[test]
fn gates_unknown_schedulers_and_unknown_nodes_are_told_apart() {
    let gate = pod_spec(json!({"schedulingGates": [{"name": "quota.local/wait"}]}));
    special(gated, &gate, &["SchedulingGated Deployment shop/web"]);
    special(unplaced, &gate, &[]);
    let custom = pod_spec(json!({"schedulerName": "batch"}));
    special(
        custom_scheduler,
        &custom,
        &["CustomSchedulerMissing Deployment shop/web"],
    );
    special(scheduler_down, &custom, &[]);
    let pinned = pod_spec(json!({"nodeName": "n9"}));
    special(
        unknown_node,
        &pinned,
        &["NodeNameUnknown Deployment shop/web"],
    );
    let plain = pod_spec(json!({"nodeName": "n1"}));
    special(unknown_node, &plain, &[]);
    special(gated, &plain, &[]);
    special(custom_scheduler, &plain, &[]);
}

#[test]
fn a_pod_nobody_looked_at_means_the_scheduler_is_down() {
    let quiet = cluster(waiting(&pod_spec(json!({})))).event(
        "Normal",
        "Deployment/web",
        "ScalingReplicaSet",
        "scaled up",
        5,
    );
    let findings = quiet.check(scheduler_down, &["SchedulerDown Node cp"]);
    assert_eq!(findings.found[0].strength, Strength::Likely);
    let findings = quiet
        .series(
            "node_systemd_unit_state",
            &[
                ("name", "kube-scheduler.service"),
                ("state", "active"),
                ("node", "cp"),
            ],
            &[0.0],
        )
        .check(scheduler_down, &["SchedulerDown Node cp"]);
    assert_eq!(findings.found[0].strength, Strength::Strong);
}

#[test]
fn a_pod_that_was_refused_or_fits_nowhere_says_nothing_about_the_scheduler() {
    cluster(waiting(&pod_spec(json!({}))))
        .warning(
            "Pod/web-77f-a",
            "FailedScheduling",
            "0/3 nodes are available: 3 Insufficient cpu.",
        )
        .check(scheduler_down, &[]);
    cluster(waiting(&asking("64", "1Gi")))
        .event(
            "Normal",
            "Deployment/web",
            "ScalingReplicaSet",
            "scaled up",
            5,
        )
        .check(scheduler_down, &[]);
}

#[test]
fn without_events_silence_needs_another_sign() {
    let quiet = cluster(waiting(&pod_spec(json!({}))));
    quiet.check(scheduler_down, &[]);
    quiet
        .series(
            "up",
            &[("job", "kube-scheduler"), ("instance", "cp:10259")],
            &[0.0],
        )
        .check(scheduler_down, &["SchedulerDown Node cp"]);
}

#[test]
fn a_stale_lease_names_the_schedulers_node() {
    cluster(waiting(&pod_spec(json!({}))))
        .event("Normal", "Deployment/web", "ScalingReplicaSet", "scaled up", 5)
        .with(json!({"kind": "Lease", "metadata": {"name": "kube-scheduler", "namespace": "kube-system"},
            "spec": {"holderIdentity": "n2_5f", "renewTime": ago(9)}}))
        .check(scheduler_down, &["SchedulerDown Node n2"]);
}

#[test]
fn a_pod_removed_for_a_higher_priority_is_preempted() {
    cluster(waiting(&pod_spec(json!({}))))
        .event(
            "Normal",
            "Pod/web-77f-z",
            "Preempted",
            "Preempted by pod 1234 on node n1",
            4,
        )
        .check(preempted, &["Preempted Deployment shop/web"]);
    cluster(Fixture::new().deployment("web", 1, 1, pod_spec(json!({}))))
        .event(
            "Normal",
            "Pod/web-77f-z",
            "Preempted",
            "Preempted by pod 1234 on node n1",
            4,
        )
        .check(preempted, &[]);
}

#[test]
fn each_workload_is_stated_once() {
    let spec = pod_spec(json!({"nodeSelector": {"disk": "nvme"}}));
    let findings = cluster(waiting(&spec))
        .pod("web", "b", spec, json!({"phase": "Pending"}))
        .check(unplaced, &["NodeSelectorMismatch Deployment shop/web"]);
    let pods = findings.found[0]
        .explains
        .iter()
        .filter(|object| object.kind == "Pod")
        .count();
    assert_eq!(pods, 2);
}
