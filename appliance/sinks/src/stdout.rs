//! One JSON object per line, for log shippers and pipes.

use std::fmt;
use std::io::{Stdout, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::notice::Notice;
use crate::sink::{DeliveryError, Sink, SinkFuture};

/// Writes notices as JSON lines.
pub struct JsonLines<W> {
    name: String,
    // Held by a blocking thread while a slow reader empties the pipe.
    out: Arc<Mutex<W>>,
}

impl<W> fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl JsonLines<Stdout> {
    /// Writes to standard output.
    pub fn stdout(name: impl Into<String>) -> Self {
        Self::new(name, std::io::stdout())
    }
}

impl<W> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(name: impl Into<String>, out: W) -> Self {
        Self {
            name: name.into(),
            out: Arc::new(Mutex::new(out)),
        }
    }
}

impl<W: Write + Send + 'static> Sink for JsonLines<W> {
    fn name(&self) -> &str {
        &self.name
    }

    fn deliver<'a>(&'a self, notice: &'a Notice) -> SinkFuture<'a> {
        Box::pin(async move {
            let mut line = serde_json::to_vec(notice)
                .map_err(|error| DeliveryError::refused(error.to_string()))?;
            line.push(b'\n');
            let out = Arc::clone(&self.out);
            // A pipe that is not read blocks, and may do so for ever.
            tokio::task::spawn_blocking(move || write_line(&out, &line))
                .await
                .unwrap_or_else(|error| Err(DeliveryError::refused(error.to_string())))
        })
    }
}

/// Half a line cannot be taken back, so a broken pipe is final.
fn write_line<W: Write>(out: &Mutex<W>, line: &[u8]) -> Result<(), DeliveryError> {
    let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
    out.write_all(line)
        .and_then(|()| out.flush())
        .map_err(|error| DeliveryError::refused(error.to_string()))
}
