//! The registry of faults in what carries workloads: network, storage, nodes,
//! control plane and monitoring.

recipes! {
    RECIPES:
}
