//! Memory that runs out elsewhere than at the main container's limit.

use serde_json::json;

use super::super::alert::Alert;
use super::super::breakage::Exit;
use super::super::image::{at_deployment, victim};
use super::super::node::node_cause;
use super::super::site::{EventText, Seen};
use super::super::{Params, ScenarioRun, run};
use super::start_up;

/// A proxy beside the app has a limit that is too low for its traffic.
pub(crate) fn sidecar_killed(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1900, |site| {
        let app = victim(site);
        let pods = site.replace_pods(&app, |template| {
            let sidecar = json!({"name": "log-agent", "image": "docker.io/fluent/fluent-bit:3.2", "resources":
                {"requests": {"cpu": "10m", "memory": "24Mi"}, "limits": {"memory": "24Mi"}}});
            if let Some(containers) = template["spec"]["containers"].as_array_mut() {
                containers.push(sidecar);
            }
        });
        let (finished, started) = (site.ago(80).to_string(), site.ago(200).to_string());
        for pod in &pods {
            start_up(site, &app, pod);
            site.edit_pod(pod, |pod| {
                let status = &mut pod["status"]["containerStatuses"][1];
                status["ready"] = json!(false);
                status["restartCount"] = json!(7);
                status["state"] = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container=log-agent"}});
                status["lastState"] = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": started, "finishedAt": finished}});
            });
            let since = site.after(120);
            site.not_ready(pod, since);
        }
        let expected = at_deployment(site, &app, &["OomSidecar"]);
        (
            Alert::crash_looping(&site.namespace(), &pods[0], "log-agent"),
            expected,
        )
    })
}

/// A node runs out of memory, and the kernel picks a pod without a limit.
pub(crate) fn node_victim(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let pods = site.replace_pods(&app, |template| {
            template["spec"]["containers"][0]["resources"] =
                json!({"requests": {"cpu": "50m", "memory": "64Mi"}});
        });
        let pod = pods[0].clone();
        let node = site.get("Pod", &site.namespace(), &pod)["spec"]["nodeName"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        site.crash_loops(
            &pod,
            Exit {
                code: 137,
                reason: "Error",
                restarts: 3,
                lives: 400,
            },
        );
        let hello = app.runtime.hello(site.ago(470), app.port);
        site.crash_log(&app, &pod, &[hello]);
        let message = format!(
            "System OOM encountered, victim process: {}, pid: {}",
            app.name,
            site.rng.range(2000, 90_000)
        );
        let text = EventText {
            kind: "Warning",
            reason: "SystemOOM",
            message: &message,
            from: "kubelet",
        };
        let (first, last) = (site.after(60), site.ago(75));
        site.event(
            ("Node", "", &node),
            &text,
            Seen {
                first,
                last,
                count: 3,
            },
        );
        site.settle();
        site.gauge(
            "node_memory_MemAvailable_bytes",
            &[("node", &node)],
            |_, before| before * 0.02,
        );
        let expected = node_cause(&["NodeOomVictim", "MemoryPressure"], &node);
        (
            Alert::crash_looping(&site.namespace(), &pod, &app.name),
            expected,
        )
    })
}

/// Memory grows from the release on, and is not yet at the limit.
pub(crate) fn leaks(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 3300, |site| {
        let app = victim(site);
        let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
        let pods = site.replace_pods(&app, |template| {
            template["spec"]["containers"][0]["image"] = json!(image);
        });
        for pod in &pods {
            start_up(site, &app, pod);
        }
        site.settle();
        let limit = (app.memory_mib * 2 * 1_048_576) as f64;
        let span = site.now.duration_since(site.fault_at).as_secs_f64();
        for pod in &pods {
            let start = 0.3 + site.rng.unit() * 0.05;
            site.gauge(
                "container_memory_working_set_bytes",
                &[("pod", pod)],
                |since, _| (limit * (start + (0.92 - start) * since / span)).round(),
            );
        }
        let expected = at_deployment(site, &app, &["MemoryLeak"]);
        let namespace = site.namespace();
        (
            Alert::about(
                "ContainerMemoryNearLimit",
                "A container uses most of its memory limit.",
                &namespace,
                "pod",
                &pods[0],
            ),
            expected,
        )
    })
}

/// The node is low on memory and the kubelet evicts pods over their requests.
pub(crate) fn evicted(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let message = "The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 3072Mi. Container was using 9Gi, request is 0, has larger consumption of ephemeral-storage. ";
        evict(site, &app, message);
        let expected = at_deployment(site, &app, &["EvictedPressure"]);
        (
            Alert::replicas_mismatch(&site.namespace(), &app.name),
            expected,
        )
    })
}

/// Pods write more to an emptyDir than it may hold.
pub(crate) fn scratch_limit(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        evict(
            site,
            &app,
            "Usage of EmptyDir volume \"scratch\" exceeds the limit \"500Mi\". ",
        );
        let expected = at_deployment(site, &app, &["EphemeralLimit"]);
        (
            Alert::replicas_mismatch(&site.namespace(), &app.name),
            expected,
        )
    })
}

/// One pod after the other is evicted and left behind as failed.
fn evict(site: &mut super::super::site::Site, app: &super::super::workload::App, message: &str) {
    let set = site.current_set(app);
    for (index, pod) in site.pods_of(app).into_iter().enumerate() {
        let offset = i64::try_from(index).unwrap_or(0) * 200;
        let at = site.after(30 + offset);
        site.drop_logs(&pod);
        site.edit_pod(&pod, |pod| {
            pod["status"] = json!({"phase": "Failed", "reason": "Evicted", "message": message, "startTime": pod["status"]["startTime"]});
        });
        site.kubelet(&pod, "Warning", "Evicted", message, Seen::once(at));
        let fresh = site.create_pod(&set, site.ago(50));
        site.edit_pod(&fresh, |pod| {
            pod["status"]["phase"] = json!("Pending");
            pod["status"]["containerStatuses"][0]["ready"] = json!(false);
            pod["status"]["containerStatuses"][0]["state"] =
                json!({"waiting": {"reason": "ContainerCreating"}});
        });
        let since = site.ago(50);
        site.not_ready(&fresh, since);
    }
}
