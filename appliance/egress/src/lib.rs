//! The one crate that dials.
//!
//! Decides whether a connection may be opened; leaves what is said on it to
//! the callers. Every outgoing connection of the appliance, those of the
//! Kubernetes client included, goes through [`Connector`], which compares the
//! host and port it is about to dial with the [`AllowList`] and the addresses
//! a name led to with [`Destination::check_address`].
//!
//! Invariants: nothing outside the list is dialled or even looked up; no
//! redirect is followed; no proxy is taken from the environment.

mod allow_list;
mod body;
mod client;
mod connector;
mod error;
mod metrics;
mod tls;

#[cfg(test)]
mod tests;

pub use self::allow_list::{AllowList, Destination, ParseDestinationError};
pub use self::body::LimitedBody;
pub use self::client::{Client, Limits};
pub use self::connector::{Connector, Egress};
pub use self::error::{DialError, EgressError};
pub use self::metrics::DestinationCounts;
pub use self::tls::{Roots, TlsError};
