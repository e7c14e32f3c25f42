//! From records to rows: the one place that decides what the index holds.
//!
//! Deterministic: time comes from the records, order from their sequence
//! numbers. Invariant: each key is written at most once per record.

use std::collections::{BTreeMap, BTreeSet};

use appliance_core::alert::{AlertId, webhook};
use appliance_core::incident::{
    Effect, Event, Incident, IncidentId, Incidents, Policy, Received, Tracked,
};
use appliance_core::resolver::Aliases;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::index::Index;
use crate::record::{Record, shorten};
use crate::row::{AnalysisRow, ChangeKind, ListRow, StoreEvent, StoredFeedback, StoredNote};
use crate::rows::{self, RowChanges, RowError};

/// Layout of the rows; another one is rebuilt from the journal.
pub(crate) const SCHEMA: u16 = 1;

/// Most incidents the index holds. The oldest resolved ones leave it; the
/// journal keeps what they were made of.
const INCIDENTS_MAX: usize = 50_000;

/// The index's own state, written with every record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) schema: u16,
    /// Last record applied.
    pub(crate) applied_seq: u64,
    /// Its time.
    pub(crate) applied_at: Timestamp,
    /// Whether a record was being applied in several batches.
    pub(crate) dirty: bool,
    /// Chunks of all rows but this one.
    pub(crate) chunks: i64,
    pub(crate) next_id: IncidentId,
    pub(crate) watchdog_at: Option<Timestamp>,
    /// Notifications applied.
    pub(crate) notifications: u64,
    /// Alerts in them.
    pub(crate) alerts: u64,
    /// When the last one was received.
    pub(crate) received_at: Option<Timestamp>,
}

impl Default for Meta {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            applied_seq: 0,
            applied_at: Timestamp::UNIX_EPOCH,
            dirty: false,
            chunks: 0,
            next_id: IncidentId::FIRST,
            watchdog_at: None,
            notifications: 0,
            alerts: 0,
            received_at: None,
        }
    }
}

/// What a record changes.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    pub(crate) changes: RowChanges,
    pub(crate) events: Vec<StoreEvent>,
    pub(crate) removed: Vec<IncidentId>,
}

#[derive(Debug)]
pub(crate) struct Projection {
    pub(crate) meta: Meta,
    incidents: Incidents,
}

/// Incidents and alerts a notification touched.
#[derive(Default)]
struct Touched {
    /// With whether they were opened or reopened.
    incidents: BTreeMap<IncidentId, bool>,
    alerts: BTreeSet<AlertId>,
}

impl Projection {
    /// Continues from the rows of `index`.
    pub(crate) fn load(
        index: &Index,
        meta: Meta,
        policy: Policy,
        aliases: Aliases,
    ) -> Result<Self, RowError> {
        let recent = meta
            .applied_at
            .checked_sub(policy.reopen_within)
            .unwrap_or(Timestamp::MIN);
        let live = rows::scan::<Incident>(index, &[rows::INCIDENT])?
            .into_iter()
            .map(|(_, incident)| incident)
            .filter(|incident| {
                incident
                    .closed_at
                    .is_none_or(|closed_at| closed_at >= recent)
            });
        let tracked = rows::scan::<Tracked>(index, &[rows::TRACKED])?
            .into_iter()
            .map(|(key, tracked)| {
                let bytes = key[1..].try_into().map_err(|_| RowError::Damaged)?;
                Ok((AlertId::from_bytes(bytes), tracked))
            })
            .collect::<Result<Vec<_>, RowError>>()?;
        let incidents =
            Incidents::new(policy, aliases).restore(live, tracked, meta.next_id, meta.watchdog_at);
        Ok(Self { meta, incidents })
    }

    /// Begins before the first record.
    pub(crate) fn empty(policy: Policy, aliases: Aliases) -> Self {
        Self {
            meta: Meta::default(),
            incidents: Incidents::new(policy, aliases),
        }
    }

    /// Works out what `record` changes; `list` are the list rows so far.
    pub(crate) fn apply(
        &mut self,
        index: &Index,
        list: &BTreeMap<IncidentId, ListRow>,
        seq: u64,
        record: &Record,
    ) -> Result<Applied, RowError> {
        let mut applied = Applied::default();
        match record {
            Record::Notification {
                received_at,
                sender,
                body,
            } => {
                self.meta.applied_at = *received_at;
                let touched = self.receive(seq, *received_at, sender, body);
                self.write_touched(index, list, seq, &touched, &mut applied)?;
            }
            Record::Analysis {
                incident,
                at,
                stage,
                blob,
                digest,
            } => {
                let row = AnalysisRow {
                    seq,
                    at: *at,
                    stage: *stage,
                    blob: *blob,
                };
                let change = |list: &mut ListRow| {
                    list.analysis = digest.clone();
                    list.stage = Some(*stage);
                };
                let key = rows::incident_key(rows::ANALYSIS, *incident);
                add(
                    index,
                    list,
                    seq,
                    *incident,
                    ChangeKind::Analysis,
                    &key,
                    &row,
                    change,
                    &mut applied,
                )?;
            }
            Record::Feedback(feedback) => {
                let row = StoredFeedback {
                    seq,
                    at: feedback.at,
                    verdict: feedback.verdict,
                    comment: shorten(&feedback.comment),
                };
                let key = rows::numbered_key(rows::FEEDBACK, feedback.incident, seq);
                add(
                    index,
                    list,
                    seq,
                    feedback.incident,
                    ChangeKind::Feedback,
                    &key,
                    &row,
                    |_| (),
                    &mut applied,
                )?;
            }
            Record::Note(note) => {
                let row = StoredNote {
                    seq,
                    at: note.at,
                    text: shorten(&note.text),
                };
                let key = rows::numbered_key(rows::NOTE, note.incident, seq);
                add(
                    index,
                    list,
                    seq,
                    note.incident,
                    ChangeKind::Note,
                    &key,
                    &row,
                    |_| (),
                    &mut applied,
                )?;
            }
        }
        self.meta.applied_seq = seq;
        self.meta.next_id = self.incidents.next_id();
        self.meta.watchdog_at = self.incidents.watchdog_at();
        self.meta.chunks += applied.changes.chunks;
        Ok(applied)
    }

    /// Moves on over a record that cannot be used.
    pub(crate) fn skip(&mut self, seq: u64) {
        self.meta.applied_seq = seq;
    }

    fn receive(&mut self, seq: u64, now: Timestamp, sender: &str, body: &[u8]) -> Touched {
        let mut touched = Touched::default();
        let notification = match webhook::parse(body) {
            Ok(notification) => notification,
            Err(error) => {
                tracing::error!(%error, seq, "a journaled notification cannot be read");
                return touched;
            }
        };
        self.meta.notifications += 1;
        self.meta.alerts += notification.alerts.len() as u64;
        self.meta.received_at = Some(now);
        let sender = match notification.external_url.as_str() {
            "" => sender.to_owned(),
            url => shorten(&format!("{url} ({sender})")),
        };
        for alert in &notification.alerts {
            let received = Received {
                alert,
                group_key: &notification.group_key,
                sender: &sender,
                truncated_alerts: notification.truncated_alerts,
                seq,
            };
            for effect in self.incidents.apply(Event::Alert(received), now) {
                touched.note(&effect);
            }
        }
        touched
    }

    fn write_touched(
        &self,
        index: &Index,
        list: &BTreeMap<IncidentId, ListRow>,
        seq: u64,
        touched: &Touched,
        applied: &mut Applied,
    ) -> Result<(), RowError> {
        for (&id, &opened) in &touched.incidents {
            let Some(incident) = self.incidents.get(id) else {
                continue;
            };
            let row = ListRow::new(incident, list.get(&id), seq);
            let changes = &mut applied.changes;
            changes.put(index, &rows::incident_key(rows::INCIDENT, id), incident)?;
            changes.put(index, &rows::incident_key(rows::LIST, id), &row)?;
            applied.events.push(StoreEvent {
                seq,
                kind: ChangeKind::Incident,
                row,
                opened,
            });
        }
        for id in &touched.alerts {
            let key = rows::tracked_key(id);
            match self.incidents.tracked(id) {
                Some(tracked) => applied.changes.put(index, &key, tracked)?,
                None => applied.changes.remove(index, &key)?,
            }
        }
        self.prune(index, list, applied)
    }

    /// Removes the oldest resolved incidents beyond the limit.
    fn prune(
        &self,
        index: &Index,
        list: &BTreeMap<IncidentId, ListRow>,
        applied: &mut Applied,
    ) -> Result<(), RowError> {
        let new = applied
            .events
            .iter()
            .filter(|event| !list.contains_key(&event.row.id))
            .count();
        let excess = (list.len() + new).saturating_sub(INCIDENTS_MAX);
        let gone = list
            .values()
            .filter(|row| !row.is_open() && self.incidents.get(row.id).is_none());
        for row in gone.take(excess) {
            for kind in [rows::INCIDENT, rows::LIST, rows::ANALYSIS] {
                applied
                    .changes
                    .remove(index, &rows::incident_key(kind, row.id))?;
            }
            for kind in [rows::FEEDBACK, rows::NOTE] {
                let prefix = rows::incident_key(kind, row.id);
                for (key, _) in rows::scan::<serde_json::Value>(index, &prefix)? {
                    applied.changes.remove(index, &key)?;
                }
            }
            applied.removed.push(row.id);
        }
        Ok(())
    }
}

impl Touched {
    fn note(&mut self, effect: &Effect) {
        match effect {
            Effect::Opened(id) | Effect::Reopened(id) => {
                self.incidents.insert(*id, true);
            }
            Effect::Updated(id) | Effect::Resolved(id) => {
                self.incidents.entry(*id).or_insert(false);
            }
            Effect::Tracked(id) | Effect::Forgotten(id) => {
                self.alerts.insert(*id);
            }
            Effect::WatchdogSeen(_) => {}
        }
    }
}

/// Adds a row about an incident and brings its list row up to date.
#[allow(
    clippy::too_many_arguments,
    reason = "the parts of one row, named at each call"
)]
fn add<T: Serialize>(
    index: &Index,
    list: &BTreeMap<IncidentId, ListRow>,
    seq: u64,
    incident: IncidentId,
    kind: ChangeKind,
    key: &[u8],
    row: &T,
    change: impl FnOnce(&mut ListRow),
    applied: &mut Applied,
) -> Result<(), RowError> {
    let Some(mut list_row) = list.get(&incident).cloned() else {
        tracing::warn!(%incident, seq, "a record about an incident that is not held");
        return Ok(());
    };
    change(&mut list_row);
    list_row.seq = seq;
    list_row.changed = kind;
    applied.changes.put(index, key, row)?;
    let list_key = rows::incident_key(rows::LIST, incident);
    applied.changes.put(index, &list_key, &list_row)?;
    applied.events.push(StoreEvent {
        seq,
        kind,
        row: list_row,
        opened: false,
    });
    Ok(())
}
