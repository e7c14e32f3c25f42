//! Causes between pods: Services that lead nowhere, policies, ingresses,
//! certificates, slow or lossy links.

mod dns;
mod ingress;
mod latency;
mod policy;
mod services;
#[cfg(test)]
mod tests;

pub(super) use self::policy::egress_without_dns;
use super::Analyzer;

/// The analyzers of this family.
pub(crate) const ANALYZERS: &[Analyzer] = &[
    services::analyze,
    dns::analyze,
    policy::analyze,
    ingress::analyze,
    latency::analyze,
];
