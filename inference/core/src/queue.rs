//! How many requests may wait.
//!
//! Decides when no more may wait. Their order is the [`scheduler`](crate::scheduler)'s.

use crate::request::Priority;

/// How many requests may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimit {
    capacity: usize,
}

impl QueueLimit {
    /// At most `capacity` requests wait.
    pub fn new(capacity: usize) -> Self {
        Self { capacity }
    }

    /// Whether one more of `priority` may wait beside `waiting` others.
    ///
    /// One place in eight is kept for incidents, so that chat cannot lock them out.
    pub fn admits(self, priority: Priority, waiting: usize) -> bool {
        let reserve = match priority {
            Priority::Incident => 0,
            Priority::Interactive | Priority::Batch => self.capacity / 8,
        };
        waiting < self.capacity - reserve
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chat_cannot_lock_incidents_out() {
        let limit = QueueLimit::new(8);
        let most = |priority| (0..20).find(|&waiting| !limit.admits(priority, waiting));
        assert_eq!(most(Priority::Interactive), Some(7));
        assert_eq!(most(Priority::Batch), Some(7));
        assert_eq!(most(Priority::Incident), Some(8));
    }
}
