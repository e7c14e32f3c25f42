//! Faults between a template and a started container: images, configuration,
//! quotas, permission to create pods.

use serde_json::{Value, json};

use super::alert::Alert;
use super::breakage::Exit;
use super::names::{ROLES, Role};
use super::site::{EventText, Seen, Site};
use super::workload::App;
use super::{Expected, Params, ScenarioRun, run};

/// A workload whose pods are made by a deployment.
pub(super) fn victim(site: &mut Site) -> App {
    let role = *site.rng.pick(&ROLES[1..]);
    site.app(role)
}

/// Expects a cause at the deployment of a workload.
pub(super) fn at_deployment(site: &Site, app: &App, causes: &'static [&'static str]) -> Expected {
    Expected::Cause(causes, ("Deployment", site.namespace(), app.name.clone()))
}

fn first_container(template: &mut Value) -> &mut Value {
    &mut template["spec"]["containers"][0]
}

pub(super) fn bad_image(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let wrong = format!("{}:{}", app.image, site.names.tag(app.release + 1)) + "-rc";
        let rollout = site.rollout(&app, |template| {
            first_container(template)["image"] = json!(wrong);
        });
        let (repository, tag) = wrong.rsplit_once(':').unwrap_or((&wrong, "latest"));
        let error = format!(
            "rpc error: code = NotFound desc = failed to pull and unpack image \"{repository}:{tag}\": failed to resolve reference \"{repository}:{tag}\": {repository}:{tag}: not found"
        );
        site.pull_fails(&rollout.pods[0], &wrong, &error);
        let expected = at_deployment(site, &app, &["ImageNotFound"]);
        (
            Alert::pod_not_ready(&site.namespace(), &rollout.pods[0]),
            expected,
        )
    })
}

pub(super) fn pull_denied(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let image = format!(
            "{}-private/{}:{}",
            app.image
                .rsplit_once('/')
                .map_or("registry", |(head, _)| head),
            app.name,
            app.tag(site)
        );
        let rollout = site.rollout(&app, |template| {
            first_container(template)["image"] = json!(image);
        });
        let host = site.names.registry().to_owned();
        let error = format!(
            "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://{host}/service/token?scope=repository: 401 Unauthorized"
        );
        site.pull_fails(&rollout.pods[0], &image, &error);
        let expected = at_deployment(site, &app, &["ImagePullAuth"]);
        (
            Alert::pod_not_ready(&site.namespace(), &rollout.pods[0]),
            expected,
        )
    })
}

pub(super) fn registry_down(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let host = site.names.registry().to_owned();
        let mut first = String::new();
        let mut subject = site.app(Role::Catalog);
        for role in [Role::Catalog, Role::Cart, Role::Payment] {
            let app = site.app(role);
            let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
            let rollout = site.rollout(&app, |template| {
                first_container(template)["image"] = json!(image);
            });
            let error = format!(
                "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": failed to do request: Head \"https://{host}/v2/{}/manifests/latest\": dial tcp 192.168.20.5:443: i/o timeout",
                app.name
            );
            site.pull_fails(&rollout.pods[0], &image, &error);
            first.clone_from(&rollout.pods[0]);
            subject = app;
        }
        let expected = at_deployment(site, &subject, &["RegistryUnreachable"]);
        (Alert::pod_not_ready(&site.namespace(), &first), expected)
    })
}

pub(super) fn wrong_platform(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let image = format!("{}:{}", app.image, site.names.tag(app.release + 1));
        let rollout = site.rollout(&app, |template| {
            first_container(template)["image"] = json!(image);
        });
        let error = format!(
            "failed to pull and unpack image \"{image}\": no match for platform in manifest: not found"
        );
        site.pull_fails(&rollout.pods[0], &image, &error);
        let expected = at_deployment(site, &app, &["ImagePlatformMismatch"]);
        (Alert::rollout_stuck(&site.namespace(), &app.name), expected)
    })
}

/// Pods that restart find their environment cannot be built.
fn config_error(site: &mut Site, pods: &[String], error: &str) {
    for pod in pods {
        site.waits(pod, "CreateContainerConfigError", error);
        let seen = site.repeatedly(6, 60);
        site.kubelet(pod, "Warning", "Failed", &format!("Error: {error}"), seen);
    }
}

pub(super) fn missing_secret(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let role = *site.rng.pick(&[Role::Catalog, Role::Orders]);
        let app = site.app(role);
        let namespace = site.namespace();
        let secret = app.secret();
        site.delete("Secret", &namespace, &secret);
        let tag = site.names.tag(app.release + 1);
        let image = format!("{}:{tag}", app.image);
        let rollout = site.rollout(&app, |template| {
            first_container(template)["image"] = json!(image);
        });
        config_error(
            site,
            &rollout.pods,
            &format!("secret \"{secret}\" not found"),
        );
        let expected = at_deployment(site, &app, &["SecretMissing", "ConfigObjectMissing"]);
        (Alert::pod_not_ready(&namespace, &rollout.pods[0]), expected)
    })
}

pub(super) fn config_map_missing(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let wanted = format!("{}-settings", app.name);
        let rollout = site.rollout(&app, |template| {
            first_container(template)["envFrom"] = json!([{"configMapRef": {"name": wanted}}]);
        });
        config_error(
            site,
            &rollout.pods,
            &format!("configmap \"{wanted}\" not found"),
        );
        let expected = at_deployment(site, &app, &["ConfigMapMissing", "ConfigObjectMissing"]);
        (Alert::replicas_mismatch(&namespace, &app.name), expected)
    })
}

pub(super) fn config_key_missing(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let config = app.config();
        let key = *site
            .rng
            .pick(&["FEATURE_FLAGS", "QUEUE_URL", "REGION", "TRACING_ENDPOINT"]);
        let rollout = site.rollout(&app, |template| {
            let reference = json!({"configMapKeyRef": {"name": config, "key": key}});
            let env = first_container(template)["env"].as_array_mut();
            if let Some(env) = env {
                env.push(json!({"name": key, "valueFrom": reference}));
            }
        });
        config_error(
            site,
            &rollout.pods,
            &format!("couldn't find key {key} in ConfigMap {namespace}/{config}"),
        );
        let expected = at_deployment(site, &app, &["ConfigKeyMissing", "ConfigObjectMissing"]);
        (Alert::pod_not_ready(&namespace, &rollout.pods[0]), expected)
    })
}

pub(super) fn mount_missing(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let secret = format!("{}-signing-key", app.name);
        let rollout = site.rollout(&app, |template| {
            template["spec"]["volumes"] =
                json!([{"name": "signing", "secret": {"secretName": secret, "defaultMode": 420}}]);
            first_container(template)["volumeMounts"] =
                json!([{"name": "signing", "mountPath": "/etc/signing", "readOnly": true}]);
        });
        let message = format!(
            "MountVolume.SetUp failed for volume \"signing\" : secret \"{secret}\" not found"
        );
        site.stuck_creating(&rollout.pods[0], "FailedMount", &message, 13);
        let expected = at_deployment(site, &app, &["MountObjectMissing"]);
        (Alert::pod_not_ready(&namespace, &rollout.pods[0]), expected)
    })
}

pub(super) fn bad_command(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let binary = *site.rng.pick(&[
            "/app/sever",
            "/usr/bin/start-server",
            "/srv/run.sh",
            "gunicron",
        ]);
        let rollout = site.rollout(&app, |template| {
            first_container(template)["command"] = json!([binary]);
        });
        let pod = rollout.pods[0].clone();
        site.crash_loops(
            &pod,
            Exit {
                code: 128,
                reason: "StartError",
                restarts: 9,
                lives: 0,
            },
        );
        let detail = if binary.starts_with('/') {
            "no such file or directory"
        } else {
            "executable file not found in $PATH"
        };
        let error = format!(
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"{binary}\": {}: {detail}",
            if binary.starts_with('/') {
                "stat"
            } else {
                "lookup"
            }
        );
        site.edit_pod(&pod, |pod| {
            pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["message"] =
                json!(error);
        });
        let seen = site.repeatedly(4, 10);
        site.kubelet(&pod, "Warning", "Failed", &format!("Error: {error}"), seen);
        let expected = at_deployment(site, &app, &["BadCommand"]);
        (
            Alert::crash_looping(&site.namespace(), &pod, &app.name),
            expected,
        )
    })
}

pub(super) fn init_hangs(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let wrong = format!("{}-primary", site.app(Role::Database).name);
        let script =
            format!("until nc -z {wrong} 5432; do echo waiting for {wrong}; sleep 2; done");
        let init = json!({"name": "wait-for-db", "image": "docker.io/library/busybox:1.37", "command": ["sh", "-c", script], "resources": {}});
        let rollout = site.rollout(&app, |template| {
            template["spec"]["initContainers"] = json!([init]);
        });
        let pod = rollout.pods[0].clone();
        site.waits(&pod, "PodInitializing", "");
        let started = site.after(4).to_string();
        let name = app.name.clone();
        site.edit_pod(&pod, |pod| {
            pod["status"]["containerStatuses"][0]["state"] = json!({"waiting": {"reason": "PodInitializing"}});
            pod["status"]["initContainerStatuses"] = json!([{"name": "wait-for-db", "ready": false, "restartCount": 0, "started": true,
                "image": "docker.io/library/busybox:1.37", "imageID": "", "lastState": {}, "state": {"running": {"startedAt": started}}}]);
            for condition in pod["status"]["conditions"].as_array_mut().into_iter().flatten() {
                if condition["type"] == "Initialized" {
                    condition["status"] = json!("False");
                    condition["reason"] = json!("ContainersNotInitialized");
                    condition["message"] = json!(format!("containers with incomplete status: [wait-for-db] ({name})"));
                }
            }
        });
        for index in 0..30 {
            let at = site.after(6 + index * 45);
            site.log(
                &pod,
                "wait-for-db",
                at,
                &format!("nc: bad address '{wrong}'"),
            );
            site.log(&pod, "wait-for-db", at, &format!("waiting for {wrong}"));
        }
        let expected = at_deployment(site, &app, &["InitFailedOrHung"]);
        (Alert::pod_not_ready(&site.namespace(), &pod), expected)
    })
}

/// A rollout whose pods may not be created.
pub(super) fn refused(site: &mut Site, app: &App, change: impl FnOnce(&mut Value), error: &str) {
    let rollout = site.rollout(app, change);
    site.never_created(&rollout);
    site.cannot_create(&rollout.set, error);
}

pub(super) fn missing_service_account(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let account = format!("{}-sa", app.name);
        let error = format!(
            "error looking up service account {namespace}/{account}: serviceaccount \"{account}\" not found"
        );
        refused(
            site,
            &app,
            |template| template["spec"]["serviceAccountName"] = json!(account),
            &error,
        );
        let expected = at_deployment(site, &app, &["MissingServiceAccount"]);
        (Alert::rollout_stuck(&namespace, &app.name), expected)
    })
}

pub(super) fn pod_security(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        site.edit("Namespace", "", &namespace.clone(), |one| {
            one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = json!("restricted");
        });
        let error = format!(
            "violates PodSecurity \"restricted:latest\": privileged (container \"{0}\" must not set securityContext.privileged=true), allowPrivilegeEscalation != false (container \"{0}\" must set securityContext.allowPrivilegeEscalation=false)",
            app.name
        );
        refused(
            site,
            &app,
            |template| first_container(template)["securityContext"] = json!({"privileged": true}),
            &error,
        );
        let expected = at_deployment(site, &app, &["PodSecurityViolation"]);
        (Alert::rollout_stuck(&namespace, &app.name), expected)
    })
}

/// Adds a quota of the system's namespace.
pub(super) fn add_quota(site: &mut Site, name: &str, hard: &Value) {
    let namespace = site.namespace();
    let at = site.fault_at;
    let meta = site.meta(&namespace, name, at);
    site.put(
        "ResourceQuota",
        json!({"metadata": meta, "spec": {"hard": hard}, "status": {}}),
    );
}

pub(super) fn quota_needs_limits(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        add_quota(
            site,
            "compute",
            &json!({"limits.cpu": "64", "limits.memory": "128Gi"}),
        );
        let error = "failed quota: compute: must specify limits.cpu for: ".to_owned()
            + &app.name
            + "; limits.memory for: "
            + &app.name;
        refused(
            site,
            &app,
            |template| first_container(template)["resources"] = json!({}),
            &error,
        );
        let expected = at_deployment(site, &app, &["QuotaNeedsLimits"]);
        (Alert::rollout_stuck(&namespace, &app.name), expected)
    })
}

/// The quota holds what runs now and no more; a workload is then scaled up.
pub(super) fn quota_full(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = victim(site);
        let namespace = site.namespace();
        let quota = *site.rng.pick(&["compute", "team-quota", "default-quota"]);
        let dimension = site.rng.range(0, 3);
        let (resource, causes): (&str, &'static [&'static str]) = match dimension {
            0 => ("pods", &["PodQuotaExceeded", "QuotaExceeded"]),
            1 => ("requests.cpu", &["CpuQuotaExceeded", "QuotaExceeded"]),
            _ => ("requests.memory", &["MemoryQuotaExceeded", "QuotaExceeded"]),
        };
        add_quota(site, quota, &json!({resource: "0"}));
        site.settle();
        let used = site.get("ResourceQuota", &namespace, quota)["status"]["used"][resource]
            .as_str()
            .unwrap_or("0")
            .to_owned();
        site.edit("ResourceQuota", &namespace, quota, |quota| {
            quota["spec"]["hard"] = json!({resource: used});
        });
        let asked = match dimension {
            0 => "1".to_owned(),
            1 => format!("{}m", app.cpu_milli),
            _ => format!("{}Mi", app.memory_mib),
        };
        let wanted = app.replicas + 3;
        site.edit("Deployment", &namespace, &app.name, |one| {
            one["spec"]["replicas"] = json!(wanted);
        });
        let set = site.current_set(&app);
        site.edit("ReplicaSet", &namespace, &set, |one| {
            one["spec"]["replicas"] = json!(wanted);
        });
        site.scaled(&app, &set, app.replicas, wanted, site.fault_at);
        let error = format!(
            "exceeded quota: {quota}, requested: {resource}={asked}, used: {resource}={used}, limited: {resource}={used}"
        );
        site.cannot_create(&set, &error);
        let expected = Expected::Cause(causes, ("Namespace", String::new(), namespace.clone()));
        (Alert::replicas_mismatch(&namespace, &app.name), expected)
    })
}

impl Site {
    /// The replica set that has pods of a workload.
    pub(super) fn current_set(&self, app: &App) -> String {
        let mine = self.all("ReplicaSet").into_iter().find(|set| {
            set["metadata"]["namespace"] == json!(self.names.namespace)
                && set["metadata"]["ownerReferences"][0]["name"] == json!(app.name)
                && set["spec"]["replicas"].as_i64().unwrap_or(0) > 0
        });
        mine.and_then(|set| set["metadata"]["name"].as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// An event of a controller about an object of the system.
    pub(super) fn controller_event(
        &mut self,
        about: (&str, &str),
        text: &EventText<'_>,
        seen: Seen,
    ) {
        let namespace = self.namespace();
        self.event((about.0, &namespace, about.1), text, seen);
    }
}
