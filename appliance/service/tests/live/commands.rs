//! The commands of the binary: what they print and how they end.

use std::path::{Path, PathBuf};
use std::process::Command;

use appliance_simulator::scenarios::ScenarioRun;
use serde_json::Value;

use super::support::{self, ANCHORITE, Folder};

/// How a call ended.
struct Ended {
    status: i32,
    stdout: String,
    stderr: String,
}

fn anchorite(arguments: &[&str]) -> Ended {
    let output = Command::new(ANCHORITE)
        .args(arguments)
        .output()
        .expect("the binary starts");
    Ended {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs the binary off the runtime's workers.
fn beside(arguments: &[&str]) -> Ended {
    tokio::task::block_in_place(|| anchorite(arguments))
}

/// What a call prints that ends with `status`.
#[track_caller]
fn check(arguments: &[&str], status: i32) -> String {
    let ended = anchorite(arguments);
    assert_eq!(
        ended.status, status,
        "{arguments:?}\n{}\n{}",
        ended.stdout, ended.stderr
    );
    ended.stdout
}

/// A call that is wrong: status 2, and `said` on standard error.
#[track_caller]
fn check_wrong(arguments: &[&str], said: &str) {
    let ended = anchorite(arguments);
    assert_eq!(ended.status, 2, "{arguments:?}\n{}", ended.stderr);
    assert!(
        ended.stderr.contains(said),
        "{arguments:?}\n{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

/// The bundle of a scenario, with the run it is of.
fn bundle(folder: &Folder, scenario: &str) -> (String, ScenarioRun) {
    let run = support::scenario(scenario);
    let path = folder.path(scenario);
    run.write_bundle(Path::new(&path))
        .expect("the folder is writable");
    (path, run)
}

#[test]
fn every_command_shows_an_example() {
    let help = check(&["--help"], 0);
    for command in [
        "serve", "demo", "analyze", "eval", "capture", "bench", "model", "config", "version",
    ] {
        assert!(help.contains(command), "{help}");
        let help = check(&[command, "--help"], 0);
        assert!(help.contains("Example:\n  anchorite "), "{command}: {help}");
    }
}

#[test]
fn a_bundle_is_analysed_in_every_form() {
    let folder = Folder::new();
    let (path, run) = bundle(&folder, "missing-secret");
    let json = check(&["analyze", "--no-model", "--format", "json", &path], 0);
    let analysis: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(analysis["causes"][0]["cause"], run.expected["cause"][0]);
    assert_eq!(analysis["causes"][0]["object"], run.expected["object"]);
    let name = run.expected["object"]["name"].as_str().expect("it has one");
    for format in ["text", "md"] {
        let text = check(&["analyze", "--no-model", "--format", format, &path], 0);
        assert!(text.contains(name), "{text}");
    }
    // With the embedded model: worded or not, the cause is the same.
    let json = check(&["analyze", "--format", "json", &path], 0);
    let worded: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(worded["causes"][0]["cause"], run.expected["cause"][0]);
}

#[test]
fn a_recorded_dump_is_analysed() {
    let root = std::env::var("ANCHORITE_CASES").map_or_else(
        |_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases"),
        PathBuf::from,
    );
    let dump = root.join("kube-api/cluster-info-dump");
    if !dump.is_dir() {
        println!("skipped: {} is absent, set ANCHORITE_CASES", dump.display());
        return;
    }
    let dump = dump.display().to_string();
    let json = check(&["analyze", "--no-model", "--format", "json", &dump], 0);
    let analysis: Value = serde_json::from_str(&json).expect("it is JSON");
    assert!(analysis["evidence"].is_array(), "{json}");
}

#[test]
fn bundles_are_scored() {
    let folder = Folder::new();
    bundle(&folder, "missing-secret");
    bundle(&folder, "bad-image-after-rollout");
    let table = check(&["eval", "--no-model", &folder.path("")], 0);
    let all = table.lines().find(|line| line.starts_with("all "));
    assert!(table.contains("joint@1"), "{table}");
    assert!(all.is_some_and(|line| line.contains("2/2")), "{table}");
    let json = check(
        &["eval", "--no-model", "--format", "json", &folder.path("")],
        0,
    );
    let report: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(report["cases"].as_array().map(Vec::len), Some(2));
}

#[test]
fn scenarios_are_scored_without_files() {
    let call = [
        "eval",
        "--no-model",
        "--scenarios",
        "--scenario",
        "missing-secret",
        "--scenario",
        "healthy-red-herring",
        "--seeds",
        "2",
    ];
    let table = check(&call, 0);
    let all = table.lines().find(|line| line.starts_with("all "));
    assert!(all.is_some_and(|line| line.contains("4/4")), "{table}");
    assert!(
        table.contains("false alarms on healthy clusters 0/2"),
        "{table}"
    );
    let blind = ["--without", "events", "--without", "logs"];
    let table = check(&[&call[..], &blind[..]].concat(), 0);
    assert!(table.contains("phantom names 0"), "{table}");
    let json = check(&[&call[..], &["--format", "json"]].concat(), 0);
    let report: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(report["cases"][1]["case"], "missing-secret-1");
    assert_eq!(
        report["report"]["by_family"]["Healthy"]["joint_at_1"]["of"],
        2
    );
    assert_eq!(report["report"]["wrong"], serde_json::json!([]));
}

/// A tiny model of random weights, with a window that holds a prompt.
fn random_model(folder: &Folder) -> String {
    const KEY: &[u8] = b"llama.context_length";
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../inference/nn/tests/fixtures/f32-tied.gguf");
    let mut bytes = std::fs::read(fixture).expect("the fixture is there");
    let key = bytes.windows(KEY.len()).position(|at| at == KEY);
    // The type of the value stands between key and value.
    let value = key.expect("the key is there") + KEY.len() + 4;
    bytes[value..value + 4].copy_from_slice(&16_384_u32.to_le_bytes());
    let path = folder.path("random.gguf");
    std::fs::write(&path, bytes).expect("the model is written");
    path
}

fn ablation(model: &[&str]) -> Value {
    let call = [
        "eval",
        "--ablation",
        "--format",
        "json",
        "--scenarios",
        "--scenario",
        "missing-secret",
        "--scenario",
        "healthy-red-herring",
        "--seeds",
        "1",
    ];
    let json = check(&[&call[..], model].concat(), 0);
    serde_json::from_str(&json).expect("it is JSON")
}

#[test]
fn an_ablation_compares_rules_model_and_both() {
    let report = ablation(&[]);
    let all = &report["totals"]["all"];
    for contender in ["rules", "model", "model_reversed", "both"] {
        assert_eq!(all[contender]["joint_at_1"]["total"], 2, "{report}");
    }
    assert_eq!(all["rules"]["joint_at_1"]["of"], 2);
    assert_eq!(all["both"]["joint_at_1"]["of"], 2);
    assert_eq!(all["both"]["phantoms"], 0);
    assert_eq!(report["cases"][0]["slices"][0], "as it is");
}

#[test]
fn a_model_of_random_weights_leaves_verdicts_as_good_as_the_rules() {
    let folder = Folder::new();
    let model = random_model(&folder);
    let report = ablation(&["--model", &model]);
    let all = &report["totals"]["all"];
    assert_eq!(all["both"]["joint_at_1"], all["rules"]["joint_at_1"]);
    assert_eq!(all["both"]["false_alarms"]["of"], 0);
    assert_eq!(all["both"]["phantoms"], 0);
    assert_eq!(all["both"]["broken_citations"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captured_bundle_can_be_analysed() {
    let run = support::scenario("missing-secret");
    let simulator = support::simulate(&run).await;
    let folder = Folder::new();
    let kubeconfig = folder.write(
        "kubeconfig",
        &support::kubeconfig(&simulator.kubernetes_url()),
    );
    let config = folder.write(
        "anchorite.toml",
        &format!(
            "[kubernetes]\nkubeconfig = \"{kubeconfig}\"\n[prometheus]\nurl = \"{}\"\n",
            simulator.prometheus_url()
        ),
    );
    let alert = folder.write("alert.json", &run.alert.to_string());
    let namespace = run.expected["object"]["namespace"]
        .as_str()
        .expect("it has one");
    for out in [folder.path("captured"), folder.path("captured.tar.zst")] {
        let ended = beside(&[
            "capture",
            "--config",
            &config,
            "--namespace",
            namespace,
            "--alert",
            &alert,
            "--out",
            &out,
        ]);
        assert_eq!(ended.status, 0, "{}{}", ended.stdout, ended.stderr);
        let ended = beside(&["analyze", "--no-model", "--format", "json", &out]);
        assert_eq!(ended.status, 0, "{}", ended.stderr);
        let analysis: Value = serde_json::from_str(&ended.stdout).expect("it is JSON");
        assert_eq!(
            analysis["causes"][0]["cause"], run.expected["cause"][0],
            "{analysis:#}"
        );
    }
}

#[test]
fn wrong_calls_end_with_2_and_say_why() {
    let folder = Folder::new();
    let broken = folder.write("broken.toml", "listne = \"127.0.0.1:1\"\n");
    let open = folder.write("open.toml", "listen = \"0.0.0.0:8470\"\n");
    let absent = folder.path("absent");
    check_wrong(&["analyze", &absent], "absent");
    check_wrong(&["eval", &absent], "absent");
    check_wrong(&["eval", &folder.path("")], "no case found");
    check_wrong(&["eval"], "PATH");
    check_wrong(&["eval", &absent, "--seeds", "2"], "--scenarios");
    check_wrong(&["eval", &absent, "--held-out"], "--scenarios");
    check_wrong(&["eval", &absent, "--ablation", "--no-model"], "--no-model");
    check_wrong(
        &["eval", "--scenarios", "--scenario", "no-such"],
        "no scenario",
    );
    check_wrong(&["demo", "--scenario", "no-such"], "no scenario");
    check_wrong(&["serve", "--config", &absent], "absent");
    check_wrong(&["serve", "--config", &broken], "listne");
    check_wrong(&["serve", "--config", &open], "credentials_file");
    check_wrong(&["serve", "--no-model", "--model", "x.gguf"], "--no-model");
    check_wrong(
        &["capture", "--namespace", "a", "--out", &absent],
        "kubernetes.kubeconfig",
    );
    check_wrong(
        &[
            "capture",
            "--config",
            &broken,
            "--namespace",
            "a",
            "--out",
            &absent,
        ],
        "listne",
    );
    check_wrong(&["config", "print", "--config", &broken], "listne");
    check_wrong(&["config", "print", "--config", &absent], "No such file");
    check_wrong(&["flie"], "flie");
}

#[test]
fn a_printed_configuration_is_a_configuration() {
    let folder = Folder::new();
    let text = "cluster = \"site 1\"\n[prometheus]\nurl = \"http://127.0.0.1:9090\"\n[[sinks]]\ntype = \"stdout\"\n";
    let first = folder.write("first.toml", text);
    let printed = check(&["config", "print", "--config", &first], 0);
    assert!(printed.contains("site 1"), "{printed}");
    let second = folder.write("second.toml", &printed);
    assert_eq!(check(&["config", "print", "--config", &second], 0), printed);
    check(&["config", "check", "--config", &second], 0);
    let broken = folder.write("broken.toml", "[prometheus]\nurl = \"ftp://x\"\n");
    check(&["config", "check", "--config", &broken], 1);
}

#[test]
fn a_demo_ends_once_its_alert_is_analysed() {
    let listen = ["--listen", "127.0.0.1:0"];
    let ended = anchorite(
        &[
            &[
                "demo",
                "--scenario",
                "missing-secret",
                "--once",
                "--no-model",
            ][..],
            &listen,
        ]
        .concat(),
    );
    assert_eq!(ended.status, 0, "{}", ended.stderr);
    assert!(ended.stdout.contains("SecretMissing"), "{}", ended.stdout);
    assert!(!ended.stderr.contains("ERROR"), "{}", ended.stderr);
    let listed = check(&["demo", "--scenario", "list"], 0);
    assert!(listed.contains("missing-secret"), "{listed}");
}

#[test]
fn a_pipe_that_closes_early_is_no_problem() {
    let status = Command::new("bash")
        .args([
            "-o",
            "pipefail",
            "-c",
            &format!("{ANCHORITE} demo --scenario list | head -1"),
        ])
        .status();
    assert!(status.is_ok_and(|status| status.success()));
}
