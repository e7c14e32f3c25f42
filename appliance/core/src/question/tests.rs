//! Facts about follow-up questions.

use serde_json::json;

use super::*;
use crate::analysis::FORMAT;
use crate::ports::{Completion, ModelProfile, TokenCounter};

struct ByLength;

impl TokenCounter for ByLength {
    fn count(&self, text: &str) -> usize {
        text.len().div_ceil(3)
    }
}

/// A crash after a rollout, with the database ruled out.
fn analysis() -> Analysis {
    let workload = json!({"kind": "Deployment", "namespace": "shop", "name": "cart-api"});
    let database = json!({"kind": "StatefulSet", "namespace": "shop", "name": "postgres"});
    let evidence = |id: &str, kind: &str, object: &serde_json::Value, title: &str| {
        json!({"id": id, "kind": kind, "object": object, "at": "2026-01-01T00:09:00Z", "title": title,
               "lines": [], "query": "", "truncated": ""})
    };
    let alert = |status: &str| {
        json!({"name": "KubePodCrashLooping", "status": status, "labels": {}, "annotations": {},
               "starts_at": "2026-01-01T00:05:00Z", "fingerprint": "f"})
    };
    serde_json::from_value(json!({
        "format": FORMAT,
        "incident": {"id": "INC-1", "title": "t", "severity": "critical", "status": "firing",
                     "started_at": "2026-01-01T00:05:00Z", "group_key": "g",
                     "alerts": [alert("firing"), alert("resolved")]},
        "subject": workload,
        "causes": [
            {"cause": "OomOwnLimit", "object": workload, "confidence": "high", "because": ["E1"], "against": []},
            {"cause": "MemoryLeak", "object": workload, "confidence": "low", "because": ["E1"], "against": ["E2"]}
        ],
        "ruled_out": [{"cause": "DatabaseReadOnly", "object": database, "because": ["E3"]}],
        "missing": [{"source": "metrics", "detail": "not captured"}],
        "changes": [{"at": "2026-01-01T00:02:00Z", "object": workload, "what": "memory limit 512Mi to 64Mi",
                     "evidence": "E2"}],
        "evidence": [
            evidence("E1", "status", &workload, "container api was OOMKilled 4 times"),
            evidence("E2", "change", &workload, "revision 8 lowered the memory limit"),
            evidence("E3", "log", &database, "postgres accepts writes")
        ],
        "summary": {"text": "", "by": "rules", "citations": []},
        "next_checks": [{"command": "kubectl -n shop describe deployment/cart-api", "why": "limits and last states"}],
        "actions": [{"command": "kubectl -n shop rollout undo deployment/cart-api", "risk": "medium",
                     "reversible": true, "undo": "", "why": "returns to the limit that held"}],
        "enrichment": {"service": "", "owner": "", "slo": "", "restarts": 4, "top_metrics": [],
                       "dashboard_url": "", "runbook_url": ""},
        "timing": {"card_ms": 0, "evidence_ms": 0, "prefill_tokens": 0, "decode_tokens": 0, "model_ms": 0}
    }))
    .expect("the fixture is an analysis")
}

fn asked(question: &str) -> Option<Answer> {
    let now = "2026-01-01T00:12:00Z".parse().expect("a time");
    let analysis = analysis();
    Question::read(question, &analysis).answer(&analysis, now)
}

#[track_caller]
fn check(question: &str, expected: &str) {
    let answer = asked(question).unwrap_or_else(|| panic!("{question} is not known"));
    assert_eq!(answer.text, expected);
}

#[test]
fn what_changed() {
    for question in [
        "What changed?",
        "any recent deploy",
        "what has changed before this???",
    ] {
        check(
            question,
            "Deployment shop/cart-api, 3 min before the alert: memory limit 512Mi to 64Mi [E2].",
        );
    }
}

#[test]
fn why_not_something_that_is_ruled_out() {
    for question in [
        "Why not the database?",
        "could it be postgres",
        "is it the DB?",
    ] {
        check(
            question,
            "DatabaseReadOnly of StatefulSet shop/postgres is ruled out. Seen: postgres accepts writes [E3].",
        );
    }
}

#[test]
fn why_not_a_lower_candidate_says_what_speaks_against_it() {
    check(
        "why not MemoryLeak",
        "MemoryLeak of Deployment shop/cart-api is a candidate that ranks lower, with low confidence. \
         Against it speaks: Deployment cart-api: revision 8 lowered the memory limit [E2]. \
         Seen: Deployment cart-api: container api was OOMKilled 4 times [E1].",
    );
}

#[test]
fn why_not_something_nobody_saw_says_what_could_not_be_seen() {
    check(
        "why not DNS?",
        "Nothing that was captured points at it. What was captured leads to OomOwnLimit of Deployment shop/cart-api, \
         with high confidence [E1]. What could not be seen: metrics.",
    );
}

#[test]
fn what_to_check_and_how_to_repair_are_commands_of_the_analysis() {
    check(
        "what should I check next?",
        "Run `kubectl -n shop describe deployment/cart-api`: limits and last states.",
    );
    check(
        "how do I fix it",
        "`kubectl -n shop rollout undo deployment/cart-api` (medium risk, it can be undone): \
         returns to the limit that held.",
    );
}

#[test]
fn whether_it_still_happens_is_said_with_the_age_of_the_look() {
    check(
        "Is it still happening?",
        "By the last notification 1 of 2 alerts are firing. The newest evidence is 3 min old: \
         postgres accepts writes [E3]. This is what the last look showed; analyze again to look at the cluster now.",
    );
}

#[test]
fn the_suspected_change_is_told_first_and_why() {
    let mut analysis = analysis();
    let mut suspected = analysis.changes[0].clone();
    suspected.what = "image 1.4 to 1.5".to_owned();
    suspected.suspected = "nearest change of Deployment shop/cart-api itself".to_owned();
    analysis.changes.push(suspected);
    let answer =
        Question::Changes.answer(&analysis, "2026-01-01T00:12:00Z".parse().expect("a time"));
    assert_eq!(
        answer.map(|answer| answer.text).as_deref(),
        Some(
            "Deployment shop/cart-api, 3 min before the alert: image 1.4 to 1.5 [E2]. \
             This one is suspected: it is the nearest change of Deployment shop/cart-api itself. \
             Deployment shop/cart-api, 3 min before the alert: memory limit 512Mi to 64Mi [E2]."
        )
    );
}

#[test]
fn one_alert_is_told_as_one() {
    let mut analysis = analysis();
    analysis.incident.alerts.truncate(1);
    let now = "2026-01-01T00:12:00Z".parse().expect("a time");
    let text = |question: Question| {
        question
            .answer(&analysis, now)
            .map_or_else(String::new, |answer| answer.text)
    };
    assert!(
        text(Question::StillHappening).starts_with("By the last notification its alert is firing.")
    );
    assert!(text(Question::Affected).starts_with("One alert belongs to it: KubePodCrashLooping."));
}

#[test]
fn since_when_and_how_sure() {
    check(
        "since when?",
        "Since 2026-01-01T00:05:00Z, 7 min ago. The nearest change is Deployment shop/cart-api, \
         3 min before the alert [E2].",
    );
    check(
        "How do you know?",
        "OomOwnLimit of Deployment shop/cart-api, with high confidence. \
         Seen: Deployment cart-api: container api was OOMKilled 4 times [E1]. \
         Nothing captured speaks against it.",
    );
}

#[test]
fn anything_else_is_left_to_a_model_that_can_read_names() {
    let question = "is the same image running in staging";
    assert_eq!(asked(question), None);
    let profile = |aliases| ModelProfile {
        name: "m".to_owned(),
        context_tokens: 4096,
        aliases,
    };
    let analysis = analysis();
    assert_eq!(
        FreeQuestion::write(question, &analysis, &profile(true), &ByLength),
        None
    );
    let free =
        FreeQuestion::write(question, &analysis, &profile(false), &ByLength).expect("is written");
    let text = &free.request.messages[1].text;
    assert!(
        text.ends_with("question: is the same image running in staging"),
        "{text}"
    );
    assert!(
        text.contains("C1 OomOwnLimit of Deployment cart-api"),
        "{text}"
    );
    assert!(Answer::declined(None).declined);
}

#[test]
fn a_model_may_not_name_what_is_not_there() {
    let analysis = analysis();
    let check = |text: &str, finished| {
        let completion = Completion {
            text: text.to_owned(),
            finished,
            prefill_tokens: 0,
            decode_tokens: 0,
        };
        FreeQuestion::check(&completion, &analysis, "m")
    };
    let answer = check(
        "The limit was lowered [E2]. The node worker-7 is full [E9].",
        true,
    );
    assert_eq!(
        answer.text,
        "The limit was lowered [E2]. (1 of its sentences named something unknown and were left out.)"
    );
    assert_eq!(answer.by, "model:m");
    assert!(check("Restart worker-7.", true).declined);
    assert_eq!(
        check("The limit was lowered. It is n", false).text,
        "The limit was lowered."
    );
}

#[test]
fn answers_cite_only_what_the_analysis_holds() {
    let analysis = analysis();
    let vocabulary = crate::analysis::Vocabulary::of(&analysis);
    for question in [
        "what changed",
        "why not the database",
        "how do you know",
        "is it ongoing",
        "impact?",
    ] {
        let answer = asked(question).expect("is known");
        assert!(
            answer
                .citations
                .iter()
                .all(|id| analysis.evidence.iter().any(|item| item.id == *id))
        );
        assert_eq!(
            vocabulary
                .check(&answer.text)
                .citations
                .iter()
                .find(|id| id.0 > 3),
            None
        );
    }
}
