//! What the console API needs from the appliance, as one trait.
//!
//! Decides nothing: the service crate implements it over journal, store and
//! engine; tests and the fixture server implement it in memory.
//!
//! Invariant: every method is bounded by the caller's patience, so a backend
//! must never wait for the model to answer a read.

use std::future::Future;
use std::pin::Pin;

use appliance_core::analysis::Analysis;
use appliance_core::question::Answer;
use bytes::Bytes;
use futures::Stream;

use crate::wire::{
    AnalysisEvent, ConsoleEvent, Feedback, IncidentDetail, IncidentFilter, IncidentPage,
    StatusReport,
};

/// A future a backend hands out.
pub type BackendFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, BackendError>> + Send + 'a>>;

/// A stream a backend hands out; it ends when the backend has no more to say.
pub type BackendStream<T> = Pin<Box<dyn Stream<Item = T> + Send>>;

/// Why a backend could not answer.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// No incident has this id.
    #[error("no incident has the id {0}")]
    IncidentNotFound(String),
    /// The incident exists; its first analysis does not yet.
    #[error("incident {0} has no analysis yet")]
    AnalysisNotReady(String),
    /// The incident exists; its bundle was not kept or is not written yet.
    #[error("incident {0} has no bundle")]
    BundleNotFound(String),
    /// The cursor was not made by this backend, or its place is gone.
    #[error("the cursor is not one this appliance gave out; list again without it")]
    Cursor,
    /// The queue is full; the same request later may succeed.
    #[error("the analysis queue is full; try again in a moment")]
    Overloaded,
    /// A subsystem needed for the answer does not work now.
    #[error("{0} is not available")]
    Unavailable(String),
    /// A fault of the appliance. The text is logged and not shown.
    #[error("internal error: {0}")]
    Internal(String),
}

/// The appliance, as the console sees it.
pub trait ConsoleBackend: Send + Sync + 'static {
    /// One page of incidents, worst first, then newest first.
    fn incidents<'a>(&'a self, filter: &'a IncidentFilter) -> BackendFuture<'a, IncidentPage>;

    /// One incident with its alerts and feedback.
    fn incident<'a>(&'a self, id: &'a str) -> BackendFuture<'a, IncidentDetail>;

    /// The latest analysis of an incident.
    fn analysis<'a>(&'a self, id: &'a str) -> BackendFuture<'a, Analysis>;

    /// The incident's bundle as the bytes of a `.tar.zst`. A failure after
    /// the first byte breaks the response off.
    fn bundle<'a>(
        &'a self,
        id: &'a str,
    ) -> BackendFuture<'a, BackendStream<Result<Bytes, std::io::Error>>>;

    /// Stores a verdict on the latest analysis.
    fn feedback<'a>(&'a self, id: &'a str, feedback: Feedback) -> BackendFuture<'a, ()>;

    /// Answers a follow-up question about the latest analysis. Waits for the
    /// model where no rule can answer and the loaded model may.
    fn ask<'a>(&'a self, id: &'a str, question: &'a str) -> BackendFuture<'a, Answer>;

    /// Queues the incident for another analysis. Answers once it is queued.
    fn analyze<'a>(&'a self, id: &'a str) -> BackendFuture<'a, ()>;

    /// Everything after journal sequence number `since`, then what happens.
    /// With `None`: only what happens from now on. When `since` is no longer
    /// held, the first event is [`crate::wire::EventKind::Reset`].
    fn events(&self, since: Option<u64>) -> BackendFuture<'_, BackendStream<ConsoleEvent>>;

    /// The analysis being made, from its stored beginning on. For a finished
    /// one: its text as a snapshot, then the end.
    fn analysis_stream<'a>(
        &'a self,
        id: &'a str,
    ) -> BackendFuture<'a, BackendStream<AnalysisEvent>>;

    /// The appliance's own state.
    fn status(&self) -> BackendFuture<'_, StatusReport>;
}
