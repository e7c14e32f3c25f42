//! What a cluster does all day: jobs, autoscalers, policies, quotas.

use serde_json::json;

use super::super::autoscaling::{ABOVE, BELOW, add, rescaled};
use super::super::image::{add_quota, victim};
use super::super::metrics::{Traffic, labels};
use super::super::names::Role;
use super::super::runtime::{CRON, add_cron, add_run};
use super::super::site::{Seen, Site};
use super::super::workload::App;
use super::super::{Params, ScenarioRun};
use super::calm;

/// A run that ended well that many seconds ago.
fn done(site: &mut Site, number: i64, seconds: i64) {
    let (from, to) = (site.ago(seconds + 200), site.ago(seconds));
    let status = json!({"succeeded": 1, "startTime": from.to_string(), "completionTime": to.to_string(),
        "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": to.to_string()}]});
    let job = format!("{CRON}-{number}");
    add_run(site, &job, from, &status);
    let (pod, finished) = (job_pod(site, &job, seconds + 200), to.to_string());
    site.edit_pod(&pod, |pod| {
        pod["status"]["phase"] = json!("Succeeded");
        let status = &mut pod["status"]["containerStatuses"][0];
        status["ready"] = json!(false);
        status["state"] = json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": from.to_string(), "finishedAt": finished}});
        for one in pod["status"]["conditions"].as_array_mut().into_iter().flatten() {
            if one["type"] == "Ready" || one["type"] == "ContainersReady" {
                one["status"] = json!("False");
                one["reason"] = json!("PodCompleted");
            }
        }
    });
}

/// The pod of a run, made that many seconds ago.
fn job_pod(site: &mut Site, job: &str, seconds: i64) -> String {
    let namespace = site.namespace();
    let pod = format!("{job}-{}", site.rng.suffix(5));
    let owner = site.owner("Job", &namespace, job);
    let template = site.get("Job", &namespace, job)["spec"]["template"].clone();
    let (node, at) = (site.choose_node(), site.ago(seconds));
    site.add_pod(&namespace, &pod, &owner, &template, node, at);
    pod
}

pub(super) fn batch_jobs(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        add_cron(site, &json!({}));
        done(site, 29_010_000, 2 * 3600);
        done(site, 29_010_030, 1900);
        done(site, 29_010_060, 100);
    })
}

pub(super) fn night_work(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        add_cron(site, &json!({}));
        let job = format!("{CRON}-29010060");
        let from = site.fault_at;
        let status = json!({"active": 1, "ready": 1, "startTime": from.to_string()});
        add_run(site, &job, from, &status);
        let pod = job_pod(site, &job, site.now.duration_since(from).as_secs());
        site.settle();
        burn(site, &pod, 0.95);
    })
}

/// Lets all containers of a pod use that many processors from the fault on.
fn burn(site: &mut Site, pod: &str, cores: f64) {
    let from = site.fault_at.as_second();
    let name = "container_cpu_usage_seconds_total";
    let all: Vec<_> = site
        .world
        .series
        .of(name)
        .filter(|(labels, _)| labels.get("pod").is_some_and(|other| other == pod))
        .map(|(labels, _)| labels.clone())
        .collect();
    for key in all {
        site.counter(name, &key, from, cores);
    }
}

pub(super) fn worker_busy(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let app = site.app(Role::Worker);
        let limit = app.cpu_milli as f64 * 4.0 / 1000.0;
        for pod in site.pods_of(&app) {
            burn(site, &pod, limit * 0.85);
        }
    })
}

/// Traffic and replicas of a workload that go together.
fn scaled(site: &mut Site, app: &App, replicas: i64, why: &str) {
    let namespace = site.namespace();
    let set = site.current_set(app);
    let larger = App {
        replicas: app.replicas.max(replicas) + 2,
        ..app.clone()
    };
    add(site, &larger, &app.name, 68, &[]);
    let current = json!(replicas);
    site.edit("HorizontalPodAutoscaler", &namespace, &app.name, |one| {
        one["status"]["currentReplicas"] = current.clone();
        one["status"]["desiredReplicas"] = current.clone();
    });
    for (kind, name) in [("Deployment", &app.name), ("ReplicaSet", &set)] {
        site.edit(kind, &namespace, name, |one| {
            one["spec"]["replicas"] = json!(replicas);
        });
    }
    let ago = site.now.duration_since(site.fault_at).as_secs();
    rescaled(site, &app.name, replicas, why, ago);
    site.scaled(app, &set, app.replicas, replicas, site.after(1));
    for _ in app.replicas..replicas {
        let at = site.after(2);
        let pod = site.create_pod(&set, at);
        let hello = app.runtime.hello(at, app.port);
        site.log(&pod, &app.name, at, &hello);
    }
    for pod in site
        .pods_of(app)
        .into_iter()
        .skip(usize::try_from(replicas).unwrap_or(1))
    {
        site.delete("Pod", &namespace, &pod);
    }
    let share = replicas as f64 / app.replicas as f64;
    let traffic = Traffic {
        rate: app.load * app.replicas as f64 * share,
        errors: 0.002,
        latency: 0.05,
    };
    let from = site.fault_at.as_second();
    site.traffic(&app.name, from, traffic);
}

pub(super) fn scaled_up(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let app = victim(site);
        scaled(site, &app, app.replicas + 1, ABOVE);
    })
}

pub(super) fn scaled_down(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let app = site.app(Role::Front);
        scaled(site, &app, app.replicas - 1, BELOW);
    })
}

pub(super) fn probes_blinked(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        for role in [Role::Front, Role::Catalog, Role::Cart] {
            let app = site.app(role);
            for pod in site.pods_of(&app) {
                let (second, address) = (site.rng.range(0, 2000), site.address_of(&pod));
                let message = format!(
                    "Readiness probe failed: Get \"http://{address}:{}/ready\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                    app.port
                );
                let seen = Seen::once(site.after(second));
                site.kubelet(&pod, "Warning", "Unhealthy", &message, seen);
            }
        }
    })
}

pub(super) fn policies_allow(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let namespace = site.namespace();
        let at = site.fault_at;
        let meta = site.meta(&namespace, "within-the-system", at);
        site.put("NetworkPolicy", json!({"metadata": meta, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"],
            "ingress": [{}],
            "egress": [{"to": [{"podSelector": {}}]},
                       {"to": [{"namespaceSelector": {}}], "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}]}}));
    })
}

pub(super) fn quota_half_used(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        add_quota(
            site,
            "team-quota",
            &json!({"pods": "80", "requests.cpu": "40", "requests.memory": "80Gi"}),
        );
    })
}

pub(super) fn disk_steady(params: &Params, id: &str) -> ScenarioRun {
    calm(params, id, |site| {
        let namespace = site.namespace();
        let claim = format!("data-{}-0", site.app(Role::Database).name);
        let key = labels(&[("namespace", &namespace), ("persistentvolumeclaim", &claim)]);
        site.world.series.edit(
            "kubelet_volume_stats_available_bytes",
            |labels| {
                key.iter()
                    .all(|(name, value)| labels.get(name) == Some(value))
            },
            |_, samples| {
                for one in samples {
                    one.value *= 0.2 / 0.58;
                }
            },
        );
    })
}
