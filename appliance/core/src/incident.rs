//! Which alerts form one incident, and when it ends.
//!
//! A state machine without clock or I/O: [`Incidents::apply`] takes what was
//! received and when, and answers what changed. Alerts about the same subject
//! ([`crate::resolver::subject_key`]) fold into one incident, others by
//! Alertmanager's group. Deciding what broke is left to the analysis.
//!
//! Invariants: an acknowledged firing alert is in exactly one incident, unless
//! its severity never opens one; repeating a message changes nothing; a
//! resolved message older than the latest start closes nothing; the result
//! depends on the messages and their order alone, so a replay gives the same.

mod apply;
mod record;
mod severity;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};

use crate::alert::{Alert, AlertId};
use crate::resolver::Aliases;

pub use self::record::{Incident, IncidentId, IncidentStatus, Tracked};
pub use self::severity::severity_rank;

/// When alerts fold, reopen and are forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A subject that breaks again within this time reopens its incident.
    /// Ten minutes: two of Alertmanager's default group intervals, so that a
    /// workload that recovers between two messages stays one incident.
    pub reopen_within: SignedDuration,
    /// A new alert joins an open incident of its subject when that had its
    /// last new alert within this time; later it is another story.
    pub fold_within: SignedDuration,
    /// This many reopenings within an hour are flapping.
    pub flapping_reopenings: usize,
    /// Beyond this many incidents opened within [`Policy::storm_within`], new
    /// alerts fold into one incident for the storm: nobody reads more cards.
    pub storm_incidents: usize,
    /// See [`Policy::storm_incidents`].
    pub storm_within: SignedDuration,
    /// Most alerts tracked one by one; more are only counted.
    pub tracked_max: usize,
    /// The longest time between two Watchdog messages.
    pub watchdog_interval: SignedDuration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            reopen_within: SignedDuration::from_mins(10),
            fold_within: SignedDuration::from_hours(24),
            flapping_reopenings: 3,
            storm_incidents: 100,
            storm_within: SignedDuration::from_mins(5),
            // About 300 bytes each: 30 MB.
            tracked_max: 100_000,
            // Alertmanager repeats an unchanged group every four hours by default.
            watchdog_interval: SignedDuration::from_hours(4),
        }
    }
}

impl Policy {
    /// Whether a Watchdog last seen at `at` is overdue.
    pub fn is_watchdog_late(&self, at: Timestamp, now: Timestamp) -> bool {
        now.duration_since(at) > self.watchdog_interval * 3
    }
}

/// One alert of a notification, as it was received.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The alert.
    pub alert: &'a Alert,
    /// Alertmanager's group key.
    pub group_key: &'a str,
    /// Who sent it: tells the members of a highly available pair apart.
    pub sender: &'a str,
    /// How many alerts of the group the message left out.
    pub truncated_alerts: u64,
    /// The message's journal sequence number.
    pub seq: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// An alert was received.
    Alert(Received<'a>),
    /// Time passed.
    Tick,
}

/// What an event changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// An incident was opened: analyze it.
    Opened(IncidentId),
    /// A resolved incident fires again: analyze it.
    Reopened(IncidentId),
    /// An alert joined or left, or was seen by another sender.
    Updated(IncidentId),
    /// The last alert ended.
    Resolved(IncidentId),
    /// The Watchdog was seen.
    WatchdogSeen(Timestamp),
    /// The tracked state of an alert is new or changed.
    Tracked(AlertId),
    /// An alert is no longer tracked.
    Forgotten(AlertId),
}

/// All that is open or was until lately.
#[derive(Clone, Debug)]
pub struct Incidents {
    policy: Policy,
    aliases: Aliases,
    live: BTreeMap<IncidentId, Incident>,
    tracked: BTreeMap<AlertId, Tracked>,
    /// The newest live incident of each fold key.
    by_key: HashMap<String, IncidentId>,
    /// Live incidents by the time they were opened, for telling a storm.
    opened: BTreeSet<(Timestamp, IncidentId)>,
    /// Tracked alerts that have ended, by when they were last heard of.
    ended: BTreeSet<(Timestamp, AlertId)>,
    /// Firing inhibitors of informational alerts, by namespace.
    inhibitors: BTreeMap<String, BTreeSet<AlertId>>,
    /// Resolved incidents by when that was received.
    closed: BTreeSet<(Timestamp, IncidentId)>,
    next_id: IncidentId,
    watchdog_at: Option<Timestamp>,
}

impl Incidents {
    /// No incidents yet.
    pub fn new(policy: Policy, aliases: Aliases) -> Self {
        Self {
            policy,
            aliases,
            live: BTreeMap::new(),
            tracked: BTreeMap::new(),
            by_key: HashMap::new(),
            opened: BTreeSet::new(),
            ended: BTreeSet::new(),
            inhibitors: BTreeMap::new(),
            closed: BTreeSet::new(),
            next_id: IncidentId::FIRST,
            watchdog_at: None,
        }
    }

    /// Continues from what was stored. `next_id` is above every id ever given.
    #[must_use]
    pub fn restore(
        mut self,
        incidents: impl IntoIterator<Item = Incident>,
        tracked: impl IntoIterator<Item = (AlertId, Tracked)>,
        next_id: IncidentId,
        watchdog_at: Option<Timestamp>,
    ) -> Self {
        for incident in incidents {
            self.remember(incident);
        }
        for (id, alert) in tracked {
            self.insert_tracked(id, alert);
        }
        self.next_id = next_id;
        self.watchdog_at = watchdog_at;
        self
    }

    fn remember(&mut self, incident: Incident) {
        let id = incident.id;
        self.opened.insert((incident.opened_at, id));
        if let Some(closed_at) = incident.closed_at {
            self.closed.insert((closed_at, id));
        }
        let newest = self.by_key.entry(incident.key.clone()).or_insert(id);
        *newest = id.max(*newest);
        self.live.insert(id, incident);
    }

    fn insert_tracked(&mut self, id: AlertId, alert: Tracked) {
        if alert.is_ended() {
            self.ended.insert((alert.heard_at, id));
        } else if let Some(namespace) = &alert.inhibits {
            self.inhibitors
                .entry(namespace.clone())
                .or_default()
                .insert(id);
        }
        self.tracked.insert(id, alert);
    }

    fn untrack(&mut self, id: AlertId) -> Option<Tracked> {
        let alert = self.tracked.remove(&id)?;
        self.ended.remove(&(alert.heard_at, id));
        if let Some(namespace) = &alert.inhibits
            && let Some(ids) = self.inhibitors.get_mut(namespace)
        {
            ids.remove(&id);
            if ids.is_empty() {
                self.inhibitors.remove(namespace);
            }
        }
        Some(alert)
    }

    /// A live incident: open, or resolved within the reopen time.
    pub fn get(&self, id: IncidentId) -> Option<&Incident> {
        self.live.get(&id)
    }

    /// All live incidents, oldest first.
    pub fn live(&self) -> impl Iterator<Item = &Incident> {
        self.live.values()
    }

    /// What is tracked of an alert.
    pub fn tracked(&self, id: &AlertId) -> Option<&Tracked> {
        self.tracked.get(id)
    }

    /// The id the next incident gets.
    pub fn next_id(&self) -> IncidentId {
        self.next_id
    }

    /// When the Watchdog was last seen.
    pub fn watchdog_at(&self) -> Option<Timestamp> {
        self.watchdog_at
    }

    /// Whether a Watchdog was ever seen and is overdue: three intervals
    /// without one mean that intake is silent, whatever else is quiet.
    pub fn watchdog_late(&self, now: Timestamp) -> bool {
        self.watchdog_at
            .is_some_and(|at| self.policy.is_watchdog_late(at, now))
    }

    /// Applies an event; `now` is when it was received.
    pub fn apply(&mut self, event: Event<'_>, now: Timestamp) -> Vec<Effect> {
        let mut effects = self.expire(now);
        if let Event::Alert(received) = event {
            self.receive(received, now, &mut effects);
        }
        effects
    }
}

#[cfg(test)]
mod tests;
