//! Pods that keep each other away, or want to be near each other.
//!
//! # Source
//! `kubernetes/pkg/scheduler/framework/plugins/interpodaffinity`.

use k8s_openapi::api::core::v1::{Node, Pod, PodAffinityTerm, PodSpec};

use super::fit::{Blocker, Cluster, Kind, blocker, labels_of};
use crate::causes::labels::{Labels, matches_selector};
use crate::causes::view::{name_of, namespace_of};

impl<'a> Cluster<'a> {
    /// Required pod affinity and anti-affinity, both ways.
    pub(super) fn neighbours(
        &self,
        pod: &Pod,
        spec: &PodSpec,
        node: &Node,
        blockers: &mut Vec<Blocker>,
    ) {
        let labels = labels_of(node);
        let affinity = spec.affinity.as_ref();
        let keeps_away = affinity.and_then(|affinity| affinity.pod_anti_affinity.as_ref());
        let away = keeps_away.and_then(|rules| {
            rules
                .required_during_scheduling_ignored_during_execution
                .as_deref()
        });
        for term in away.unwrap_or_default() {
            if let Some(other) = self.in_domain(term, namespace_of(pod), &labels).next() {
                let detail = format!(
                    "runs pod {}, which its anti-affinity keeps away from",
                    name_of(other)
                );
                blockers.push(blocker(Kind::AntiAffinity, detail));
                return;
            }
        }
        if let Some(other) = self.pushes_away(pod, &labels) {
            let detail = format!(
                "runs pod {}, whose anti-affinity keeps it away",
                name_of(other)
            );
            blockers.push(blocker(Kind::AntiAffinity, detail));
            return;
        }
        let wants = affinity.and_then(|affinity| affinity.pod_affinity.as_ref());
        let near = wants.and_then(|rules| {
            rules
                .required_during_scheduling_ignored_during_execution
                .as_deref()
        });
        for term in near.unwrap_or_default() {
            let first_of_its_kind = selects(term, namespace_of(pod), pod, namespace_of(pod))
                && !self.everywhere(term, namespace_of(pod));
            if self
                .in_domain(term, namespace_of(pod), &labels)
                .next()
                .is_none()
                && !first_of_its_kind
            {
                blockers.push(blocker(
                    Kind::PodAffinity,
                    "runs none of the pods its affinity asks for",
                ));
                return;
            }
        }
    }

    /// Placed pods that `term` selects in the topology domain of a node with `labels`.
    fn in_domain<'s>(
        &'s self,
        term: &'s PodAffinityTerm,
        own_namespace: &'s str,
        labels: &'s Labels,
    ) -> impl Iterator<Item = &'a Pod> + 's {
        let domain = labels.get(&term.topology_key);
        self.placed
            .iter()
            .filter(move |(node, _)| {
                domain.is_some() && self.domain(node, &term.topology_key) == domain
            })
            .flat_map(|(_, pods)| pods.iter().copied())
            .filter(move |pod| selects(term, own_namespace, pod, namespace_of(*pod)))
    }

    fn everywhere(&self, term: &PodAffinityTerm, own_namespace: &str) -> bool {
        self.placed
            .values()
            .flatten()
            .any(|pod| selects(term, own_namespace, pod, namespace_of(*pod)))
    }

    fn domain(&self, node: &str, key: &str) -> Option<&'a String> {
        self.objects
            .nodes
            .get("", node)?
            .metadata
            .labels
            .as_ref()?
            .get(key)
    }

    /// A placed pod in the node's domain whose own anti-affinity selects `pod`.
    fn pushes_away(&self, pod: &Pod, labels: &Labels) -> Option<&'a Pod> {
        self.placed
            .iter()
            .flat_map(|(node, pods)| pods.iter().map(move |other| (node, *other)))
            .find(|(node, other)| {
                let rules = other.spec.as_ref().and_then(|spec| {
                    spec.affinity
                        .as_ref()?
                        .pod_anti_affinity
                        .as_ref()?
                        .required_during_scheduling_ignored_during_execution
                        .as_deref()
                });
                rules.unwrap_or_default().iter().any(|term| {
                    let domain = labels.get(&term.topology_key);
                    domain.is_some()
                        && self.domain(node, &term.topology_key) == domain
                        && selects(term, namespace_of(*other), pod, namespace_of(pod))
                })
            })
            .map(|(_, other)| other)
    }
}

/// Whether an affinity term written in `own_namespace` selects `pod`.
fn selects(term: &PodAffinityTerm, own_namespace: &str, pod: &Pod, namespace: &str) -> bool {
    let listed = term.namespaces.as_deref().unwrap_or_default();
    let in_scope = if term.namespace_selector.is_some() || !listed.is_empty() {
        // A namespace selector needs namespace labels; only "all namespaces" is decided here.
        let all = term.namespace_selector.as_ref().is_some_and(|selector| {
            selector.match_labels.iter().flatten().next().is_none()
                && selector.match_expressions.iter().flatten().next().is_none()
        });
        all || listed.iter().any(|name| name == namespace)
    } else {
        own_namespace == namespace
    };
    let labels = pod.metadata.labels.clone().unwrap_or_default();
    in_scope
        && term
            .label_selector
            .as_ref()
            .is_some_and(|selector| matches_selector(selector, &labels))
}
