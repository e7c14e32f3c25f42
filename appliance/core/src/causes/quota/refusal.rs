//! Reads "exceeded quota" refusals.

use std::collections::BTreeMap;

use super::{cause_of, finding};
use crate::causes::quantity::parse;
use crate::causes::said::refusals;
use crate::causes::view::affected_by_workload;
use crate::causes::{Case, Findings, Strength};

/// What the API server says about one quota.
#[derive(Debug, PartialEq)]
pub(super) struct Exceeded<'a> {
    pub(super) quota: &'a str,
    /// Resource to (requested, used, limited), as written.
    pub(super) resources: BTreeMap<&'a str, [&'a str; 3]>,
}

/// Parses `exceeded quota: Q, requested: a=1,b=2, used: …, limited: …`.
pub(super) fn parse_exceeded(text: &str) -> Option<Exceeded<'_>> {
    let marker = "exceeded quota: ";
    let start = text.to_ascii_lowercase().find(marker)? + marker.len();
    let (quota, rest) = text[start..].split_once(',')?;
    let mut resources: BTreeMap<&str, [&str; 3]> = BTreeMap::new();
    for (column, word) in ["requested: ", "used: ", "limited: "].iter().enumerate() {
        let Some((_, values)) = rest.split_once(word) else {
            continue;
        };
        let values = values.split([' ', ';']).next().unwrap_or(values);
        for (name, value) in values.split(',').filter_map(|pair| pair.split_once('=')) {
            resources.entry(name).or_insert([""; 3])[column] = value;
        }
    }
    Some(Exceeded {
        quota: quota.trim(),
        resources,
    })
}

/// Whether this resource is one that does not fit; unreadable numbers count as such.
fn does_not_fit(&[requested, used, limited]: &[&str; 3]) -> bool {
    match (parse(requested), parse(used), parse(limited)) {
        (Some(requested), Some(used), Some(limited)) => requested + used > limited,
        _ => true,
    }
}

/// Finds namespaces whose quota refuses a controller's pods or claims.
pub(crate) fn refused(case: &Case<'_>, findings: &mut Findings) {
    for refusal in refusals(case) {
        let namespace = refusal.workload.namespace.as_deref().unwrap_or_default();
        for said in &refusal.said {
            let Some(exceeded) = parse_exceeded(&said.text) else {
                continue;
            };
            for (resource, numbers) in &exceeded.resources {
                if !does_not_fit(numbers) {
                    continue;
                }
                let [requested, used, limited] = numbers;
                let statement = format!(
                    "ResourceQuota {} of namespace {namespace} allows {resource} {limited} and {used} is used; {} asks for {requested} more and gets nothing",
                    exceeded.quota, refusal.workload
                );
                findings.add(
                    finding(cause_of(resource), namespace, Strength::Stated, statement)
                        .because([said.draft.clone()])
                        .since(said.since.or(said.at))
                        .explains([refusal.controller.clone()])
                        .explains(affected_by_workload(
                            &case.snapshot.objects,
                            &refusal.workload,
                        )),
                );
            }
        }
    }
}
