//! Why nothing was dialled, and why a request through an open door failed.

use std::net::IpAddr;
use std::time::Duration;

use http::StatusCode;

/// Why a connection was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// The destination is not configured.
    #[error("{destination} is not on the list of permitted destinations, so it was not dialled")]
    Denied {
        /// Host and port.
        destination: String,
    },
    /// The name led to an address that is not private and not configured.
    #[error(
        "{destination} resolved to {address}, which is not a private address: pin it as {destination}={address} if that is right"
    )]
    Address {
        /// Host and port.
        destination: String,
        /// The address that was refused.
        address: IpAddr,
    },
    /// The URI has no host, or a scheme other than http and https.
    #[error("{uri:?} is not an http or https address with a host")]
    NotDialable {
        /// The URI, shortened.
        uri: String,
    },
    /// The name could not be resolved.
    #[error("could not resolve {destination}: {reason}")]
    Resolve {
        /// Host and port.
        destination: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nothing answered.
    #[error("could not connect to {destination}: {reason}")]
    Connect {
        /// Host and port.
        destination: String,
        /// What the system said.
        reason: String,
    },
    /// Connecting took too long.
    #[error("could not connect to {destination} within {} ms", after.as_millis())]
    Timeout {
        /// Host and port.
        destination: String,
        /// The limit.
        after: Duration,
    },
}

impl DialError {
    /// Whether the guard refused, rather than the network.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Denied { .. } | Self::Address { .. } | Self::NotDialable { .. }
        )
    }

    /// Finds the dial error that caused `error`, however deeply it is wrapped.
    pub fn find<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut current = Some(error);
        while let Some(error) = current {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            current = error.source();
        }
        None
    }
}

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// No connection was opened.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The server did not answer in time.
    #[error("{destination} did not answer within {} ms", after.as_millis())]
    Timeout {
        /// Host and port.
        destination: String,
        /// The limit.
        after: Duration,
    },
    /// The server pointed elsewhere; redirects are not followed.
    #[error(
        "{destination} answered {status}, a redirect, and redirects are not followed: configure the final address"
    )]
    Redirect {
        /// Host and port.
        destination: String,
        /// The status.
        status: StatusCode,
    },
    /// The body is longer than permitted.
    #[error("the answer of {destination} is longer than {bytes_max} bytes")]
    BodyTooLarge {
        /// Host and port.
        destination: String,
        /// The limit.
        bytes_max: usize,
    },
    /// TLS or HTTP went wrong.
    #[error("the exchange with {destination} failed: {reason}")]
    Exchange {
        /// Host and port.
        destination: String,
        /// The innermost reason.
        reason: String,
    },
}

impl EgressError {
    pub(crate) fn exchange(destination: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        if let Some(dial) = DialError::find(error) {
            return Self::Dial(dial.clone());
        }
        Self::Exchange {
            destination: destination.to_owned(),
            reason: root_cause(error),
        }
    }
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
