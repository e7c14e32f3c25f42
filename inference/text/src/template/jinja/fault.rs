//! Why a template cannot be read or run.

use std::fmt;

/// Why a template cannot be read or run, and where.
#[derive(Debug)]
pub(in crate::template) struct Fault {
    message: String,
    /// Counted from 1; 0 where it is not known.
    line: u32,
}

impl Fault {
    /// A fault that does not know its line yet.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            line: 0,
        }
    }

    /// A fault of `line`.
    pub(super) fn at(line: u32, message: impl Into<String>) -> Self {
        Self::new(message).on(line)
    }

    /// The same, of `line` unless it knows better.
    pub(super) fn on(mut self, line: u32) -> Self {
        if self.line == 0 {
            self.line = line;
        }
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if self.line > 0 {
            write!(f, " (line {} of the template)", self.line)?;
        }
        Ok(())
    }
}
