//! The fixture's incidents: two written by hand, one hostile, many old ones.
//!
//! In the JSON files `T-90` stands for the instant 90 s ago.

use appliance_core::analysis::{Analysis, Confidence, Summary};
use appliance_http::wire::{
    Condition, EgressStatus, IncidentDetail, IncidentRow, IntakeStatus, ModelState, ModelStatus,
    Phase, QueueStatus, SourceStatus, StatusReport,
};
use jiff::{SignedDuration, Timestamp};

use crate::backend::Held;

/// Enough old incidents for a second page.
const OLD: u64 = 130;

fn ago(now: Timestamp, seconds: u64) -> Timestamp {
    now - SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(0))
}

fn analysis(json: &str, now: Timestamp) -> Result<Analysis, serde_json::Error> {
    let mut parts = json.split("\"T-");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (seconds, rest) = part.split_once('"').unwrap_or((part, ""));
        let instant = ago(now, seconds.parse().unwrap_or(0));
        text.push_str(&format!("\"{instant}\"{rest}"));
    }
    serde_json::from_str(&text)
}

fn held(analysis: Analysis, row: IncidentRow) -> Held {
    let incident = IncidentRow {
        id: analysis.incident.id.clone(),
        title: analysis.incident.title.clone(),
        severity: analysis.incident.severity.clone(),
        status: analysis.incident.status.clone(),
        started_at: analysis.incident.started_at,
        owner: analysis.enrichment.owner.clone(),
        alert_count: analysis.incident.alerts.len() as u64,
        evidence_count: analysis.evidence.len() as u64,
        confidence: analysis.causes.first().map(|cause| cause.confidence),
        phase: Phase::Done,
        seq: 88_000,
        ..row
    };
    Held {
        detail: IncidentDetail {
            group_key: analysis.incident.group_key.clone(),
            alerts: analysis.incident.alerts.clone(),
            incident,
            ..IncidentDetail::default()
        },
        analysis: Some(analysis),
    }
}

fn row(namespace: &str, workload: &str, cause: &str) -> IncidentRow {
    IncidentRow {
        namespace: namespace.into(),
        workload: workload.into(),
        cause: cause.into(),
        ..IncidentRow::default()
    }
}

/// All incidents as of `now`.
pub(crate) fn incidents(now: Timestamp) -> Result<Vec<Held>, serde_json::Error> {
    let mut all = vec![
        held(
            analysis(include_str!("checkout.json"), now)?,
            row(
                "payments",
                "Deployment/payments-api",
                "image of Deployment payments/payments-api changed to 1.43.0 at 02:08",
            ),
        ),
        held(
            analysis(include_str!("node.json"), now)?,
            row("", "Node/worker-7", ""),
        ),
        held(
            analysis(include_str!("hostile.json"), now)?,
            row(
                "<b>shop</b>",
                "Deployment/<svg onload=alert(1)>",
                "<img src=x onerror=alert(2)>\u{202e}gnp.exe",
            ),
        ),
    ];
    all.extend((1..=OLD).map(|number| old(number, now)));
    Ok(all)
}

fn old(number: u64, now: Timestamp) -> Held {
    let incident = IncidentRow {
        id: format!("INC-{}", 200 - number.min(199)),
        title: format!("KubePodCrashLooping in batch-{}", number % 7),
        severity: "warning".into(),
        status: "resolved".into(),
        started_at: Some(ago(now, number * 7_200 + 1_800)),
        resolved_at: Some(ago(now, number * 7_200)),
        namespace: format!("batch-{}", number % 7),
        workload: "Job/nightly-report".into(),
        owner: "team-data".into(),
        alert_count: 1,
        cause: "container of Job nightly-report exits with code 1".into(),
        confidence: Some(Confidence::High),
        phase: Phase::Done,
        ..IncidentRow::default()
    };
    Held {
        detail: IncidentDetail {
            incident,
            ..IncidentDetail::default()
        },
        analysis: None,
    }
}

/// An incident that just came in.
pub(crate) fn fresh(number: usize, now: Timestamp) -> Held {
    let incident = IncidentRow {
        id: format!("INC-N{number}"),
        title: "Persistent volume of postgres-0 is filling up".into(),
        severity: "warning".into(),
        status: "firing".into(),
        started_at: Some(now),
        namespace: "data".into(),
        workload: "StatefulSet/postgres".into(),
        owner: "team-data".into(),
        alert_count: 1,
        phase: Phase::Queued,
        ..IncidentRow::default()
    };
    Held {
        detail: IncidentDetail {
            incident,
            ..IncidentDetail::default()
        },
        analysis: None,
    }
}

/// The rules' card of a fresh incident.
pub(crate) fn card(detail: &IncidentDetail) -> Option<Analysis> {
    let mut analysis = analysis(include_str!("volume.json"), Timestamp::now()).ok()?;
    analysis.incident.id.clone_from(&detail.incident.id);
    analysis.incident.started_at = detail.incident.started_at;
    Some(analysis)
}

/// The model's words for a card.
pub(crate) fn words(card: &Analysis) -> Summary {
    let text = match card.summary.by.as_str() {
        "rules" => format!(
            "{} It fills steadily and was not resized. At this pace it is full in about three \
             hours, and what writes to it will then stop taking writes [E1].",
            card.summary.text
        ),
        _ => card.summary.text.clone(),
    };
    Summary {
        text,
        by: "model:qwen3-8b-q4".into(),
        citations: card.summary.citations.clone(),
    }
}

/// The appliance's state.
pub(crate) fn status(now: Timestamp, seq: u64, waiting: u64, degraded: bool) -> StatusReport {
    let source = |name: &str, condition, detail: &str| SourceStatus {
        name: name.into(),
        condition,
        detail: detail.into(),
        since: (condition != Condition::Ok).then(|| ago(now, 960)),
    };
    let prometheus = if degraded {
        source("prometheus", Condition::Down, "connection refused")
    } else {
        source("prometheus", Condition::Ok, "")
    };
    StatusReport {
        version: env!("CARGO_PKG_VERSION").into(),
        cluster: "prod-eu-1".into(),
        now,
        journal_seq: seq,
        sources: vec![source("kubernetes", Condition::Ok, ""), prometheus],
        model: ModelStatus {
            state: if degraded {
                ModelState::Loading
            } else {
                ModelState::Ready
            },
            name: "qwen3-8b-q4".into(),
            tokens_per_second: (!degraded).then_some(41.2),
            detail: if degraded {
                "38 s left".into()
            } else {
                String::new()
            },
        },
        queue: QueueStatus {
            waiting,
            ..QueueStatus::default()
        },
        intake: IntakeStatus {
            notifications_total: 412,
            alerts_total: 1_240,
            last_at: Some(ago(now, 12)),
            watchdog_at: Some(ago(now, if degraded { 900 } else { 30 })),
            watchdog_late: degraded,
        },
        egress: EgressStatus {
            allowed_total: 318,
            refused_total: 0,
        },
    }
}
