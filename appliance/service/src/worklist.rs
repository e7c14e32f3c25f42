//! Which incidents wait for work, in which order.
//!
//! Pure: time is an argument. An incident waits once however often it is
//! asked for; severe ones go first, then old ones; one that was just worked on
//! and changes again waits for `SETTLE`, so that a storm of updates costs
//! one analysis and not hundreds.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use appliance_core::incident::IncidentId;
use jiff::{SignedDuration, Timestamp};

/// Least time between two analyses of one incident that nobody asked for.
const SETTLE: SignedDuration = SignedDuration::from_secs(30);

/// Incidents whose last work is remembered; older ones are forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// Why an incident wants work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is new, or a person asked: at once.
    Now,
    /// It changed: once it has settled.
    Changed,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    severity: u8,
    since: Timestamp,
    due: Timestamp,
}

/// Incidents that wait for one kind of work.
#[derive(Debug, Default)]
pub struct Worklist {
    waiting: BTreeMap<IncidentId, Waiting>,
    taken_at: BTreeMap<IncidentId, Timestamp>,
}

impl Worklist {
    /// Puts `incident` on the list; `severity` grows with urgency.
    pub fn add(&mut self, incident: IncidentId, severity: u8, reason: Reason, now: Timestamp) {
        let settled = self
            .taken_at
            .get(&incident)
            .and_then(|taken| taken.checked_add(SETTLE).ok())
            .unwrap_or(now);
        let due = match reason {
            Reason::Now => now,
            Reason::Changed => now.max(settled),
        };
        let waiting = self.waiting.entry(incident).or_insert(Waiting {
            severity,
            since: now,
            due,
        });
        waiting.severity = waiting.severity.max(severity);
        waiting.due = waiting.due.min(due);
    }

    /// Takes the most urgent incident that is due.
    pub fn take(&mut self, now: Timestamp) -> Option<IncidentId> {
        let id = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.due <= now)
            .min_by_key(|(id, waiting)| (Reverse(waiting.severity), waiting.since, **id))
            .map(|(id, _)| *id)?;
        self.waiting.remove(&id);
        self.taken_at.insert(id, now);
        if self.taken_at.len() > REMEMBERED_MAX {
            self.taken_at.pop_first();
        }
        Some(id)
    }

    /// When the next incident is due, if one waits.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.waiting.values().map(|waiting| waiting.due).min()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Since when the oldest waits.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.waiting.values().map(|waiting| waiting.since).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> IncidentId {
        IncidentId::from_number(number)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a small number")
    }

    #[test]
    fn severe_incidents_go_first_then_old_ones() {
        let mut list = Worklist::default();
        list.add(id(1), 1, Reason::Now, at(0));
        list.add(id(2), 3, Reason::Now, at(1));
        list.add(id(3), 1, Reason::Now, at(2));
        let order: Vec<_> = std::iter::from_fn(|| list.take(at(5))).collect();
        assert_eq!(order, [id(2), id(1), id(3)]);
    }

    #[test]
    fn a_storm_of_changes_costs_one_more_analysis() {
        let mut list = Worklist::default();
        list.add(id(1), 1, Reason::Now, at(0));
        assert_eq!(list.take(at(0)), Some(id(1)));
        for second in 1..20 {
            list.add(id(1), 1, Reason::Changed, at(second));
        }
        assert_eq!(list.take(at(20)), None);
        assert_eq!(list.next_due(), Some(at(30)));
        assert_eq!(list.take(at(30)), Some(id(1)));
        assert!(list.is_empty());
    }

    #[test]
    fn a_person_who_asks_does_not_wait() {
        let mut list = Worklist::default();
        list.add(id(1), 1, Reason::Now, at(0));
        list.take(at(0));
        list.add(id(1), 1, Reason::Changed, at(1));
        list.add(id(1), 1, Reason::Now, at(2));
        assert_eq!(list.take(at(2)), Some(id(1)));
    }
}
