//! The control plane: API server, etcd, certificates, webhooks, versions.

use serde_json::json;

use super::alert::Alert;
use super::names::Role;
use super::node::node_cause;
use super::site::Site;
use super::{Expected, Params, ScenarioRun, run};

/// The static pod of a component, touched so that its run differs from before.
fn part(site: &mut Site, name: &str) -> String {
    let pod = site
        .pods_named("kube-system", name)
        .first()
        .cloned()
        .unwrap_or_default();
    let at = site.after(1).to_string();
    site.edit("Pod", "kube-system", &pod, |pod| {
        pod["metadata"]["annotations"]["kubernetes.io/config.seen"] = json!(at);
    });
    pod
}

fn of_pod(causes: &'static [&'static str], pod: &str) -> Expected {
    Expected::Cause(causes, ("Pod", "kube-system".to_owned(), pod.to_owned()))
}

fn etcd_alert(name: &'static str, pod: &str, summary: &str) -> Alert {
    Alert::new(
        name,
        "critical",
        600,
        summary,
        format!("etcd cluster \"kube-etcd\": {summary}"),
    )
    .label("job", "kube-etcd")
    .label("pod", pod)
    .label("namespace", "kube-system")
}

pub(super) fn api_slow(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let pod = part(site, "kube-apiserver");
        site.part_says("kube-system", &pod, "kube-apiserver",
            "trace.go:236] Trace[1201]: \"List\" accept:application/json,audit-id:5,client:10.244.2.9,resource:configmaps,scope:cluster,verb:LIST (total time: 9211ms):", 14);
        let alert = Alert::new(
            "KubeAPIErrorBudgetBurn",
            "critical",
            120,
            "The API server is burning too much error budget.",
            "The API server is burning too much error budget on cluster .",
        )
        .label("long", "1h")
        .label("short", "5m");
        (alert, of_pod(&["ApiServerSloBurn"], &pod))
    })
}

pub(super) fn api_throttling(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let pod = part(site, "kube-apiserver");
        let labels = [
            ("flow_schema", "service-accounts"),
            ("priority_level", "workload-low"),
            ("reason", "queue-full"),
            ("job", "apiserver"),
        ];
        site.new_gauge(
            "apiserver_flowcontrol_rejected_requests_total",
            &labels,
            |since| 40.0 + since.max(0.0) * 9.0,
        );
        let alert = Alert::new(
            "KubeAPITerminatedRequests",
            "warning",
            300,
            "The kubernetes apiserver has terminated requests.",
            "The kubernetes apiserver has terminated 23% of its incoming requests.",
        );
        (alert, of_pod(&["ApiServerThrottling"], &pod))
    })
}

pub(super) fn etcd_slow(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let pod = part(site, "etcd");
        site.part_says("kube-system", &pod, "etcd",
            "{\"level\":\"warn\",\"caller\":\"wal/wal.go:805\",\"msg\":\"slow fdatasync\",\"took\":\"1.8s\",\"expected-duration\":\"1s\"}", 22);
        (
            etcd_alert(
                "etcdHighFsyncDurations",
                &pod,
                "99th percentile fsync durations are 1.6s.",
            ),
            of_pod(&["EtcdSlowDisk"], &pod),
        )
    })
}

pub(super) fn etcd_no_leader(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let pod = part(site, "etcd");
        site.part_says("kube-system", &pod, "etcd",
            "{\"level\":\"warn\",\"caller\":\"rafthttp/probing_status.go:68\",\"msg\":\"prober detected unhealthy status\",\"remote-peer-id\":\"a3f1\",\"error\":\"dial tcp 192.168.20.12:2380: connect: connection refused\"}", 30);
        site.new_gauge(
            "etcd_server_has_leader",
            &[
                ("pod", pod.as_str()),
                ("namespace", "kube-system"),
                ("job", "kube-etcd"),
            ],
            |since| f64::from(u8::from(since < 0.0)),
        );
        (
            etcd_alert("etcdNoLeader", &pod, "member has no leader."),
            of_pod(&["EtcdNoQuorumLeader"], &pod),
        )
    })
}

pub(super) fn etcd_full(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2000, |site| {
        let pod = part(site, "etcd");
        site.part_says("kube-system", &pod, "etcd",
            "{\"level\":\"warn\",\"msg\":\"failed to apply request\",\"error\":\"etcdserver: mvcc: database space exceeded\"}", 40);
        let labels = [
            ("pod", pod.as_str()),
            ("namespace", "kube-system"),
            ("job", "kube-etcd"),
        ];
        site.new_gauge("etcd_server_quota_backend_bytes", &labels, |_| {
            2_147_483_648.0
        });
        site.new_gauge("etcd_mvcc_db_total_size_in_bytes", &labels, |since| {
            if since < 0.0 { 2.0e9 } else { 2_147_483_648.0 }
        });
        (
            etcd_alert(
                "etcdDatabaseQuotaLowSpace",
                &pod,
                "database size exceeds the defined quota.",
            ),
            of_pod(&["EtcdNoSpace"], &pod),
        )
    })
}

/// A component of the control plane that crashes.
fn component_down(
    params: &Params,
    id: &str,
    name: &'static str,
    rule: &'static str,
    cause: &'static [&'static str],
) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let pod = part(site, name);
        site.part_crashes(
            "kube-system",
            &pod,
            name,
            &format!("run.go:72] \"command failed\" err=\"{name}: failed to acquire lease\""),
        );
        let node = site.names.nodes[0].clone();
        let alert = Alert::new(
            rule,
            "critical",
            900,
            "Target disappeared from Prometheus target discovery.",
            format!("{name} has disappeared from Prometheus target discovery."),
        );
        (alert, node_cause(cause, &node))
    })
}

pub(super) fn controller_manager(params: &Params, id: &str) -> ScenarioRun {
    component_down(
        params,
        id,
        "kube-controller-manager",
        "KubeControllerManagerDown",
        &["ControllerManagerDown"],
    )
}

pub(super) fn scheduler(params: &Params, id: &str) -> ScenarioRun {
    component_down(
        params,
        id,
        "kube-scheduler",
        "KubeSchedulerDown",
        &["SchedulerDown"],
    )
}

pub(super) fn certificate_ends(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 3000, |site| {
        let pod = part(site, "kube-apiserver");
        let alert = Alert::new("KubeClientCertificateExpiration", "critical", 300, "Client certificate is about to expire.",
            "A client certificate used to authenticate to kubernetes apiserver is expiring in less than 24.0 hours.")
            .label("job", "apiserver");
        (alert, of_pod(&["CertExpiring"], &pod))
    })
}

pub(super) fn metrics_api(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let pods = site.pods_named("kube-system", "metrics-server");
        let since = site.after(20);
        site.in_namespace("kube-system", |site| {
            site.unready(&pods[0], "HTTP probe failed with statuscode: 500", since);
        });
        let at = since.to_string();
        site.edit("APIService", "", "v1beta1.metrics.k8s.io", |api| {
            api["status"]["conditions"] = json!([{"type": "Available", "status": "False", "reason": "MissingEndpoints", "lastTransitionTime": at,
                "message": "endpoints for service/metrics-server in \"kube-system\" have no addresses with port name \"https\""}]);
        });
        let alert = Alert::new("KubeAggregatedAPIDown", "warning", 300, "Kubernetes aggregated API is down.", "Kubernetes aggregated API v1beta1.metrics.k8s.io/default has been only 12% available over the last 10m.")
            .label("name", "v1beta1.metrics.k8s.io")
            .label("namespace", "default");
        (
            alert,
            Expected::Cause(
                &["AggregatedApiDown"],
                (
                    "APIService",
                    String::new(),
                    "v1beta1.metrics.k8s.io".to_owned(),
                ),
            ),
        )
    })
}

pub(super) fn webhook_slow(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1800, |site| {
        let built = site.ago(40 * 86_400);
        let meta = site.meta("", "image-policy", built);
        site.put("ValidatingWebhookConfiguration", json!({"metadata": meta, "webhooks": [{"name": "images.policy.example", "timeoutSeconds": 10, "failurePolicy": "Fail",
            "clientConfig": {"service": {"namespace": "kube-system", "name": "image-policy", "path": "/validate"}}, "sideEffects": "None", "admissionReviewVersions": ["v1"]}]}));
        let labels = [
            ("name", "images.policy.example"),
            ("operation", "CREATE"),
            ("type", "validating"),
            ("job", "apiserver"),
        ];
        site.new_gauge(
            "apiserver_admission_webhook_admission_duration_seconds_count",
            &labels,
            |since| 9000.0 + (since + 4000.0) * 0.5,
        );
        site.new_gauge(
            "apiserver_admission_webhook_admission_duration_seconds_sum",
            &labels,
            |since| 90.0 + (since + 4000.0) * 0.005 + since.max(0.0) * 3.2,
        );
        let alert = Alert::new(
            "AdmissionWebhookSlow",
            "warning",
            600,
            "An admission webhook is slow.",
            "Webhook images.policy.example takes 6 s.",
        )
        .label("webhook", "images.policy.example");
        (
            alert,
            Expected::Cause(
                &["WebhookSlow"],
                (
                    "ValidatingWebhookConfiguration",
                    String::new(),
                    "image-policy".to_owned(),
                ),
            ),
        )
    })
}

pub(super) fn version_skew(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 3000, |site| {
        let node = site.names.nodes.last().cloned().unwrap_or_default();
        site.edit("Node", "", &node, |node| {
            node["status"]["nodeInfo"]["kubeletVersion"] = json!("v1.28.9");
        });
        let alert = Alert::new(
            "KubeVersionMismatch",
            "warning",
            900,
            "Different semantic versions of Kubernetes components running.",
            "There are 2 different semantic versions of Kubernetes components running on cluster .",
        );
        (alert, node_cause(&["VersionSkew"], &node))
    })
}

pub(super) fn flood(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let namespace = site.namespace();
        let worker = site.app(Role::Worker);
        let at = site.fault_at;
        for index in 0..40 {
            let meta = site.meta(&namespace, &format!("{}-run-{index}", worker.name), at);
            site.put(
                "ConfigMap",
                json!({"metadata": meta, "data": {"state": "done"}}),
            );
        }
        let labels = [("resource", "configmaps"), ("job", "apiserver")];
        site.new_gauge("apiserver_storage_objects", &labels, |since| {
            1800.0 + since.max(0.0) * 30.0
        });
        let alert = Alert::new(
            "ObjectCountGrowing",
            "warning",
            600,
            "A resource has many objects.",
            "The number of configmaps grows fast.",
        )
        .label("resource", "configmaps");
        (
            alert,
            Expected::Cause(&["ObjectFlood"], ("Namespace", String::new(), namespace)),
        )
    })
}
