//! [`ConsoleBackend`] in memory: a journal of events, incidents, and analyses
//! that are "written" word by word.
//!
//! Invariant: sequence numbers only grow, and every change to a row has one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use appliance_core::analysis::{Analysis, Confidence};
use appliance_core::question::{Answer, Question};
use appliance_http::backend::{BackendError, BackendFuture, BackendStream, ConsoleBackend};
use appliance_http::health::{HealthReport, HealthSource, Subsystem};
use appliance_http::wire::{
    AnalysisEvent, Condition, ConsoleEvent, EventKind, Feedback, FeedbackEntry, IncidentCounts,
    IncidentDetail, IncidentFilter, IncidentPage, IncidentRow, IncidentState, Phase, StatusReport,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{broadcast, watch};
use tokio_stream::wrappers::{BroadcastStream, WatchStream};

use crate::data;

/// Events a slow reader may be behind before it must load the list again.
const BACKLOG: usize = 256;

/// What the model has written so far.
#[derive(Clone, Debug, Default)]
struct Progress {
    phase: Phase,
    detail: String,
    text: String,
}

/// One incident and its latest analysis.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) detail: IncidentDetail,
    pub(crate) analysis: Option<Analysis>,
}

#[derive(Debug, Default)]
struct State {
    seq: u64,
    log: Vec<ConsoleEvent>,
    incidents: Vec<Held>,
    writing: HashMap<String, watch::Sender<Progress>>,
}

/// The appliance in memory.
#[derive(Debug)]
pub(crate) struct Fixture {
    // Held for a few map look-ups, never across an await.
    state: Arc<Mutex<State>>,
    events: broadcast::Sender<ConsoleEvent>,
    degraded: bool,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_found(id: &str) -> BackendError {
    BackendError::IncidentNotFound(id.to_owned())
}

impl State {
    fn held(&mut self, id: &str) -> Result<&mut Held, BackendError> {
        self.incidents
            .iter_mut()
            .find(|held| held.detail.incident.id == id)
            .ok_or_else(|| not_found(id))
    }

    fn record(&mut self, kind: EventKind, id: &str, data: &impl Serialize) -> ConsoleEvent {
        self.seq += 1;
        let event = ConsoleEvent {
            seq: self.seq,
            kind,
            incident_id: Some(id.to_owned()),
            data: serde_json::to_value(data).unwrap_or_default(),
        };
        self.log.push(event.clone());
        event
    }

    /// Changes a row and records it.
    fn change(
        &mut self,
        id: &str,
        kind: EventKind,
        change: impl FnOnce(&mut Held),
    ) -> Result<ConsoleEvent, BackendError> {
        let seq = self.seq + 1;
        let held = self.held(id)?;
        change(held);
        held.detail.incident.seq = seq;
        let row = held.detail.incident.clone();
        Ok(self.record(kind, id, &row))
    }
}

impl Fixture {
    /// The fixture's incidents, or none.
    pub(crate) fn new(empty: bool, degraded: bool) -> Result<Self, serde_json::Error> {
        let incidents = if empty {
            Vec::new()
        } else {
            data::incidents(Timestamp::now())?
        };
        let state = State {
            seq: 88_214,
            incidents,
            ..State::default()
        };
        Ok(Self {
            state: Arc::new(Mutex::new(state)),
            events: broadcast::channel(BACKLOG).0,
            degraded,
        })
    }

    /// A new incident comes in and is analyzed.
    pub(crate) fn open_incident(&self) {
        let id = {
            let mut state = lock(&self.state);
            let number = state.incidents.len() + 1;
            let held = data::fresh(number, Timestamp::now());
            let (id, row) = (
                held.detail.incident.id.clone(),
                held.detail.incident.clone(),
            );
            state.incidents.push(held);
            let event = state.record(EventKind::Incident, &id, &row);
            let _ = self.events.send(event);
            id
        };
        self.write(id);
    }

    /// Writes the analysis of an incident, a word at a time.
    fn write(&self, id: String) {
        let (state, events) = (Arc::clone(&self.state), self.events.clone());
        let (sender, _) = watch::channel(Progress::default());
        lock(&state).writing.insert(id.clone(), sender.clone());
        tokio::spawn(async move {
            let step = |phase, kind| {
                let event = lock(&state).change(&id, kind, |held| {
                    held.detail.incident.phase = phase;
                    if phase == Phase::Reading && held.analysis.is_none() {
                        held.analysis = data::card(&held.detail);
                        held.detail.incident.cause = "volume of postgres-0 is filling up".into();
                        held.detail.incident.confidence = Some(Confidence::High);
                    }
                    if let Some(analysis) = &held.analysis {
                        held.detail.incident.evidence_count = analysis.evidence.len() as u64;
                    }
                });
                let _ = event.map(|event| events.send(event));
            };
            for (phase, detail) in [
                (Phase::Collecting, "logs 4 of 6"),
                (Phase::Reading, "2 100 tokens"),
                (Phase::Writing, ""),
            ] {
                step(phase, EventKind::Incident);
                sender.send_modify(|progress| {
                    progress.phase = phase;
                    progress.detail = detail.into();
                });
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
            let summary = lock(&state)
                .held(&id)
                .ok()
                .and_then(|held| held.analysis.as_ref())
                .map(data::words)
                .unwrap_or_default();
            for word in summary.text.split_inclusive(' ') {
                sender.send_modify(|progress| progress.text.push_str(word));
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            if let Ok(held) = lock(&state).held(&id)
                && let Some(analysis) = &mut held.analysis
            {
                analysis.summary = summary;
            }
            step(Phase::Done, EventKind::Analysis);
            sender.send_modify(|progress| progress.phase = Phase::Done);
            lock(&state).writing.remove(&id);
        });
    }
}

fn matches(row: &IncidentRow, filter: &IncidentFilter) -> bool {
    let resolved = row.status == "resolved";
    let in_state = match filter.state {
        IncidentState::Open => !resolved,
        IncidentState::Resolved => resolved,
        IncidentState::All => true,
    };
    let same =
        |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|text| text == has);
    let contains = |text: &str| {
        [&row.title, &row.cause, &row.workload, &row.owner]
            .iter()
            .any(|field| field.to_lowercase().contains(&text.to_lowercase()))
    };
    in_state
        && same(&filter.severity, &row.severity)
        && same(&filter.namespace, &row.namespace)
        && filter.text.as_deref().is_none_or(contains)
}

fn rank(row: &IncidentRow) -> (bool, usize, std::cmp::Reverse<Option<Timestamp>>) {
    let severity = ["critical", "warning"]
        .iter()
        .position(|word| *word == row.severity)
        .unwrap_or(2);
    (
        row.status == "resolved",
        severity,
        std::cmp::Reverse(row.started_at),
    )
}

impl ConsoleBackend for Fixture {
    fn incidents<'a>(&'a self, filter: &'a IncidentFilter) -> BackendFuture<'a, IncidentPage> {
        Box::pin(async move {
            let state = lock(&self.state);
            let rows = || state.incidents.iter().map(|held| &held.detail.incident);
            let mut found: Vec<IncidentRow> =
                rows().filter(|row| matches(row, filter)).cloned().collect();
            found.sort_by_key(rank);
            let from = match &filter.cursor {
                Some(cursor) => cursor.parse().map_err(|_| BackendError::Cursor)?,
                None => 0usize,
            };
            let next = from.saturating_add(filter.limit);
            let open = rows().filter(|row| row.status == "firing");
            Ok(IncidentPage {
                next_cursor: (next < found.len()).then(|| next.to_string()),
                incidents: found.into_iter().skip(from).take(filter.limit).collect(),
                counts: IncidentCounts {
                    open: open.clone().count() as u64,
                    resolved: rows().filter(|row| row.status == "resolved").count() as u64,
                    firing_alerts: open.map(|row| row.alert_count).sum(),
                },
                seq: state.seq,
            })
        })
    }

    fn incident<'a>(&'a self, id: &'a str) -> BackendFuture<'a, IncidentDetail> {
        Box::pin(async move { Ok(lock(&self.state).held(id)?.detail.clone()) })
    }

    fn analysis<'a>(&'a self, id: &'a str) -> BackendFuture<'a, Analysis> {
        Box::pin(async move {
            let analysis = lock(&self.state).held(id)?.analysis.clone();
            analysis.ok_or_else(|| BackendError::AnalysisNotReady(id.to_owned()))
        })
    }

    fn bundle<'a>(
        &'a self,
        id: &'a str,
    ) -> BackendFuture<'a, BackendStream<Result<Bytes, std::io::Error>>> {
        Box::pin(async move {
            lock(&self.state).held(id)?;
            let parts = ["bundle of ", id].map(|part| Ok(Bytes::from(part.to_owned())));
            Ok(stream::iter(parts).boxed() as BackendStream<_>)
        })
    }

    fn feedback<'a>(&'a self, id: &'a str, feedback: Feedback) -> BackendFuture<'a, ()> {
        Box::pin(async move {
            let mut state = lock(&self.state);
            let entry = FeedbackEntry {
                verdict: feedback.verdict,
                comment: feedback.comment,
                at: Timestamp::now(),
            };
            state.held(id)?.detail.feedback.push(entry.clone());
            let event = state.record(EventKind::Feedback, id, &entry);
            let _ = self.events.send(event);
            Ok(())
        })
    }

    fn ask<'a>(&'a self, id: &'a str, question: &'a str) -> BackendFuture<'a, Answer> {
        Box::pin(async move {
            let analysis = self.analysis(id).await?;
            let question = Question::read(question, &analysis);
            let answer = question.answer(&analysis, Timestamp::now());
            Ok(answer.unwrap_or_else(|| Answer::declined(None)))
        })
    }

    fn analyze<'a>(&'a self, id: &'a str) -> BackendFuture<'a, ()> {
        Box::pin(async move {
            let event = lock(&self.state).change(id, EventKind::Incident, |held| {
                held.detail.incident.phase = Phase::Queued;
            })?;
            let _ = self.events.send(event);
            self.write(id.to_owned());
            Ok(())
        })
    }

    fn events(&self, since: Option<u64>) -> BackendFuture<'_, BackendStream<ConsoleEvent>> {
        Box::pin(async move {
            let state = lock(&self.state);
            let now = state.seq;
            let since = since.unwrap_or(now);
            let before: Vec<_> = (state.log.iter())
                .filter(|event| event.seq > since)
                .cloned()
                .collect();
            let after = BroadcastStream::new(self.events.subscribe()).map(move |event| {
                event.unwrap_or(ConsoleEvent {
                    seq: now,
                    kind: EventKind::Reset,
                    incident_id: None,
                    data: serde_json::Value::Null,
                })
            });
            Ok(stream::iter(before).chain(after).boxed() as BackendStream<_>)
        })
    }

    fn analysis_stream<'a>(
        &'a self,
        id: &'a str,
    ) -> BackendFuture<'a, BackendStream<AnalysisEvent>> {
        Box::pin(async move {
            let mut state = lock(&self.state);
            let held = state.held(id)?;
            let text = held.analysis.as_ref().map(|a| a.summary.text.clone());
            let phase = held.detail.incident.phase;
            let Some(sender) = state.writing.get(id) else {
                let text = text.unwrap_or_default();
                let events = [AnalysisEvent::Snapshot { phase, text }, AnalysisEvent::Done];
                return Ok(stream::iter(events).boxed() as BackendStream<_>);
            };
            let mut shown: Option<Progress> = None;
            let events = WatchStream::new(sender.subscribe()).flat_map(move |progress| {
                let events = difference(shown.as_ref(), &progress);
                shown = Some(progress);
                stream::iter(events)
            });
            Ok(events.boxed() as BackendStream<_>)
        })
    }

    fn status(&self) -> BackendFuture<'_, StatusReport> {
        Box::pin(async move {
            let (seq, waiting) = {
                let state = lock(&self.state);
                (state.seq, state.writing.len() as u64)
            };
            Ok(data::status(Timestamp::now(), seq, waiting, self.degraded))
        })
    }
}

/// What a reader who was shown `before` is told about `after`.
fn difference(before: Option<&Progress>, after: &Progress) -> Vec<AnalysisEvent> {
    let Some(before) = before else {
        return vec![AnalysisEvent::Snapshot {
            phase: after.phase,
            text: after.text.clone(),
        }];
    };
    if after.phase == Phase::Done {
        return vec![AnalysisEvent::Done];
    }
    let mut events = Vec::new();
    if after.phase != before.phase || after.detail != before.detail {
        events.push(AnalysisEvent::Phase {
            phase: after.phase,
            detail: after.detail.clone(),
        });
    }
    if let Some(text) = after
        .text
        .strip_prefix(&before.text)
        .filter(|text| !text.is_empty())
    {
        events.push(AnalysisEvent::Text { text: text.into() });
    }
    events
}

impl HealthSource for Fixture {
    fn health(&self) -> HealthReport {
        HealthReport {
            ready: true,
            subsystems: vec![Subsystem {
                name: "journal".into(),
                condition: Condition::Ok,
                detail: String::new(),
            }],
        }
    }

    fn metrics(&self) -> String {
        "# EOF\n".into()
    }
}
