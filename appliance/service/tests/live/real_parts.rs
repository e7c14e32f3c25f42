//! Debian's Prometheus and Alertmanager drive the real binary.
//!
//! A simulated cluster is broken; Prometheus scrapes it and evaluates a rule,
//! Alertmanager routes the alert to `anchorite serve`, and the analysis is
//! read over the API and in headless Chromium. Skipped, and said so, where
//! one of the programs is not installed.

use std::time::Duration;

use serde_json::Value;

use super::browser::Browser;
use super::http::{get, get_json};
use super::support::{self, Child, Folder, Port, Served, installed, until};

const RULES: &str = r#"
groups:
  - name: workloads
    rules:
      - alert: KubePodNotReady
        expr: kube_pod_status_ready{condition="true"} == 0
        labels: {severity: warning}
        annotations: {summary: "Pod {{ $labels.pod }} is not ready."}
"#;

fn prometheus_config(simulator: &str, alertmanager: Port) -> String {
    let target = simulator.trim_start_matches("http://");
    format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules.yml]\n\
         scrape_configs: [{{job_name: kube-state-metrics, honor_labels: true, static_configs: [{{targets: ['{target}']}}]}}]\n\
         alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{alertmanager}']}}]}}]}}\n"
    )
}

fn alertmanager_config(anchorite: &str) -> String {
    format!(
        "route: {{receiver: anchorite, group_by: [namespace], group_wait: 1s, group_interval: 10s}}\n\
         receivers: [{{name: anchorite, webhook_configs: [{{url: '{anchorite}/api/v1/alertmanager'}}]}}]\n"
    )
}

fn anchorite_config(kubeconfig: &str, prometheus: Port) -> String {
    format!(
        "[kubernetes]\nkubeconfig = \"{kubeconfig}\"\n\
         [prometheus]\nurl = \"http://127.0.0.1:{prometheus}\"\n"
    )
}

/// The three programs, running.
struct Site {
    appliance: Served,
    _alertmanager: Child,
    _prometheus: Child,
    _folder: Folder,
}

impl Site {
    /// Starts the appliance, then what sends it alerts from `simulator`.
    fn start(kubernetes: &str, exporter: &str) -> Self {
        let folder = Folder::new();
        let (prometheus, alertmanager) = (Port::free(), Port::free());
        let kubeconfig = folder.write("kubeconfig", &support::kubeconfig(kubernetes));
        let config = folder.write("anchorite.toml", &anchorite_config(&kubeconfig, prometheus));
        let data = folder.path("data");
        let appliance = Served::start(&["--config", &config, "--data-dir", &data]);

        let routes = folder.write("alertmanager.yml", &alertmanager_config(&appliance.base));
        let alertmanager_process = Child::spawn(
            "prometheus-alertmanager",
            &[
                &format!("--config.file={routes}"),
                &format!("--storage.path={}", folder.path("alertmanager")),
                &format!("--web.listen-address=127.0.0.1:{alertmanager}"),
                "--cluster.listen-address=",
            ],
        );
        folder.write("rules.yml", RULES);
        let scrapes = folder.write("prometheus.yml", &prometheus_config(exporter, alertmanager));
        let prometheus_process = Child::spawn(
            "prometheus",
            &[
                &format!("--config.file={scrapes}"),
                &format!("--storage.tsdb.path={}", folder.path("prometheus")),
                &format!("--web.listen-address=127.0.0.1:{prometheus}"),
            ],
        );
        Self {
            appliance,
            _alertmanager: alertmanager_process,
            _prometheus: prometheus_process,
            _folder: folder,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_of_a_real_prometheus_ends_as_an_analysis_in_a_real_browser() {
    if !installed(&["prometheus", "prometheus-alertmanager"]) {
        return;
    }
    let scenario = support::scenario("missing-secret");
    let simulator = support::simulate(&scenario).await;
    let (kubernetes, exporter) = (simulator.kubernetes_url(), simulator.prometheus_url());
    let site = tokio::task::block_in_place(|| Site::start(&kubernetes, &exporter));
    let base = &site.appliance.base;

    let (id, analysis) = until("an analysis", Duration::from_secs(40), || analysed(base));
    let cause = &analysis["causes"][0];
    assert_eq!(
        cause["cause"], scenario.expected["cause"][0],
        "{analysis:#}"
    );
    assert_eq!(cause["object"], scenario.expected["object"], "{analysis:#}");

    until("the model's try", Duration::from_secs(40), || tried(base));
    if installed(&["chromium"]) {
        tokio::task::block_in_place(|| shows(base, &id));
    }
}

/// The first incident with an analysis that found a cause.
fn analysed(base: &str) -> Option<(String, Value)> {
    let list = get_json(&format!("{base}/api/v1/incidents"))?;
    let incidents = list["incidents"].as_array()?;
    incidents.iter().find_map(|incident| {
        let id = incident["id"].as_str()?;
        let analysis = get_json(&format!("{base}/api/v1/incidents/{id}/analysis"))?;
        analysis["causes"].get(0)?;
        Some((id.to_owned(), analysis))
    })
}

/// Whether the model is loaded and has worded a card, or was caught at
/// wording it badly, in which case the card stands.
fn tried(base: &str) -> Option<()> {
    let status = get_json(&format!("{base}/api/v1/status"))?;
    if status["model"]["state"] != "ready" {
        return None;
    }
    let metrics = get(&format!("{base}/metrics"))?.text();
    let worded = counted(&metrics, "anchorite_analysis_wording_seconds_count");
    let failed = counted(
        &metrics,
        "anchorite_analysis_failures_total{step=\"wording\"}",
    );
    (worded + failed > 0).then_some(())
}

fn counted(metrics: &str, name: &str) -> u64 {
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix(name))
        .find_map(|rest| rest.trim().parse().ok())
        .unwrap_or(0)
}

/// The analysis, as the API has it now, is what the page shows.
fn shows(base: &str, id: &str) {
    let analysis = get_json(&format!("{base}/api/v1/incidents/{id}/analysis"));
    let analysis = analysis.expect("it was there a moment ago");
    let mut browser = Browser::open(&format!("{base}/#/incidents/{id}"));
    let object = analysis["causes"][0]["object"]["name"].as_str();
    let page = browser.text_with(object.expect("the object has a name"));
    for evidence in analysis["evidence"].as_array().into_iter().flatten() {
        let evidence = evidence["id"].as_str().expect("evidence has an id");
        assert!(
            page.contains(evidence),
            "{evidence} is not on the page:\n{page}"
        );
    }
}
