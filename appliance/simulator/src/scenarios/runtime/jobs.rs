//! Jobs and `CronJobs`: failed, hung, not started, and made good.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::alert::Alert;
use super::super::site::Site;
use super::super::{Expected, Params, ScenarioRun, run};

pub(crate) const CRON: &str = "nightly-export";

fn job_spec() -> Value {
    json!({"backoffLimit": 2, "completions": 1, "parallelism": 1, "template": {"metadata": {"labels": {"batch": CRON}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "export", "image": "docker.io/library/busybox:1.37",
            "command": ["sh", "-c", "/export.sh"], "resources": {}}]}}})
}

pub(crate) fn add_cron(site: &mut Site, more: &Value) {
    let namespace = site.namespace();
    let built = site.ago(60 * 86_400);
    let meta = site.meta(&namespace, CRON, built);
    let mut spec = json!({"schedule": "*/30 * * * *", "concurrencyPolicy": "Allow", "jobTemplate": {"spec": job_spec()}});
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    site.put(
        "CronJob",
        json!({"metadata": meta, "spec": spec, "status": {}}),
    );
}

pub(crate) fn add_run(site: &mut Site, name: &str, created: Timestamp, status: &Value) {
    let namespace = site.namespace();
    let mut meta = site.meta(&namespace, name, created);
    meta["ownerReferences"] = site.owner("CronJob", &namespace, CRON);
    let mut spec = job_spec();
    spec["template"]["metadata"]["labels"]["job-name"] = json!(name);
    site.put(
        "Job",
        json!({"metadata": meta, "spec": spec, "status": status}),
    );
}

/// The pod a run left behind, and what it wrote.
fn add_pod(site: &mut Site, job: &str, line: &str) {
    let namespace = site.namespace();
    let pod = format!("{job}-{}", site.rng.suffix(5));
    let owner = site.owner("Job", &namespace, job);
    let template = job_spec()["template"].clone();
    let created = site.after(2);
    site.add_pod(&namespace, &pod, &owner, &template, 1, created);
    let (from, to) = (site.after(4).to_string(), site.after(9).to_string());
    site.edit_pod(&pod, |pod| {
        pod["status"]["phase"] = json!("Failed");
        let status = &mut pod["status"]["containerStatuses"][0];
        status["ready"] = json!(false);
        status["state"] = json!({"terminated": {"exitCode": 3, "reason": "Error", "startedAt": from, "finishedAt": to}});
    });
    let since = site.after(9);
    site.not_ready(&pod, since);
    site.log(&pod, "export", since, line);
}

fn failed(reason: &str, at: Timestamp) -> Value {
    json!({"failed": 3, "startTime": at.to_string(), "conditions": [{"type": "Failed", "status": "True", "reason": reason,
        "message": "Job has failed", "lastTransitionTime": at.to_string()}]})
}

fn at_job(
    site: &Site,
    kind: &'static str,
    name: &str,
    causes: &'static [&'static str],
) -> Expected {
    Expected::Cause(causes, (kind, site.namespace(), name.to_owned()))
}

fn alert(site: &Site, name: &'static str, label: &'static str, object: &str) -> Alert {
    Alert::about(
        name,
        "A Job did not do its work.",
        &site.namespace(),
        label,
        object,
    )
}

pub(crate) fn gives_up(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        add_cron(site, &json!({}));
        let at = site.fault_at;
        let name = format!("{CRON}-29010030");
        add_run(
            site,
            &name,
            at,
            &failed("BackoffLimitExceeded", site.after(300)),
        );
        add_pod(
            site,
            &name,
            "export: 14 of 90 tables written, then the target closed",
        );
        let expected = at_job(site, "Job", &name, &["JobFailedBackoff"]);
        (alert(site, "KubeJobFailed", "job_name", &name), expected)
    })
}

pub(crate) fn misses_deadline(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        add_cron(site, &json!({}));
        let at = site.fault_at;
        let name = format!("{CRON}-29010060");
        add_run(
            site,
            &name,
            at,
            &failed("DeadlineExceeded", site.after(600)),
        );
        let expected = at_job(site, "Job", &name, &["JobDeadlineOrHung"]);
        (alert(site, "KubeJobFailed", "job_name", &name), expected)
    })
}

pub(crate) fn suspended(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        add_cron(site, &json!({"suspend": true}));
        let expected = at_job(site, "CronJob", CRON, &["CronjobNotRunning"]);
        (alert(site, "CronJobDidNotRun", "cronjob", CRON), expected)
    })
}

/// A run that never ends keeps the next ones from starting.
pub(crate) fn kept_back(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        add_cron(site, &json!({"concurrencyPolicy": "Forbid"}));
        let started = site.ago(9 * 3600);
        let name = format!("{CRON}-29009500");
        let status = json!({"active": 1, "startTime": started.to_string()});
        add_run(site, &name, started, &status);
        let expected = at_job(
            site,
            "CronJob",
            CRON,
            &["CronjobNotRunning", "JobDeadlineOrHung"],
        );
        (alert(site, "CronJobDidNotRun", "cronjob", CRON), expected)
    })
}

/// The failed run was followed by one that succeeded.
pub(crate) fn made_good(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 3000, |site| {
        add_cron(site, &json!({}));
        let (at, later) = (site.fault_at, site.after(1800));
        let name = format!("{CRON}-29010030");
        add_run(
            site,
            &name,
            at,
            &failed("BackoffLimitExceeded", site.after(120)),
        );
        let status = json!({"succeeded": 1, "startTime": later.to_string(), "completionTime": site.ago(300).to_string(),
            "conditions": [{"type": "Complete", "status": "True", "lastTransitionTime": site.ago(300).to_string()}]});
        add_run(site, &format!("{CRON}-29010060"), later, &status);
        let expected = at_job(site, "CronJob", CRON, &["ExpectedFailure"]);
        (alert(site, "KubeJobFailed", "job_name", &name), expected)
    })
}
