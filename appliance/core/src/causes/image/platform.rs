//! Images whose program is for another processor than the node's.

use super::node_of;
use crate::causes::said::about_pod;
use crate::causes::view::{affected_by, is_well, mentions, pod_ref, workload_of};
use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// Finds binaries of a foreign platform: pulled, but not executable here.
pub(crate) fn platform(case: &Case<'_>, findings: &mut Findings) {
    const FRAGMENT: &[&str] = &["exec format error"];
    let objects = &case.snapshot.objects;
    for pod in objects.pods.iter().filter(|pod| !is_well(pod)) {
        let from_states = about_pod(case, pod)
            .into_iter()
            .filter(|said| said.mentions(FRAGMENT))
            .map(|said| said.draft);
        let own = pod_ref(pod);
        let from_logs = case
            .facts
            .logs
            .iter()
            .filter(|log| log.pod == own && mentions(&log.exemplar, FRAGMENT))
            .map(Draft::log);
        let mut drafts: Vec<Draft> = from_states.chain(from_logs).collect();
        if drafts.is_empty() {
            continue;
        }
        let arch = node_of(pod).and_then(|node| {
            let labels = objects.nodes.get("", node)?.metadata.labels.as_ref()?;
            Some((node, labels.get("kubernetes.io/arch")?))
        });
        if let Some((node, arch)) = arch {
            let title = format!("node {node} has architecture {arch}");
            drafts.push(Draft::spec(
                ObjectRef::cluster("Node", node),
                title,
                Vec::new(),
            ));
        }
        let finding = Finding::new(
            Cause::ImagePlatformMismatch,
            workload_of(objects, pod),
            Strength::Stated,
            format!(
                "the image of pod {} holds a program for another processor architecture than its node's{}",
                own.name,
                arch.map_or_else(String::new, |(_, arch)| format!(" ({arch})"))
            ),
        )
        .because(drafts)
        .explains(affected_by(objects, pod))
        .check(
            "kubectl get nodes -L kubernetes.io/arch",
            "shows which nodes have which architecture",
        );
        findings.add(finding);
    }
}
