//! Notices of one channel that wait, at most one per incident.
//!
//! A newer notice of an incident takes the place of an older one that was not
//! delivered: nobody needs to read that an incident opened after reading that
//! it is resolved.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use crate::notice::Notice;

/// Incidents whose last delivered notice is remembered.
const REMEMBERED_MAX: usize = 4096;

/// A notice and since when its incident waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) notice: Arc<Notice>,
    pub(crate) since: Instant,
}

/// The notices of one channel.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    queue: VecDeque<Waiting>,
    delivered: HashMap<String, u64>,
    order: VecDeque<String>,
}

impl Pending {
    /// Adds a notice, in the place of an older one of the same incident.
    pub(crate) fn add(&mut self, notice: Arc<Notice>, now: Instant) {
        let waiting = self
            .queue
            .iter_mut()
            .find(|waiting| waiting.notice.key() == notice.key());
        if let Some(waiting) = waiting {
            // Its age stays: news must not keep a dead delivery alive for ever.
            waiting.notice = notice;
        } else if self.delivered.get(notice.key()) != Some(&notice.fingerprint()) {
            self.queue.push_back(Waiting { notice, since: now });
        }
    }

    /// The next notice to deliver.
    pub(crate) fn first(&self) -> Option<Waiting> {
        self.queue.front().cloned()
    }

    /// Takes out the first notice.
    pub(crate) fn remove_first(&mut self) {
        self.queue.pop_front();
    }

    /// Takes out the first notice and remembers what it told.
    pub(crate) fn mark_delivered(&mut self, notice: &Notice) {
        self.queue.pop_front();
        let told = self
            .delivered
            .insert(notice.key().to_owned(), notice.fingerprint());
        if told.is_none() {
            self.order.push_back(notice.key().to_owned());
        }
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.delivered.remove(&oldest);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}
