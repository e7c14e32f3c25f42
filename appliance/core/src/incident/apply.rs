//! The transitions: what a received alert does to the incidents.

use jiff::{SignedDuration, Timestamp};

use super::record::push_new;
use super::{
    Effect, Incident, IncidentId, IncidentStatus, Incidents, Received, Tracked, severity_rank,
};
use crate::alert::{AlertId, AlertStatus};
use crate::resolver;

/// How long an ended alert is remembered, so that a late message about it is
/// known to be late.
const ENDED_KEPT: SignedDuration = SignedDuration::from_hours(1);

/// A peer of a highly available pair sends up to this much later than the
/// other: positions × 15 s, and its retries.
const PEER_LATE: SignedDuration = SignedDuration::from_mins(2);

/// The fold key of a storm.
const STORM_KEY: &str = "storm";

impl Incidents {
    /// Forgets what ended long enough ago.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<Effect> {
        while let Some(&(at, id)) = self.closed.first() {
            if now.duration_since(at) <= self.policy.reopen_within {
                break;
            }
            self.closed.pop_first();
            self.drop_incident(id);
        }
        let mut effects = Vec::new();
        while let Some(&(at, id)) = self.ended.first() {
            if now.duration_since(at) <= ENDED_KEPT.max(self.policy.reopen_within) {
                break;
            }
            self.untrack(id);
            effects.push(Effect::Forgotten(id));
        }
        effects
    }

    fn drop_incident(&mut self, id: IncidentId) {
        let Some(incident) = self.live.remove(&id) else {
            return;
        };
        self.opened.remove(&(incident.opened_at, id));
        if self.by_key.get(&incident.key) == Some(&id) {
            self.by_key.remove(&incident.key);
        }
    }

    pub(super) fn receive(
        &mut self,
        received: Received<'_>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let alert = received.alert;
        match (alert.name(), alert.status) {
            ("Watchdog" | "DeadMansSwitch", AlertStatus::Firing) => {
                self.watchdog_at = Some(now);
                effects.push(Effect::WatchdogSeen(now));
            }
            ("Watchdog" | "DeadMansSwitch", AlertStatus::Resolved) => {}
            (_, AlertStatus::Firing) => self.fire(received, now, effects),
            (_, AlertStatus::Resolved) => self.end(received, now, effects),
        }
    }

    fn fire(&mut self, received: Received<'_>, now: Timestamp, effects: &mut Vec<Effect>) {
        let id = received.alert.id();
        let starts_at = start_of(received, now);
        let Some(known) = self.tracked.get(&id) else {
            return self.fire_new(id, received, starts_at, now, effects);
        };
        if known.is_ended() {
            if is_late(known, received, starts_at, now) {
                return self.note_repetition(id, received, effects);
            }
            return self.fire_new(id, received, starts_at, now, effects);
        }
        // A later start is the same alert told by another Prometheus, or a
        // new episode whose end was lost: either way it fires since then.
        if starts_at > known.starts_at {
            self.track(id, received, starts_at, known.incident, now, effects);
        }
        self.note_repetition(id, received, effects);
    }

    /// An alert that did not fire before: finds its incident or opens one.
    fn fire_new(
        &mut self,
        id: AlertId,
        received: Received<'_>,
        starts_at: Timestamp,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let known = self.tracked.get(&id);
        if known.is_none() && self.tracked.len() >= self.policy.tracked_max {
            return self.count_only(received, starts_at, now, effects);
        }
        let was_in = known.and_then(|known| known.incident);
        let joined = self.join(received, starts_at, was_in, now, effects);
        if let Some(incident) = joined.and_then(|id| self.live.get_mut(&id)) {
            incident.firing_count += 1;
        }
        self.track(id, received, starts_at, joined, now, effects);
    }

    /// Takes the alert into an incident; `None` if its severity opens none.
    fn join(
        &mut self,
        received: Received<'_>,
        starts_at: Timestamp,
        was_in: Option<IncidentId>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Option<IncidentId> {
        let alert = received.alert;
        let back = was_in.filter(|id| self.live.contains_key(id));
        let found = back.or_else(|| self.find_open(received, now));
        let id = match found {
            Some(id) => id,
            None if self.opens_none(received) => return None,
            None => self.open(received, starts_at, now),
        };
        let resolution = resolver::resolve_labels(alert, &self.aliases);
        let flapping_reopenings = self.policy.flapping_reopenings;
        let incident = self.live.get_mut(&id)?;
        incident.updated_seq = received.seq;
        incident.note_source(
            received.group_key,
            received.sender,
            received.truncated_alerts,
        );
        incident.add_subjects(resolution.subjects);
        if let Some(note) = resolution.note.filter(|_| incident.subject_note.is_empty()) {
            incident.subject_note = note;
        }
        if back.is_some() {
            incident.refresh(alert, starts_at);
        } else {
            incident.join(alert, starts_at, now);
        }
        if let Some(closed_at) = incident.closed_at {
            incident.reopen(now, flapping_reopenings);
            self.closed.remove(&(closed_at, id));
            effects.push(Effect::Reopened(id));
        } else if found.is_some() {
            effects.push(Effect::Updated(id));
        } else {
            effects.push(Effect::Opened(id));
        }
        Some(id)
    }

    /// A live incident this alert belongs to, by its fold key and time.
    fn find_open(&self, received: Received<'_>, now: Timestamp) -> Option<IncidentId> {
        let fitting = |key: &str| {
            let incident = self.live.get(self.by_key.get(key)?)?;
            let fresh = now.duration_since(incident.joined_at) <= self.policy.fold_within;
            (fresh || !incident.is_open()).then_some(incident.id)
        };
        fitting(&self.key_of(received))
            .or_else(|| self.is_storm(now).then(|| fitting(STORM_KEY))?)
    }

    fn key_of(&self, received: Received<'_>) -> String {
        match resolver::subject_key(received.alert, &self.aliases) {
            Some(subject) => format!("subject {subject}"),
            None => format!("group {}", received.group_key),
        }
    }

    fn is_storm(&self, now: Timestamp) -> bool {
        let since = now
            .checked_sub(self.policy.storm_within)
            .unwrap_or(Timestamp::MIN);
        let lately = self.opened.range((since, IncidentId::FIRST)..);
        lately.take(self.policy.storm_incidents).count() >= self.policy.storm_incidents
    }

    /// Severity `none` is a signal to machines. Informational alerts open
    /// nothing where an `InfoInhibitor` says that nothing worse fires.
    fn opens_none(&self, received: Received<'_>) -> bool {
        let alert = received.alert;
        let rank = severity_rank(alert.severity());
        let inhibited = || self.inhibitors.contains_key(alert.label("namespace"));
        alert.name() == "InfoInhibitor" || rank == 0 || (rank == 1 && inhibited())
    }

    fn open(&mut self, received: Received<'_>, starts_at: Timestamp, now: Timestamp) -> IncidentId {
        let id = self.next_id;
        self.next_id = id.next();
        let key = if self.is_storm(now) {
            STORM_KEY.to_owned()
        } else {
            self.key_of(received)
        };
        self.by_key.insert(key.clone(), id);
        self.remember(Incident {
            id,
            key,
            title: String::new(),
            severity: received.alert.severity().to_owned(),
            status: IncidentStatus::Firing,
            started_at: starts_at,
            resolved_at: None,
            opened_at: now,
            closed_at: None,
            joined_at: now,
            updated_seq: received.seq,
            alerts: Vec::new(),
            alert_count: 0,
            firing_count: 0,
            truncated_alerts: 0,
            subjects: Vec::new(),
            subject_note: String::new(),
            group_keys: Vec::new(),
            alert_names: Vec::new(),
            seen_by: Vec::new(),
            reopened_at: Vec::new(),
            flapping: false,
        });
        id
    }

    /// Beyond the limit alerts are told apart no longer; the incident they
    /// belong to still counts them.
    fn count_only(
        &mut self,
        received: Received<'_>,
        starts_at: Timestamp,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        self.join(received, starts_at, None, now, effects);
    }

    fn track(
        &mut self,
        id: AlertId,
        received: Received<'_>,
        starts_at: Timestamp,
        incident: Option<IncidentId>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let previous = self.untrack(id);
        let alert = received.alert;
        let mut seen_by = previous
            .map(|previous| previous.seen_by)
            .unwrap_or_default();
        push_new(&mut seen_by, received.sender);
        let inhibits =
            (alert.name() == "InfoInhibitor").then(|| alert.label("namespace").to_owned());
        let tracked = Tracked {
            status: alert.status,
            starts_at,
            incident,
            sender: received.sender.to_owned(),
            heard_at: now,
            seen_by,
            inhibits,
        };
        self.insert_tracked(id, tracked);
        effects.push(Effect::Tracked(id));
    }

    /// A message that says nothing new may still come from somebody new.
    fn note_repetition(&mut self, id: AlertId, received: Received<'_>, effects: &mut Vec<Effect>) {
        let Some(tracked) = self.tracked.get_mut(&id) else {
            return;
        };
        if push_new(&mut tracked.seen_by, received.sender) {
            effects.push(Effect::Tracked(id));
        }
        let Some(incident) = tracked.incident.and_then(|id| self.live.get_mut(&id)) else {
            return;
        };
        if incident.note_source(
            received.group_key,
            received.sender,
            received.truncated_alerts,
        ) {
            incident.updated_seq = received.seq;
            effects.push(Effect::Updated(incident.id));
        }
    }

    fn end(&mut self, received: Received<'_>, now: Timestamp, effects: &mut Vec<Effect>) {
        let id = received.alert.id();
        let starts_at = start_of(received, now);
        let incident = match self.tracked.get(&id) {
            // Resolved before firing: remembered, so that the firing message
            // behind it is known to be late.
            None if self.tracked.len() < self.policy.tracked_max => None,
            None => return,
            Some(known) if known.is_ended() || !ends(known, received) => {
                return self.note_repetition(id, received, effects);
            }
            Some(known) => known.incident,
        };
        self.track(id, received, starts_at, incident, now, effects);
        let Some(incident) = incident.and_then(|id| self.live.get_mut(&id)) else {
            return;
        };
        incident.firing_count = incident.firing_count.saturating_sub(1);
        incident.updated_seq = received.seq;
        incident.refresh(received.alert, starts_at);
        incident.note_source(
            received.group_key,
            received.sender,
            received.truncated_alerts,
        );
        let id = incident.id;
        if incident.firing_count > 0 {
            effects.push(Effect::Updated(id));
            return;
        }
        let last_end = incident
            .alerts
            .iter()
            .filter_map(|alert| alert.ends_at)
            .max();
        incident.close(last_end.unwrap_or(now), now);
        self.closed.insert((now, id));
        effects.push(Effect::Resolved(id));
    }
}

/// When the alert began, or when we heard of it if nobody said.
fn start_of(received: Received<'_>, now: Timestamp) -> Timestamp {
    let told = received.alert.starts_at;
    if told > Timestamp::UNIX_EPOCH {
        told
    } else {
        now
    }
}

/// Whether this end is of the latest start, and not of an older one.
fn ends(known: &Tracked, received: Received<'_>) -> bool {
    let alert = received.alert;
    let same_start = alert.starts_at >= known.starts_at;
    let nothing_told = alert.starts_at <= Timestamp::UNIX_EPOCH && alert.ends_at.is_none();
    same_start || nothing_told || alert.ends_at.is_some_and(|end| end > known.starts_at)
}

/// Whether a firing message was overtaken by the end of what it tells.
///
/// The same start may also be an alert that Alertmanager gave up and
/// Prometheus sends again, so it counts as late only from another sender than
/// the end came from, and only shortly after: an alert taken for new is
/// looked at, one taken for late is lost.
fn is_late(known: &Tracked, received: Received<'_>, starts_at: Timestamp, now: Timestamp) -> bool {
    starts_at <= known.starts_at
        && known.sender != received.sender
        && now.duration_since(known.heard_at) <= PEER_LATE
}
