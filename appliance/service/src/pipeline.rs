//! From an incident that changed to its analysis, card first.
//!
//! Two lists: incidents that want a card, worked on by a few at once, and
//! cards that want the model's words, one at a time. A card never waits for
//! the model. What was in hand at a crash is found again at the next start,
//! since every state is in the ledger.

mod cards;
mod follow;
mod metrics;
mod words;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use appliance_core::incident::{IncidentId, severity_rank};
use appliance_sinks::Dispatcher;
use appliance_store::{Ledger, ListRow};
use inference_core::slot::EngineSlot;
use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinSet;

pub use self::metrics::PipelineMetrics;

use crate::analyst::Analyst;
use crate::hub::Hub;
use crate::investigator::Investigator;
use crate::worklist::{Reason, Worklist};

/// Cards made at once: enough to keep a slow API server from holding up a
/// storm, few enough to leave a core to intake.
const CARDS_AT_ONCE: usize = 4;

/// What the pipeline works with.
#[derive(Debug)]
pub struct Parts {
    /// Where incidents come from and analyses go.
    pub ledger: Ledger,
    /// Makes cards.
    pub investigator: Investigator,
    /// Words them.
    pub analyst: Analyst,
    /// Whether a model is there, coming or neither.
    pub slot: EngineSlot,
    /// Those who watch.
    pub hub: Arc<Hub>,
    /// Where notices go.
    pub sinks: Dispatcher,
    /// What is counted.
    pub metrics: PipelineMetrics,
    /// Address people reach the console at; may be empty.
    pub console_url: String,
}

/// The running pipeline.
#[derive(Debug)]
pub struct Pipeline {
    parts: Parts,
    // A plain mutex: held to push or take, never across an await.
    lists: Mutex<Lists>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Lists {
    cards: Worklist,
    words: Worklist,
    running: u64,
}

/// What waits and what runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLength {
    /// Cards and wordings that wait.
    pub waiting: u64,
    /// Cards and wordings in hand.
    pub running: u64,
    /// Since when the oldest waits.
    pub oldest: Option<Timestamp>,
}

impl QueueLength {
    /// Whether nothing waits and nothing runs.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0 && self.running == 0
    }
}

impl Pipeline {
    /// Starts the workers. They end when the returned set is dropped or aborted.
    pub fn start(parts: Parts) -> (Arc<Self>, JoinSet<()>) {
        let pipeline = Arc::new(Self {
            parts,
            lists: Mutex::default(),
            wake: Notify::new(),
        });
        let mut tasks = JoinSet::new();
        // Subscribed before looking at what is there, so that nothing falls between.
        let events = pipeline.parts.ledger.subscribe();
        tasks.spawn(follow::run(Arc::clone(&pipeline), events));
        for _ in 0..CARDS_AT_ONCE {
            tasks.spawn(cards::run(Arc::clone(&pipeline)));
        }
        tasks.spawn(words::run(Arc::clone(&pipeline)));
        (pipeline, tasks)
    }

    /// Asks for another analysis of the incident of `row`, at once.
    pub fn analyze_again(&self, row: &ListRow) {
        self.want_card(row, Reason::Now);
    }

    /// Whether a model is there, coming or neither.
    pub fn model(&self) -> &EngineSlot {
        &self.parts.slot
    }

    /// What waits and what runs.
    pub fn queue(&self) -> QueueLength {
        let lists = self.lock();
        QueueLength {
            waiting: (lists.cards.len() + lists.words.len()) as u64,
            running: lists.running,
            oldest: lists
                .cards
                .oldest()
                .into_iter()
                .chain(lists.words.oldest())
                .min(),
        }
    }

    fn want_card(&self, row: &ListRow, reason: Reason) {
        let severity = severity_rank(&row.severity);
        self.lock()
            .cards
            .add(row.id, severity, reason, Timestamp::now());
        self.wake.notify_waiters();
    }

    fn want_words(&self, incident: IncidentId, severity: u8) {
        self.lock()
            .words
            .add(incident, severity, Reason::Now, Timestamp::now());
        self.wake.notify_waiters();
    }

    /// Waits for the next incident on the list that `pick` names.
    async fn next(&self, pick: fn(&mut Lists) -> &mut Worklist) -> InHand<'_> {
        loop {
            let woken = self.wake.notified();
            let now = Timestamp::now();
            let next_due = {
                let mut lists = self.lock();
                if let Some(incident) = pick(&mut lists).take(now) {
                    lists.running += 1;
                    return InHand {
                        pipeline: self,
                        incident,
                    };
                }
                pick(&mut lists).next_due()
            };
            match next_due.and_then(|due| due.duration_since(now).try_into().ok()) {
                Some(pause) => {
                    let _ = tokio::time::timeout(pause, woken).await;
                }
                None => woken.await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An incident that is being worked on; counted until dropped.
struct InHand<'a> {
    pipeline: &'a Pipeline,
    incident: IncidentId,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.pipeline.lock().running -= 1;
    }
}
