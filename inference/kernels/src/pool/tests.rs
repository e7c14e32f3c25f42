//! Every part is done once, whatever threads there are, and sleeping threads take no time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;

/// What a thread may take to come.
const PATIENCE: Duration = Duration::from_mins(1);

#[track_caller]
fn check(threads: usize, parts: usize) {
    let pool = Pool::new(threads).expect("starts");
    for _ in 0..50 {
        let mut done = vec![0; parts];
        pool.install(|| share_chunks(&mut done, 1, |part, done| done[0] += part + 1));
        let expected: Vec<_> = (1..=parts).collect();
        assert_eq!(done, expected);
        let things = [parts, 1, 0, 3 * parts];
        let counts = things.map(|parts| (0..parts).map(|_| AtomicUsize::new(0)).collect());
        let counts: [Vec<_>; 4] = counts;
        pool.install(|| {
            share_runs(&things, |thing, part| {
                counts[thing][part].fetch_add(1, Ordering::Relaxed);
            });
        });
        for count in counts.into_iter().flatten() {
            assert_eq!(count.into_inner(), 1);
        }
    }
}

#[test]
fn every_part_is_done_once() {
    for threads in [1, 2, 5] {
        for parts in [0, 1, 2, 100] {
            check(threads, parts);
        }
    }
}

#[test]
fn without_a_pool_this_thread_does_it_all() {
    assert_eq!(threads(), 1);
    assert_eq!(collect(3, |part| part * 2), [0, 2, 4]);
}

#[test]
fn chunks_cover_all_values_and_the_last_may_be_short() {
    let mut values = [0; 7];
    share_chunks(&mut values, 3, |number, values| values.fill(number));
    assert_eq!(values, [0, 0, 0, 1, 1, 1, 2]);
}

#[test]
fn work_within_work_is_done_by_whoever_finds_it() {
    let (pool, count) = (Pool::new(3).expect("starts"), AtomicUsize::new(0));
    pool.install(|| {
        share(8, |_| {
            share(8, |_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
        });
    });
    assert_eq!(count.into_inner(), 64);
}

#[test]
fn two_callers_of_one_pool_both_get_their_work_done() {
    let pool = Pool::new(2).expect("starts");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let sum: usize = pool.install(|| collect(9, |part| part).iter().sum());
                    assert_eq!(sum, 36);
                }
            });
        }
    });
}

#[test]
fn a_panic_comes_back_and_the_pool_goes_on() {
    let pool = Pool::new(4).expect("starts");
    for _ in 0..20 {
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.install(|| share(64, |part| assert!(part != 13, "thirteen")));
        }));
        let panic = panicked.expect_err("a part panics");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"thirteen"));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.install(|| share_runs(&[64], |_, part| assert!(part != 13, "thirteen")));
        }));
        assert!(panicked.is_err());
        assert_eq!(pool.install(|| collect(5, |part| part)), [0, 1, 2, 3, 4]);
    }
}

#[test]
fn idle_threads_are_found_asleep_and_wake_for_work() {
    let pool = Pool::new(3).expect("starts");
    for _ in 0..3 {
        while pool.crew.sleepers() < 2 {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(pool.install(|| collect(50, |part| part)).len(), 50);
    }
}

#[test]
fn runs_are_neighbors_of_everything_the_same_share() {
    let counts = [10, 1, 3];
    let next = || AtomicUsize::new(0);
    let run = |number| Run {
        counts: &counts,
        number,
        runs: 2,
        next: next(),
    };
    let all = |run: &Run<'_>| std::iter::from_fn(|| run.take()).collect::<Vec<_>>();
    let [first, last] = [run(0), run(1)];
    assert_eq!(
        all(&first),
        [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (2, 0)]
    );
    let expected = [
        (0, 5),
        (0, 6),
        (0, 7),
        (0, 8),
        (0, 9),
        (1, 0),
        (2, 1),
        (2, 2),
    ];
    assert_eq!(all(&last), expected);
    assert!(first.take().or_else(|| last.take()).is_none());
}

/// Waits until `done`, but not for ever.
#[track_caller]
fn wait_until(done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "the other thread never came");
        thread::yield_now();
    }
}

/// Both wait for the other, so that neither helps.
#[test]
fn a_thread_begins_with_the_same_run_every_time() {
    let pool = Pool::new(2).expect("starts");
    wait_until(|| pool.install(threads) == 2);
    let owners: Vec<_> = (0..20)
        .map(|_| {
            let owners = [(); 2].map(|()| Mutex::new(None));
            let arrived = AtomicUsize::new(0);
            pool.install(|| {
                share_runs(&[2], |_, part| {
                    arrived.fetch_add(1, Ordering::Relaxed);
                    wait_until(|| arrived.load(Ordering::Relaxed) == 2);
                    *owners[part].lock().expect("no panic") = Some(thread::current().id());
                });
            });
            owners.map(|owner| owner.into_inner().expect("no panic"))
        })
        .collect();
    assert!(owners.iter().all(|other| *other == owners[0]));
}
