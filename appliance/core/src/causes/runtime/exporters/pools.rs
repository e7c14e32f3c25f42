//! Clients whose own pool of connections is used up.
//!
//! A pool in full use is a busy one; it is used up while callers wait for a
//! connection. Pools that do not count who waits are used up when every
//! connection is in use for the whole of the present.

use super::{affected, draft};
use crate::causes::calls;
use crate::causes::exported::{Measured, Sort, by_place};
use crate::causes::subject::is_asked;
use crate::causes::trend::instant;
use crate::causes::{Case, Cause, Finding, Findings, Strength};

/// In use, permitted, and who waits, by the pool's library: `HikariCP`, and what
/// Micrometer and JMX say of the others.
const POOLS: [[&str; 3]; 3] = [
    [
        "hikaricp_connections_active",
        "hikaricp_connections_max",
        "hikaricp_connections_pending",
    ],
    ["jdbc_connections_active", "jdbc_connections_max", ""],
    [
        "c3p0_num_busy_connections",
        "c3p0_max_pool_size",
        "c3p0_threads_awaiting_checkout",
    ],
];
/// Share of the pool in use.
const FULL: f64 = 0.99;

/// States which clients have no connection left.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for [used, limit, waiting] in POOLS {
        let limits = by_place(case, &[limit], Sort::Level);
        let queues = by_place(case, &[waiting], Sort::Level);
        for (place, used) in by_place(case, &[used], Sort::Level) {
            let limit = limits.get(&place).and_then(|one| one.now(case));
            let Some((now, most)) = used.now(case).zip(limit.filter(|most| *most > 0.0)) else {
                continue;
            };
            let queued = queues.get(&place).and_then(|one| one.now(case));
            let waits = if waiting.is_empty() {
                Some(0.0)
            } else {
                queued.filter(|one| *one >= 1.0)
            };
            let waits = waits.filter(|_| now >= most * FULL);
            let found = waits.and_then(|waits| in_use(case, &used, [now, most, waits]));
            if let Some(found) = found {
                findings.add(found);
            }
        }
    }
}

/// A pool of which `now` of `most` are in use while `waits` wait.
fn in_use(case: &Case<'_>, used: &Measured<'_>, [now, most, waits]: [f64; 3]) -> Option<Finding> {
    let object = calls::workload_of(case, used.series)?;
    let strength = if is_asked(case, &object) {
        Strength::Likely
    } else {
        Strength::Hint
    };
    let queue = if waits > 0.0 {
        format!(" while {waits:.0} callers wait")
    } else {
        String::new()
    };
    let title = format!("{now:.0} of {most:.0} connections of the pool are in use{queue}");
    let statement = format!("{object} has used up its own connection pool: {title}.");
    let cause = Cause::ConnectionPoolExhausted;
    Some(
        Finding::new(cause, object.clone(), strength, statement)
            .because([draft(&object, used, title)])
            .since(used.risen(case).and_then(|risen| instant(risen.since)))
            .explains(affected(case, &object)),
    )
}
