//! The order in which waiting requests run.
//!
//! Decides who goes next and when no more may wait. Leaves running to the engine.
//!
//! Invariant: never holds more than its capacity; within a priority, first come is first served.

use std::collections::VecDeque;

use crate::error::EngineError;
use crate::request::Priority;

/// A bounded queue that serves urgent work first.
#[derive(Debug)]
pub struct AdmissionQueue<T> {
    lanes: [VecDeque<T>; Priority::ALL.len()],
    capacity: usize,
}

impl<T> AdmissionQueue<T> {
    /// A queue of at most `capacity` items.
    pub fn new(capacity: usize) -> Self {
        Self {
            lanes: std::array::from_fn(|_| VecDeque::new()),
            capacity,
        }
    }

    /// Items waiting.
    pub fn len(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds `item` behind those of its priority.
    ///
    /// Incidents may take a reserve of one slot in eight beyond the capacity
    /// that other work can fill, so that chat cannot lock them out.
    ///
    /// # Errors
    /// [`EngineError::QueueFull`]; the item is dropped.
    pub fn push(&mut self, priority: Priority, item: T) -> Result<(), EngineError> {
        let reserve = if priority == Priority::Incident {
            0
        } else {
            self.capacity / 8
        };
        let waiting = self.len();
        if waiting >= self.capacity - reserve {
            return Err(EngineError::QueueFull { waiting });
        }
        self.lanes[priority as usize].push_back(item);
        Ok(())
    }

    /// Drops the items that `keep` does not want.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        for lane in &mut self.lanes {
            lane.retain(&mut keep);
        }
    }

    /// The most urgent item that waited longest.
    pub fn pop(&mut self) -> Option<T> {
        self.lanes.iter_mut().find_map(VecDeque::pop_front)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urgent_work_goes_first_and_equals_keep_their_order() {
        let mut queue = AdmissionQueue::new(16);
        let order = [
            Priority::Batch,
            Priority::Interactive,
            Priority::Incident,
            Priority::Interactive,
        ];
        for (number, priority) in order.into_iter().enumerate() {
            queue.push(priority, number).expect("has room");
        }
        let served: Vec<usize> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(served, [2, 1, 3, 0]);
    }

    #[test]
    fn chat_cannot_lock_incidents_out() {
        let mut queue = AdmissionQueue::new(8);
        let taken = (0..20)
            .filter(|&n| queue.push(Priority::Interactive, n).is_ok())
            .count();
        assert_eq!(taken, 7);
        queue
            .push(Priority::Incident, 99)
            .expect("the reserve is for incidents");
        assert_eq!(
            queue.push(Priority::Incident, 100),
            Err(EngineError::QueueFull { waiting: 8 })
        );
    }
}
