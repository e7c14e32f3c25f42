//! Who changed an object, and when, as far as the object itself tells.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};

/// Managers that write what the cluster itself keeps up to date.
const CONTROLLERS: &[&str] = &[
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-apiserver",
    "cloud-controller-manager",
];

/// An edit that the field managers tell of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) at: Timestamp,
    pub(super) manager: String,
    /// The fields that the manager looks after: `spec.selector`, `data.KEY`.
    /// A tool that applies whole objects looks after all of them.
    pub(super) fields: Vec<String>,
}

impl Edit {
    fn of(entry: &ManagedFieldsEntry) -> Option<Self> {
        Some(Self {
            at: entry.time.as_ref()?.0,
            manager: entry.manager.clone().unwrap_or_default(),
            fields: fields(entry),
        })
    }
}

/// The second-level fields that an entry names, but for the object's own data.
fn fields(entry: &ManagedFieldsEntry) -> Vec<String> {
    let top = entry.fields_v1.as_ref().and_then(|all| all.0.as_object());
    let sections = top.into_iter().flatten();
    sections
        .filter(|(section, _)| !matches!(section.as_str(), "f:metadata" | "f:status"))
        .flat_map(|(section, inner)| {
            let section = section.strip_prefix("f:").unwrap_or(section);
            let inner = inner.as_object().into_iter().flatten();
            inner
                .filter_map(|(field, _)| field.strip_prefix("f:"))
                .map(move |field| format!("{section}.{field}"))
        })
        .collect()
}

/// The last edit of the object's own fields by someone else than the cluster.
pub(super) fn last_edit(meta: &ObjectMeta) -> Option<Edit> {
    meta.managed_fields
        .iter()
        .flatten()
        .filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty())
        .filter_map(Edit::of)
        .filter(|edit| !CONTROLLERS.contains(&edit.manager.as_str()))
        .max_by_key(|edit| edit.at)
}

/// The last manager whose fields contain `path`, for example `["spec", "unschedulable"]`.
pub(super) fn editor_of(meta: &ObjectMeta, path: &[&str]) -> Option<Edit> {
    meta.managed_fields
        .iter()
        .flatten()
        .filter(|entry| {
            let mut fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
            for part in path {
                fields = fields.and_then(|fields| fields.get(format!("f:{part}")));
            }
            fields.is_some()
        })
        .filter_map(Edit::of)
        .max_by_key(|edit| edit.at)
}

/// The last edit of `path` alone, by a person or tool and not by the cluster:
/// what `kubectl scale` and `kubectl patch` leave behind.
pub(super) fn edit_of_only(meta: &ObjectMeta, path: &str) -> Option<Edit> {
    let entries = meta.managed_fields.iter().flatten();
    entries
        .filter_map(Edit::of)
        .filter(|edit| edit.fields == [path] && !CONTROLLERS.contains(&edit.manager.as_str()))
        .max_by_key(|edit| edit.at)
}

/// Who is behind an object: its change cause, the tool that deploys it, the
/// manager of its last edit; empty where nothing tells.
pub(super) fn author(meta: &ObjectMeta) -> String {
    let annotation = |key: &str| meta.annotations.as_ref()?.get(key).cloned();
    let label = |key: &str| meta.labels.as_ref()?.get(key).cloned();
    let cause = annotation("kubernetes.io/change-cause");
    let tool = annotation("argocd.argoproj.io/tracking-id")
        .map(|id| id.split(':').next().unwrap_or_default().to_owned())
        .or_else(|| label("argocd.argoproj.io/instance"))
        .map(|app| format!("argocd application {app}"))
        .or_else(|| {
            label("kustomize.toolkit.fluxcd.io/name")
                .map(|name| format!("flux kustomization {name}"))
        })
        .or_else(|| {
            label("helm.toolkit.fluxcd.io/name").map(|name| format!("flux helm release {name}"))
        })
        .or_else(|| {
            annotation("meta.helm.sh/release-name").map(|name| format!("helm release {name}"))
        });
    let manager = last_edit(meta)
        .map(|edit| edit.manager)
        .filter(|manager| !manager.is_empty());
    [cause, manager, tool]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}
