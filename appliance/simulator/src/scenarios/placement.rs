//! More reasons why pods find no node, or nobody looks for one.

use serde_json::{Value, json};

use super::alert::Alert;
use super::image::{at_deployment, victim};
use super::names::{ROLES, Role};
use super::node::node_cause;
use super::scheduling::no_node;
use super::site::{EventText, Seen, Site, micro};
use super::workload::App;
use super::{Params, ScenarioRun, run};

/// A rollout that no node takes for `reason`, said of every node.
fn nowhere(
    params: &Params,
    id: &str,
    change: impl Fn(&mut Value, &App),
    reason: &str,
    causes: &'static [&'static str],
) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let rollout = site.rollout(&app, |template| change(template, &app));
        let total = site.names.nodes.len();
        let message = no_node(site, &[(total, reason)]);
        site.unschedulable(&rollout.pods[0], &message);
        let expected = at_deployment(site, &app, causes);
        (
            Alert::pod_not_ready(&site.namespace(), &rollout.pods[0]),
            expected,
        )
    })
}

pub(super) fn no_gpu(params: &Params, id: &str) -> ScenarioRun {
    nowhere(
        params,
        id,
        |template, _| {
            let resources = &mut template["spec"]["containers"][0]["resources"];
            resources["limits"]["nvidia.com/gpu"] = json!("1");
        },
        "Insufficient nvidia.com/gpu",
        &["InsufficientExtendedResource"],
    )
}

pub(super) fn affinity_mismatch(params: &Params, id: &str) -> ScenarioRun {
    nowhere(
        params,
        id,
        |template, _| {
            template["spec"]["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                {"matchExpressions": [{"key": "hardware.example/generation", "operator": "In", "values": ["g5"]}]}]}}});
        },
        "node(s) didn't match Pod's node affinity/selector",
        &["NodeAffinityMismatch", "NodePlacementMismatch"],
    )
}

pub(super) fn spread_constraint(params: &Params, id: &str) -> ScenarioRun {
    nowhere(
        params,
        id,
        |template, app| {
            template["spec"]["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": "topology.example/rack",
                "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": app.name}}}]);
        },
        "node(s) didn't match pod topology spread constraints (missing required label)",
        &["TopologySpreadConstraint"],
    )
}

pub(super) fn too_many_volumes(params: &Params, id: &str) -> ScenarioRun {
    nowhere(
        params,
        id,
        |template, app| {
            template["spec"]["containers"][0]["image"] = json!(format!("{}:next", app.image));
        },
        "node(s) exceed max volume count",
        &["MaxVolumesPerNode"],
    )
}

pub(super) fn claim_missing(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let claim = format!("{}-cache", app.name);
        let rollout = site.rollout(&app, |template| {
            template["spec"]["volumes"] =
                json!([{"name": "cache", "persistentVolumeClaim": {"claimName": claim}}]);
            template["spec"]["containers"][0]["volumeMounts"] =
                json!([{"name": "cache", "mountPath": "/var/cache/app"}]);
        });
        let total = site.names.nodes.len();
        let message = format!(
            "0/{total} nodes are available: persistentvolumeclaim \"{claim}\" not found. preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling."
        );
        site.unschedulable(&rollout.pods[0], &message);
        let expected = at_deployment(site, &app, &["PvcUnbound"]);
        (
            Alert::pod_not_ready(&site.namespace(), &rollout.pods[0]),
            expected,
        )
    })
}

/// Every node has a pod of the workload already, and each holds the port.
pub(super) fn host_port_taken(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let total = site.names.nodes.len();
        let port = app.port;
        let mut all = site.replace_pods(&app, |template| {
            template["spec"]["containers"][0]["ports"][0]["hostPort"] = json!(port);
        });
        let set = site.current_set(&app);
        let wanted = total + 1;
        for (kind, name) in [("Deployment", &app.name), ("ReplicaSet", &set)] {
            site.edit(kind, &namespace, name, |one| {
                one["spec"]["replicas"] = json!(wanted);
            });
        }
        let at = site.after(60);
        while all.len() < wanted {
            all.push(site.create_pod(&set, at));
        }
        for (index, pod) in all.iter().take(total).enumerate() {
            let node = site.names.nodes[index].clone();
            site.edit_pod(pod, |pod| pod["spec"]["nodeName"] = json!(node));
        }
        let reason = "node(s) didn't have free ports for the requested pod ports";
        let message = no_node(site, &[(total, reason)]);
        let last = all[total].clone();
        site.unschedulable(&last, &message);
        let expected = at_deployment(site, &app, &["HostPortTaken"]);
        (Alert::pod_not_ready(&namespace, &last), expected)
    })
}

pub(super) fn nodes_full_of_pods(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let rollout = site.rollout(&app, |template| {
            template["spec"]["containers"][0]["image"] = json!(format!("{}:next", app.image));
        });
        let total = site.names.nodes.len();
        let message = no_node(site, &[(total, "Too many pods")]);
        site.unschedulable(&rollout.pods[0], &message);
        for node in site.names.nodes.clone() {
            let carried = site
                .all("Pod")
                .iter()
                .filter(|pod| pod["spec"]["nodeName"] == json!(node))
                .count();
            site.edit("Node", "", &node, |node| {
                node["status"]["allocatable"]["pods"] = json!(carried.to_string());
                node["status"]["capacity"]["pods"] = json!(carried.to_string());
            });
        }
        let expected = at_deployment(site, &app, &["TooManyPods"]);
        (
            Alert::pod_not_ready(&site.namespace(), &rollout.pods[0]),
            expected,
        )
    })
}

/// The pod waits without a node and without a word about it.
fn silent(site: &mut Site, pod: &str, conditions: &Value) {
    let namespace = site.namespace();
    site.drop_logs(pod);
    site.forget_events(pod, "Scheduled");
    site.edit("Pod", &namespace, pod, |pod| {
        if let Some(spec) = pod["spec"].as_object_mut() {
            spec.shift_remove("nodeName");
        }
        pod["status"] =
            json!({"phase": "Pending", "qosClass": "Burstable", "conditions": conditions});
    });
}

pub(super) fn gated(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let gates = json!([{"name": "kueue.x-k8s.io/admission"}]);
        let rollout = site.rollout(&app, |template| template["spec"]["schedulingGates"] = gates);
        let held = json!([{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates", "lastTransitionTime": site.fault_at.to_string()}]);
        silent(site, &rollout.pods[0], &held);
        let expected = at_deployment(site, &app, &["SchedulingGated"]);
        (
            Alert::pod_not_ready(&site.namespace(), &rollout.pods[0]),
            expected,
        )
    })
}

pub(super) fn unknown_scheduler(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let name = *site.rng.pick(&["volcano", "batch-scheduler", "gang"]);
        let rollout = site.rollout(&app, |template| {
            template["spec"]["schedulerName"] = json!(name);
        });
        silent(site, &rollout.pods[0], &json!([]));
        let expected = at_deployment(site, &app, &["CustomSchedulerMissing"]);
        (
            Alert::pod_not_ready(&site.namespace(), &rollout.pods[0]),
            expected,
        )
    })
}

pub(super) fn unknown_node(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let wrong = format!("{}-old", site.names.nodes[0]);
        let rollout = site.rollout(&app, |template| template["spec"]["nodeName"] = json!(wrong));
        silent(site, &rollout.pods[0], &json!([]));
        site.edit_pod(&rollout.pods[0], |pod| {
            pod["spec"]["nodeName"] = json!(wrong);
        });
        let expected = at_deployment(site, &app, &["NodeNameUnknown"]);
        (
            Alert::pod_not_ready(&site.namespace(), &rollout.pods[0]),
            expected,
        )
    })
}

/// New pods of several workloads wait, and nobody has looked at one of them.
pub(super) fn scheduler_down(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = site.names.nodes[0].clone();
        let stopped = micro(site.fault_at);
        let built = site.ago(90 * 86_400);
        let meta = site.meta("kube-system", "kube-scheduler", built);
        let holder = format!("{node}_{}", site.rng.uuid());
        site.put("Lease", json!({"metadata": meta, "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": stopped}}));
        let mut last = String::new();
        for role in [Role::Catalog, Role::Cart, Role::Payment] {
            let app = site.app(role);
            let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
            let rollout = site.rollout(&app, |template| {
                template["spec"]["containers"][0]["image"] = json!(image);
            });
            silent(site, &rollout.pods[0], &json!([]));
            last.clone_from(&rollout.pods[0]);
        }
        let expected = node_cause(&["SchedulerDown"], &node);
        (Alert::pod_not_ready(&site.namespace(), &last), expected)
    })
}

/// A pod had to make room, and its replacement finds none.
pub(super) fn preempted(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let role = *site.rng.pick(&ROLES[1..]);
        let app = site.app(role);
        let namespace = site.namespace();
        let set = site.current_set(&app);
        let gone = site.pods_of(&app)[0].clone();
        let at = site.after(2);
        let by = format!(
            "Preempted by pod {} on node {}",
            site.rng.uuid(),
            site.names.nodes[0]
        );
        site.scheduler_event(
            (&namespace, &gone),
            "Normal",
            "Preempted",
            &by,
            Seen::once(at),
        );
        site.delete("Pod", &namespace, &gone);
        let fresh = site.create_pod(&set, at);
        let total = site.names.nodes.len();
        let message = format!(
            "0/{total} nodes are available: {total} Insufficient cpu. preemption: 0/{total} nodes are available: {total} No preemption victims found for incoming pod."
        );
        site.unschedulable(&fresh, &message);
        let text = EventText {
            kind: "Normal",
            reason: "Killing",
            message: &format!("Stopping container {}", app.name),
            from: "kubelet",
        };
        site.event(("Pod", &namespace, &gone), &text, Seen::once(at));
        let expected = at_deployment(site, &app, &["Preempted"]);
        (Alert::pod_not_ready(&namespace, &fresh), expected)
    })
}
