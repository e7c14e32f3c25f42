//! What clients' logs say about their database or cache: it takes no writes,
//! no more connections, no more data, not these credentials, or it waits for
//! locks.
//!
//! A read-only, full or locked database is to fix at the database, although
//! its clients say it; which database is meant follows from the hosts the client
//! names and the port of the protocol. Credentials are the client's.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;

use super::{matters, pod_of};
use crate::causes::signs::{Seen, Sign};
use crate::causes::subject::is_asked;
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::object::ObjectRef;

/// Ports of database and cache servers, with the words of each protocol.
const SERVERS: &[(u16, &[&str])] = &[
    (3306, &["mysql", "mariadb"]),
    (5432, &["postgres", "psql", "pq:"]),
    (27017, &["mongo", "primary"]),
    (
        6379,
        &["redis", "readonly you", "command not allowed", "maxmemory"],
    ),
    (1433, &["sqlserver", "mssql"]),
    (1521, &["ora-"]),
    (11211, &["memcache", "server_error"]),
    (9042, &["cassandra", "scylla"]),
    (9200, &["elasticsearch", "opensearch"]),
];

/// Fewer waits for locks, or slow statements, are everyday life.
const LOCKS_MIN: usize = 3;

/// States what is wrong with databases or the way to use them.
pub(super) fn analyze(case: &Case<'_>, seen: &[Seen], findings: &mut Findings) {
    for one in seen {
        let Some(pod) = pod_of(case, one) else {
            continue;
        };
        if !matters(case, pod, one) {
            continue;
        }
        let affected = view::affected_by(&case.snapshot.objects, pod);
        let finding = match one.sign {
            Sign::DatabaseReadOnly => Some(at_database(case, seen, one, Cause::DatabaseReadOnly)),
            Sign::TooManyConnections => {
                Some(at_database(case, seen, one, Cause::ConnectionPoolExhausted))
            }
            Sign::CacheFull => Some(at_database(case, seen, one, Cause::CacheFullOrEvicting)),
            Sign::DatabaseLock | Sign::SlowQuery => locked(case, seen, one),
            Sign::PoolTimeout => Some(pool(case, one)),
            Sign::BadCredentials => credentials(case, one),
            _ => None,
        };
        if let Some(finding) = finding {
            findings.add(
                finding
                    .because([one.draft()])
                    .since(one.first)
                    .explains(affected),
            );
        }
    }
}

fn at_database(case: &Case<'_>, seen: &[Seen], one: &Seen, cause: Cause) -> Finding {
    let database = database_of(case, seen, one);
    let client = view::root_of(&case.snapshot.objects, &one.pod);
    let object = database.clone().unwrap_or_else(|| client.clone());
    let strength = if database.is_some() {
        Strength::Strong
    } else {
        Strength::Likely
    };
    let what = match cause {
        Cause::DatabaseReadOnly => "takes no writes",
        Cause::CacheFullOrEvicting => "has used up the memory it may use and refuses or drops data",
        Cause::DatabaseLockOrSlowQuery => "makes statements wait for locks or runs them slowly",
        _ => "accepts no more connections",
    };
    let statement = if object == client {
        format!("{object} says that its database {what}.")
    } else {
        format!("{object} {what}, as {client} reports.")
    };
    Finding::new(cause, object, strength, statement)
}

/// Locks and slow statements happen in every database; they are a cause when
/// they keep coming and somebody suffers.
fn locked(case: &Case<'_>, seen: &[Seen], one: &Seen) -> Option<Finding> {
    let pod = pod_of(case, one)?;
    let suffers =
        !view::is_well(pod) || is_asked(case, &view::workload_of(&case.snapshot.objects, pod));
    let mut finding = at_database(case, seen, one, Cause::DatabaseLockOrSlowQuery);
    let asked = suffers || is_asked(case, &finding.object);
    if !asked || one.count < LOCKS_MIN {
        return None;
    }
    let ceiling = match one.sign {
        Sign::DatabaseLock => Strength::Strong,
        _ => Strength::Likely,
    };
    finding.strength = finding.strength.min(ceiling);
    Some(finding)
}

fn pool(case: &Case<'_>, one: &Seen) -> Finding {
    let client = view::root_of(&case.snapshot.objects, &one.pod);
    let statement = format!(
        "{client} has used up its own connection pool: connections are held too long or the pool is too small."
    );
    Finding::new(
        Cause::ConnectionPoolExhausted,
        client,
        Strength::Likely,
        statement,
    )
}

fn credentials(case: &Case<'_>, one: &Seen) -> Option<Finding> {
    let objects = &case.snapshot.objects;
    let pod = pod_of(case, one)?;
    // A server logs every failed login of others; the client is the one to fix.
    if serves_database(case, pod) {
        return None;
    }
    let client = view::workload_of(objects, pod);
    let strength = if view::is_well(pod) {
        Strength::Hint
    } else {
        Strength::Strong
    };
    let changed = case.facts.changes.iter().find(|change| {
        change.object.kind == "Secret"
            && change.object.namespace == client.namespace
            && uses_secret(case, &client, &change.object.name)
    });
    let statement = format!("{client} is refused with its user name or password.");
    Some(
        Finding::new(Cause::BadCredentials, client, strength, statement)
            .because(changed.map(crate::evidence::Draft::change)),
    )
}

fn uses_secret(case: &Case<'_>, workload: &ObjectRef, secret: &str) -> bool {
    let Some(spec) = view::template_of(&case.snapshot.objects, workload) else {
        return false;
    };
    spec.containers.iter().any(|container| {
        let whole = container.env_from.iter().flatten().any(|from| {
            from.secret_ref
                .as_ref()
                .is_some_and(|reference| reference.name == secret)
        });
        let keyed = container.env.iter().flatten().any(|variable| {
            let from = variable.value_from.as_ref();
            from.and_then(|from| from.secret_key_ref.as_ref())
                .is_some_and(|reference| reference.name == secret)
        });
        whole || keyed
    })
}

fn serves_database(case: &Case<'_>, pod: &Pod) -> bool {
    let ports = wiring::declared_ports(wiring::containers(pod));
    let known = |port: i32| SERVERS.iter().any(|(known, _)| i32::from(*known) == port);
    let by_service = view::services_of(&case.snapshot.objects, pod)
        .iter()
        .filter_map(|service| {
            let namespace = service.namespace.as_deref().unwrap_or_default();
            case.snapshot.objects.services.get(namespace, &service.name)
        })
        .any(|service| wiring::ports(service).iter().any(|port| known(port.port)));
    by_service || ports.into_iter().any(known)
}

/// The database that a client's line is about: the pod itself when it serves
/// one, else the best candidate among Services of that protocol.
fn database_of(case: &Case<'_>, seen: &[Seen], one: &Seen) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let pod = pod_of(case, one)?;
    if serves_database(case, pod) {
        return Some(view::workload_of(objects, pod));
    }
    let client = view::workload_of(objects, pod);
    let namespace = view::namespace_of(pod);
    let ports = ports_meant(&one.line);
    let mut candidates: BTreeMap<ObjectRef, BTreeSet<&str>> = BTreeMap::new();
    for service in objects.services.in_namespace(namespace) {
        let serves = wiring::ports(service)
            .iter()
            .any(|port| ports.iter().any(|known| i32::from(*known) == port.port));
        if serves {
            let workload = wiring::workload_behind(objects, service);
            let names = candidates.entry(workload).or_default();
            names.insert(view::name_of(service));
        }
    }
    candidates.remove(&client);
    candidates
        .into_iter()
        .map(|(workload, names)| {
            (
                likelihood(case, seen, one, &client, &workload, &names),
                workload,
            )
        })
        .max_by(|(a, left), (b, right)| a.cmp(b).then_with(|| right.cmp(left)))
        .map(|(_, workload)| workload)
}

/// Server ports of the protocol that the line names; all when it names none.
fn ports_meant(line: &str) -> Vec<u16> {
    let named: Vec<u16> = SERVERS
        .iter()
        .filter(|(_, words)| view::mentions(line, words))
        .map(|(port, _)| *port)
        .collect();
    if named.is_empty() {
        SERVERS.iter().map(|(port, _)| *port).collect()
    } else {
        named
    }
}

/// How likely `database` is the one meant, as votes: named by the client's log
/// or settings, complaining of the same itself, used by no other settings.
fn likelihood(
    case: &Case<'_>,
    seen: &[Seen],
    one: &Seen,
    client: &ObjectRef,
    database: &ObjectRef,
    services: &BTreeSet<&str>,
) -> i32 {
    let objects = &case.snapshot.objects;
    let names_it = |host: &str| {
        let first = host.split('.').next().unwrap_or_default();
        services.contains(first) || first == database.name
    };
    let mut votes = 0;
    let own = wiring::settings_of(objects, client);
    if own.iter().any(|setting| names_it(&setting.host)) {
        votes += 4;
    }
    let mut in_logs = case.snapshot.logs.iter().filter(|log| {
        log.pod == one.pod.name && log.namespace == *client.namespace.as_deref().unwrap_or_default()
    });
    if in_logs.any(|log| services.iter().any(|name| log.text.contains(name))) {
        votes += 4;
    }
    let complains = seen
        .iter()
        .any(|other| other.sign == one.sign && view::root_of(objects, &other.pod) == *database);
    if complains {
        votes += 3;
    }
    let configured_elsewhere = other_users(case, client, &names_it);
    if configured_elsewhere {
        votes -= 2;
    }
    votes + i32::from(changed_recently(case, database))
}

/// Whether some other workload is configured with the database by name.
fn other_users(case: &Case<'_>, client: &ObjectRef, names_it: &dyn Fn(&str) -> bool) -> bool {
    let objects = &case.snapshot.objects;
    let sets = objects
        .stateful_sets
        .iter()
        .map(|set| view::reference("StatefulSet", set));
    let deployments = objects
        .deployments
        .iter()
        .map(|deployment| view::reference("Deployment", deployment));
    sets.chain(deployments)
        .filter(|workload| workload != client)
        .any(|workload| {
            wiring::settings_of(objects, &workload)
                .iter()
                .any(|setting| names_it(&setting.host))
        })
}

/// Whether a pod of it started within the window.
fn changed_recently(case: &Case<'_>, database: &ObjectRef) -> bool {
    view::pods_of(&case.snapshot.objects, database)
        .iter()
        .filter_map(|pod| pod.metadata.creation_timestamp.as_ref())
        .any(|at| view::in_window(case, Some(at.0)))
}
