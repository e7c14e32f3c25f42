//! What exporters measure inside servers and runtimes: full servers and pools,
//! a lost primary, locks, members apart, heaps that garbage collection no
//! longer empties, upstreams that refuse.
//!
//! Counters and levels are read as everywhere ([`crate::facts::regime`]). What
//! every such server does in everyday life (a cache that drops old keys, a
//! consumer that waits, a single deadlock) is no cause.
//!
//! Invariant: every finding cites the series it rests on.

mod brokers;
mod pools;
mod proxies;
mod roles;
mod runtimes;
mod servers;
#[cfg(test)]
mod tests;

use crate::causes::exported::Measured;
use crate::causes::subject::is_asked;
use crate::causes::{Case, Findings, Strength, calls::Calls, series, wiring};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// Ports of the servers that exporters measure.
const POSTGRES: &[i32] = &[5432];
const MYSQL: &[i32] = &[3306];
const REDIS: &[i32] = &[6379];

/// States what the exporters' series decide.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    servers::analyze(case, findings);
    roles::analyze(case, findings);
    pools::analyze(case, findings);
    brokers::analyze(case, findings);
    runtimes::analyze(case, findings);
    proxies::analyze(case, findings);
}

/// How sure a measured state of `object` is to be what the alert is about: it
/// asks about it, or about one that calls it.
fn strength(case: &Case<'_>, object: &ObjectRef) -> Strength {
    let called = || {
        let callers = Calls::of(case).callers(object);
        callers.iter().any(|one| is_asked(case, one))
    };
    if is_asked(case, object) || called() {
        Strength::Strong
    } else {
        Strength::Hint
    }
}

/// Evidence of a measured quantity.
fn draft(object: &ObjectRef, measured: &Measured<'_>, title: String) -> Draft {
    series::draft(object.clone(), measured.series, title)
}

/// The workload and the Services in front of it.
fn affected(case: &Case<'_>, object: &ObjectRef) -> Vec<ObjectRef> {
    let objects = &case.snapshot.objects;
    let namespace = object.namespace.as_deref().unwrap_or_default();
    objects
        .services
        .in_namespace(namespace)
        .filter(|service| wiring::workload_behind(objects, service) == *object)
        .map(|service| crate::causes::view::reference("Service", service))
        .collect()
}
