//! How many bytes of bodies may be held at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that claims share.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicUsize,
    max: usize,
}

/// Bytes held by one request, given back on drop.
#[derive(Debug)]
pub(super) struct Claim<'b> {
    budget: &'b Budget,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(max: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            max,
        }
    }

    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// A claim of no bytes yet.
    pub(super) fn claim(&self) -> Claim<'_> {
        Claim {
            budget: self,
            bytes: 0,
        }
    }
}

impl Claim<'_> {
    /// Holds at least `bytes`; false if the budget has not that many left.
    pub(super) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let admit = |used: usize| {
            used.checked_add(more)
                .filter(|&used| used <= self.budget.max)
        };
        let admitted = self
            .budget
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit)
            .is_ok();
        if admitted {
            self.bytes += more;
        }
        admitted
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_share_the_budget_and_give_it_back() {
        let budget = Budget::new(100);
        let (mut one, mut other) = (budget.claim(), budget.claim());
        assert!(one.grow_to(60) && one.grow_to(50) && one.grow_to(70));
        assert!(!other.grow_to(31));
        assert!(other.grow_to(30));
        assert_eq!(budget.used(), 100);
        drop(one);
        assert!(other.grow_to(100) && !other.grow_to(101));
        drop(other);
        assert_eq!(budget.used(), 0);
    }
}
