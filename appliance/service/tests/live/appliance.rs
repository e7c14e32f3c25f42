//! The wired appliance over its HTTP interface, in this process.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anchorite::app::{App, Site};
use anchorite::config::Config;
use anchorite::sources::SourceOptions;
use appliance_collect::bundle;
use appliance_collect::kube::KubeAccess;
use appliance_simulator::Simulator;
use appliance_simulator::scenarios::ScenarioRun;
use serde_json::{Value, json};

use super::http::{Answer, EventStream, call, get, get_json, post_json};
use super::support::{self, ANCHORITE, Folder, until, webhook};

/// A card is promised within two seconds; a busy machine gets more.
const CARD_MAX: Duration = Duration::from_secs(10);
/// Longest wait for everything else.
const PATIENCE: Duration = Duration::from_secs(30);

/// An appliance and the cluster it looks at.
struct Running {
    base: String,
    run: Option<ScenarioRun>,
    simulator: Option<Simulator>,
    folder: Folder,
    _app: App,
}

impl Running {
    /// Looks at the broken cluster of `scenario`, by rules alone.
    async fn with(scenario: &str) -> Self {
        let run = support::scenario(scenario);
        let simulator = support::simulate(&run).await;
        let access = KubeAccess::Server {
            url: simulator.kubernetes_url(),
            token_file: None,
            ca_file: None,
        };
        let options = SourceOptions::simulated(access, "", simulator.prometheus_url());
        let mut running = Self::start(options, |_| {}).await;
        running.run = Some(run);
        running.simulator = Some(simulator);
        running
    }

    /// Looks at no cluster.
    async fn alone(change: impl FnOnce(&mut Config)) -> Self {
        Self::start(SourceOptions::default(), change).await
    }

    async fn start(options: SourceOptions, change: impl FnOnce(&mut Config)) -> Self {
        let folder = Folder::new();
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            data_dir: folder.path("data").into(),
            ..Config::default()
        };
        config.model.enabled = false;
        change(&mut config);
        let app = App::start(&config, Site::One(Box::new(options)))
            .await
            .expect("the appliance starts");
        Self {
            base: format!("http://{}", app.address()),
            run: None,
            simulator: None,
            folder,
            _app: app,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn alert(&self) -> Value {
        self.run.as_ref().expect("a scenario").alert.clone()
    }

    fn get(&self, path: &str) -> Option<Value> {
        tokio::task::block_in_place(|| get_json(&self.url(path)))
    }

    fn answer(&self, path: &str) -> Answer {
        tokio::task::block_in_place(|| get(&self.url(path))).expect("it answers")
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value, status: u16) -> Answer {
        let answer = tokio::task::block_in_place(|| post_json(&self.url(path), body));
        let answer = answer.expect("it answers");
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        answer
    }

    /// Posts the scenario's alert and waits for its card.
    fn card(&self) -> Value {
        self.post("/api/v1/alertmanager", &self.alert(), 200);
        self.analysis()
    }

    fn analysis(&self) -> Value {
        until("the card", PATIENCE, || {
            self.get("/api/v1/incidents/INC-000001/analysis")
        })
    }
}

/// The same notification, with all its alerts ended.
fn resolved(mut body: Value) -> Value {
    body["status"] = "resolved".into();
    for alert in body["alerts"].as_array_mut().into_iter().flatten() {
        alert["status"] = "resolved".into();
        alert["endsAt"] = jiff::Timestamp::now().to_string().into();
    }
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_follows_its_alert_and_the_end_follows_the_resolved_alert() {
    let running = Running::with("missing-secret").await;
    running.post("/api/v1/alertmanager", &running.alert(), 200);
    let acknowledged = Instant::now();
    let card = running.analysis();
    let elapsed = acknowledged.elapsed();
    println!("card after {elapsed:?}");
    assert!(elapsed < CARD_MAX, "{elapsed:?}");
    let expected = &running.run.as_ref().expect("a scenario").expected;
    assert_eq!(card["causes"][0]["cause"], expected["cause"][0]);
    assert_eq!(card["causes"][0]["object"], expected["object"]);

    running.post("/api/v1/alertmanager", &resolved(running.alert()), 200);
    until("the end", PATIENCE, || {
        let detail = running.get("/api/v1/incidents/INC-000001")?;
        (detail["incident"]["status"] == "resolved").then_some(())
    });
    let open = running.get("/api/v1/incidents").expect("it answers");
    assert_eq!(open["incidents"], json!([]));
    assert_eq!(open["counts"]["resolved"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_are_kept_and_need_the_consoles_header() {
    let running = Running::with("missing-secret").await;
    running.card();
    let verdict = json!({"verdict": "accepted", "comment": "Yes."});
    let path = "/api/v1/incidents/INC-000001/feedback";
    running.post(path, &verdict, 204);
    let foreign = tokio::task::block_in_place(|| {
        call(
            "POST",
            &running.url(path),
            &[],
            verdict.to_string().as_bytes(),
        )
    });
    assert_eq!(foreign.expect("it answers").status, 403);
    running.post(path, &json!({"verdict": "perhaps"}), 422);
    let detail = running
        .get("/api/v1/incidents/INC-000001")
        .expect("it answers");
    let kept = detail["feedback"].as_array().expect("a list");
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["verdict"], "accepted");
    assert_eq!(kept[0]["comment"], "Yes.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_asks_again_gets_another_analysis() {
    let running = Running::with("missing-secret").await;
    running.card();
    let row = |running: &Running| running.get("/api/v1/incidents/INC-000001");
    let before = row(&running).expect("it answers")["incident"]["seq"].clone();
    running.post("/api/v1/incidents/INC-000001/analyze", &Value::Null, 202);
    until("another analysis", PATIENCE, || {
        let row = row(&running)?;
        (row["incident"]["seq"].as_u64() > before.as_u64()).then_some(())
    });
    running.post("/api/v1/incidents/INC-000009/analyze", &Value::Null, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downloaded_bundle_gives_the_same_answer_elsewhere() {
    let running = Running::with("oom-after-limit-lowered").await;
    let card = running.card();
    let path = "/api/v1/incidents/INC-000001/bundle";
    let archive = until("the bundle", PATIENCE, || {
        Some(running.answer(path)).filter(|answer| answer.status == 200)
    });
    let file = running.folder.path("INC-000001.tar.zst");
    std::fs::write(&file, &archive.body).expect("the folder is writable");
    let read = bundle::read(file.as_ref()).expect("it can be read back");
    assert!(!read.snapshot.objects.pods.is_empty());
    assert_eq!(read.alert.map(|alert| alert.alerts.len()), Some(1));

    let output = std::process::Command::new(ANCHORITE)
        .args(["analyze", "--no-model", "--format", "json", &file])
        .output()
        .expect("the binary starts");
    let again: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    assert!(card["causes"][0]["cause"].is_string());
    for part in ["cause", "object", "confidence"] {
        assert_eq!(again["causes"][0][part], card["causes"][0][part], "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_open_and_say_what_is_missing() {
    let running = Running::alone(|_| {}).await;
    assert_eq!(running.answer("/livez").text(), "ok\n");
    assert_eq!(running.answer("/readyz").status, 200);
    let health = running.answer("/healthz").json();
    let subsystems = health["subsystems"].as_array().expect("a list");
    let named: BTreeSet<_> = subsystems
        .iter()
        .filter_map(|part| part["name"].as_str())
        .collect();
    assert!(
        named.is_superset(&["journal", "index", "model"].into()),
        "{named:?}"
    );
    running.post("/api/v1/alertmanager", &webhook("Test", "orders"), 200);
    let metrics = running.answer("/metrics").text();
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(metrics.contains("anchorite_"), "{metrics}");
    assert_eq!(running.answer("/nowhere").status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_model_answers_as_openai_does() {
    let running = Running::alone(|config| config.model.enabled = true).await;
    until("the model", PATIENCE, || {
        let status = running.get("/api/v1/status")?;
        (status["model"]["state"] == "ready").then_some(())
    });
    let status = running.answer("/api/v1/status").json();
    let detail = status["model"]["detail"].as_str().unwrap_or_default();
    assert!(
        detail.contains("a 4k-token analysis takes about"),
        "{status}"
    );
    assert!(detail.contains("this machine"), "{status}");
    let rate = status["model"]["tokens_per_second"].as_f64();
    assert!(rate.is_some_and(|rate| rate > 0.0), "{status}");
    let metrics = running.answer("/metrics").text();
    for expected in [
        "anchorite_machine_memory_bytes_per_second",
        "anchorite_inference_expected_analysis_seconds{",
    ] {
        assert!(metrics.contains(expected), "{expected}: {metrics}");
    }
    let models = running.answer("/v1/models").json();
    let name = models["data"][0]["id"]
        .as_str()
        .expect("a model has a name");
    let mut request = json!({"model": name, "max_tokens": 8, "temperature": 0,
        "messages": [{"role": "user", "content": "What broke?"}]});
    let answer = running.post("/v1/chat/completions", &request, 200).json();
    assert_eq!(answer["object"], "chat.completion");
    assert!(
        answer["choices"][0]["message"]["content"].is_string(),
        "{answer}"
    );
    let tokens = answer["usage"]["completion_tokens"].as_u64();
    assert!(
        tokens.is_some_and(|tokens| (1..=8).contains(&tokens)),
        "{answer}"
    );

    request["stream"] = true.into();
    let stream = running.post("/v1/chat/completions", &request, 200).text();
    let pieces: Vec<&str> = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .collect();
    assert_eq!(pieces.last(), Some(&"[DONE]"), "{stream}");
    let text: String = pieces
        .iter()
        .filter_map(|piece| serde_json::from_str::<Value>(piece).ok())
        .filter_map(|piece| Some(piece["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    assert_eq!(
        answer["choices"][0]["message"]["content"], text,
        "greedy is the same each time"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_credentials_file_only_health_and_the_page_are_open() {
    let secrets = Folder::new();
    let file = secrets.write("credentials", "bearer 0123456789abcdef0123\n");
    let running = Running::alone(|config| config.auth.credentials_file = Some(file.into())).await;
    let check = |path: &str, authorization: Option<&str>, status: u16| {
        let headers: Vec<_> = authorization
            .map(|value| ("authorization", value))
            .into_iter()
            .collect();
        let answer = tokio::task::block_in_place(|| call("GET", &running.url(path), &headers, b""));
        assert_eq!(
            answer.expect("it answers").status,
            status,
            "{path} {authorization:?}"
        );
    };
    check("/api/v1/incidents", None, 401);
    check(
        "/api/v1/incidents",
        Some("Bearer 0123456789abcdef0124"),
        401,
    );
    check(
        "/api/v1/incidents",
        Some("Bearer 0123456789abcdef0123"),
        200,
    );
    check("/v1/models", None, 401);
    check("/readyz", None, 200);
    check("/", None, 200);
    running.post("/api/v1/alertmanager", &webhook("Test", "orders"), 401);
    assert!(EventStream::open(&running.url("/api/v1/events"), None).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_api_server_there_is_a_card_that_says_what_is_missing() {
    let mut running = Running::with("missing-secret").await;
    running.simulator = None;
    let card = running.card();
    let missing = card["missing"].as_array().expect("a list");
    assert!(!missing.is_empty(), "{card:#}");
    println!("missing: {missing:?}");
    assert!(
        card["summary"]["text"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{card:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_is_folded_and_nothing_of_it_is_lost() {
    const GROUPS: usize = 50;
    const ALERTS: usize = 10;
    let running = Running::alone(|_| {}).await;
    let url = running.url("/api/v1/alertmanager");
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            for group in 0..GROUPS {
                let url = &url;
                scope.spawn(move || {
                    for alert in 0..ALERTS {
                        let body = webhook(&format!("Test{alert}"), &format!("storm-{group}"));
                        let answer = post_json(url, &body).expect("it answers");
                        assert_eq!(answer.status, 200, "{}", answer.text());
                    }
                });
            }
        });
    });
    let rows = until("all alerts, analysed", PATIENCE, || {
        let page = running.get("/api/v1/incidents?limit=200")?;
        let rows = page["incidents"].as_array()?.clone();
        let held: u64 = rows
            .iter()
            .filter_map(|row| row["alert_count"].as_u64())
            .sum();
        let analysed = rows
            .iter()
            .all(|row| row["evidence_count"].as_u64().is_some() && row["phase"] == "done");
        (held == (GROUPS * ALERTS) as u64 && analysed).then_some(rows)
    });
    assert_eq!(rows.len(), GROUPS, "one incident a group");
}
