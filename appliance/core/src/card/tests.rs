use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::alert::{Alert, AlertStatus, Labels};
use crate::analysis::Confidence;
use crate::causes::{Cause, Exclusion, Finding, Strength};
use crate::evidence::EvidenceId;
use crate::facts::Facts;
use crate::graph::{RankedCause, Suspect};
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

fn started_at() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

fn deployment() -> ObjectRef {
    ObjectRef::namespaced("Deployment", "shop", "web")
}

fn alert() -> Alert {
    let labels = |pairs: &[(&str, &str)]| -> Labels {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    };
    Alert {
        status: AlertStatus::Firing,
        labels: labels(&[
            ("alertname", "KubePodCrashLooping"),
            ("namespace", "shop"),
            ("slo", "99.9"),
        ]),
        annotations: labels(&[
            ("summary", "web crashes"),
            ("runbook_url", "https://runbooks.example/crash"),
        ]),
        starts_at: started_at(),
        ends_at: None,
        generator_url: String::new(),
        fingerprint: "0".repeat(16),
    }
}

/// A Deployment rolled out four minutes before the alert, one pod restarting.
fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot {
        captured_at: started_at() + SignedDuration::from_mins(5),
        ..Snapshot::default()
    };
    let set = |hash: &str, revision: &str, image: &str, created: &str| {
        json!({"metadata": {"name": format!("web-{hash}"), "creationTimestamp": created,
                "annotations": {"deployment.kubernetes.io/revision": revision},
                "ownerReferences": [{"kind": "Deployment", "name": "web", "controller": true}]},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})
    };
    let mut insert = |kind: &str, items: serde_json::Value| {
        snapshot.insert_list(kind, "shop", items).expect("known");
    };
    insert(
        "replicasets",
        json!([
            set("aaa", "1", "web:1", "2026-02-01T00:00:00Z"),
            set("bbb", "2", "web:2", "2026-03-01T11:56:00Z"),
        ]),
    );
    insert(
        "deployments",
        json!([{"metadata": {"name": "web", "labels": {"team": "storefront"}}}]),
    );
    insert(
        "services",
        json!([{"metadata": {"name": "web-svc"}, "spec": {"selector": {"app": "web"}}}]),
    );
    insert(
        "pods",
        json!([{"metadata": {"name": "web-bbb-x", "labels": {"app": "web"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "web-bbb", "controller": true}]},
        "status": {"containerStatuses": [{"name": "web", "image": "web:2", "imageID": "", "ready": false, "restartCount": 7}]}}]),
    );
    insert("events", json!([]));
    snapshot.gap("metrics", "timed out after 5 s");
    snapshot
}

fn finding(title: &str) -> Finding {
    Finding {
        cause: Cause::ImageNotFound,
        object: deployment(),
        strength: Strength::Stated,
        statement: "Image web:2 does not exist in the registry".into(),
        since: None,
        because: vec![
            Draft::status(deployment(), title, vec!["line".into(); 40]),
            Draft::status(deployment(), title, Vec::new()),
        ],
        against: Vec::new(),
        explains: Vec::new(),
        next_checks: vec![
            NextCheck {
                command: "kubectl get pods".into(),
                why: "w".into()
            };
            2
        ],
        actions: Vec::new(),
    }
}

fn analysis_of(diagnosis: &Diagnosis) -> Analysis {
    let snapshot = snapshot();
    let facts = Facts::find(&snapshot, started_at());
    let (alerts, subjects) = ([alert()], [deployment()]);
    let case = Case {
        snapshot: &snapshot,
        facts: &facts,
        alerts: &alerts,
        subjects: &subjects,
        started_at: started_at(),
    };
    let incident = IncidentSummary {
        title: "KubePodCrashLooping on web".into(),
        ..IncidentSummary::default()
    };
    let mut diagnosis = diagnosis.clone();
    let change = facts
        .changes
        .first()
        .filter(|_| !diagnosis.causes.is_empty());
    diagnosis.suspect = change.map(|change| Suspect {
        change: change.clone(),
        reaches: String::new(),
        why: "nearest change of Deployment shop/web itself".to_owned(),
    });
    assemble(&case, incident, &diagnosis)
}

fn with_cause(title: &str) -> Diagnosis {
    Diagnosis {
        causes: vec![RankedCause {
            finding: finding(title),
            confidence: Confidence::High,
        }],
        ruled_out: vec![Exclusion {
            cause: Cause::OomOwnLimit,
            object: deployment(),
            because: vec![Draft::status(
                deployment(),
                "no container was killed for memory",
                Vec::new(),
            )],
        }],
        suspect: None,
    }
}

#[test]
fn only_what_came_before_the_alert_is_told_as_a_beginning() {
    let told = |minutes: i64| {
        let mut diagnosis = with_cause("t");
        let since = started_at() + SignedDuration::from_mins(minutes);
        diagnosis.causes[0].finding.since = Some(since);
        analysis_of(&diagnosis).summary.text.contains(", since ")
    };
    assert!(told(-10));
    assert!(!told(10), "the latest of many restarts is no beginning");
}

#[test]
fn evidence_is_numbered_once_in_a_stable_order() {
    let analysis = analysis_of(&with_cause("pull failed"));
    let titles: Vec<(String, &str)> = analysis
        .evidence
        .iter()
        .map(|evidence| (evidence.id.to_string(), evidence.title.as_str()))
        .collect();
    let titles: Vec<(&str, &str)> = titles
        .iter()
        .map(|(id, title)| (id.as_str(), *title))
        .collect();
    assert_eq!(
        titles,
        [
            ("E1", "KubePodCrashLooping is firing: web crashes"),
            ("E2", "pull failed"),
            ("E3", "rolled out revision 2: image of web web:1 → web:2"),
            ("E4", "no container was killed for memory"),
        ]
    );
    assert_eq!(analysis.causes[0].because, [EvidenceId(2)]);
    assert_eq!(analysis.evidence[1].lines.len(), 30);
    assert_eq!(analysis.evidence[1].truncated, "10 more lines");
    assert_eq!(analysis.next_checks.len(), 1);
    assert_eq!(analysis, analysis_of(&with_cause("pull failed")));
}

#[test]
fn the_summary_tells_cause_change_exclusions_and_gaps() {
    let analysis = analysis_of(&with_cause("pull failed"));
    assert_eq!(
        analysis.summary.text,
        "Image web:2 does not exist in the registry. 4 minutes before the alert, Deployment shop/web \
         rolled out revision 2: image of web web:1 → web:2. \
         Roll back, or correct the image name or tag. Ruled out: oom own limit. \
         Not seen: metrics (timed out after 5 s), logs (not captured)."
    );
    assert_eq!(analysis.summary.by, "rules");
    assert_eq!(
        analysis.summary.citations,
        [EvidenceId(2), EvidenceId(3), EvidenceId(4)]
    );
}

#[test]
fn without_a_cause_the_summary_says_what_was_checked_and_what_to_check() {
    let analysis = analysis_of(&Diagnosis::default());
    let text = &analysis.summary.text;
    assert!(
        text.starts_with("No clear cause for Deployment shop/web: checked 5 objects"),
        "{text}"
    );
    assert!(
        text.ends_with("Next check: kubectl events --for deployment/web -n shop"),
        "{text}"
    );
    assert_eq!(analysis.summary.citations, [EvidenceId(1)]);
}

#[test]
fn enrichment_names_service_owner_objective_and_restarts() {
    let context = analysis_of(&Diagnosis::default()).enrichment;
    assert_eq!(
        (
            context.service.as_str(),
            context.owner.as_str(),
            context.slo.as_str(),
            context.restarts
        ),
        ("web-svc", "storefront", "99.9", 7)
    );
    assert_eq!(context.runbook_url, "https://runbooks.example/crash");
}

#[test]
fn the_suspected_change_says_why_in_every_form_of_the_card() {
    let analysis = analysis_of(&with_cause("pull failed"));
    let why = "nearest change of Deployment shop/web itself";
    let marked: Vec<&str> = analysis
        .changes
        .iter()
        .map(|change| change.suspected.as_str())
        .filter(|suspected| !suspected.is_empty())
        .collect();
    assert_eq!(marked, [why]);
    let text = text::render(&analysis);
    assert!(text.contains(&format!("suspected: {why}")), "{text}");
    let markdown = markdown::render(&analysis);
    assert!(
        markdown.contains("**suspected**: nearest change"),
        "{markdown}"
    );
    let without = analysis_of(&Diagnosis::default());
    assert!(
        without
            .changes
            .iter()
            .all(|change| change.suspected.is_empty())
    );
    assert!(!text::render(&without).contains("suspected"));
}

#[test]
fn distances_are_told_as_people_tell_them() {
    for (seconds, expected) in [
        (1, "1 second"),
        (89, "89 seconds"),
        (90, "2 minutes"),
        (3600, "60 minutes"),
        (7200, "2 hours"),
        (172_800, "2 days"),
        (-5, "0 seconds"),
    ] {
        assert_eq!(
            crate::facts::span(SignedDuration::from_secs(seconds)),
            expected
        );
    }
}

#[test]
fn hostile_titles_cannot_forge_markup_or_move_the_cursor() {
    let analysis = analysis_of(&with_cause(
        "x\u{1b}[2J\n# forged <img src=x> [a](http://b) `c`",
    ));
    let text = text::render(&analysis);
    assert!(
        !text.contains('\u{1b}') && !text.contains("\n# forged"),
        "{text}"
    );
    let markdown = markdown::render(&analysis);
    assert!(
        !markdown.contains("<img") && !markdown.contains("](http"),
        "{markdown}"
    );
    assert!(!markdown.contains("\n# forged"), "{markdown}");
}

#[test]
fn both_renderings_name_every_piece_of_evidence() {
    let analysis = analysis_of(&with_cause("pull failed"));
    for rendered in [text::render(&analysis), markdown::render(&analysis)] {
        for evidence in &analysis.evidence {
            assert!(rendered.contains(&evidence.id.to_string()), "{rendered}");
        }
        assert!(
            rendered.contains("web:2") && rendered.ends_with('\n'),
            "{rendered}"
        );
    }
}

proptest! {
    #[test]
    fn no_text_breaks_out_of_its_fence(lines in prop::collection::vec("[`~ab\n#]{0,12}", 1..4)) {
        let mut diagnosis = with_cause("t");
        diagnosis.causes[0].finding.because[0].lines = lines;
        let markdown = markdown::render(&analysis_of(&diagnosis));
        // Outside of fences no line starts with what the evidence put in.
        let mut fence: Option<usize> = None;
        for line in markdown.lines() {
            let run = line.len() - line.trim_start_matches('`').len();
            match fence {
                None if line.ends_with("`text") => fence = Some(run),
                Some(open) if run == open && line.len() == run => fence = None,
                None => prop_assert!(!line.starts_with('~') && !line.starts_with("#a")),
                Some(_) => {}
            }
        }
        prop_assert_eq!(fence, None);
    }
}
