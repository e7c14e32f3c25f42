//! Load, neighbours, and releases that run but serve worse.

use serde_json::json;

use super::super::alert::Alert;
use super::super::image::at_deployment;
use super::super::metrics::{Traffic, labels};
use super::super::names::Role;
use super::super::site::Site;
use super::super::workload::App;
use super::super::{Expected, Params, ScenarioRun, run};
use super::{container, start_up};

pub(crate) fn surge(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = site.app(Role::Front);
        let from = site.fault_at.as_second();
        let times = 3.5 + site.rng.unit() * 3.0;
        for (role, latency, errors) in [
            (Role::Front, 1.9, 0.06),
            (Role::Catalog, 0.2, 0.0),
            (Role::Cart, 0.15, 0.0),
        ] {
            let one = site.app(role);
            let rate = one.load.max(3.0) * one.replicas as f64 * times;
            site.traffic(
                &one.name,
                from,
                Traffic {
                    rate,
                    errors,
                    latency,
                },
            );
        }
        let expected = at_deployment(site, &app, &["TrafficSurge"]);
        (Alert::slow(&site.namespace(), &app.name), expected)
    })
}

/// Nothing reaches the frontend any more, and nothing in the cluster says why.
pub(crate) fn stays_away(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = site.app(Role::Front);
        for role in [Role::Front, Role::Catalog, Role::Cart, Role::Checkout] {
            let one = site.app(role);
            site.traffic_now(&one, 0.0, 0.0);
        }
        let expected = at_deployment(site, &app, &["TrafficDrop"]);
        let alert = Alert::about(
            "NoRequests",
            "A service gets no requests.",
            &site.namespace(),
            "service",
            &app.name,
        );
        (alert, expected)
    })
}

/// A finished rollout of the next release.
fn release(site: &mut Site, app: &App) {
    let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
    let pods = site.replace_pods(app, |template| container(template)["image"] = json!(image));
    for pod in &pods {
        start_up(site, app, pod);
    }
}

pub(crate) fn defect(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1600, |site| {
        let role = *site
            .rng
            .pick(&[Role::Catalog, Role::Orders, Role::Checkout]);
        let app = site.app(role);
        release(site, &app);
        site.complain(
            &app,
            "unhandled exception in request handler: index 3 is out of range for length 3",
            28,
        );
        site.traffic_now(&app, 1.0, 0.35);
        let expected = at_deployment(site, &app, &["CodeDefect"]);
        (Alert::errors(&site.namespace(), &app.name), expected)
    })
}

pub(crate) fn slower_release(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1600, |site| {
        let app = site.app(Role::Advice);
        release(site, &app);
        quality(site, &app, "request_duration_p95_seconds", 0.12, 1.7);
        let expected = at_deployment(site, &app, &["LatencyRegressionRollout"]);
        (Alert::slow(&site.namespace(), &app.name), expected)
    })
}

/// A series of how well requests go, from one level to another at the fault.
fn quality(site: &mut Site, app: &App, name: &str, before: f64, after: f64) {
    let namespace = site.namespace();
    let labels = [
        ("namespace", namespace.as_str()),
        ("service", app.name.as_str()),
    ];
    site.new_gauge(
        name,
        &labels,
        |since| if since < 0.0 { before } else { after },
    );
}

pub(crate) fn settings_changed(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1600, |site| {
        let app = site.app(Role::Checkout);
        let namespace = site.namespace();
        let at = site.fault_at.to_string();
        site.edit("ConfigMap", &namespace, &app.config(), |one| {
            one["data"]["REQUEST_TIMEOUT"] = json!("20ms");
            one["metadata"]["managedFields"] = json!([{"manager": "kubectl-edit", "operation": "Update", "apiVersion": "v1", "time": at,
                "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:REQUEST_TIMEOUT": {}}}}]);
        });
        quality(site, &app, "request_errors_per_second", 0.02, 2.4);
        site.traffic_now(&app, 1.0, 0.4);
        let expected = Expected::Cause(
            &["ConfigChangeRegression"],
            ("ConfigMap", namespace.clone(), app.config()),
        );
        (Alert::errors(&namespace, &app.name), expected)
    })
}

/// A workload beside the system that computes on one of its nodes.
pub(crate) fn noisy_neighbour(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let victim = site.app(Role::Front);
        let namespace = site.namespace();
        let batch = App {
            name: "reindex".to_owned(),
            image: "docker.io/library/python".to_owned(),
            replicas: 1,
            calls: &[],
            ..App::plain(site, Role::Worker)
        };
        let at = site.fault_at;
        site.add_configuration(&batch, at);
        site.add_deployment(&batch, at);
        let host =
            site.get("Pod", &namespace, &site.pods_of(&victim)[0].clone())["spec"]["nodeName"]
                .clone();
        let cpus = site.all("Node")[0]["status"]["allocatable"]["cpu"]
            .as_str()
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(8.0);
        let pod = site.pods_of(&batch)[0].clone();
        let (node, started) = (host.as_str().unwrap_or_default().to_owned(), at.to_string());
        site.edit_pod(&pod, |pod| {
            pod["metadata"]["creationTimestamp"] = json!(started);
            pod["status"]["startTime"] = json!(started);
            pod["spec"]["nodeName"] = host;
            pod["spec"]["containers"][0]["resources"] =
                json!({"requests": {"cpu": "100m", "memory": "128Mi"}});
        });
        site.settle();
        let key = labels(&[
            ("namespace", &namespace),
            ("pod", &pod),
            ("container", "reindex"),
            ("node", &node),
            ("job", "kubelet"),
        ]);
        let from = site.fault_at.as_second();
        site.counter("container_cpu_usage_seconds_total", &key, from, cpus * 0.94);
        quality(site, &victim, "request_duration_p95_seconds", 0.1, 1.3);
        let expected = at_deployment(site, &batch, &["NoisyNeighbour"]);
        (Alert::slow(&namespace, &victim.name), expected)
    })
}

/// One workload burns CPU without reaching a limit.
pub(crate) fn burns_cpu(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = site.app(Role::Advice);
        let namespace = site.namespace();
        site.settle();
        // This site's Prometheus keeps recorded rates only.
        site.world
            .series
            .retain(|name, _| name != "container_cpu_usage_seconds_total");
        for other in site.apps.clone() {
            for pod in site.pods_of(&other) {
                let labels = [
                    ("namespace", namespace.as_str()),
                    ("pod", pod.as_str()),
                    ("container", other.name.as_str()),
                ];
                let burning = other.name == app.name;
                site.new_gauge("container_cpu_usage_cores", &labels, |since| {
                    if burning && since >= 0.0 {
                        0.9
                    } else {
                        0.05 + (since / 300.0).sin().abs() * 0.01
                    }
                });
            }
        }
        quality(site, &app, "request_duration_p95_seconds", 0.1, 0.9);
        let expected = at_deployment(site, &app, &["PodCpuOverload", "CpuThrottling"]);
        (Alert::slow(&namespace, &app.name), expected)
    })
}
