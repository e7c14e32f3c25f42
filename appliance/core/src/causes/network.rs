//! Causes between pods: Services that lead nowhere, policies, ingresses,
//! certificates, slow or lossy links.

mod balancer;
mod certificates;
mod classes;
mod dns;
mod gateway;
mod ingress;
mod latency;
mod links;
mod mesh;
mod names;
mod node_path;
mod policy;
mod proxy;
mod routes;
mod services;
mod sockets;
#[cfg(test)]
mod tests;

pub(super) use self::latency::slow_workloads;
pub(super) use self::policy::egress_without_dns;
use super::Analyzer;

/// The analyzers of this family.
pub(crate) const ANALYZERS: &[Analyzer] = &[
    services::analyze,
    dns::analyze,
    policy::analyze,
    ingress::analyze,
    latency::analyze,
    node_path::analyze,
    links::analyze,
    balancer::analyze,
    gateway::analyze,
    mesh::analyze,
    proxy::analyze,
    routes::analyze,
    names::analyze,
    sockets::analyze,
    classes::analyze,
    certificates::analyze,
    mesh::rules::analyze,
];
