//! Every part is done once, whatever threads there are, and sleeping threads take no time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

#[track_caller]
fn check(threads: usize, parts: usize) {
    let pool = Pool::new(threads).expect("starts");
    for _ in 0..50 {
        let mut done = vec![0; parts];
        pool.install(|| share_chunks(&mut done, 1, |part, done| done[0] += part + 1));
        let expected: Vec<_> = (1..=parts).collect();
        assert_eq!(done, expected);
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
