//! Recorded clusters, served by the simulator and captured as if they were live.
//!
//! What comes back must be what was recorded. Skipped where the recorded cases
//! are absent (`ANCHORITE_CASES`, `../shared/cases` beside the workspace by default).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "this is a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use appliance_collect::kube::{KubeAccess, KubeLimits, KubeOptions, KubeSource};
use appliance_core::ports::{CaptureRequest, SnapshotSource};
use appliance_core::snapshot::{Collection, Snapshot};
use appliance_egress::{AllowList, Egress};
use appliance_simulator::{Options, Simulator, World};
use jiff::Timestamp;
use k8s_openapi::Metadata;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use prometheus_client::registry::Registry;

/// Recorded cases to try; each is a cluster of its own.
const CASES: usize = 6;

/// The folder of recorded cases, if it is there.
fn cases(folder: &str) -> Option<PathBuf> {
    #[allow(
        clippy::disallowed_methods,
        reason = "tests find the cases by this variable"
    )]
    let root = std::env::var("ANCHORITE_CASES").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases"),
        PathBuf::from,
    );
    let folder = root.join(folder);
    if folder.exists() {
        return Some(folder);
    }
    println!("skipped: {} is absent", folder.display());
    None
}

/// Captures `namespace` of the cluster recorded in `path`.
async fn capture(path: &Path, namespace: &str, watch: bool) -> (Snapshot, Simulator) {
    let world = World::load(path).unwrap();
    let simulator = Simulator::start(world, Options::default()).await.unwrap();
    let options = KubeOptions {
        access: KubeAccess::Server {
            url: simulator.kubernetes_url(),
            token_file: None,
            ca_file: None,
        },
        cluster: "recorded".to_owned(),
        // Debug builds parse slowly, and the machine may be busy.
        limits: KubeLimits {
            request: Duration::from_secs(30),
            capture: Duration::from_mins(1),
            page_size: 7,
            pages_max: 1000,
            calls_per_second: 1000.0,
            log_pods_max: 1000,
            logs_max: 1000,
            calls_max: 10_000,
            log_lines_max: 100_000,
            log_bytes_max: 64 << 20,
            ..KubeLimits::default()
        },
        watch,
    };
    let allowed: AllowList = [options.access.destination().await.unwrap()]
        .into_iter()
        .collect();
    let egress = Egress::new(allowed, &mut Registry::default());
    let source = KubeSource::try_new(&options, &egress).await.unwrap();
    if watch {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let request = CaptureRequest {
        subjects: Vec::new(),
        namespaces: vec![namespace.to_owned()],
        alerts: Vec::new(),
        from: Timestamp::UNIX_EPOCH,
        until: Timestamp::now(),
    };
    (source.capture(&request).await, simulator)
}

/// Names in a recorded list; `None` where the list was not recorded.
fn recorded(path: &Path, namespace: &str, file: &str) -> Option<BTreeSet<String>> {
    let text = std::fs::read_to_string(path.join(namespace).join(file)).ok()?;
    let list: serde_json::Value = serde_json::from_str(&text).unwrap();
    let items = list["items"].as_array().cloned().unwrap_or_default();
    Some(
        items
            .iter()
            .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
            .collect(),
    )
}

#[track_caller]
fn check<T: Metadata<Ty = ObjectMeta>>(
    path: &Path,
    namespace: &str,
    file: &str,
    captured: &Collection<T>,
) {
    let Some(expected) = recorded(path, namespace, file) else {
        return;
    };
    let names: BTreeSet<String> = captured
        .in_namespace(namespace)
        .filter_map(|item| item.metadata().name.clone())
        .collect();
    let differing: Vec<_> = names.symmetric_difference(&expected).collect();
    assert!(
        differing.is_empty(),
        "{}/{namespace}/{file}: {differing:?}",
        path.display()
    );
    assert!(
        captured.captured_in(namespace),
        "{}/{namespace}/{file}",
        path.display()
    );
}

#[track_caller]
fn check_all(path: &Path, namespace: &str, snapshot: &Snapshot) {
    let objects = &snapshot.objects;
    check(path, namespace, "pods.json", &objects.pods);
    check(path, namespace, "events.json", &objects.events);
    check(path, namespace, "services.json", &objects.services);
    check(path, namespace, "endpoints.json", &objects.endpoints);
    check(path, namespace, "deployments.json", &objects.deployments);
    check(path, namespace, "replicasets.json", &objects.replica_sets);
    check(path, namespace, "statefulsets.json", &objects.stateful_sets);
    check(path, namespace, "daemonsets.json", &objects.daemon_sets);
    check(path, namespace, "jobs.json", &objects.jobs);
    check(path, namespace, "configmaps.json", &objects.config_maps);
    check(path, namespace, "secrets.json", &objects.secrets);
    check(
        path,
        namespace,
        "persistentvolumeclaims.json",
        &objects.persistent_volume_claims,
    );
    check(
        path,
        namespace,
        "resourcequotas.json",
        &objects.resource_quotas,
    );
    check(
        path,
        namespace,
        "networkpolicies.json",
        &objects.network_policies,
    );
    check(path, namespace, "ingresses.json", &objects.ingresses);
    check(path, namespace, "rolebindings.json", &objects.role_bindings);
    check(path, "", "nodes.json", &objects.nodes);
}

/// Pods whose log was recorded and is not empty.
fn recorded_logs(path: &Path, namespace: &str) -> BTreeSet<String> {
    let folder = std::fs::read_dir(path.join(namespace))
        .into_iter()
        .flatten()
        .flatten();
    folder
        .filter(|entry| {
            let log = std::fs::read_to_string(entry.path().join("logs.txt")).unwrap_or_default();
            log.lines().any(|line| !line.starts_with("===="))
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Some recorded cases, unpacked; empty where they are absent.
fn some_cases(count: usize) -> (tempfile::TempDir, Vec<PathBuf>) {
    let unpacked = tempfile::tempdir().unwrap();
    let mut names = BTreeSet::new();
    if let Some(archive) = cases("cloud-opsbench/dev.tar.zst") {
        let archive = std::fs::File::open(archive).unwrap();
        let mut archive = tar::Archive::new(zstd::Decoder::new(archive).unwrap());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().into_owned();
            let case = path.components().find_map(|part| {
                let part = part.as_os_str().to_string_lossy().into_owned();
                part.starts_with("cob-").then_some(part)
            });
            let Some(case) = case else { continue };
            if !names.contains(&case) && names.len() == count {
                break;
            }
            names.insert(case);
            assert!(entry.unpack_in(&unpacked).unwrap());
        }
        assert_eq!(names.len(), count, "the archive holds fewer cases");
    }
    let paths = find_cases(unpacked.path(), &names);
    (unpacked, paths)
}

/// Where cases lie in the archive's own folder, if it has one.
fn find_cases(root: &Path, names: &BTreeSet<String>) -> Vec<PathBuf> {
    let inner = std::fs::read_dir(root)
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let roots: Vec<PathBuf> = inner.chain([root.to_owned()]).collect();
    let place = |name: &String| {
        roots
            .iter()
            .map(|root| root.join(name))
            .find(|path| path.is_dir())
    };
    names.iter().map(|name| place(name).unwrap()).collect()
}

/// The namespace of a case: the one with services.
fn namespace_of(path: &Path) -> String {
    let named = std::fs::read_dir(path).unwrap().flatten();
    let mut with_services = named.filter(|entry| entry.path().join("services.json").exists());
    let found = with_services.next().unwrap();
    found.file_name().to_string_lossy().into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_incident_is_captured_as_it_was() {
    let (_unpacked, paths) = some_cases(CASES);
    for path in paths {
        let namespace = namespace_of(&path);
        let (snapshot, _simulator) = capture(&path, &namespace, false).await;
        check_all(&path, &namespace, &snapshot);
        let logs: BTreeSet<String> = snapshot
            .logs
            .iter()
            .filter(|log| !log.previous && log.namespace == namespace)
            .map(|log| log.pod.clone())
            .collect();
        let expected = recorded_logs(&path, &namespace);
        let lost: Vec<_> = expected.difference(&logs).collect();
        assert!(
            lost.is_empty(),
            "{}: no log of {lost:?}; gaps {:#?}",
            path.display(),
            snapshot.gaps
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_knows_what_a_list_would_say() {
    let (_unpacked, paths) = some_cases(2);
    for path in paths {
        let namespace = namespace_of(&path);
        let (snapshot, simulator) = capture(&path, &namespace, true).await;
        check_all(&path, &namespace, &snapshot);
        let listed = format!("/api/v1/namespaces/{namespace}/pods?");
        assert!(
            !simulator
                .requests()
                .iter()
                .any(|request| request.contains(&listed))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_real_api_server_wrote_is_captured() {
    let Some(dump) = cases("kube-api/cluster-info-dump") else {
        return;
    };
    for namespace in ["shop", "payments", "kube-system"] {
        let (snapshot, _simulator) = capture(&dump, namespace, false).await;
        check_all(&dump, namespace, &snapshot);
        let unread: Vec<_> = snapshot
            .gaps
            .iter()
            .filter(|gap| gap.detail.contains("cannot be read"))
            .collect();
        assert!(unread.is_empty(), "{unread:#?}");
    }
}
