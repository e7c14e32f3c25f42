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

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use self::crew::Crew;
pub use self::size::default_threads;
use crate::disjoint::Disjoint;

thread_local! {
    /// Whose threads help the work of this thread.
    static CURRENT: RefCell<Option<Arc<Crew>>> = const { RefCell::new(None) };
    /// This thread's number in its pool; whoever shares work out is the first.
    static NUMBER: Cell<usize> = const { Cell::new(0) };
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
            let work = move || {
                NUMBER.set(number);
                crew.work();
            };
            pool.threads.push(thread.spawn(work)?);
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

/// Does `work` for each part of several things that have `counts` parts, by the thing's number and its own, as [`share`] does.
///
/// Each thread begins with neighbors, in order, of everything the same share, whenever it is called; it helps others when it is
/// done with its own. So what lies next to a part in memory, and was asked for with it, is used where it was asked for, and what a
/// thread of one pool wrote first, which decides where memory is taken, is what it reads later.
///
/// # Panics
/// As [`share`].
pub fn share_runs(counts: &[usize], work: impl Fn(usize, usize) + Sync) {
    let runs = threads().min(counts.iter().sum());
    let runs: Vec<_> = (0..runs)
        .map(|number| Run {
            counts,
            number,
            runs,
            next: AtomicUsize::new(0),
        })
        .collect();
    share(runs.len(), |_| {
        let (others, own) = runs.split_at(NUMBER.get() % runs.len());
        for run in own.iter().chain(others) {
            while let Some((thing, part)) = run.take() {
                work(thing, part);
            }
        }
    });
}

/// The parts that one of `runs` threads begins with; on a line of its own.
#[repr(align(64))]
struct Run<'a> {
    counts: &'a [usize],
    number: usize,
    runs: usize,
    /// How many of its parts were taken.
    next: AtomicUsize,
}

impl Run<'_> {
    /// The thing and the part of it that are next.
    fn take(&self) -> Option<(usize, usize)> {
        let mut left = self.next.fetch_add(1, Ordering::Relaxed);
        for (thing, count) in self.counts.iter().enumerate() {
            let (start, end) = (
                self.number * count / self.runs,
                (self.number + 1) * count / self.runs,
            );
            if left < end - start {
                return Some((thing, start + left));
            }
            left -= end - start;
        }
        None
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
