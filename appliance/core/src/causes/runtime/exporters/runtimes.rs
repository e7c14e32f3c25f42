//! Heaps that garbage collection no longer empties, and goroutines that never
//! end: leaks as the runtime itself measures them.
//!
//! A heap before a collection says nothing, since it is meant to fill. What
//! is left after one, the time that collecting takes, and growth without more
//! requests say that memory is held.

use super::super::load;
use super::{affected, draft};
use crate::causes::calls;
use crate::causes::exported::{Measured, Sort, by_place};
use crate::causes::subject::is_asked;
use crate::causes::trend::{self, instant};
use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::object::ObjectRef;

/// What is left after a collection, and what the heap may hold: Micrometer,
/// then Prometheus' own client (of the old generation alone).
const HEAPS: [[&str; 2]; 2] = [
    ["jvm_gc_live_data_size_bytes", "jvm_gc_max_data_size_bytes"],
    [
        "jvm_memory_pool_collection_used_bytes",
        "jvm_memory_pool_collection_max_bytes",
    ],
];
/// Seconds spent collecting.
const COLLECTING: [&str; 2] = ["jvm_gc_pause_seconds_sum", "jvm_gc_collection_seconds_sum"];
/// Share of the heap that is left after a collection.
const LEFT: f64 = 0.85;
/// Share of its time that a program loses to collecting before users feel it.
const TIME: f64 = 0.1;
/// Goroutines gained, and how many times as many as before.
const GOROUTINES_MIN: f64 = 1000.0;
const GOROUTINES: f64 = 2.0;
/// Load that rose by this factor explains more of everything.
const LOAD_EXPLAINS: f64 = 1.3;

/// States which programs hold what they should let go.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let collecting = by_place(case, &COLLECTING, Sort::Counter);
    for [left, most] in HEAPS {
        let limits = by_place(case, &[most], Sort::Level);
        for (place, left) in by_place(case, &[left], Sort::Level) {
            let limit = limits.get(&place).and_then(|one| one.now(case));
            let Some((now, most)) = left.now(case).zip(limit.filter(|most| *most > 0.0)) else {
                continue;
            };
            let time = collecting.get(&place);
            let share = time.and_then(|one| one.now(case)).unwrap_or_default();
            let Some(time) = time.filter(|_| now >= most * LEFT && share >= TIME) else {
                continue;
            };
            let full = format!(
                "{:.0} % of the heap are left after a collection",
                now / most * 100.0
            );
            let lost = format!("{:.0} % of the time goes into collecting", share * 100.0);
            held(case, &left, &full, Some((time, lost)), findings);
        }
    }
    for routines in by_place(case, &["go_goroutines"], Sort::Level).into_values() {
        let Some(growth) = trend::growth(&routines.points) else {
            continue;
        };
        if growth.to - growth.from < GOROUTINES_MIN || growth.to < growth.from * GOROUTINES {
            continue;
        }
        let title = format!(
            "goroutines grew from {:.0} to {:.0}",
            growth.from, growth.to
        );
        held(case, &routines, &title, None, findings);
    }
}

fn held(
    case: &Case<'_>,
    measured: &Measured<'_>,
    what: &str,
    felt: Option<(&Measured<'_>, String)>,
    findings: &mut Findings,
) {
    let Some(object) = calls::workload_of(case, measured.series) else {
        return;
    };
    if !is_asked(case, &object) {
        return;
    }
    let first = draft(&object, measured, what.to_owned());
    if load::grew(case, &object, LOAD_EXPLAINS) {
        findings.exclude(Cause::MemoryLeak, object, vec![first]);
        return;
    }
    findings.add(
        leak(case, &object, what)
            .because([first])
            .because(felt.map(|(series, title)| draft(&object, series, title)))
            .since(measured.risen(case).and_then(|risen| instant(risen.since))),
    );
}

fn leak(case: &Case<'_>, object: &ObjectRef, what: &str) -> Finding {
    let statement = format!(
        "{object} holds memory that it should let go: {what}, while its load did not grow."
    );
    Finding::new(
        Cause::MemoryLeak,
        object.clone(),
        Strength::Likely,
        statement,
    )
    .explains(affected(case, object))
}
