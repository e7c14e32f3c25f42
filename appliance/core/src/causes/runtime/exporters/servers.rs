//! Databases and caches that are full, and those whose clients wait for locks.
//!
//! A cache at its memory limit is what a cache is for: it counts when writes
//! are refused, or when it begins to drop far more than it did.

use super::{MYSQL, POSTGRES, REDIS, affected, draft, strength};
use crate::causes::exported::{Measured, Sort, by_place, gathered, server_of};
use crate::causes::trend::instant;
use crate::causes::{Case, Cause, Finding, Findings, Strength};

/// Share of its connections from which a server has none left: some are kept
/// for administrators.
const CONNECTIONS: f64 = 0.95;
/// Share of its memory limit at which a cache is full.
const MEMORY: f64 = 0.95;
/// Refusals per second that are no single client's slip.
const REFUSED_MIN: f64 = 0.05;
/// Dropped keys per second, and how many times the usual.
const DROPPED_MIN: f64 = 1.0;
const DROPPED: f64 = 3.0;
/// Deadlocks per second, three in a minute, and how many times the usual.
const DEADLOCKS_MIN: f64 = 0.05;
const DEADLOCKS: f64 = 3.0;

/// Used and permitted connections, and what counts those refused.
struct Connections {
    used: &'static [&'static str],
    limit: &'static str,
    ports: &'static [i32],
}

const CONNECTED: [Connections; 3] = [
    Connections {
        used: &["pg_stat_database_numbackends", "pg_stat_activity_count"],
        limit: "pg_settings_max_connections",
        ports: POSTGRES,
    },
    Connections {
        used: &["mysql_global_status_threads_connected"],
        limit: "mysql_global_variables_max_connections",
        ports: MYSQL,
    },
    Connections {
        used: &["redis_connected_clients"],
        limit: "redis_config_maxclients",
        ports: REDIS,
    },
];

/// Counters of deadlocks; their names do not say that they count.
const DEADLOCKED: [(&str, &[i32]); 2] = [
    ("pg_stat_database_deadlocks", POSTGRES),
    ("mysql_global_status_innodb_deadlocks", MYSQL),
];

/// States which servers are full or locked.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for kind in &CONNECTED {
        connections(case, kind, findings);
    }
    memory(case, findings);
    for (name, ports) in DEADLOCKED {
        deadlocks(case, name, ports, findings);
    }
}

fn connections(case: &Case<'_>, kind: &Connections, findings: &mut Findings) {
    let limits = by_place(case, &[kind.limit], Sort::Level);
    for (place, used) in by_place(case, kind.used, Sort::Level) {
        let limit = limits.get(&place).and_then(|limit| limit.now(case));
        let Some((now, most)) = used.now(case).zip(limit.filter(|limit| *limit > 0.0)) else {
            continue;
        };
        let Some(object) = server_of(case, used.series, kind.ports) else {
            continue;
        };
        if now < most * CONNECTIONS {
            continue;
        }
        let statement = format!(
            "{object} has {now:.0} of its {most:.0} connections in use: the next client is refused."
        );
        let title = format!("{now:.0} of {most:.0} connections are in use");
        findings.add(
            Finding::new(
                Cause::ConnectionPoolExhausted,
                object.clone(),
                strength(case, &object),
                statement,
            )
            .because([draft(&object, &used, title)])
            .since(used.risen(case).and_then(|risen| instant(risen.since)))
            .explains(affected(case, &object)),
        );
    }
}

fn memory(case: &Case<'_>, findings: &mut Findings) {
    let limits = by_place(case, &["redis_memory_max_bytes"], Sort::Level);
    let dropped = by_place(case, &["redis_evicted_keys_total"], Sort::Counter);
    let refused = case.snapshot.series.iter().filter(|one| {
        let reason = one.labels.get("err").map(String::as_str);
        one.name == "redis_errors_total" && reason == Some("OOM")
    });
    let refused = gathered(refused, Sort::Counter);
    for (place, used) in by_place(case, &["redis_memory_used_bytes"], Sort::Level) {
        let limit = limits.get(&place).and_then(|limit| limit.now(case));
        let Some((now, most)) = used.now(case).zip(limit.filter(|limit| *limit > 0.0)) else {
            continue;
        };
        if now < most * MEMORY {
            continue;
        }
        let Some(object) = server_of(case, used.series, REDIS) else {
            continue;
        };
        let refusing = refused
            .get(&place)
            .and_then(|one| Some((one, rate(case, one, REFUSED_MIN)?, "writes are refused")));
        let dropping = dropped.get(&place).and_then(|one| {
            let risen = one.risen(case)?;
            let large = risen.is_large(DROPPED, DROPPED_MIN);
            large.then_some((one, risen.level, "keys are dropped"))
        });
        let Some((felt, per_second, what)) = refusing.or(dropping) else {
            continue;
        };
        let statement = format!(
            "{object} has used {:.0} % of the memory it may use, and {per_second:.1} {what} per second.",
            now / most * 100.0
        );
        let full = format!("uses {:.0} % of its maxmemory", now / most * 100.0);
        let title = format!("{per_second:.1} {what} per second");
        findings.add(
            Finding::new(
                Cause::CacheFullOrEvicting,
                object.clone(),
                strength(case, &object),
                statement,
            )
            .because([draft(&object, &used, full), draft(&object, felt, title)])
            .since(felt.risen(case).and_then(|risen| instant(risen.since)))
            .explains(affected(case, &object)),
        );
    }
}

/// The rate of a counter now, if it is at least `least`.
fn rate(case: &Case<'_>, counter: &Measured<'_>, least: f64) -> Option<f64> {
    counter.now(case).filter(|rate| *rate >= least)
}

fn deadlocks(case: &Case<'_>, name: &str, ports: &[i32], findings: &mut Findings) {
    for locked in by_place(case, &[name], Sort::Counter).into_values() {
        let risen = locked.risen(case);
        let Some(risen) = risen.filter(|one| one.is_large(DEADLOCKS, DEADLOCKS_MIN)) else {
            continue;
        };
        let Some(object) = server_of(case, locked.series, ports) else {
            continue;
        };
        let per_minute = risen.level * 60.0;
        let statement = format!(
            "{object} ends {per_minute:.0} deadlocks a minute: its clients wait for one another's locks."
        );
        let title = format!("{per_minute:.0} deadlocks a minute");
        let strength = strength(case, &object).min(Strength::Likely);
        let cause = Cause::DatabaseLockOrSlowQuery;
        findings.add(
            Finding::new(cause, object.clone(), strength, statement)
                .because([draft(&object, &locked, title)])
                .since(instant(risen.since))
                .explains(affected(case, &object)),
        );
    }
}
