//! Namespaces whose quota is used up, and who goes without because of it.
//!
//! The API server names the quota and the numbers when it refuses an object;
//! [`refusal`] reads them. Where that message is gone, or never became an
//! event (a Service or claim refused to a person's `kubectl apply`), [`full`]
//! decides from the quota's own status and what is missing.
//!
//! Invariant: a full quota alone is no finding; something must be missing.
//! The object is the Namespace, because a quota governs it as a whole.

mod full;
mod refusal;
#[cfg(test)]
mod tests;

use super::{Cause, Finding, Strength};
use crate::evidence::query::shell_word;
use crate::object::ObjectRef;

pub(super) use self::full::{claims, has_storage_quota, missing_claims, pods, services};
pub(super) use self::refusal::refused;

/// Which finer cause a resource name of a quota belongs to.
fn cause_of(resource: &str) -> Cause {
    let name = resource
        .strip_prefix("requests.")
        .or_else(|| resource.strip_prefix("limits."))
        .unwrap_or(resource);
    match name {
        "cpu" => Cause::CpuQuotaExceeded,
        "memory" => Cause::MemoryQuotaExceeded,
        "pods" | "count/pods" => Cause::PodQuotaExceeded,
        "storage" | "persistentvolumeclaims" | "count/persistentvolumeclaims" => {
            Cause::StorageQuotaExceeded
        }
        _ if name.starts_with("services") || name == "count/services" => {
            Cause::ServiceQuotaExceeded
        }
        _ if name.contains("storageclass.storage.k8s.io/") => Cause::StorageQuotaExceeded,
        _ => Cause::QuotaExceeded,
    }
}

/// A finding about the namespace, with the checks every quota shares.
fn finding(cause: Cause, namespace: &str, strength: Strength, statement: String) -> Finding {
    Finding::new(cause, ObjectRef::cluster("Namespace", namespace), strength, statement)
        .check(
            format!("kubectl describe resourcequota -n {}", shell_word(namespace)),
            "shows what is used and what is allowed",
        )
        .check(
            format!("kubectl get pods -n {} -o custom-columns='NAME:.metadata.name,REQUESTS:.spec.containers[*].resources.requests'", shell_word(namespace)),
            "shows who holds the quota",
        )
}
