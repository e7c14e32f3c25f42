//! The threads that help, and the one piece of work that is open to them.
//!
//! Work is open while the gate says so. A helper comes in by counting itself into the open gate and leaves by counting
//! itself out; who opened the gate closes it when no part is left and waits until the last has left.
//!
//! Invariant: the work's memory is read by helpers inside only, and lives until the gate is closed and empty.

#![allow(
    unsafe_code,
    reason = "helpers call a closure that lives on another thread's stack; the gate says for how long"
)]

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an idle thread looks out before it sleeps: the pauses within a step are shorter.
const LOOKOUT: Duration = Duration::from_micros(50);
/// Looks between two at the clock.
const LOOKS: u32 = 64;

/// The gate's lowest bits: helpers inside.
const INSIDE: u64 = 0xffff;
/// The gate is open.
const OPEN: u64 = 0x1_0000;
/// One more piece of work.
const TURN: u64 = 0x2_0000;

/// What helpers call.
#[derive(Clone, Copy)]
struct Work {
    /// Borrowed for as long as the gate is open or someone is inside.
    part: *const (dyn Fn(usize) + Sync),
    parts: usize,
}

/// Threads that help, and what they help with.
#[derive(Default)]
pub(super) struct Crew {
    /// Helpers inside, whether it is open, and the number of the work.
    gate: AtomicU64,
    /// Written while the gate is closed and empty, read by those inside.
    work: UnsafeCell<Option<Work>>,
    /// The next part to be taken.
    next: AtomicUsize,
    /// Someone shares work out.
    busy: AtomicBool,
    stopped: AtomicBool,
    helpers: AtomicUsize,
    /// Helpers that sleep; counted under `sleep`.
    sleepers: AtomicUsize,
    sleep: Mutex<()>,
    wake: Condvar,
    left: Condvar,
    /// What the first part that panicked did so with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `work` is written by the one who holds `busy` while the gate is closed and empty, and read by those
// inside only; entering acquires what opening released. The closure behind it is `Sync`.
unsafe impl Sync for Crew {}
// SAFETY: as above; the pointer is followed only while what it points to is borrowed.
unsafe impl Send for Crew {}

impl std::fmt::Debug for Crew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crew({} helpers)", self.helpers())
    }
}

impl Crew {
    pub(super) fn helpers(&self) -> usize {
        self.helpers.load(Ordering::Relaxed)
    }

    /// How many helpers sleep.
    #[cfg(test)]
    pub(super) fn sleepers(&self) -> usize {
        self.sleepers.load(Ordering::SeqCst)
    }

    /// Does all parts with the helpers' help; `false` if others are being helped, and nothing was done.
    #[allow(
        clippy::transmute_ptr_to_ptr,
        reason = "a cast does not change the lifetime of what the closure borrows"
    )]
    pub(super) fn share(&self, parts: usize, part: &(dyn Fn(usize) + Sync)) -> bool {
        if self.busy.swap(true, Ordering::Acquire) {
            return false;
        }
        // SAFETY: only the lifetime is changed. The pointer is followed by those inside the gate, and
        // `close` does not return before the gate is closed and empty; `part` is borrowed until then.
        let part = unsafe {
            std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const (dyn Fn(usize) + Sync)>(
                part,
            )
        };
        let work = Work { part, parts };
        // SAFETY: the gate is closed and empty, as `close` left it, and `busy` is ours.
        unsafe { *self.work.get() = Some(work) };
        self.next.store(0, Ordering::Relaxed);
        let turn = self.gate.load(Ordering::Relaxed) & !(INSIDE | OPEN);
        self.gate.store((turn + TURN) | OPEN, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.lock());
            self.wake.notify_all();
        }
        self.take_parts(work);
        self.close();
        let panic = self
            .panic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.busy.store(false, Ordering::Release);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
        true
    }

    /// Takes parts until none is left. A panic gives all further parts up.
    fn take_parts(&self, work: Work) {
        loop {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            if part >= work.parts {
                return;
            }
            // SAFETY: we are inside the gate or opened it, so what is pointed to is borrowed.
            let done = catch_unwind(AssertUnwindSafe(|| unsafe { (*work.part)(part) }));
            if let Err(panic) = done {
                self.next.store(work.parts, Ordering::Relaxed);
                let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(panic);
            }
        }
    }

    /// Closes the gate and waits until all have left.
    fn close(&self) {
        self.gate.fetch_and(!OPEN, Ordering::SeqCst);
        let empty = || self.gate.load(Ordering::SeqCst) & INSIDE == 0;
        if look_out(empty) {
            return;
        }
        let mut guard = self.lock();
        while !empty() {
            guard = wait(&self.left, guard);
        }
    }

    /// Helps until the crew is stopped.
    pub(super) fn work(&self) {
        self.helpers.fetch_add(1, Ordering::Relaxed);
        let mut served = 0;
        while !self.stopped.load(Ordering::SeqCst) {
            if let Some(turn) = self.enter(served) {
                served = turn;
                // SAFETY: we are inside, so the work was written before the gate opened and lives.
                if let Some(work) = unsafe { *self.work.get() } {
                    self.take_parts(work);
                }
                self.leave();
                continue;
            }
            let called = || self.is_open(served) || self.stopped.load(Ordering::SeqCst);
            if !look_out(called) {
                let mut guard = self.lock();
                self.sleepers.fetch_add(1, Ordering::SeqCst);
                while !called() {
                    guard = wait(&self.wake, guard);
                }
                self.sleepers.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// Whether work is open that is not number `served`.
    fn is_open(&self, served: u64) -> bool {
        let gate = self.gate.load(Ordering::SeqCst);
        gate & OPEN != 0 && gate / TURN != served
    }

    /// Goes inside if work is open that is not number `served`; gives its number.
    fn enter(&self, served: u64) -> Option<u64> {
        let count = |gate: u64| (gate & OPEN != 0 && gate / TURN != served).then_some(gate + 1);
        let entered = self
            .gate
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, count);
        entered.ok().map(|gate| gate / TURN)
    }

    fn leave(&self) {
        let gate = self.gate.fetch_sub(1, Ordering::SeqCst);
        if gate & (OPEN | INSIDE) == 1 {
            drop(self.lock());
            self.left.notify_all();
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        drop(self.lock());
        self.wake.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.sleep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a>(condition: &Condvar, guard: MutexGuard<'a, ()>) -> MutexGuard<'a, ()> {
    condition
        .wait(guard)
        .unwrap_or_else(PoisonError::into_inner)
}

/// Looks for a moment whether `seen` comes true; says whether it did.
fn look_out(seen: impl Fn() -> bool) -> bool {
    let until = Instant::now() + LOOKOUT;
    loop {
        for _ in 0..LOOKS {
            if seen() {
                return true;
            }
            std::hint::spin_loop();
        }
        if Instant::now() >= until {
            return false;
        }
    }
}
