//! Threads that compute together, and how work is shared among them.
//!
//! A product lasts some microseconds and a step has hundreds of them, so waking threads must cost next to nothing:
//! idle threads look out for work for a moment and sleep then. Whoever shares work out takes part in it and waits for
//! nobody who has not begun, so that a thread the system keeps off its core delays no one.
//!
//! Decides how work is handed out; how it is cut is its owner's. Invariant: when [`share`] returns, every part has
//! been done exactly once and no thread holds on to the work.

mod crew;
mod size;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use self::crew::Crew;
pub use self::size::default_threads;
use crate::disjoint::Disjoint;

thread_local! {
    /// Whose threads help the work of this thread.
    static CURRENT: RefCell<Option<Arc<Crew>>> = const { RefCell::new(None) };
}

/// Threads that compute together. Dropping it ends them.
#[derive(Debug)]
pub struct Pool {
    crew: Arc<Crew>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// A pool of `threads` threads, that of the caller among them; at least one.
    ///
    /// # Errors
    /// What the system says if it gives no thread.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let mut pool = Self {
            crew: Arc::default(),
            threads: Vec::new(),
        };
        for number in 1..threads {
            let crew = Arc::clone(&pool.crew);
            let thread = thread::Builder::new().name(format!("inference-{number}"));
            pool.threads.push(thread.spawn(move || crew.work())?);
        }
        Ok(pool)
    }

    /// How many threads compute, that of the caller among them.
    pub fn threads(&self) -> usize {
        self.threads.len() + 1
    }

    /// Runs `work`; what it [`share`]s is done on all threads of the pool.
    pub fn install<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Restore(Option<Arc<Crew>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let crew = (!self.threads.is_empty()).then(|| Arc::clone(&self.crew));
        let _restore = Restore(CURRENT.replace(crew));
        work()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.crew.stop();
        for thread in self.threads.drain(..) {
            // Threads catch what their work panics with.
            let _ = thread.join();
        }
    }
}

/// Does `work` for every part from 0 to `parts - 1`, each once, on the threads of the [`Pool`] that is
/// installed; on this thread alone where none is, or where it is at work already.
///
/// # Panics
/// With what a part panicked with, when all others are done or given up.
pub fn share(parts: usize, work: impl Fn(usize) + Sync) {
    let crew = CURRENT.with_borrow(Clone::clone).filter(|_| parts > 1);
    if !crew.is_some_and(|crew| crew.share(parts, &work)) {
        (0..parts).for_each(work);
    }
}

/// Does `work` for each `length` neighbors of `values` (the last may be fewer) and their number, as [`share`] does.
///
/// # Panics
/// As [`share`], and if `length` is zero.
#[allow(
    unsafe_code,
    reason = "chunks are handed to threads by their numbers, which no safe split of a slice gives"
)]
pub fn share_chunks<T: Send>(
    values: &mut [T],
    length: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    let all = values.len();
    let values = Disjoint::new(values);
    share(all.div_ceil(length), |number| {
        let start = number * length;
        // SAFETY: chunks do not overlap, and every number is given once.
        work(number, unsafe {
            values.part(start, length.min(all - start))
        });
    });
}

/// What `work` gives for every part from 0 to `parts - 1`, in order; made as [`share`] does.
///
/// # Panics
/// As [`share`].
pub fn collect<T: Send>(parts: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let mut given: Vec<Option<T>> = (0..parts).map(|_| None).collect();
    share_chunks(&mut given, 1, |part, given| given[0] = Some(work(part)));
    given.into_iter().flatten().collect()
}

/// How many threads the work of this thread is shared among.
pub fn threads() -> usize {
    CURRENT.with_borrow(|crew| crew.as_ref().map_or(1, |crew| crew.helpers() + 1))
}
