//! The appliance's HTTP edge: what comes in from Alertmanager, what the
//! console shows, how the appliance is watched.
//!
//! Decides paths, wire forms, status codes and browser protections. Leaves
//! what an incident is to the backend behind [`backend::ConsoleBackend`], and
//! listening, TLS and wiring to the service crate.
//!
//! Invariant: every failure of the console API is `application/problem+json`
//! whose code has a page in `docs/errors/`.

pub mod assets;
pub mod auth;
pub mod backend;
pub mod console;
pub mod error;
mod events;
mod headers;
pub mod health;
pub mod hosts;
pub mod openapi;
pub mod receiver;
pub mod wire;
