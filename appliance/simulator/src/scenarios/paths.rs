//! Ways to pods that end early: no pod takes traffic, no Service may be made,
//! one machine's network is slow.

use serde_json::json;

use super::alert::Alert;
use super::image::add_quota;
use super::names::Role;
use super::network::calls_fail;
use super::node::node_cause;
use super::site::Site;
use super::workload::App;
use super::{Expected, Params, ScenarioRun, run};

/// Pods run and are not ready since hours; events and logs of the beginning
/// are gone, so that nothing says why.
pub(super) fn none_ready(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 3 * 3600, |site| {
        let app = site.app(Role::Payment);
        let namespace = site.namespace();
        let since = site.fault_at;
        let pods = site.pods_of(&app);
        for pod in &pods {
            site.not_ready(pod, since);
            site.edit_pod(pod, |pod| {
                pod["status"]["containerStatuses"][0]["ready"] = json!(false);
            });
            site.drop_logs(pod);
            for reason in ["Unhealthy", "Started", "Created", "Pulled"] {
                site.forget_events(pod, reason);
            }
        }
        let expected = Expected::Either(
            &["NoReadyEndpoints"],
            ("Service", namespace.clone(), app.name.clone()),
            vec![("Deployment", namespace.clone(), app.name.clone())],
        );
        let alert = Alert::about(
            "ServiceWithoutEndpoints",
            "A Service has no ready endpoint.",
            &namespace,
            "service",
            &app.name,
        );
        (alert, expected)
    })
}

/// A Service was deleted to make it anew, and the quota is full meanwhile.
pub(super) fn no_room_for_service(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let (target, caller) = (site.app(Role::Payment), site.app(Role::Checkout));
        let namespace = site.namespace();
        site.delete("Service", &namespace, &target.name);
        let services = site.all("Service");
        let own = services
            .iter()
            .filter(|one| one["metadata"]["namespace"] == json!(namespace));
        let count = own.count().to_string();
        add_quota(site, "team-quota", &json!({"services": count}));
        let error = format!(
            "call to {0} failed: dial tcp: lookup {0} on 10.96.0.10:53: no such host",
            target.name
        );
        calls_fail(site, &caller, &error, 0.6);
        site.traffic_now(&target, 0.0, 0.0);
        let expected = Expected::Cause(
            &["ServiceQuotaExceeded"],
            ("Namespace", String::new(), namespace.clone()),
        );
        (Alert::errors(&namespace, &caller.name), expected)
    })
}

/// What runs on one machine answers late though nobody computes there.
pub(super) fn slow_machine(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = site.names.nodes[1].clone();
        let other = site.names.nodes[2].clone();
        let slow = [Role::Cart, Role::Payment, Role::Orders].map(|role| site.app(role));
        for app in site.apps.clone() {
            let is_slow = slow.iter().any(|one| one.name == app.name);
            let home = if is_slow { &node } else { &other };
            for pod in site.pods_of(&app) {
                site.edit_pod(&pod, |pod| pod["spec"]["nodeName"] = json!(home));
            }
        }
        for app in &slow {
            answers_late(site, app);
        }
        let expected = node_cause(&["NodeNetworkDelay"], &node);
        (Alert::slow(&site.namespace(), &slow[1].name), expected)
    })
}

fn answers_late(site: &mut Site, app: &App) {
    let namespace = site.namespace();
    let labels = [
        ("namespace", namespace.as_str()),
        ("service", app.name.as_str()),
    ];
    let late = 0.5 + site.rng.unit() * 0.4;
    site.new_gauge("request_duration_p95_seconds", &labels, |since| {
        if since < 0.0 { 0.04 } else { late }
    });
    site.slow_now(app, late, 0.002);
}
