//! etcd by its own words and measures: disk, quorum, space.
//!
//! Words are those etcd and the API server log or hand on in events; measures
//! are etcd's own. What its mixin's alerts say is [`super::alerts`]'.

use k8s_openapi::api::core::v1::Pod;

use crate::causes::{Case, Cause, Finding, Findings, Strength, component, series, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// Words (lower case), the cause, and what they say.
const WORDS: [(&[&str], Cause, &str); 3] = [
    (
        &["database space exceeded", "nospace alarm"],
        Cause::EtcdNoSpace,
        "etcd's database is full and takes no writes",
    ),
    (
        &[
            "etcdserver: no leader",
            "lost leader",
            "lost the tcp streaming connection with peer",
            "prober detected unhealthy status",
            "failed to reach quorum",
        ],
        Cause::EtcdNoQuorumLeader,
        "etcd lacks members or a leader",
    ),
    (
        &[
            "slow fdatasync",
            "sync duration of",
            "leader failed to send out heartbeat on time",
        ],
        Cause::EtcdSlowDisk,
        "etcd waits long for its disk",
    ),
];

/// Complaints from which on slow syncs are no hiccup.
const SLOW_MIN: usize = 5;

/// Share of the quota from which the database is as good as full.
const NEARLY_FULL: f64 = 0.95;

/// Finds an etcd in trouble.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let pods = component::pods(case, &["etcd"]);
    words(case, &pods, findings);
    measures(case, &pods, findings);
}

fn words(case: &Case<'_>, pods: &[&Pod], findings: &mut Findings) {
    let mut speakers = component::pods(case, &["kube-apiserver"]);
    speakers.extend(pods);
    for (words, cause, what) in WORDS {
        let said = component::said(case, &speakers, words);
        let count: usize = said.iter().map(|log| log.count).sum();
        let events = case.facts.events.iter().filter(|event| {
            view::in_window(case, event.last) && view::mentions(&event.message, words)
        });
        let mut drafts: Vec<Draft> = events.take(3).map(Draft::event).collect();
        if drafts.is_empty() && cause == Cause::EtcdSlowDisk && count < SLOW_MIN {
            continue;
        }
        let since = said.iter().filter_map(|log| log.first).min();
        let speaker = said
            .iter()
            .map(|log| &log.pod)
            .find(|pod| is_etcd(pods, pod));
        let object = speaker.cloned().unwrap_or_else(|| member(pods));
        drafts.extend(said.into_iter().take(3).map(Draft::log));
        if !drafts.is_empty() {
            findings.add(finding(cause, object, what).because(drafts).since(since));
        }
    }
}

fn is_etcd(pods: &[&Pod], object: &ObjectRef) -> bool {
    pods.iter().any(|pod| view::pod_ref(pod) == *object)
}

/// The member that is unwell, or any.
fn member(pods: &[&Pod]) -> ObjectRef {
    let unwell = pods.iter().find(|pod| !view::is_well(pod));
    let pod = unwell.or(pods.first());
    pod.map_or_else(component::control_plane, |pod| view::pod_ref(pod))
}

fn measures(case: &Case<'_>, pods: &[&Pod], findings: &mut Findings) {
    for one in &case.snapshot.series {
        let Some(last) = series::last(one) else {
            continue;
        };
        let told = match one.name.as_str() {
            "etcd_server_has_leader" if last == 0.0 => (
                Cause::EtcdNoQuorumLeader,
                "A member of etcd knows no leader",
                "has no leader".to_owned(),
            ),
            "etcd_mvcc_db_total_size_in_bytes" => {
                let quota = quota(case);
                if last < quota * NEARLY_FULL {
                    continue;
                }
                let title = format!("database has {last} bytes of at most {quota}");
                (
                    Cause::EtcdNoSpace,
                    "etcd's database reaches its quota",
                    title,
                )
            }
            _ => continue,
        };
        let named = one.labels.get("pod").and_then(|name| {
            let pod = pods.iter().find(|pod| view::name_of(**pod) == name)?;
            Some(view::pod_ref(pod))
        });
        let object = named.unwrap_or_else(|| member(pods));
        let draft = series::draft(object.clone(), one, told.2);
        findings.add(finding(told.0, object, told.1).because([draft]));
    }
}

/// The quota that etcd states, or its default of two GiB.
fn quota(case: &Case<'_>) -> f64 {
    series::named(case.snapshot, &["etcd_server_quota_backend_bytes"])
        .filter_map(series::last)
        .find(|bytes| *bytes > 0.0)
        .unwrap_or(2.0 * 1024.0 * 1024.0 * 1024.0)
}

fn finding(cause: Cause, object: ObjectRef, what: &str) -> Finding {
    Finding::new(cause, object, Strength::Strong, format!("{what}.")).check(
        "kubectl get pods -n kube-system -l component=etcd -o wide",
        "shows etcd's members and their nodes",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    fn etcd() -> Fixture {
        Fixture::new().with(json!({"kind": "Pod", "metadata": {"name": "etcd-cp1", "labels": {"component": "etcd"}},
            "status": {"phase": "Running", "containerStatuses": [{"name": "etcd", "ready": true, "restartCount": 0, "image": "", "imageID": ""}]}}))
    }

    #[track_caller]
    fn check(lines: &str, expected: &[&str]) {
        etcd()
            .log("etcd-cp1", "etcd", false, lines)
            .check(analyze, expected);
    }

    #[test]
    fn etcds_words_tell_disk_quorum_and_space_apart() {
        check(
            "{\"level\":\"warn\",\"msg\":\"failed to apply request\",\"error\":\"etcdserver: mvcc: database space exceeded\"}",
            &["EtcdNoSpace Pod shop/etcd-cp1"],
        );
        check(
            "{\"level\":\"warn\",\"msg\":\"prober detected unhealthy status\"}",
            &["EtcdNoQuorumLeader Pod shop/etcd-cp1"],
        );
        let slow = "{\"level\":\"warn\",\"msg\":\"slow fdatasync\",\"took\":\"2.1s\"}\n";
        check(&slow.repeat(6), &["EtcdSlowDisk Pod shop/etcd-cp1"]);
        check(slow, &[]);
        check("{\"level\":\"info\",\"msg\":\"compaction finished\"}", &[]);
    }

    #[test]
    fn etcds_measures_tell_the_same() {
        let labels = &[("pod", "etcd-cp1")];
        let led = |value: f64| etcd().series("etcd_server_has_leader", labels, &[value]);
        led(0.0).check(analyze, &["EtcdNoQuorumLeader Pod shop/etcd-cp1"]);
        led(1.0).check(analyze, &[]);
        let sized = |bytes: f64| {
            etcd()
                .series("etcd_mvcc_db_total_size_in_bytes", labels, &[bytes])
                .series("etcd_server_quota_backend_bytes", labels, &[8e9])
        };
        sized(7.9e9).check(analyze, &["EtcdNoSpace Pod shop/etcd-cp1"]);
        sized(3e9).check(analyze, &[]);
    }
}
