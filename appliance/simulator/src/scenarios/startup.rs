//! More faults between a template and a started container: what registries,
//! mounts, the network, admission and quotas refuse.

use serde_json::{Value, json};

use super::alert::Alert;
use super::image::{add_quota, at_deployment, refused, victim};
use super::names::Role;
use super::node::node_cause;
use super::site::{EventText, Site};
use super::workload::App;
use super::{Expected, Params, ScenarioRun, run};

/// A rollout that names another image.
fn new_image(site: &mut Site, app: &App, image: &str) -> String {
    let rollout = site.rollout(app, |template| {
        template["spec"]["containers"][0]["image"] = json!(image);
    });
    rollout.pods[0].clone()
}

pub(super) fn rate_limited(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let image = format!(
            "docker.io/{}/{}:{}",
            site.names.system,
            app.name,
            app.release + 1
        );
        let pod = new_image(site, &app, &image);
        let error = format!(
            "failed to pull and unpack image \"{image}\": failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/{}/manifests/latest: 429 Too Many Requests - Server message: toomanyrequests: You have reached your unauthenticated pull rate limit.",
            app.name
        );
        site.pull_fails(&pod, &image, &error);
        let expected = at_deployment(site, &app, &["RegistryRateLimited"]);
        (Alert::pod_not_ready(&site.namespace(), &pod), expected)
    })
}

pub(super) fn invalid_name(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let image = format!("{}:{}", app.image, "Release 7");
        let pod = new_image(site, &app, &image);
        let error = format!(
            "Failed to apply default image tag \"{image}\": couldn't parse image name \"{image}\": invalid reference format"
        );
        site.waits(&pod, "InvalidImageName", &error);
        let seen = site.repeatedly(3, 40);
        site.kubelet(&pod, "Warning", "InspectFailed", &error, seen);
        site.kubelet(&pod, "Warning", "Failed", "Error: InvalidImageName", seen);
        let expected = at_deployment(site, &app, &["ImageNameInvalid"]);
        (Alert::pod_not_ready(&site.namespace(), &pod), expected)
    })
}

pub(super) fn mount_fails(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = site.app(Role::Database);
        let namespace = site.namespace();
        let pod = format!("{}-0", app.name);
        let (at, device) = (
            site.fault_at.to_string(),
            *site.rng.pick(&["sdb", "sdc", "nvme1n1"]),
        );
        site.edit_pod(&pod, |pod| pod["metadata"]["creationTimestamp"] = json!(at));
        let message = format!(
            "MountVolume.MountDevice failed for volume \"data\" : rpc error: code = Internal desc = mounting /dev/{device} failed: exit status 32: wrong fs type, bad option, bad superblock on /dev/{device}, missing codepage or helper program, or other error."
        );
        site.stuck_creating(&pod, "FailedMount", &message, 14);
        let expected = Expected::Cause(
            &["MountVolumeFailed"],
            ("StatefulSet", namespace.clone(), app.name.clone()),
        );
        (
            Alert::stateful_set_mismatch(&namespace, &app.name),
            expected,
        )
    })
}

pub(super) fn no_pod_addresses(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = site.names.nodes[1].clone();
        let mut last = String::new();
        for role in [Role::Catalog, Role::Cart] {
            let app = site.app(role);
            let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
            let pod = new_image(site, &app, &image);
            let home = node.clone();
            site.edit_pod(&pod, |pod| pod["spec"]["nodeName"] = json!(home));
            let sandbox = site.rng.text("0123456789abcdef", 64);
            let message = format!(
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"{sandbox}\": plugin type=\"host-local\" failed (add): failed to allocate for range 0: no IP addresses available in range set: 10.244.1.1-10.244.1.254"
            );
            site.stuck_creating(&pod, "FailedCreatePodSandBox", &message, 21);
            last = pod;
        }
        let expected = node_cause(&["PodSandboxNetwork"], &node);
        (Alert::pod_not_ready(&site.namespace(), &last), expected)
    })
}

pub(super) fn webhook_down(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let (home, name) = ("policy-system", "policy-webhook");
        let built = site.ago(40 * 86_400);
        site.add_namespace(home, built);
        let labels = json!({"app": name});
        let meta = site.meta(home, name, built);
        site.put("Service", json!({"metadata": meta, "spec": {"clusterIP": "10.96.77.7", "type": "ClusterIP", "selector": labels,
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 9443}]}, "status": {"loadBalancer": {}}}));
        let meta = site.meta(home, name, built);
        site.put("Endpoints", json!({"metadata": meta, "subsets": []}));
        let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
        let rollout = site.rollout(&app, |template| {
            template["spec"]["containers"][0]["image"] = json!(image);
        });
        site.never_created(&rollout);
        let full = format!(
            "Internal error occurred: failed calling webhook \"validate.{name}.example\": failed to call webhook: Post \"https://{name}.{home}.svc:443/validate?timeout=10s\": no endpoints available for service \"{name}\""
        );
        site.refuse(&rollout.set, &full);
        let expected = Expected::Cause(
            &["AdmissionWebhookDown"],
            ("Service", home.to_owned(), name.to_owned()),
        );
        (Alert::rollout_stuck(&site.namespace(), &app.name), expected)
    })
}

/// A rollout of a new image whose pods admission refuses.
fn refused_rollout(
    params: &Params,
    id: &str,
    error: &str,
    change: impl Fn(&mut Value),
    cause: &'static [&'static str],
) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        refused(site, &app, change, error);
        let expected = at_deployment(site, &app, cause);
        (Alert::rollout_stuck(&site.namespace(), &app.name), expected)
    })
}

pub(super) fn policy_denies(params: &Params, id: &str) -> ScenarioRun {
    refused_rollout(
        params,
        id,
        "admission webhook \"validate.policy.example\" denied the request: images must come from the site's registry and carry a signature",
        |template| template["spec"]["containers"][0]["image"] = json!("quay.io/elsewhere/tool:1"),
        &["AdmissionDenied"],
    )
}

pub(super) fn limit_range(params: &Params, id: &str) -> ScenarioRun {
    refused_rollout(
        params,
        id,
        "maximum memory usage per Container is 1Gi, but limit is 4Gi",
        |template| {
            template["spec"]["containers"][0]["resources"]["limits"]["memory"] = json!("4Gi");
        },
        &["LimitRangeViolation"],
    )
}

pub(super) fn hook_fails(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let command = json!(["/bin/sh", "-c", "/app/warm-up --all"]);
        let rollout = site.rollout(&app, |template| {
            template["spec"]["containers"][0]["lifecycle"] =
                json!({"postStart": {"exec": {"command": command}}});
        });
        let pod = rollout.pods[0].clone();
        site.waits(&pod, "PostStartHookError", "PostStartHook failed");
        let seen = site.repeatedly(5, 12);
        let message = "Exec lifecycle hook ([/bin/sh -c /app/warm-up --all]) for Container failed - error: command '/bin/sh -c /app/warm-up --all' exited with 127: /bin/sh: /app/warm-up: not found";
        site.kubelet(&pod, "Warning", "FailedPostStartHook", message, seen);
        let expected = at_deployment(site, &app, &["LifecycleHookFailed"]);
        (Alert::pod_not_ready(&site.namespace(), &pod), expected)
    })
}

/// A person applies a Service, and the quota on Services is used up.
pub(super) fn storage_quota(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = site.app(Role::Database);
        let namespace = site.namespace();
        add_quota(
            site,
            "storage",
            &json!({"requests.storage": "20Gi", "persistentvolumeclaims": "1"}),
        );
        site.settle();
        site.edit("StatefulSet", &namespace, &app.name, |set| {
            set["spec"]["replicas"] = json!(2);
        });
        let name = app.name.clone();
        let message = format!(
            "create Claim data-{name}-1 for Pod {name}-1 in StatefulSet {name} failed error: persistentvolumeclaims \"data-{name}-1\" is forbidden: exceeded quota: storage, requested: requests.storage=20Gi, used: requests.storage=20Gi, limited: requests.storage=20Gi"
        );
        let text = EventText {
            kind: "Warning",
            reason: "FailedCreate",
            message: &message,
            from: "statefulset-controller",
        };
        let seen = site.repeatedly(2, 17);
        site.controller_event(("StatefulSet", &app.name), &text, seen);
        let expected = Expected::Cause(
            &["StorageQuotaExceeded", "QuotaExceeded"],
            ("Namespace", String::new(), namespace.clone()),
        );
        (
            Alert::stateful_set_mismatch(&namespace, &app.name),
            expected,
        )
    })
}
