//! Where analyses are sent.
//!
//! Each channel is a [`Sink`]; the [`Dispatcher`] gives each its own queue and
//! its own patience, so that a dead chat server delays neither the incident
//! nor the other channels. Everything but standard output goes through
//! `appliance_egress`.
//!
//! Invariants: sending never waits; a notice that is superseded before it was
//! delivered is not delivered; every notice that is given up on is counted.

mod dispatcher;
mod http_call;
mod metrics;
mod notice;
mod pending;
mod secret;
mod sink;
mod slack;
mod stdout;
mod webhook;

#[cfg(test)]
mod tests;

pub use self::dispatcher::{Dispatcher, DispatcherOptions};
pub use self::notice::{Notice, Stage};
pub use self::secret::{SecretFile, SecretFileError};
pub use self::sink::{DeliveryError, Sink, SinkFuture};
pub use self::slack::{SlackOptions, SlackSink};
pub use self::stdout::JsonLines;
pub use self::webhook::{SIGNATURE_HEADER, TIMESTAMP_HEADER, WebhookOptions, WebhookSink};
