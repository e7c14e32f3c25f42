//! Processes that end or fail over files, ports, certificates and rights.

use serde_json::{Value, json};

use super::super::alert::Alert;
use super::super::breakage::Exit;
use super::super::image::{at_deployment, victim};
use super::super::log_lines::Level;
use super::super::names::Role;
use super::super::workload::App;
use super::super::{Expected, Params, ScenarioRun, run};
use super::container;
use super::crash::crash_rollout;

/// A rollout whose pod says `error` and ends.
fn ends_with(
    params: &Params,
    id: &str,
    change: impl Fn(&mut Value, &App),
    error: impl Fn(&App, &str) -> String,
    causes: &'static [&'static str],
) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = victim(site);
        let text = error(&app, &site.namespace());
        let lines = [app.runtime.line(Level::Error, site.ago(72), &text)];
        let pod = crash_rollout(site, &app, |template| change(template, &app), 1, &lines);
        let expected = at_deployment(site, &app, causes);
        (
            Alert::crash_looping(&site.namespace(), &pod, &app.name),
            expected,
        )
    })
}

pub(crate) fn volume_denied(params: &Params, id: &str) -> ScenarioRun {
    ends_with(
        params,
        id,
        |template, _| {
            template["spec"]["securityContext"] = json!({"runAsUser": 1000});
            template["spec"]["volumes"] =
                json!([{"name": "state", "hostPath": {"path": "/srv/state"}}]);
            container(template)["volumeMounts"] =
                json!([{"name": "state", "mountPath": "/var/lib/state"}]);
        },
        |_, _| "open /var/lib/state/index.db: permission denied".to_owned(),
        &["VolumePermissionDenied"],
    )
}

pub(crate) fn port_taken(params: &Params, id: &str) -> ScenarioRun {
    ends_with(
        params,
        id,
        |template, app| {
            let admin = json!({"name": "admin", "image": "docker.io/library/httpd:2.4",
                "ports": [{"containerPort": app.port, "protocol": "TCP"}], "resources": {}});
            if let Some(list) = template["spec"]["containers"].as_array_mut() {
                list.push(admin);
            }
        },
        |app, _| format!("listen tcp :{}: bind: address already in use", app.port),
        &["PortConflict"],
    )
}

pub(crate) fn certificate_of_app(params: &Params, id: &str) -> ScenarioRun {
    ends_with(
        params,
        id,
        |template, app| container(template)["image"] = json!(format!("{}:next", app.image)),
        |_, _| {
            "cannot start the TLS listener: x509: certificate has expired or is not yet valid: current time is after the end of its validity".to_owned()
        },
        &["AppCertExpired"],
    )
}

pub(crate) fn forbidden(params: &Params, id: &str) -> ScenarioRun {
    ends_with(
        params,
        id,
        |template, app| container(template)["image"] = json!(format!("{}:next", app.image)),
        |_, namespace| {
            format!(
                "configmaps is forbidden: User \"system:serviceaccount:{namespace}:default\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"{namespace}\""
            )
        },
        &["AppRbac403"],
    )
}

pub(crate) fn files_used_up(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1600, |site| {
        let app = victim(site);
        for pod in site.pods_of(&app) {
            let since = site.after(40);
            site.unready(&pod, "HTTP probe failed with statuscode: 503", since);
        }
        site.complain(
            &app,
            "accept tcp [::]:8080: accept4: too many open files; retrying in 1s",
            20,
        );
        site.traffic_now(&app, 0.3, 0.5);
        let expected = at_deployment(site, &app, &["UlimitFdInotify"]);
        (Alert::errors(&site.namespace(), &app.name), expected)
    })
}

pub(crate) fn shared_memory(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let app = site.app(Role::Database);
        let namespace = site.namespace();
        let pod = format!("{}-0", app.name);
        site.crash_loops(
            &pod,
            Exit {
                code: 1,
                reason: "Error",
                restarts: 5,
                lives: 9,
            },
        );
        let error = "could not resize shared memory segment \"/PostgreSQL.1804289\" to 8388608 bytes: No space left on device";
        let lines = [app.runtime.line(Level::Error, site.ago(72), error)];
        site.crash_log(&app, &pod, &lines);
        let expected = Expected::Cause(
            &["ShmOrTmpExhausted"],
            ("StatefulSet", namespace.clone(), app.name.clone()),
        );
        (Alert::crash_looping(&namespace, &pod, &app.name), expected)
    })
}

/// A pod is deleted and a finalizer nobody serves holds it.
pub(crate) fn held_by_finalizer(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let app = victim(site);
        let pod = site.pods_of(&app)[0].clone();
        let (at, since) = (site.fault_at.to_string(), site.after(30));
        site.edit_pod(&pod, |pod| {
            pod["metadata"]["deletionTimestamp"] = json!(at);
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
            pod["metadata"]["finalizers"] = json!(["backup.example/snapshot"]);
        });
        site.not_ready(&pod, since);
        let set = site.current_set(&app);
        site.create_pod(&set, since);
        let expected = Expected::Cause(
            &["StuckTerminating"],
            ("Pod", site.namespace(), pod.clone()),
        );
        (Alert::pod_not_ready(&site.namespace(), &pod), expected)
    })
}
