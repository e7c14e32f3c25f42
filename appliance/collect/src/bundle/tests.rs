use std::fs;
use std::path::{Path, PathBuf};

use appliance_core::facts::{ChangeKind, Facts, workloads};
use appliance_core::snapshot::{ContainerLog, Sample, Series};
use serde_json::json;

use super::*;

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }
    directory
}

fn read_files(files: &[(&str, &str)]) -> Bundle {
    read(directory(files).path()).expect("a bundle")
}

const PODS: &str = r#"{"kind":"PodList","items":[{"metadata":{"name":"web","namespace":"shop"}}]}"#;

#[test]
fn a_file_says_captured_and_a_missing_one_not() {
    let bundle = read_files(&[
        ("nodes.json", r#"{"items":null}"#),
        ("shop/pods.json", PODS),
        ("shop/services.json", "{\"items\":[]}"),
    ]);
    let objects = &bundle.snapshot.objects;
    assert!(objects.pods.get("shop", "web").is_some());
    assert!(objects.services.captured_in("shop") && objects.services.is_empty());
    assert!(!objects.secrets.captured_in("shop"));
    assert!(!objects.pods.captured_in("other"));
    assert!(objects.nodes.captured_in(""));
}

#[test]
fn broken_files_and_objects_are_gaps_and_the_rest_is_read() {
    let bundle = read_files(&[
        (
            "bundle.json",
            "\u{feff}{\"format\":\"incident-bundle/v1\",\r\n\"captured_at\":\"2026-01-01T00:00:00Z\"}",
        ),
        ("alert.json", "{"),
        ("nodes.json", "not json"),
        ("metrics.om", "up{ 1\nup 1 2\n"),
        (
            "shop/pods.json",
            r#"{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"},"spec":7},{},5]}"#,
        ),
        ("shop/gadgets.json", "{}"),
        (
            "shop/web/logs.txt",
            "==== START logs for container c of pod shop/web ====\nRequest log error: refused\n==== END logs for container c of pod shop/web ====\n",
        ),
    ]);
    let snapshot = &bundle.snapshot;
    assert_eq!(snapshot.objects.pods.len(), 1);
    assert_eq!(snapshot.captured_at.to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(snapshot.series.len(), 1);
    let mut sources: Vec<&str> = snapshot
        .gaps
        .iter()
        .map(|gap| gap.source.as_str())
        .collect();
    sources.sort_unstable();
    assert_eq!(
        sources,
        ["alert", "logs", "metrics", "nodes", "pods", "pods", "pods"]
    );
}

fn check_logs(text: &str, expected: &[(&str, &str)]) {
    let bundle = read_files(&[
        ("shop/pods.json", PODS),
        ("shop/web/previous-logs.txt", text),
    ]);
    let seen: Vec<(&str, &str)> = bundle
        .snapshot
        .logs
        .iter()
        .map(|log| {
            assert!(log.previous);
            (log.container.as_str(), log.text.as_str())
        })
        .collect();
    assert_eq!(seen, expected, "logs {text:?}");
}

#[test]
fn logs_are_split_by_their_marks() {
    check_logs(
        "==== START logs for container a of pod shop/web ====\nx\n==== END logs for container b of pod shop/web ====\n==== END logs for container a of pod shop/web ====\n==== START logs for container b of pod shop/web ====\ny",
        &[
            (
                "a",
                "x\n==== END logs for container b of pod shop/web ====\n",
            ),
            ("b", "y"),
        ],
    );
    check_logs("plain\n", &[("", "plain\n")]);
    check_logs("", &[]);
}

#[test]
fn secrets_are_gone_after_reading() {
    let bundle = read_files(&[
        (
            "shop/secrets.json",
            r#"{"items":[{"metadata":{"name":"s"},"data":{"k":"c2VjcmV0"},"stringData":{"z":"q"}}]}"#,
        ),
        ("shop/web/logs.txt", "login password=hunter2 failed\n"),
        (
            "alert.json",
            r#"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"A"},"annotations":{"d":"token=abc1"},"startsAt":"2026-01-01T00:00:00Z"}]}"#,
        ),
    ]);
    let secret = bundle
        .snapshot
        .objects
        .secrets
        .get("shop", "s")
        .expect("read");
    assert!(
        secret
            .data
            .iter()
            .flatten()
            .all(|(_, value)| value.0.is_empty())
    );
    assert!(!bundle.snapshot.logs[0].text.contains("hunter2"));
    let alert = bundle.alert.expect("an alert");
    assert_eq!(alert.alerts[0].annotations["d"], "token=<redacted:value>");
}

#[test]
fn what_is_no_bundle_is_an_error_that_says_what_to_do() {
    let check = |path: &Path, expected: &str| {
        let error = read(path).expect_err("no bundle").to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(
        directory(&[("readme.txt", "x")]).path(),
        "cluster-info dump",
    );
    check(Path::new("/does/not/exist"), "check that it exists");
    let newer = directory(&[("bundle.json", r#"{"format":"incident-bundle/v2"}"#)]);
    check(newer.path(), "incident-bundle/v2");
    let file = directory(&[("x.tar.zst", "no archive")]);
    check(&file.path().join("x.tar.zst"), "no readable .tar.zst");
}

fn sample_snapshot() -> Snapshot {
    let mut snapshot = Snapshot {
        captured_at: "2026-01-01T00:00:00Z".parse().expect("a time"),
        cluster: "c".into(),
        source: "test".into(),
        ..Snapshot::default()
    };
    let pods = json!([{"metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}]);
    snapshot.insert_list("pods", "shop", pods).expect("known");
    snapshot
        .insert_list("services", "empty", json!([]))
        .expect("known");
    snapshot
        .insert_list("nodes", "", json!([{"metadata": {"name": "n"}}]))
        .expect("known");
    snapshot.insert_log(ContainerLog {
        namespace: "shop".into(),
        pod: "web".into(),
        container: "c".into(),
        previous: false,
        text: "a\nb\n".into(),
        truncated: String::new(),
    });
    snapshot.series.push(Series {
        name: "up".into(),
        labels: [("job".to_owned(), "a\"b".to_owned())].into(),
        samples: vec![Sample {
            at: 1.5,
            value: 0.25,
        }],
    });
    snapshot.gap("logs", "403 Forbidden");
    snapshot
}

fn check_same(read: &Snapshot, written: &Snapshot) {
    for kind in appliance_core::snapshot::KINDS {
        for namespace in ["", "shop", "empty"] {
            assert_eq!(
                read.objects.list(kind, namespace),
                written.objects.list(kind, namespace),
                "{} in {namespace:?}",
                kind.name
            );
        }
    }
    assert_eq!(read.logs, written.logs);
    assert_eq!(read.series, written.series);
    assert_eq!(read.gaps, written.gaps);
    assert_eq!(read.captured_at, written.captured_at);
    assert_eq!(
        (&read.cluster, &read.source),
        (&written.cluster, &written.source)
    );
}

const ALERT: &[u8] = br#"{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"A"},"annotations":{},"startsAt":"2026-01-01T00:00:00Z"}]}"#;

#[test]
fn what_is_written_is_read_back() {
    let snapshot = sample_snapshot();
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), &snapshot, Some(ALERT)).expect("written");
    let bundle = read(directory.path()).expect("a bundle");
    check_same(&bundle.snapshot, &snapshot);
    assert_eq!(bundle.alert.expect("an alert").alerts[0].name(), "A");
}

#[test]
fn an_archive_is_the_same_bundle_and_the_same_bytes_each_time() {
    let snapshot = sample_snapshot();
    let archive = || write_archive(Vec::new(), "case", &snapshot, Some(ALERT)).expect("written");
    assert_eq!(archive(), archive());
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("case.tar.zst");
    fs::write(&path, archive()).expect("written");
    let bundle = read(&path).expect("a bundle");
    check_same(&bundle.snapshot, &snapshot);
}

/// Reads an archive with one odd entry beside a good one; the good one counts.
fn check_archive(entry: impl FnOnce(&mut tar::Builder<Vec<u8>>)) {
    let mut builder = tar::Builder::new(Vec::new());
    append(
        &mut builder,
        "nodes.json",
        br#"{"items":[{"metadata":{"name":"n"}}]}"#,
    );
    entry(&mut builder);
    let bytes = builder.into_inner().expect("built");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("a.tar.zst");
    fs::write(&path, zstd::encode_all(&bytes[..], 1).expect("packed")).expect("written");
    let bundle = read(&path).expect("a bundle");
    assert_eq!(bundle.snapshot.objects.nodes.len(), 1);
    assert_eq!(bundle.snapshot.objects.pods.len(), 0);
    assert_eq!(bundle.snapshot.gaps.len(), 1, "{:?}", bundle.snapshot.gaps);
}

fn append(builder: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8]) {
    let mut header = tar::Header::new_old();
    // Written by hand, since the builder itself refuses `..`.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    builder.append(&header, bytes).expect("appended");
}

#[test]
fn entries_outside_and_links_are_passed_over() {
    check_archive(|builder| append(builder, "../shop/pods.json", PODS.as_bytes()));
    check_archive(|builder| append(builder, "/shop/pods.json", PODS.as_bytes()));
    check_archive(|builder| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder
            .append_link(&mut header, "shop/pods.json", "/etc/passwd")
            .expect("appended");
    });
}

#[test]
fn hostile_names_are_not_written() {
    for name in ["..", "a/b", "", "a\\b", "."] {
        let mut snapshot = Snapshot::default();
        snapshot.insert_log(ContainerLog {
            namespace: "shop".into(),
            pod: name.into(),
            container: "c".into(),
            previous: false,
            text: String::new(),
            truncated: String::new(),
        });
        let directory = tempfile::tempdir().expect("a directory");
        let error = write(directory.path(), &snapshot, None).expect_err("refused");
        assert!(
            matches!(error, BundleError::Name { .. }),
            "{name:?}: {error}"
        );
    }
}

/// The folder with recorded cases, if this machine has it.
#[allow(
    clippy::disallowed_methods,
    reason = "tests find the recorded cases by this variable"
)]
fn cases() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases");
    let path = PathBuf::from(std::env::var("ANCHORITE_CASES").unwrap_or_else(|_| default.into()));
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: {} is absent, set ANCHORITE_CASES", path.display());
    None
}

#[test]
fn a_recorded_cluster_info_dump_is_read_whole() {
    let Some(cases) = cases() else { return };
    let bundle = read(&cases.join("kube-api/cluster-info-dump")).expect("a dump");
    let snapshot = &bundle.snapshot;
    let unreadable: Vec<_> = snapshot
        .gaps
        .iter()
        .filter(|gap| gap.source != "logs")
        .collect();
    assert!(unreadable.is_empty(), "{unreadable:?}");
    let objects = &snapshot.objects;
    assert!(objects.nodes.len() == 3 && objects.pods.len() > 10 && objects.events.len() > 50);
    assert!(objects.deployments.captured_in("shop") && !objects.config_maps.captured_in("shop"));
    assert!(snapshot.captured_at > jiff::Timestamp::UNIX_EPOCH);
    assert!(snapshot.logs.iter().all(|log| !log.container.is_empty()));
    check_facts(snapshot, snapshot.captured_at);
    let facts = Facts::find(snapshot, snapshot.captured_at);
    let rollout = facts.changes.iter().find(|change| {
        change.kind == ChangeKind::Rollout
            && change.diff.iter().any(|line| line.contains("].image: "))
    });
    assert!(rollout.is_some(), "a rollout of an image was recorded");
    assert!(
        facts
            .events_with_reason("FailedScheduling")
            .next()
            .is_some()
    );
}

/// What must hold of the facts of any capture.
fn check_facts(snapshot: &Snapshot, started_at: jiff::Timestamp) {
    let facts = Facts::find(snapshot, started_at);
    let counted: i64 = facts.events.iter().map(|fold| fold.count).sum();
    assert!(counted >= i64::try_from(snapshot.objects.events.len()).expect("few"));
    assert!(facts.events.len() <= snapshot.objects.events.len());
    assert!(facts.events.is_sorted_by(|a, b| a.last >= b.last));
    assert!(facts.changes.is_sorted_by(|a, b| a.at >= b.at));
    for log in &facts.logs {
        assert!(log.count > 0 && log.first <= log.last && !log.exemplar.is_empty());
        assert!(
            snapshot
                .objects
                .pods
                .get(
                    log.pod.namespace.as_deref().unwrap_or_default(),
                    &log.pod.name
                )
                .is_some()
        );
    }
    for verdict in &facts.metrics {
        assert!(
            verdict.score.is_finite() && verdict.before.is_finite() && verdict.after.is_finite()
        );
    }
    for pod in &snapshot.objects.pods {
        let owner = workloads::owner_workload(snapshot, pod);
        assert_ne!(owner.kind, "ReplicaSet", "{owner}");
    }
}

#[test]
fn recorded_incidents_are_read_without_an_unreadable_object() {
    let Some(cases) = cases() else { return };
    let packed = cases.join("cloud-opsbench/dev.tar.zst");
    if !packed.is_file() {
        println!("skipped: {} is absent", packed.display());
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let file = fs::File::open(&packed).expect("readable");
    let mut archive = tar::Archive::new(zstd::Decoder::new(file).expect("zstd"));
    archive.unpack(directory.path()).expect("unpacked");
    let root = fs::read_dir(directory.path())
        .expect("listed")
        .flatten()
        .next()
        .expect("a folder");
    let mut read_cases = 0;
    for case in fs::read_dir(root.path())
        .expect("listed")
        .flatten()
        .step_by(10)
    {
        let bundle = read(&case.path()).expect("a bundle");
        // Ten cases carry one name that no API server would take.
        let unreadable: Vec<_> = bundle
            .snapshot
            .gaps
            .iter()
            .filter(|gap| !gap.detail.ends_with("it has no valid name"))
            .collect();
        assert!(unreadable.is_empty(), "{:?}: {unreadable:?}", case.path());
        assert!(!bundle.snapshot.objects.pods.is_empty());
        let alert = bundle.alert.expect("an alert");
        check_facts(&bundle.snapshot, alert.alerts[0].starts_at);
        read_cases += 1;
    }
    assert!(read_cases >= 10);
}
