//! The appliance as its console sees it: the http crate's port over ledger,
//! pipeline and hub.

mod status;

use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use appliance_core::analysis::Analysis;
use appliance_core::incident::{Incident, IncidentId};
use appliance_core::question::Answer;
use appliance_http::backend::{BackendError, BackendFuture, BackendStream, ConsoleBackend};
use appliance_http::wire::{
    AnalysisEvent, ConsoleEvent, EventKind, Feedback, FeedbackEntry, IncidentCounts,
    IncidentDetail, IncidentFilter, IncidentPage, IncidentRow, IncidentState, Phase, StatusReport,
    Verdict,
};
use appliance_store::{
    ChangeKind, Cursor, Ledger, LedgerError, ListFilter, ListRow, Stage, StateFilter, StoreError,
    StoreEvent,
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

pub use self::status::StatusBoard;

use crate::analyst::Analyst;
use crate::bundles::Bundles;
use crate::hub::Hub;
use crate::pipeline::Pipeline;

/// What answers are made of.
#[derive(Debug)]
pub struct BackendParts {
    /// What is known.
    pub ledger: Ledger,
    /// What is being worked on.
    pub pipeline: Arc<Pipeline>,
    /// Answers follow-up questions.
    pub analyst: Analyst,
    /// Analyses in the making.
    pub hub: Arc<Hub>,
    /// Captured bundles.
    pub bundles: Arc<Bundles>,
    /// The appliance's own state.
    pub status: Arc<StatusBoard>,
    /// Cancelled when the appliance stops: streams end then, so that an open
    /// console does not hold it up.
    pub stop: CancellationToken,
}

/// Answers the console. Cheap to clone; clones share the parts.
#[derive(Clone, Debug)]
pub struct Backend(Arc<BackendParts>);

impl From<BackendParts> for Backend {
    fn from(parts: BackendParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Backend {
    type Target = BackendParts;

    fn deref(&self) -> &BackendParts {
        &self.0
    }
}

impl BackendParts {
    fn row(&self, row: ListRow) -> IncidentRow {
        let id = row.id.to_string();
        let phase = self.hub.phase_of(&id).unwrap_or(match row.stage {
            Some(Stage::Card | Stage::Worded) => Phase::Done,
            None => Phase::Queued,
        });
        IncidentRow {
            id,
            title: row.title,
            severity: row.severity,
            status: if row.status == appliance_core::incident::IncidentStatus::Firing {
                "firing".to_owned()
            } else {
                "resolved".to_owned()
            },
            started_at: Some(row.started_at),
            resolved_at: row.resolved_at,
            namespace: row.namespace,
            workload: row.workload,
            owner: row.analysis.owner,
            alert_count: row.alert_count,
            evidence_count: row.analysis.evidence_count,
            cause: row.analysis.cause,
            confidence: row.analysis.confidence,
            phase,
            seq: row.seq,
        }
    }

    fn known(&self, id: &str) -> Result<ListRow, BackendError> {
        let missing = || BackendError::IncidentNotFound(id.to_owned());
        let number: IncidentId = id.parse().map_err(|_| missing())?;
        self.ledger.store().row(number).ok_or_else(missing)
    }

    fn whole(&self, id: &str) -> Result<Incident, BackendError> {
        let row = self.known(id)?;
        let found = self
            .ledger
            .store()
            .incident(row.id)
            .map_err(|error| internal(&error))?;
        found.ok_or_else(|| BackendError::IncidentNotFound(id.to_owned()))
    }

    fn event(&self, event: StoreEvent) -> ConsoleEvent {
        let row = self.row(event.row);
        ConsoleEvent {
            seq: event.seq,
            kind: match event.kind {
                ChangeKind::Incident => EventKind::Incident,
                ChangeKind::Analysis => EventKind::Analysis,
                ChangeKind::Feedback | ChangeKind::Note => EventKind::Feedback,
            },
            incident_id: Some(row.id.clone()),
            data: serde_json::to_value(row).unwrap_or_default(),
        }
    }

    fn detail(&self, id: &str) -> Result<IncidentDetail, BackendError> {
        let row = self.known(id)?;
        let feedback = self
            .ledger
            .store()
            .feedback(row.id)
            .map_err(|error| internal(&error))?;
        let incident = self.whole(id)?;
        Ok(IncidentDetail {
            incident: self.row(row),
            group_key: incident.group_keys.first().cloned().unwrap_or_default(),
            alerts: incident.summary().alerts,
            feedback: feedback
                .into_iter()
                .map(|entry| FeedbackEntry {
                    verdict: wire_verdict(entry.verdict),
                    comment: entry.comment,
                    at: entry.at,
                })
                .collect(),
            failure: String::new(),
        })
    }

    fn finished(&self, id: &str) -> Result<BackendStream<AnalysisEvent>, BackendError> {
        let row = self.known(id)?;
        let stored = self
            .ledger
            .store()
            .analysis(row.id)
            .map_err(|error| internal(&error))?;
        let stored = stored.ok_or_else(|| BackendError::AnalysisNotReady(id.to_owned()))?;
        let beginning = AnalysisEvent::Snapshot {
            phase: Phase::Done,
            text: stored.analysis.summary.text,
        };
        Ok(Box::pin(stream::iter([beginning, AnalysisEvent::Done])))
    }
}

fn internal(error: &StoreError) -> BackendError {
    BackendError::Internal(error.to_string())
}

fn recorded(error: LedgerError) -> BackendError {
    match error {
        LedgerError::UnknownIncident(id) => BackendError::IncidentNotFound(id.to_string()),
        LedgerError::Append(error) => BackendError::Unavailable(format!("the journal ({error})")),
        other => BackendError::Internal(other.to_string()),
    }
}

fn wire_verdict(verdict: appliance_store::Verdict) -> Verdict {
    match verdict {
        appliance_store::Verdict::Accepted => Verdict::Accepted,
        appliance_store::Verdict::WrongCause => Verdict::WrongCause,
        appliance_store::Verdict::WrongOwner => Verdict::WrongOwner,
        appliance_store::Verdict::NotUseful => Verdict::NotUseful,
    }
}

fn stored_verdict(verdict: Verdict) -> appliance_store::Verdict {
    match verdict {
        Verdict::Accepted => appliance_store::Verdict::Accepted,
        Verdict::WrongCause => appliance_store::Verdict::WrongCause,
        Verdict::WrongOwner => appliance_store::Verdict::WrongOwner,
        Verdict::NotUseful => appliance_store::Verdict::NotUseful,
    }
}

fn list_filter(filter: &IncidentFilter) -> Result<ListFilter, BackendError> {
    let after: Option<Cursor> = filter
        .cursor
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|_| BackendError::Cursor)?;
    Ok(ListFilter {
        state: match filter.state {
            IncidentState::Open => StateFilter::Open,
            IncidentState::Resolved => StateFilter::Resolved,
            IncidentState::All => StateFilter::All,
        },
        severity: filter.severity.clone(),
        namespace: filter.namespace.clone(),
        text: filter.text.clone(),
        after,
        limit: filter.limit,
    })
}

/// What tells a console to fetch everything anew.
fn reset(seq: u64) -> ConsoleEvent {
    ConsoleEvent {
        seq,
        kind: EventKind::Reset,
        incident_id: None,
        data: serde_json::Value::Null,
    }
}

impl ConsoleBackend for Backend {
    fn incidents<'a>(&'a self, filter: &'a IncidentFilter) -> BackendFuture<'a, IncidentPage> {
        Box::pin(async move {
            let page = self.ledger.store().list(&list_filter(filter)?);
            Ok(IncidentPage {
                incidents: page.rows.into_iter().map(|row| self.row(row)).collect(),
                next_cursor: page.next.map(|cursor| cursor.to_string()),
                counts: IncidentCounts {
                    open: page.counts.open,
                    resolved: page.counts.resolved,
                    firing_alerts: page.counts.firing_alerts,
                },
                seq: page.seq,
            })
        })
    }

    fn incident<'a>(&'a self, id: &'a str) -> BackendFuture<'a, IncidentDetail> {
        Box::pin(async move { self.detail(id) })
    }

    fn analysis<'a>(&'a self, id: &'a str) -> BackendFuture<'a, Analysis> {
        Box::pin(async move {
            let row = self.known(id)?;
            let stored = self
                .ledger
                .store()
                .analysis(row.id)
                .map_err(|error| internal(&error))?;
            stored
                .map(|stored| stored.analysis)
                .ok_or_else(|| BackendError::AnalysisNotReady(id.to_owned()))
        })
    }

    fn bundle<'a>(
        &'a self,
        id: &'a str,
    ) -> BackendFuture<'a, BackendStream<Result<Bytes, std::io::Error>>> {
        Box::pin(async move {
            let row = self.known(id)?;
            let file = tokio::fs::File::open(self.bundles.path(row.id))
                .await
                .map_err(|_| BackendError::BundleNotFound(id.to_owned()))?;
            let bytes: BackendStream<Result<Bytes, std::io::Error>> =
                Box::pin(ReaderStream::new(file));
            Ok(bytes)
        })
    }

    fn feedback<'a>(&'a self, id: &'a str, feedback: Feedback) -> BackendFuture<'a, ()> {
        Box::pin(async move {
            let row = self.known(id)?;
            let verdict = stored_verdict(feedback.verdict);
            let recording =
                self.ledger
                    .record_feedback(row.id, verdict, &feedback.comment, Timestamp::now());
            let seq = recording.await.map_err(recorded)?;
            self.ledger.applied(seq).await;
            Ok(())
        })
    }

    fn ask<'a>(&'a self, id: &'a str, question: &'a str) -> BackendFuture<'a, Answer> {
        Box::pin(async move {
            let analysis = self.analysis(id).await?;
            let asked = self.analyst.ask(question, &analysis, Timestamp::now());
            asked
                .await
                .map_err(|error| BackendError::Unavailable(format!("the model: {error}")))
        })
    }

    fn analyze<'a>(&'a self, id: &'a str) -> BackendFuture<'a, ()> {
        Box::pin(async move {
            self.pipeline.analyze_again(&self.known(id)?);
            Ok(())
        })
    }

    fn events(&self, since: Option<u64>) -> BackendFuture<'_, BackendStream<ConsoleEvent>> {
        let backend = self.clone();
        Box::pin(async move {
            let stopped = backend.stop.clone().cancelled_owned();
            // Subscribed first: what happens in between comes twice, never not at all.
            let live = backend.ledger.subscribe();
            let past = match since {
                None => Vec::new(),
                Some(seq) => match backend.ledger.events_since(seq) {
                    Some(events) => events
                        .into_iter()
                        .map(|event| backend.event(event))
                        .collect(),
                    None => vec![reset(backend.ledger.store().applied_seq())],
                },
            };
            let newest = past.last().map(|event| event.seq).or(since);
            let live = follow(backend, live).filter(move |event| {
                let news =
                    event.kind == EventKind::Reset || newest.is_none_or(|seq| event.seq > seq);
                std::future::ready(news)
            });
            let events: BackendStream<ConsoleEvent> =
                Box::pin(stream::iter(past).chain(live).take_until(stopped));
            Ok(events)
        })
    }

    fn analysis_stream<'a>(
        &'a self,
        id: &'a str,
    ) -> BackendFuture<'a, BackendStream<AnalysisEvent>> {
        Box::pin(async move {
            self.known(id)?;
            let Some(watch) = self.hub.watch(id) else {
                return self.finished(id);
            };
            let rest = BroadcastStream::new(watch.events)
                .filter_map(|event| std::future::ready(event.ok()));
            let rest = until_end(Box::pin(rest));
            let stopped = self.stop.clone().cancelled_owned();
            let events: BackendStream<AnalysisEvent> = Box::pin(
                stream::once(std::future::ready(watch.beginning))
                    .chain(rest)
                    .take_until(stopped),
            );
            Ok(events)
        })
    }

    fn status(&self) -> BackendFuture<'_, StatusReport> {
        Box::pin(async move { Ok(self.status.report(&self.ledger, &self.pipeline)) })
    }
}

/// The ledger's changes as console events; one that fell behind starts over.
fn follow(
    backend: Backend,
    live: broadcast::Receiver<StoreEvent>,
) -> impl Stream<Item = ConsoleEvent> + Send {
    BroadcastStream::new(live).map(move |event| match event {
        Ok(event) => backend.event(event),
        Err(_) => reset(backend.ledger.store().applied_seq()),
    })
}

/// Ends the stream after `Done` or `Failed`.
fn until_end(
    events: Pin<Box<dyn Stream<Item = AnalysisEvent> + Send>>,
) -> impl Stream<Item = AnalysisEvent> + Send {
    stream::unfold(Some(events), |events| async move {
        let mut events = events?;
        let event = events.next().await?;
        let ended = matches!(event, AnalysisEvent::Done | AnalysisEvent::Failed { .. });
        Some((event, (!ended).then_some(events)))
    })
}
