//! A real kubectl against the simulator; says so and passes where there is none.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may fail loudly, say what they skip, and dial what they start"
)]

use std::path::Path;
use std::process::{Command, Output};

use appliance_simulator::faults::{Fault, FaultKind};
use appliance_simulator::scenarios::{self, Params};
use appliance_simulator::{Options, Simulator};
use serde_json::Value;

/// A simulator of a scenario, and where its answers say things are.
struct Session {
    simulator: Simulator,
    home: tempfile::TempDir,
    namespace: String,
    deployment: String,
    pod: String,
}

impl Session {
    /// Starts one; `None` where kubectl is absent.
    async fn start(scenario: &str) -> Option<Self> {
        if Command::new("kubectl")
            .arg("version")
            .arg("--client")
            .output()
            .is_err()
        {
            println!("skipped: there is no kubectl on PATH");
            return None;
        }
        let params = Params {
            seed: 5,
            now: jiff::Timestamp::now(),
        };
        let run = (scenarios::find(scenario).unwrap().build)(&params);
        let text = |pointer: &str| {
            run.expected
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let labels = &run.alert["alerts"][0]["labels"];
        let session = Self {
            namespace: text("/object/namespace"),
            deployment: text("/object/name"),
            pod: labels["pod"].as_str().unwrap_or_default().to_owned(),
            simulator: Simulator::start(run.after.clone(), Options::default())
                .await
                .unwrap(),
            home: tempfile::tempdir().unwrap(),
        };
        Some(session)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new("kubectl")
            .env("HOME", self.home.path())
            .env("KUBECONFIG", "/dev/null")
            .arg("--server")
            .arg(self.simulator.kubernetes_url())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// What it prints, which must have every part.
    #[track_caller]
    fn check(&self, arguments: &[&str], parts: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        for part in parts {
            assert!(
                text.contains(part),
                "{arguments:?} does not say {part:?}:\n{text}"
            );
        }
        text
    }

    #[track_caller]
    fn check_fails(&self, arguments: &[&str], part: &str) {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(errors.contains(part), "{arguments:?}: {errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn get_shows_tables_objects_and_selections() {
    let Some(session) = Session::start("wrong-probe-port").await else {
        return;
    };
    let namespace = session.namespace.as_str();
    session.check(
        &["get", "pods", "-A"],
        &["coredns", "kube-proxy", &session.pod],
    );
    session.check(
        &["get", "pods", "-n", namespace, "-o", "wide"],
        &["NOMINATED NODE", &session.pod],
    );
    session.check(
        &[
            "get",
            "deploy,rs,sts,svc,ep,pvc,pdb,ing,cm,secret,sa",
            "-n",
            namespace,
        ],
        &["deployment.apps/", "service/", "secret/"],
    );
    session.check(
        &["get", "nodes,pv,sc,ns,leases", "-A"],
        &[
            "node/",
            "storageclass.storage.k8s.io/",
            "lease.coordination.k8s.io/",
        ],
    );
    let json = session.check(
        &["get", "pod", &session.pod, "-n", namespace, "-o", "json"],
        &[],
    );
    let pod: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&pod["kind"], &pod["apiVersion"]),
        (&Value::from("Pod"), &Value::from("v1"))
    );
    let chosen = session.check(
        &[
            "get",
            "pods",
            "-n",
            namespace,
            "--field-selector",
            &format!("metadata.name={}", session.pod),
            "--no-headers",
        ],
        &["0/1"],
    );
    assert_eq!(chosen.lines().count(), 1);
    let all = session.check(&["get", "pods", "-A", "-o", "name"], &[]);
    let paged = session.check(&["get", "pods", "-A", "-o", "name", "--chunk-size=4"], &[]);
    assert_eq!(all, paged);
    session.check(
        &[
            "get",
            "pods",
            "-n",
            namespace,
            "-l",
            "pod-template-hash",
            "--no-headers",
        ],
        &[&session.deployment],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn describe_tells_the_story() {
    let Some(session) = Session::start("wrong-probe-port").await else {
        return;
    };
    let namespace = session.namespace.as_str();
    session.check(
        &["describe", "pod", &session.pod, "-n", namespace],
        &["Readiness probe failed", "ReplicaSet/", "ContainersReady"],
    );
    session.check(
        &["describe", "deploy", &session.deployment, "-n", namespace],
        &["OldReplicaSets", "ScalingReplicaSet"],
    );
    session.check(
        &["describe", "svc", &session.deployment, "-n", namespace],
        &["Endpoints:", "TargetPort"],
    );
    session.check(
        &["describe", "nodes"],
        &["Allocated resources", "HolderIdentity"],
    );
    session.check(&["events", "-n", namespace], &["Unhealthy"]);
    session.check(
        &[
            "rollout",
            "history",
            "deploy",
            &session.deployment,
            "-n",
            namespace,
        ],
        &["REVISION"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_of_this_and_the_previous_instance() {
    let Some(session) = Session::start("crash-after-release").await else {
        return;
    };
    let (namespace, pod) = (session.namespace.as_str(), session.pod.as_str());
    let current = session.check(&["logs", pod, "-n", namespace], &[]);
    assert!(!current.is_empty());
    let one = session.check(
        &[
            "logs",
            pod,
            "-n",
            namespace,
            "-c",
            &session.deployment,
            "--tail=1",
        ],
        &[],
    );
    assert_eq!(one.lines().count(), 1);
    session.check(&["logs", pod, "-n", namespace, "--previous"], &[]);
    session.check_fails(
        &["logs", pod, "-n", namespace, "-c", "nope"],
        "container nope is not valid",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_look_like_a_real_server() {
    let Some(session) = Session::start("wrong-probe-port").await else {
        return;
    };
    session.check_fails(
        &["get", "pod", "nope", "-n", &session.namespace],
        "pods \"nope\" not found",
    );
    session.check_fails(
        &["get", "widgets"],
        "doesn't have a resource type \"widgets\"",
    );
    session.check_fails(
        &["delete", "pod", &session.pod, "-n", &session.namespace],
        "cannot delete resource \"pods\"",
    );
    session.simulator.faults().add(Fault::new(
        "/api/v1/namespaces/*/secrets",
        FaultKind::Forbid,
    ));
    session.check_fails(
        &["get", "secrets", "-n", &session.namespace],
        "cannot list resource \"secrets\"",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_reads_back_as_a_snapshot() {
    let Some(session) = Session::start("crash-after-release").await else {
        return;
    };
    let folder = session.home.path().join("dump");
    session.check(
        &[
            "cluster-info",
            "dump",
            "-A",
            "--output-directory",
            folder.to_str().unwrap(),
        ],
        &[],
    );
    let snapshot = read(&folder);
    assert!(
        snapshot
            .objects
            .pods
            .get(&session.namespace, &session.pod)
            .is_some()
    );
    assert!(snapshot.objects.nodes.len() >= 3);
    assert!(
        snapshot
            .logs
            .iter()
            .any(|log| log.pod == session.pod && !log.text.is_empty())
    );
}

fn read(folder: &Path) -> appliance_core::snapshot::Snapshot {
    appliance_collect::bundle::read(folder).unwrap().snapshot
}
