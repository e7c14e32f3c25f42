//! Message brokers whose members no longer agree with one another.
//!
//! The broker's own log is the best witness; clients that are refused for want
//! of replicas or of a leader are the second. The object is the broker.

use k8s_openapi::api::core::v1::Pod;

use super::{matters, pod_of};
use crate::causes::signs::{Seen, Sign};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::object::ObjectRef;

/// Client and peer ports of common brokers: AMQP, Kafka, NATS,
/// Pulsar, Redis and their coordinators.
const PORTS: [i32; 12] = [
    5672, 5671, 25672, 9092, 9093, 4222, 6222, 61616, 6650, 6379, 16379, 2181,
];

/// States which brokers are split.
pub(super) fn analyze(case: &Case<'_>, seen: &[Seen], findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for one in seen.iter().filter(|one| one.sign == Sign::BrokerPartition) {
        let Some(pod) = pod_of(case, one) else {
            continue;
        };
        if !matters(case, pod, one) {
            continue;
        }
        let own = is_broker(case, pod);
        let client = view::workload_of(objects, pod);
        let object = if own {
            Some(client.clone())
        } else {
            broker_of(case, &client)
        };
        let strength = match (&object, own) {
            (_, true) => Strength::Strong,
            (Some(_), false) => Strength::Likely,
            (None, false) => Strength::Hint,
        };
        let object = object.unwrap_or_else(|| client.clone());
        let statement = format!(
            "The members of {object} do not agree with one another: {client} tells of a partition or a lost quorum."
        );
        let namespace = super::namespace_words(object.namespace.as_deref());
        findings.add(
            Finding::new(Cause::MessageBrokerPartition, object, strength, statement)
                .because([one.draft()])
                .since(one.first)
                .explains(view::affected_by(objects, pod))
                .check(
                    format!("kubectl get pods{namespace} -o wide"),
                    "shows on which nodes the broker's members run",
                ),
        );
    }
}

fn is_broker(case: &Case<'_>, pod: &Pod) -> bool {
    let declared = wiring::declared_ports(wiring::containers(pod));
    let objects = &case.snapshot.objects;
    let by_service = view::services_of(objects, pod).iter().any(|service| {
        let namespace = service.namespace.as_deref().unwrap_or_default();
        let service = objects.services.get(namespace, &service.name);
        service.is_some_and(|service| serves(wiring::ports(service)))
    });
    by_service || declared.iter().any(|port| PORTS.contains(port))
}

fn serves(ports: &[k8s_openapi::api::core::v1::ServicePort]) -> bool {
    ports.iter().any(|port| PORTS.contains(&port.port))
}

/// The broker that a client is configured with.
fn broker_of(case: &Case<'_>, client: &ObjectRef) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let namespace = client.namespace.as_deref().unwrap_or_default();
    wiring::settings_of(objects, client)
        .iter()
        .filter_map(|setting| wiring::service_of(objects, &setting.host, namespace))
        .find(|service| serves(wiring::ports(service)))
        .map(|service| wiring::workload_behind(objects, service))
}
