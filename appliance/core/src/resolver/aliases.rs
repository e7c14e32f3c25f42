//! Which labels of a site's own rules name a subject.

use serde::{Deserialize, Serialize};

/// Label names that stand for a subject, in order of preference. Keys are
/// case-sensitive, as Prometheus's are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Aliases {
    /// Labels that name the namespace.
    pub namespace: Vec<String>,
    /// Labels that name the pod.
    pub pod: Vec<String>,
    /// Labels that name the node.
    pub node: Vec<String>,
    /// Labels that name a Deployment.
    pub deployment: Vec<String>,
    /// Labels that name a workload of a kind the label does not tell.
    pub workload: Vec<String>,
}

impl Default for Aliases {
    /// Names that exporters, service meshes and OpenTelemetry use.
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            namespace: list(&[
                "namespace",
                "kubernetes_namespace",
                "destination_workload_namespace",
                "k8s_namespace_name",
                "kube_namespace",
                "pod_namespace",
                "target_namespace",
            ]),
            pod: list(&["pod", "pod_name", "kubernetes_pod_name", "k8s_pod_name"]),
            node: list(&["node", "nodename", "kubernetes_node", "k8s_node_name"]),
            deployment: list(&["deployment", "deployment_name", "k8s_deployment_name"]),
            workload: list(&[
                "workload",
                "destination_workload",
                "app",
                "app_kubernetes_io_name",
                "label_app_kubernetes_io_name",
                "label_app",
                "kubernetes_name",
                "service_name",
            ]),
        }
    }
}

impl Aliases {
    /// The labels that may hold what `label` means, itself first.
    pub(super) fn of<'a>(&'a self, label: &'a str) -> impl Iterator<Item = &'a str> {
        let aliases = match label {
            "namespace" => self.namespace.as_slice(),
            "pod" => self.pod.as_slice(),
            "node" => self.node.as_slice(),
            "deployment" => self.deployment.as_slice(),
            _ => &[],
        };
        std::iter::once(label).chain(aliases.iter().map(String::as_str))
    }
}
