use serde_json::json;

use super::{Evaluation, Expected, LabelMap, Report, Scored, score};
use crate::analysis::{
    Analysis, Confidence, Enrichment, Evidence, FORMAT, IncidentSummary, NextCheck, StatedCause,
    Summary, Timing,
};
use crate::evidence::{EvidenceId, EvidenceKind};
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

pub(super) fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::default();
    let objects = &mut snapshot.objects;
    objects.deployments.insert(
        serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": {}, "template": {
                "metadata": {"labels": {"app": "storefront"}},
                "spec": {"containers": [], "volumes": [
                    {"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}}]}}}
        }))
        .expect("deployment"),
    );
    objects.services.insert(
        serde_json::from_value(json!({
            "metadata": {"name": "front", "namespace": "shop"},
            "spec": {"selector": {"app": "storefront"}}
        }))
        .expect("service"),
    );
    snapshot
}

pub(super) fn analysis(cause: &str, object: ObjectRef) -> Analysis {
    Analysis {
        format: FORMAT.to_owned(),
        incident: IncidentSummary::default(),
        subject: None,
        causes: vec![StatedCause {
            cause: cause.to_owned(),
            object: object.clone(),
            confidence: Confidence::High,
            because: vec![EvidenceId(1)],
            against: Vec::new(),
        }],
        ruled_out: Vec::new(),
        missing: Vec::new(),
        changes: Vec::new(),
        evidence: vec![Evidence {
            id: EvidenceId(1),
            kind: EvidenceKind::Spec,
            object,
            at: None,
            title: String::new(),
            lines: Vec::new(),
            query: String::new(),
            truncated: String::new(),
        }],
        summary: Summary {
            text: "Deployment shop/web has the wrong probe.".to_owned(),
            by: "rules".to_owned(),
            citations: vec![EvidenceId(1)],
        },
        next_checks: Vec::new(),
        actions: Vec::new(),
        enrichment: Enrichment::default(),
        timing: Timing::default(),
    }
}

pub(super) fn labels() -> LabelMap {
    LabelMap::parse(r#"{"oom_killed": ["OomOwnLimit"]}"#).expect("label map")
}

fn check(cause: &str, object: ObjectRef, expected: &str, joint: bool) {
    let expected = Expected::parse(expected, &labels()).expect("expectation");
    let got = score(&analysis(cause, object), &snapshot(), &expected);
    assert_eq!(got.joint_at_1, joint, "{got:?}");
    assert!(got.phantoms.is_empty(), "{:?}", got.phantoms);
}

pub(super) fn web() -> ObjectRef {
    ObjectRef::namespaced("Deployment", "shop", "web")
}

pub(super) const BENCHMARK: &str =
    r#"{"root_cause": "oom_killed", "fault_object": "app/storefront"}"#;

#[test]
fn workload_counts_by_its_app_label() {
    check("OomOwnLimit", web(), BENCHMARK, true);
}

#[test]
fn service_and_claim_of_the_app_count() {
    let front = ObjectRef::namespaced("Service", "shop", "front");
    let claim = ObjectRef::namespaced("PersistentVolumeClaim", "shop", "web-data");
    check("OomOwnLimit", front, BENCHMARK, true);
    check("OomOwnLimit", claim, BENCHMARK, true);
}

#[test]
fn another_cause_or_another_app_does_not_count() {
    check("CrashConfigEnv", web(), BENCHMARK, false);
    let other = r#"{"root_cause": "oom_killed", "fault_object": "app/other"}"#;
    check("OomOwnLimit", web(), other, false);
}

#[test]
fn own_form_names_cause_and_object() {
    let text = r#"{"cause": ["BadCommand", "OomOwnLimit"], "object": "Deployment/shop/web"}"#;
    check("OomOwnLimit", web(), text, true);
    let object = r#"{"cause": "OomOwnLimit", "object": {"kind": "Node", "name": "n1"}}"#;
    check("OomOwnLimit", web(), object, false);
    let either =
        r#"{"cause": "OomOwnLimit", "object": "Node/n1", "or_objects": ["Deployment/shop/web"]}"#;
    check("OomOwnLimit", web(), either, true);
}

#[test]
fn a_quota_is_its_namespace_and_a_claim_its_workload() {
    let claim = ObjectRef::namespaced("PersistentVolumeClaim", "shop", "web-data");
    let text = r#"{"cause": "VolumeFilling", "object": "Deployment/shop/web"}"#;
    check("VolumeFilling", claim, text, true);
    let quota = r#"{"cause": "QuotaExceeded", "object": "ResourceQuota/shop/compute"}"#;
    check(
        "QuotaExceeded",
        ObjectRef::cluster("Namespace", "shop"),
        quota,
        true,
    );
    let elsewhere = r#"{"cause": "QuotaExceeded", "object": "ResourceQuota/bank/compute"}"#;
    let shop = ObjectRef::cluster("Namespace", "shop");
    check("QuotaExceeded", shop, elsewhere, false);
}

#[test]
fn healthy_wants_no_cause_or_none_that_is_an_incident() {
    let healthy = r#"{"healthy": true}"#;
    check("AlreadyRecovered", web(), healthy, true);
    check("OomOwnLimit", web(), healthy, false);
}

#[test]
fn unknown_label_is_an_error() {
    let text = r#"{"root_cause": "gremlins"}"#;
    let error = Expected::parse(text, &labels()).expect_err("label is unknown");
    assert!(error.to_string().contains("gremlins"));
}

fn phantoms(change: impl FnOnce(&mut Analysis)) -> Vec<String> {
    let mut analysis = analysis("OomOwnLimit", web());
    change(&mut analysis);
    let expected = Expected::parse(BENCHMARK, &labels()).expect("expectation");
    score(&analysis, &snapshot(), &expected).phantoms
}

#[test]
fn invented_names_are_phantoms_wherever_they_stand() {
    let in_object =
        phantoms(|analysis| analysis.causes[0].object = ObjectRef::cluster("Node", "n9"));
    assert_eq!(in_object, ["Node n9"]);
    let in_command = phantoms(|analysis| {
        analysis.next_checks.push(NextCheck {
            command: "kubectl describe pod web-77 -n shop".to_owned(),
            why: String::new(),
        });
    });
    assert_eq!(in_command, ["web-77"]);
    let in_summary = phantoms(|analysis| {
        analysis.summary.text = "Pod shop/web-0 is killed by node worker-9.".to_owned();
    });
    assert_eq!(in_summary, ["web-0", "worker-9"]);
}

#[test]
fn prose_with_hyphens_is_no_phantom() {
    let words = phantoms(|analysis| {
        analysis.summary.text = "A read-only, well-known pod template of the node.".to_owned();
    });
    assert!(words.is_empty(), "{words:?}");
}

#[test]
fn citations_must_exist_and_claims_must_cite() {
    let mut broken = analysis("OomOwnLimit", web());
    broken.causes[0].because = vec![EvidenceId(7)];
    broken.summary.citations.clear();
    let expected = Expected::parse(BENCHMARK, &labels()).expect("expectation");
    let got = score(&broken, &snapshot(), &expected);
    assert_eq!(got.broken_citations.len(), 2, "{:?}", got.broken_citations);
}

#[test]
fn report_counts_shares_and_calibration() {
    let expected = Expected::parse(BENCHMARK, &labels()).expect("expectation");
    let mut report = Report::default();
    for cause in ["OomOwnLimit", "BadCommand"] {
        let scored = score(&analysis(cause, web()), &snapshot(), &expected);
        report.add(cause, &scored);
    }
    assert!((report.all.joint_at_1.ratio() - 0.5).abs() < f64::EPSILON);
    assert_eq!(report.calibration.by_word["high"].of, 1);
    assert_eq!(report.by_label["oom_killed"].object_at_1.of, 2);
    assert_eq!(report.by_family["Runtime"].joint_at_1.of, 1);
    assert_eq!(report.wrong.len(), 1);
    assert_eq!(
        report.wrong[0].said,
        "BadCommand of Deployment shop/web (high)"
    );
    assert_eq!(report.wrong[0].right_at, None);
}

#[test]
fn an_incident_stated_of_a_healthy_cluster_is_a_false_alarm() {
    let expected = Expected::parse(r#"{"healthy": true}"#, &labels()).expect("expectation");
    let mut report = Report::default();
    for cause in ["OomOwnLimit", "AlreadyRecovered"] {
        let scored = score(&analysis(cause, web()), &snapshot(), &expected);
        report.add(cause, &scored);
    }
    assert_eq!(
        (report.false_alarms.of, report.false_alarms.total),
        (1, 2),
        "{report:?}"
    );
    assert_eq!(report.by_family["Healthy"].joint_at_1.of, 1);
}

#[test]
fn an_evaluation_prints_its_totals_costs_and_wrong_cases() {
    let expected = Expected::parse(BENCHMARK, &labels()).expect("expectation");
    let mut evaluation = Evaluation::default();
    for (cause, seconds) in [("OomOwnLimit", 0.25), ("BadCommand", 0.5)] {
        evaluation.add(Scored {
            case: format!("case-{cause}"),
            score: score(&analysis(cause, web()), &snapshot(), &expected),
            by: "rules".to_owned(),
            seconds,
            peak_bytes: Some(64 << 20),
        });
    }
    evaluation.finish();
    let text = evaluation.text();
    for part in [
        "case-BadCommand: expected oom_killed of app storefront, said BadCommand of Deployment shop/web (high)",
        "confidence high: 1/2 right",
        "most 0.500 (case-BadCommand)",
        "peak memory: most 64 MiB",
        "phantom names 0",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let all = text.lines().find(|line| line.starts_with("all "));
    assert!(all.is_some_and(|line| line.contains("1/2")), "{text}");
}
