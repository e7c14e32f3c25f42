//! Wires the appliance: options in, a running [`app::App`] out.
//!
//! Decides how the crates are joined, which commands exist and what they
//! print. Everything a library crate can decide is decided there.

pub mod analyst;
pub mod app;
pub mod backend;
pub mod bundles;
pub mod channels;
pub mod commands;
pub mod completer;
pub mod config;
pub mod hub;
pub mod investigator;
mod machine;
mod memory;
pub mod model;
pub mod offline;
pub mod options;
pub mod pipeline;
mod routes;
pub mod shelf;
pub mod sources;
pub mod telemetry;
pub mod worklist;
