//! Response bodies that end at a limit and a deadline.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::Duration;
use tokio::time::Instant;

use crate::error::EgressError;

/// A response body, read piece by piece.
#[derive(Debug)]
pub struct LimitedBody {
    inner: Incoming,
    destination: String,
    bytes_left: usize,
    bytes_max: usize,
    deadline: Instant,
    total: Duration,
}

impl LimitedBody {
    pub(crate) fn new(
        inner: Incoming,
        destination: String,
        bytes_max: usize,
        deadline: Instant,
        total: Duration,
    ) -> Self {
        Self {
            inner,
            destination,
            bytes_left: bytes_max,
            bytes_max,
            deadline,
            total,
        }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// Past the limit, past the deadline, or when the connection breaks.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, EgressError> {
        loop {
            let frame = tokio::time::timeout_at(self.deadline, self.inner.frame())
                .await
                .map_err(|_| EgressError::Timeout {
                    destination: self.destination.clone(),
                    after: self.total,
                })?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| EgressError::exchange(&self.destination, &error))?;
            if let Ok(data) = frame.into_data() {
                return self.claim(data).map(Some);
            }
        }
    }

    fn claim(&mut self, data: Bytes) -> Result<Bytes, EgressError> {
        self.bytes_left =
            self.bytes_left
                .checked_sub(data.len())
                .ok_or_else(|| EgressError::BodyTooLarge {
                    destination: self.destination.clone(),
                    bytes_max: self.bytes_max,
                })?;
        Ok(data)
    }

    /// Reads to the end.
    ///
    /// # Errors
    /// As [`LimitedBody::chunk`].
    pub async fn collect(mut self) -> Result<Bytes, EgressError> {
        let mut whole = BytesMut::new();
        while let Some(data) = self.chunk().await? {
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }
}
