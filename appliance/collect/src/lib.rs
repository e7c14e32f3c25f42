//! Where snapshots come from.
//!
//! [`kube`] reads the live cluster, [`prometheus`] the site's metrics, and
//! [`combined`] asks both at once. [`bundle`] reads and writes incident
//! bundles and reads plain `kubectl cluster-info dump` directories.

pub mod bundle;
pub mod combined;
mod gaps;
pub mod kube;
pub mod prometheus;
mod text;
