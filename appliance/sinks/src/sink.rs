//! What a channel has to be able to do.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::notice::Notice;

/// The future of a delivery.
pub type SinkFuture<'a> = Pin<Box<dyn Future<Output = Result<(), DeliveryError>> + Send + 'a>>;

/// A channel.
pub trait Sink: Send + Sync {
    /// The channel's name in metrics and logs, as configured.
    fn name(&self) -> &str;

    /// Delivers one notice. Called for one notice at a time.
    fn deliver<'a>(&'a self, notice: &'a Notice) -> SinkFuture<'a>;
}

/// Why a notice was not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Worth another try.
    #[error("{reason}")]
    Again {
        /// What went wrong.
        reason: String,
        /// How long the channel asked to wait.
        after: Option<Duration>,
    },
    /// Another try would end the same way.
    #[error("{reason}")]
    Refused {
        /// What went wrong.
        reason: String,
    },
}

impl DeliveryError {
    pub(crate) fn again(reason: impl Into<String>) -> Self {
        Self::Again {
            reason: reason.into(),
            after: None,
        }
    }

    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused {
            reason: reason.into(),
        }
    }
}
