//! Where snapshots come from.
//!
//! [`kube`] reads the live cluster, [`prometheus`] the site's metrics, and
//! [`combined`] asks both at once.

pub mod combined;
mod gaps;
pub mod kube;
pub mod prometheus;
mod text;
