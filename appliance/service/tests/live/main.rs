//! Tests of the whole appliance, from outside: over HTTP, through the binary,
//! between the programs it works with.
//!
//! One test program, since each would link the whole appliance again. Select
//! with `cargo test -p anchorite --test live crash::`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests start programs, dial what they start, and say what they skip"
)]

mod appliance;
mod browser;
mod commands;
mod crash;
mod http;
mod real_parts;
mod support;
