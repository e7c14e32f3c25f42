//! Pods that are refused, or that never get from scheduled to started.
//!
//! [`admission`] is what the API server refuses to create, [`config`] is what
//! a pod refers to and cannot have, [`command`] is what the runtime cannot
//! start, [`sandbox`] is the pod's network. Images are [`super::image`]'s,
//! quotas [`super::quota`]'s.

pub(super) mod admission;
pub(super) mod command;
pub(super) mod config;
pub(super) mod sandbox;
