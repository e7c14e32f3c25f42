//! Debian's Prometheus and Alertmanager drive the real binary.
//!
//! A simulated cluster is broken; Prometheus scrapes it and evaluates a rule,
//! Alertmanager routes the alert to `anchorite serve`, and the analysis is
//! read over the API and in headless Chromium. Skipped, and said so, where
//! one of the programs is not installed.

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{Child, Folder, Port, get_json, installed, until};

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

fn alertmanager_config(anchorite: Port) -> String {
    format!(
        "route: {{receiver: anchorite, group_by: [namespace], group_wait: 1s, group_interval: 10s}}\n\
         receivers: [{{name: anchorite, webhook_configs: [{{url: 'http://127.0.0.1:{anchorite}/api/v1/alertmanager'}}]}}]\n"
    )
}

fn anchorite_config(listen: Port, kubeconfig: &str, prometheus: Port) -> String {
    format!(
        "listen = \"127.0.0.1:{listen}\"\n\
         [kubernetes]\nkubeconfig = \"{kubeconfig}\"\n\
         [prometheus]\nurl = \"http://127.0.0.1:{prometheus}\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_of_a_real_prometheus_ends_as_a_worded_analysis_in_a_browser() {
    if !installed(&["prometheus", "prometheus-alertmanager"]) {
        return;
    }
    let scenario = support::scenario("missing-secret");
    let simulator = support::simulate(&scenario).await;
    let folder = Folder::new();
    let (prometheus, alertmanager, anchorite) = (Port::free(), Port::free(), Port::free());
    let kubeconfig = folder.write(
        "kubeconfig",
        &support::kubeconfig(&simulator.kubernetes_url()),
    );
    folder.write("rules.yml", RULES);
    let prometheus_file = folder.write(
        "prometheus.yml",
        &prometheus_config(&simulator.prometheus_url(), alertmanager),
    );
    let alertmanager_file = folder.write("alertmanager.yml", &alertmanager_config(anchorite));
    let anchorite_file = folder.write(
        "anchorite.toml",
        &anchorite_config(anchorite, &kubeconfig, prometheus),
    );

    let _anchorite = Child::spawn(
        env!("CARGO_BIN_EXE_anchorite"),
        &[
            "serve",
            "--config",
            &anchorite_file,
            "--data-dir",
            &folder.path("data"),
        ],
    );
    let base = format!("http://127.0.0.1:{anchorite}");
    until("the appliance answers", Duration::from_secs(30), || {
        get_json(&format!("{base}/api/v1/status"))
    })
    .await;
    let _alertmanager = Child::spawn(
        "prometheus-alertmanager",
        &[
            &format!("--config.file={alertmanager_file}"),
            &format!("--storage.path={}", folder.path("alertmanager")),
            &format!("--web.listen-address=127.0.0.1:{alertmanager}"),
            "--cluster.listen-address=",
        ],
    );
    let _prometheus = Child::spawn(
        "prometheus",
        &[
            &format!("--config.file={prometheus_file}"),
            &format!("--storage.tsdb.path={}", folder.path("prometheus")),
            &format!("--web.listen-address=127.0.0.1:{prometheus}"),
        ],
    );

    let analysis = until(
        "the analysis is worded by the model",
        Duration::from_secs(120),
        || worded(&base),
    )
    .await;
    let (id, analysis) = (analysis["id"].clone(), &analysis["analysis"]);
    assert_eq!(
        analysis["causes"][0]["cause"], scenario.expected["cause"][0],
        "{analysis:#}"
    );
    assert_eq!(
        analysis["causes"][0]["object"], scenario.expected["object"],
        "{analysis:#}"
    );

    if installed(&["chromium"]) {
        let id = id.as_str().unwrap_or_default();
        let page = support::page_text(&format!("{base}/#/incidents/{id}")).await;
        let summary = analysis["summary"]["text"].as_str().unwrap_or_default();
        let first_words: Vec<&str> = summary.split_whitespace().take(3).collect();
        assert!(
            page.contains(&first_words.join(" ")),
            "{summary:?} is not on the page:\n{page}"
        );
    }
}

/// The first incident with an analysis that a model worded.
fn worded(base: &str) -> Option<Value> {
    let list = get_json(&format!("{base}/api/v1/incidents"))?;
    let incidents = list["incidents"].as_array()?;
    incidents.iter().find_map(|incident| {
        let id = incident["id"].as_str()?;
        let analysis = get_json(&format!("{base}/api/v1/incidents/{id}/analysis"))?;
        let by_model = analysis["summary"]["by"].as_str()?.starts_with("model:");
        by_model.then(|| serde_json::json!({"id": id, "analysis": analysis}))
    })
}
