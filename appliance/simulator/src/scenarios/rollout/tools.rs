//! What Helm, delivery tools and operators leave behind.

use serde_json::{Value, json};

use super::super::alert::Alert;
use super::super::breakage::Exit;
use super::super::image::{at_deployment, victim};
use super::super::log_lines::Level;
use super::super::names::Role;
use super::super::site::Site;
use super::super::workload::App;
use super::super::{Expected, Params, ScenarioRun, run};

fn add_release(site: &mut Site, release: &str, version: i64, status: &str, seconds: i64) -> String {
    let namespace = site.namespace();
    let name = format!("sh.helm.release.v1.{release}.v{version}");
    let created = site.ago(seconds);
    let mut meta = site.meta(&namespace, &name, created);
    meta["labels"] = json!({"owner": "helm", "name": release, "version": version.to_string(), "status": status,
        "modifiedAt": created.as_second().to_string()});
    site.put(
        "Secret",
        json!({"metadata": meta, "type": "helm.sh/release.v1", "data": {"release": ""}}),
    );
    name
}

/// An upgrade was cut off, and no further one is let through.
pub(crate) fn helm_pending(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2700, |site| {
        let release = site.names.system;
        let version = site.rng.range(4, 40);
        add_release(site, release, version, "deployed", 40 * 3600);
        let seconds = site.now.duration_since(site.fault_at).as_secs();
        let secret = add_release(site, release, version + 1, "pending-upgrade", seconds);
        let namespace = site.namespace();
        let expected = Expected::Cause(&["HelmStuck"], ("Secret", namespace.clone(), secret));
        (
            Alert::about(
                "HelmReleaseNotDeployed",
                "A Helm release is not deployed.",
                &namespace,
                "release",
                release,
            ),
            expected,
        )
    })
}

fn managed_by(site: &mut Site, app: &App, fields: &Value) {
    let namespace = site.namespace();
    let application = format!("{}-apps", site.names.system);
    site.edit("Deployment", &namespace, &app.name, |one| {
        one["metadata"]["labels"]["argocd.argoproj.io/instance"] = json!(application);
        one["metadata"]["managedFields"] = fields.clone();
    });
}

/// Somebody edited what a repository describes.
pub(crate) fn edited_by_hand(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = victim(site);
        let (earlier, at) = (site.ago(40 * 3600).to_string(), site.fault_at.to_string());
        managed_by(
            site,
            &app,
            &json!([
            {"manager": "argocd-controller", "operation": "Apply", "apiVersion": "apps/v1", "time": earlier, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:template": {}}}},
            {"manager": "kubectl-edit", "operation": "Update", "apiVersion": "apps/v1", "time": at, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:minReadySeconds": {}}}}]),
        );
        let namespace = site.namespace();
        site.edit("Deployment", &namespace, &app.name, |one| {
            one["spec"]["minReadySeconds"] = json!(30);
        });
        let expected = at_deployment(site, &app, &["GitopsDrift"]);
        (
            Alert::about(
                "GitopsOutOfSync",
                "An application differs from its repository.",
                &namespace,
                "deployment",
                &app.name,
            ),
            expected,
        )
    })
}

/// A rule of another cluster was taken over with its namespace.
pub(crate) fn wrong_namespace(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = site.app(Role::Catalog);
        let expected = at_deployment(site, &app, &["WrongNamespaceOrContext"]);
        (Alert::replicas_mismatch("default", &app.name), expected)
    })
}

/// An operator was installed without its definitions.
pub(crate) fn no_definition(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let app = App {
            name: "queue-operator".to_owned(),
            image: "ghcr.io/queues/operator".to_owned(),
            replicas: 1,
            calls: &[],
            ..App::plain(site, Role::Cart)
        };
        let at = site.fault_at;
        site.add_configuration(&app, at);
        site.add_deployment(&app, at);
        let pod = site.pods_of(&app)[0].clone();
        site.crash_loops(
            &pod,
            Exit {
                code: 1,
                reason: "Error",
                restarts: 7,
                lives: 2,
            },
        );
        let error = "unable to start manager: no matches for kind \"QueueCluster\" in version \"queues.example/v1\"";
        let lines = [app.runtime.line(Level::Error, site.ago(72), error)];
        site.crash_log(&app, &pod, &lines);
        let expected = at_deployment(site, &app, &["CrdOrOperatorBroken"]);
        (
            Alert::crash_looping(&site.namespace(), &pod, &app.name),
            expected,
        )
    })
}
