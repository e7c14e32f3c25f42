//! Pods that find no node.

use serde_json::json;

use super::alert::Alert;
use super::image::{at_deployment, victim};
use super::site::Site;
use super::{Expected, Params, ScenarioRun, run};

const NO_PREEMPTION: &str = "Preemption is not helpful for scheduling";

/// The scheduler's sentence: what each group of nodes lacks.
pub(super) fn no_node(site: &Site, why: &[(usize, &str)]) -> String {
    let total = site.names.nodes.len();
    let reasons: Vec<String> = why
        .iter()
        .map(|(count, reason)| format!("{count} {reason}"))
        .collect();
    format!(
        "0/{total} nodes are available: {}. preemption: 0/{total} nodes are available: {total} {NO_PREEMPTION}.",
        reasons.join(", ")
    )
}

pub(super) fn cordoned_node(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1600, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let cordoned = site.ago(2 * 3600).to_string();
        let nodes = site.names.nodes.clone();
        let chosen = site.rng.range(0, i64::try_from(nodes.len()).unwrap_or(1));
        let chosen = nodes[usize::try_from(chosen).unwrap_or(0)].clone();
        let home = json!({"kubernetes.io/hostname": chosen});
        let pods = site.replace_pods(&app, |template| template["spec"]["nodeSelector"] = home);
        site.edit("Node", "", &chosen, |node| {
            node["spec"]["unschedulable"] = json!(true);
            node["spec"]["taints"] = json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": cordoned}]);
        });
        let others = nodes.len() - 1;
        let message = no_node(
            site,
            &[
                (1, "node(s) were unschedulable"),
                (others, "node(s) didn't match Pod's node affinity/selector"),
            ],
        );
        for pod in &pods {
            site.unschedulable(pod, &message);
        }
        let expected = Expected::Either(
            &["NodeCordoned", "CordonForgotten"],
            ("Node", String::new(), chosen),
            vec![("Deployment", namespace.clone(), app.name.clone())],
        );
        (Alert::pod_not_ready(&namespace, &pods[0]), expected)
    })
}

fn too_large(
    params: &Params,
    id: &str,
    resource: &'static str,
    amount: &'static str,
    causes: &'static [&'static str],
) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let rollout = site.rollout(&app, |template| {
            let resources = &mut template["spec"]["containers"][0]["resources"];
            resources["requests"][resource] = json!(amount);
            resources["limits"][resource] = json!(amount);
        });
        let total = site.names.nodes.len();
        let message = format!(
            "0/{total} nodes are available: {total} Insufficient {resource}. preemption: 0/{total} nodes are available: {total} No preemption victims found for incoming pod."
        );
        site.unschedulable(&rollout.pods[0], &message);
        let expected = at_deployment(site, &app, causes);
        (
            Alert::pod_not_ready(&site.namespace(), &rollout.pods[0]),
            expected,
        )
    })
}

pub(super) fn insufficient_cpu(params: &Params, id: &str) -> ScenarioRun {
    too_large(
        params,
        id,
        "cpu",
        "48",
        &["InsufficientCpu", "InsufficientResources"],
    )
}

pub(super) fn insufficient_memory(params: &Params, id: &str) -> ScenarioRun {
    too_large(
        params,
        id,
        "memory",
        "400Gi",
        &["InsufficientMemory", "InsufficientResources"],
    )
}

pub(super) fn selector_mismatch(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let (label, value) = *site.rng.pick(&[
            ("disk", "nvme"),
            ("topology.kubernetes.io/zone", "room-9"),
            ("workload", "batch"),
        ]);
        let rollout = site.rollout(&app, |template| {
            template["spec"]["nodeSelector"] = json!({label: value});
        });
        let total = site.names.nodes.len();
        let message = no_node(
            site,
            &[(total, "node(s) didn't match Pod's node affinity/selector")],
        );
        site.unschedulable(&rollout.pods[0], &message);
        let expected = at_deployment(
            site,
            &app,
            &["NodeSelectorMismatch", "NodePlacementMismatch"],
        );
        (
            Alert::pod_not_ready(&site.namespace(), &rollout.pods[0]),
            expected,
        )
    })
}

pub(super) fn untolerated_taint(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let (key, value) = *site.rng.pick(&[
            ("dedicated", "database"),
            ("maintenance", "planned"),
            ("migration", "os-upgrade"),
        ]);
        for node in site.names.nodes.clone() {
            site.edit("Node", "", &node, |node| {
                node["spec"]["taints"] =
                    json!([{"key": key, "value": value, "effect": "NoSchedule"}]);
            });
        }
        let tag = site.names.tag(app.release + 1);
        let image = format!("{}:{tag}", app.image);
        let rollout = site.rollout(&app, |template| {
            template["spec"]["containers"][0]["image"] = json!(image);
        });
        let total = site.names.nodes.len();
        let reason = format!("node(s) had untolerated taint {{{key}: {value}}}");
        let message = no_node(site, &[(total, &reason)]);
        site.unschedulable(&rollout.pods[0], &message);
        let expected = at_deployment(site, &app, &["UntoleratedTaint"]);
        (
            Alert::pod_not_ready(&site.namespace(), &rollout.pods[0]),
            expected,
        )
    })
}

pub(super) fn anti_affinity(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let label = site.names.label;
        let rule = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {label: app.name}}, "topologyKey": "kubernetes.io/hostname"}]}});
        let total = site.names.nodes.len();
        let pods = site.replace_pods(&app, |template| template["spec"]["affinity"] = rule);
        let set = site.current_set(&app);
        let namespace = site.namespace();
        let wanted = total + 1;
        site.edit("Deployment", &namespace, &app.name, |one| {
            one["spec"]["replicas"] = json!(wanted);
        });
        site.edit("ReplicaSet", &namespace, &set, |one| {
            one["spec"]["replicas"] = json!(wanted);
        });
        let at = site.after(60);
        let mut all = pods;
        while all.len() < wanted {
            all.push(site.create_pod(&set, at));
        }
        // One pod per node; the last finds no place.
        for (index, pod) in all.iter().take(total).enumerate() {
            let node = site.names.nodes[index].clone();
            site.edit_pod(pod, |pod| pod["spec"]["nodeName"] = json!(node));
        }
        let message = no_node(
            site,
            &[(total, "node(s) didn't match pod anti-affinity rules")],
        );
        let last = all[total].clone();
        site.unschedulable(&last, &message);
        let expected = at_deployment(site, &app, &["PodAntiAffinity"]);
        (Alert::pod_not_ready(&namespace, &last), expected)
    })
}
