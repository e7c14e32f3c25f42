//! Brokers whose members are apart although all of them run.
//!
//! A member that is down leaves partitions with fewer replicas: that is its
//! own trouble. Members that all run and still do not agree are parted.

use super::{affected, draft, strength};
use crate::causes::exported::{Sort, by_place, server_of};
use crate::causes::trend::instant;
use crate::causes::{Case, Cause, Finding, Findings, Strength, view};

/// Gauges that are above zero while members are apart, with the broker's ports.
const APART: [(&[&str], &[i32], &str); 3] = [
    (
        &[
            "kafka_topic_partition_under_replicated_partition",
            "kafka_server_replicamanager_underreplicatedpartitions",
        ],
        &[9092, 9093],
        "partitions lack replicas",
    ),
    (
        &["kafka_controller_kafkacontroller_offlinepartitionscount"],
        &[9092, 9093],
        "partitions have no leader",
    ),
    (
        &["rabbitmq_unreachable_cluster_peers_count"],
        &[5672, 5671],
        "members are out of reach",
    ),
];

/// States which brokers are parted.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for (names, ports, what) in APART {
        for apart in by_place(case, names, Sort::Level).into_values() {
            let Some(now) = apart.now(case).filter(|now| *now >= 1.0) else {
                continue;
            };
            let Some(object) = server_of(case, apart.series, ports) else {
                continue;
            };
            let pods = view::pods_of(&case.snapshot.objects, &object);
            if pods.is_empty() || !pods.iter().all(|pod| view::is_well(pod)) {
                continue;
            }
            let title = format!("{now:.0} {what}");
            let statement = format!(
                "The members of {object} do not agree with one another: {title} while all its pods are ready."
            );
            let cause = Cause::MessageBrokerPartition;
            let strength = strength(case, &object).min(Strength::Likely);
            findings.add(
                Finding::new(cause, object.clone(), strength, statement)
                    .because([draft(&object, &apart, title)])
                    .since(apart.risen(case).and_then(|risen| instant(risen.since)))
                    .explains(affected(case, &object)),
            );
        }
    }
}
