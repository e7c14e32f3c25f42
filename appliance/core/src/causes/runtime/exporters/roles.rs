//! Databases that take no writes: the one that was the primary is a replica,
//! it was set read-only, or its transaction numbers are used up.
//!
//! A replica is read-only by nature. What counts is a server that took writes
//! within what was captured and does no longer, while no other pod of its
//! workload does.

use super::{MYSQL, POSTGRES, REDIS, affected, draft, strength};
use crate::causes::exported::{Measured, Sort, by_place, server_of};
use crate::causes::trend::{self, instant};
use crate::causes::{Case, Cause, Finding, Findings};
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// Gauges that are one on a server that takes no writes.
const READ_ONLY: [(&str, &[i32]); 3] = [
    ("pg_replication_is_replica", POSTGRES),
    ("mysql_global_variables_read_only", MYSQL),
    ("mysql_global_variables_super_read_only", MYSQL),
];

/// `PostgreSQL` refuses to begin transactions this many before the numbers wrap
/// around at two to the 31.
/// Source: <https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND>.
const NUMBERS_LEFT: f64 = 3_000_000.0;
const NUMBERS: f64 = 2_147_483_648.0;
const AGE: &str = "pg_database_wraparound_age_datfrozenxid_seconds";

/// States which databases take no writes any more.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for (name, ports) in READ_ONLY {
        switched(case, name, ports, findings);
    }
    demoted(case, findings);
    wrapped(case, findings);
}

fn switched(case: &Case<'_>, name: &str, ports: &[i32], findings: &mut Findings) {
    let all = by_place(case, &[name], Sort::Level);
    for one in all.values() {
        let Some(risen) = one.risen(case).filter(|risen| risen.step() >= 1.0) else {
            continue;
        };
        let Some(object) = server_of(case, one.series, ports) else {
            continue;
        };
        let writes = |other: &Measured<'_>| {
            other.now(case) == Some(0.0)
                && server_of(case, other.series, ports).as_ref() == Some(&object)
        };
        if !all.values().any(writes) {
            let title = format!("{name} went from 0 to 1");
            findings.add(read_only(case, &object, one, title).since(instant(risen.since)));
        }
    }
}

/// Redis names the role in a label: the series of the primary ends, that of the
/// replica goes on.
fn demoted(case: &Case<'_>, findings: &mut Findings) {
    let with_role = |role: &str| -> Vec<&Series> {
        let all = case.snapshot.series.iter();
        all.filter(|one| {
            one.name == "redis_instance_info"
                && one.labels.get("role").map(String::as_str) == Some(role)
        })
        .collect()
    };
    let primaries = with_role("master");
    let is_now = |one: &Series| trend::present(case, one).is_some();
    let alike = |one: &Series, other: &Series| {
        ["namespace", "pod", "instance"]
            .iter()
            .all(|label| one.labels.get(*label) == other.labels.get(*label))
    };
    for replica in with_role("slave").into_iter().filter(|one| is_now(one)) {
        let was = primaries
            .iter()
            .any(|one| alike(one, replica) && !is_now(one));
        let Some(object) = server_of(case, replica, REDIS).filter(|_| was) else {
            continue;
        };
        let leads = |one: &&Series| server_of(case, one, REDIS).as_ref() == Some(&object);
        if primaries.iter().filter(|one| is_now(one)).any(leads) {
            continue;
        }
        let one = Measured {
            series: replica,
            points: Vec::new(),
        };
        let since = replica.samples.first().and_then(|first| instant(first.at));
        let title = "the role went from master to slave".to_owned();
        findings.add(read_only(case, &object, &one, title).since(since));
    }
}

fn wrapped(case: &Case<'_>, findings: &mut Findings) {
    for age in by_place_each(case, AGE) {
        let now = age.now(case).unwrap_or_default();
        if now < NUMBERS - NUMBERS_LEFT {
            continue;
        }
        if let Some(object) = server_of(case, age.series, POSTGRES) {
            let title = format!("the oldest transaction is {now:.0} numbers old");
            findings.add(read_only(case, &object, &age, title));
        }
    }
}

/// Each series for itself: the ages of several databases do not add up.
fn by_place_each<'a>(case: &Case<'a>, name: &str) -> Vec<Measured<'a>> {
    let all = case.snapshot.series.iter();
    all.filter(|one| one.name == name)
        .map(|series| Measured {
            points: trend::levels(series),
            series,
        })
        .collect()
}

fn read_only(case: &Case<'_>, object: &ObjectRef, one: &Measured<'_>, title: String) -> Finding {
    let statement = format!("{object} takes no writes: {title}.");
    Finding::new(
        Cause::DatabaseReadOnly,
        object.clone(),
        strength(case, object),
        statement,
    )
    .because([draft(object, one, title)])
    .explains(affected(case, object))
}
