use serde_json::json;

use super::*;
use crate::ports::{ModelProfile, TokenCounter};
use crate::prompt::Prompt;

struct ByLength;

impl TokenCounter for ByLength {
    fn count(&self, text: &str) -> usize {
        text.len().div_ceil(3)
    }
}

/// Two candidates of the given confidence about one workload.
pub(super) fn card(first: &str, second: &str) -> Analysis {
    let workload = json!({"kind": "Deployment", "namespace": "shop", "name": "cart"});
    serde_json::from_value(json!({
        "format": FORMAT,
        "incident": {"id": "INC-1", "title": "t", "severity": "critical", "status": "firing",
                     "started_at": null, "group_key": "g", "alerts": []},
        "subject": workload,
        "causes": [
            {"cause": "OomOwnLimit", "object": workload, "confidence": first, "because": ["E1"], "against": []},
            {"cause": "CrashAppException", "object": workload, "confidence": second, "because": ["E2"], "against": []}],
        "ruled_out": [], "missing": [], "changes": [],
        "evidence": [
            {"id": "E1", "kind": "status", "object": workload, "at": null, "title": "OOMKilled, exit code 137",
             "lines": ["limit 64Mi"], "query": "", "truncated": ""},
            {"id": "E2", "kind": "log", "object": workload, "at": null, "title": "panic", "lines": [], "query": "", "truncated": ""}],
        "summary": {"text": "By rules.", "by": "rules", "citations": []},
        "next_checks": [{"command": "kubectl get pods", "why": "a"}, {"command": "kubectl top pods", "why": "b"}],
        "actions": [],
        "enrichment": {"service": "", "owner": "", "slo": "", "restarts": 0, "top_metrics": [],
                       "dashboard_url": "", "runbook_url": ""},
        "timing": {"card_ms": 0, "evidence_ms": 0, "prefill_tokens": 0, "decode_tokens": 0, "model_ms": 0}
    }))
    .expect("the fixture is an analysis")
}

fn prompt(card: &Analysis) -> Prompt {
    prompt_for(card, false)
}

pub(super) fn prompt_for(card: &Analysis, aliases: bool) -> Prompt {
    let profile = ModelProfile {
        name: "test".to_owned(),
        context_tokens: 4096,
        aliases,
    };
    Prompt::write(card, &profile, &ByLength)
}

fn reply(cause: &str, confidence: &str, summary: &str) -> String {
    json!({"cause": cause, "because": ["E1"], "against": [], "confidence": confidence,
           "summary": summary, "next_check": "N2", "action": "A0"})
    .to_string()
}

#[track_caller]
fn worded(first: &str, second: &str, text: &str) -> (Analysis, ReplyReport) {
    let card = card(first, second);
    apply_reply(&card, &prompt(&card), text, "test").expect("the reply is usable")
}

#[test]
fn a_summary_that_the_rules_open_names_both_authors() {
    let card = card("high", "low");
    let mut prompt = prompt(&card);
    prompt.lead = Some("Workload cart ran out of memory [E1].".to_owned());
    let text = reply("C1", "high", "It restarts.");
    let (analysis, _) = apply_reply(&card, &prompt, &text, "test").expect("the reply is usable");
    assert!(analysis.summary.text.ends_with("It restarts."));
    assert_eq!(analysis.summary.by, "rules, model:test");
}

#[test]
fn an_agreeing_reply_words_the_summary_and_orders_the_checks() {
    let text = reply(
        "C1",
        "high",
        "Workload cart ran out of memory [E1]. It restarts.",
    );
    let (analysis, report) = worded("high", "low", &text);
    assert_eq!(
        analysis.summary.text,
        "Workload cart ran out of memory [E1]. It restarts."
    );
    assert_eq!(analysis.summary.by, "model:test");
    assert_eq!(analysis.next_checks[0].command, "kubectl top pods");
    assert_eq!(
        report,
        ReplyReport {
            sentences: 2,
            dropped: 0,
            disagreed: false
        }
    );
}

#[test]
fn a_model_breaks_a_tie_but_does_not_raise_a_weaker_candidate() {
    let (tied, _) = worded("medium", "medium", &reply("C2", "high", "It panics."));
    assert_eq!(tied.causes[0].cause, "CrashAppException");
    assert_eq!(tied.causes[0].confidence, Confidence::Medium);
    let (weaker, report) = worded("high", "low", &reply("C2", "high", "It panics."));
    assert_eq!(weaker.causes[0].cause, "OomOwnLimit");
    assert_eq!(weaker.causes[0].confidence, Confidence::Medium);
    assert!(report.disagreed);
}

#[test]
fn a_model_lowers_confidence_by_one_word_at_most() {
    let (analysis, _) = worded("high", "low", &reply("C1", "low", "It restarts."));
    assert_eq!(analysis.causes[0].confidence, Confidence::Medium);
}

#[test]
fn sentences_that_name_the_unknown_are_dropped_and_counted() {
    for unknown in [
        "The pod payments-api fails.",
        "It uses 512 megabytes.",
        "See [E9].",
        "The host `redis` refuses.",
        "Call 10.0.0.9 now.",
        "It follows a change to Namespace cart.",
        "The Deployment redis fails.",
        "The pod payments\u{2011}api fails.",
        "The pod c\u{430}rt fails.",
        "The pod pay\u{200b}ments fails.",
        "It uses \u{ff15}\u{ff11}\u{ff12} megabytes.",
    ] {
        let text = reply("C1", "high", &format!("It restarts. {unknown}"));
        let (analysis, report) = worded("high", "low", &text);
        assert_eq!(
            (report.dropped, analysis.summary.text.as_str()),
            (1, "It restarts."),
            "{unknown}"
        );
    }
}

#[test]
fn known_names_figures_and_plain_english_hold() {
    for sentence in [
        "The out-of-memory kill of cart has exit code 137 and limit 64Mi.",
        "The Deployment is short of memory, and Deployment cart's pods don’t start.",
        "The Deployment, it seems, was changed—Pod after Pod ends.",
        "A Deployment called cart sends no naïve requests.",
    ] {
        let text = reply("C1", "high", sentence);
        assert_eq!(worded("high", "low", &text).1.dropped, 0, "{sentence}");
    }
}

#[test]
fn a_reply_outside_the_offer_is_an_error() {
    let card = card("high", "low");
    let prompt = prompt(&card);
    let apply = |text: &str| apply_reply(&card, &prompt, text, "test").map(|_| ());
    assert!(matches!(apply("{"), Err(ReplyError::Malformed(_))));
    assert_eq!(
        apply(&reply("C7", "high", "It restarts.")),
        Err(ReplyError::NotOffered("C7".to_owned()))
    );
    assert_eq!(
        apply(&reply("C1", "high", "See nothing-known.")),
        Err(ReplyError::NothingLeft { dropped: 1 })
    );
}

#[test]
fn a_draft_lets_whole_sentences_through_once_and_only_those_that_hold() {
    let card = card("high", "low");
    let prompt = prompt_for(&card, true);
    let mut draft = SummaryDraft::new(&card, &prompt);
    let text = reply(
        "C1",
        "high",
        "Workload @W1 restarts. The pod payments-api fails. It is slow.",
    );
    let mut seen = Vec::new();
    for piece in text.as_bytes().chunks(3) {
        seen.extend(draft.push(std::str::from_utf8(piece).expect("the reply is ASCII")));
    }
    assert_eq!(seen, ["Workload cart restarts.", "It is slow."]);
}

#[test]
fn a_small_models_words_follow_the_rules_own_statement() {
    let card = card("high", "high");
    let prompt = prompt_for(&card, true);
    let text = reply("C1", "low", "A change to Deployment @W1 came first [E1].");
    let (analysis, _) = apply_reply(&card, &prompt, &text, "test").expect("the reply is usable");
    assert_eq!(
        analysis.summary.text,
        "By rules. A change to Deployment cart came first [E1]."
    );
    assert_eq!(analysis.causes, card.causes);
}

#[test]
fn a_small_models_words_about_another_cause_are_neither_kept_nor_shown() {
    let card = card("high", "high");
    let prompt = prompt_for(&card, true);
    for other in ["C2", "C0"] {
        let text = reply(other, "high", "A change to Deployment @W1 came first [E1].");
        let refused = apply_reply(&card, &prompt, &text, "test").expect_err("the card stands");
        assert_eq!(refused, ReplyError::OtherCause(other.to_owned()));
        assert!(SummaryDraft::new(&card, &prompt).push(&text).is_empty());
    }
}
