//! A Kubernetes and Prometheus API server out of incident bundles and scenario
//! recipes, for the demo and the tests.
//!
//! [`world`] holds raw objects, logs and series and how they change; [`api`]
//! answers for it as a Kubernetes API server would; [`prometheus`] answers
//! queries over its series; [`scenarios`] builds clusters and breaks them the
//! way kubelet, scheduler and controllers would show it. [`simulator`] starts
//! the two servers.
//!
//! It knows nothing of the appliance: whoever reads it through its APIs cannot
//! tell it from a cluster, and it is read-only, as the appliance's access is.

pub mod api;
pub mod faults;
pub mod prometheus;
pub mod scenarios;
mod serve;
pub mod simulator;
pub mod variants;
pub mod world;

pub use self::simulator::{Options, Simulator};
pub use self::world::{Cluster, World};
