//! Upstreams that refuse the proxies in front of them, as Envoy and `HAProxy` count it.
//!
//! A refused connection is a symptom: what the upstream lacks is for others to
//! say. It tells which upstream suffers where no log does.

use super::{affected, draft};
use crate::causes::exported::{Measured, Sort};
use crate::causes::subject::is_asked;
use crate::causes::trend::instant;
use crate::causes::{Case, Cause, Finding, Findings, Strength, exported, wiring};
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// Counters of connections that could not be made, and the label that names the upstream.
const REFUSED: [(&str, &str); 3] = [
    (
        "envoy_cluster_upstream_cx_connect_fail",
        "envoy_cluster_name",
    ),
    (
        "envoy_cluster_upstream_cx_connect_fail_total",
        "envoy_cluster_name",
    ),
    ("haproxy_backend_connection_errors_total", "proxy"),
];
/// Per second, and how many times the usual.
const REFUSED_MIN: f64 = 0.1;
const RISE: f64 = 3.0;

/// States which upstreams refuse.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for (name, label) in REFUSED {
        let all = case.snapshot.series.iter();
        for series in all.filter(|one| one.name == name) {
            if let Some(finding) = judge(case, series, label) {
                findings.add(finding);
            }
        }
    }
}

fn judge(case: &Case<'_>, series: &Series, label: &str) -> Option<Finding> {
    let upstream = upstream(case, series, series.labels.get(label)?)?;
    let refused = Measured {
        series,
        points: exported::added(&[series], Sort::Counter),
    };
    let risen = refused.risen(case)?;
    if !risen.is_large(RISE, REFUSED_MIN) {
        return None;
    }
    let strength = if is_asked(case, &upstream) {
        Strength::Likely
    } else {
        Strength::Hint
    };
    let statement = format!(
        "{upstream} refuses {:.1} connections per second of the proxy in front of it.",
        risen.level
    );
    let title = format!("{:.1} connections per second cannot be made", risen.level);
    let cause = Cause::DependencyRefused;
    Some(
        Finding::new(cause, upstream.clone(), strength, statement)
            .because([draft(&upstream, &refused, title)])
            .since(instant(risen.since))
            .explains(affected(case, &upstream)),
    )
}

/// The workload behind the Service that a proxy's upstream names:
/// `outbound|80||web.shop.svc.cluster.local`, `shop_web_http`, `shop-web-80`.
fn upstream(case: &Case<'_>, series: &Series, name: &str) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let home = series.labels.get("namespace").map_or("", String::as_str);
    let host = name.rsplit('|').next().unwrap_or(name);
    let by_host = wiring::service_of(objects, host, home);
    let found = by_host.or_else(|| {
        let mut named = objects.services.iter().filter(|service| {
            let (namespace, own) = (
                crate::causes::view::namespace_of(*service),
                crate::causes::view::name_of(*service),
            );
            ['_', '-'].iter().any(|mark| {
                let rest = name.strip_prefix(namespace).and_then(|rest| {
                    rest.strip_prefix(*mark)?
                        .strip_prefix(own)?
                        .strip_prefix(*mark)
                });
                rest.is_some_and(|port| !port.is_empty())
            })
        });
        // Names with dashes read in several ways; only one that fits is meant.
        named.next().filter(|_| named.next().is_none())
    })?;
    Some(wiring::workload_behind(objects, found))
}
