//! From lines to entries: a stack trace, however long, is one.
//!
//! An entry keeps its first line and, where it has one, the line further down
//! that says what happened (a .NET message, the innermost "Caused by", the
//! exception below a Python traceback). The other lines of a trace are counted
//! as part of it and dropped.

use jiff::Timestamp;

use super::time::leading;

/// One thing a log says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// When, where the line or its prefix tells.
    pub(super) at: Option<Timestamp>,
    /// The first line without the time of kubectl's prefix.
    pub(super) head: &'a str,
    /// The telling line below it.
    pub(super) detail: Option<&'a str>,
    /// The capture's time, for times without a year.
    pub(super) captured_at: Timestamp,
}

impl Entry<'_> {
    /// The kept lines as they were, joined by a line feed, at most `max` bytes each.
    pub(super) fn verbatim(&self, max: usize) -> String {
        let mut text = cut(self.head, max).to_owned();
        if let Some(detail) = self.detail {
            text.push('\n');
            text.push_str(cut(detail, max));
        }
        text
    }
}

fn cut(line: &str, max: usize) -> &str {
    let mut end = line.len().min(max);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

/// The entries of a log, in order.
pub(super) fn entries(text: &str, captured_at: Timestamp) -> Entries<'_> {
    Entries {
        lines: text.lines(),
        captured_at,
        pending: None,
        trace: Trace::None,
    }
}

/// Which kind of trace the lines are in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trace {
    None,
    /// Python tells the exception after the frames.
    Python,
    /// Go lists goroutines until an empty line.
    Go,
}

pub(super) struct Entries<'a> {
    lines: std::str::Lines<'a>,
    captured_at: Timestamp,
    pending: Option<Entry<'a>>,
    trace: Trace,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        for line in self.lines.by_ref() {
            let (at, text) = strip_prefix(line, self.captured_at);
            if text.trim().is_empty() {
                if self.trace == Trace::Go
                    && self.pending.as_ref().is_some_and(|p| p.detail.is_some())
                {
                    self.trace = Trace::None;
                }
                continue;
            }
            if let Some(pending) = &mut self.pending
                && belongs(pending, &mut self.trace, text)
            {
                continue;
            }
            self.trace = trace_of(text);
            let entry = Entry {
                at,
                head: text,
                detail: None,
                captured_at: self.captured_at,
            };
            if let Some(done) = self.pending.replace(entry) {
                return Some(done);
            }
        }
        self.pending.take()
    }
}

/// Takes off the time that `kubectl logs --timestamps` writes before a line.
fn strip_prefix(line: &str, captured_at: Timestamp) -> (Option<Timestamp>, &str) {
    if let Some(b'0'..=b'9') = line.as_bytes().first()
        && let Some((at, length)) = leading(line, captured_at)
        && line.as_bytes().get(10) == Some(&b'T')
    {
        let rest = &line[length..];
        // Only the kubelet's own form has nanoseconds and a single space.
        if length >= 30 && rest.starts_with(' ') {
            return (Some(at), &rest[1..]);
        }
        return (Some(at), line);
    }
    (None, line)
}

fn trace_of(text: &str) -> Trace {
    if text.starts_with("Traceback (most recent call last)") {
        Trace::Python
    } else if text.starts_with("panic:")
        || text.starts_with("fatal error:")
        || text.starts_with("goroutine ")
    {
        Trace::Go
    } else {
        Trace::None
    }
}

/// Whether `text` continues `pending`; keeps it if it is the telling line.
fn belongs<'a>(pending: &mut Entry<'a>, trace: &mut Trace, text: &'a str) -> bool {
    let indented = text.starts_with([' ', '\t']);
    match *trace {
        Trace::Go => {
            let goroutine = text.starts_with("goroutine ") || text.starts_with("[signal ");
            let frame = pending.detail.is_some()
                && (indented
                    || text.contains('(')
                    || text.starts_with("created by ")
                    || text.starts_with("exit status"));
            if goroutine {
                pending.detail.get_or_insert(text);
            }
            if goroutine || frame || indented {
                return true;
            }
            *trace = Trace::None;
        }
        Trace::Python => {
            if !indented {
                // The exception itself, which is what the trace is about.
                pending.detail = Some(text);
                *trace = Trace::None;
            }
            return true;
        }
        Trace::None => {}
    }
    if text.starts_with("Caused by:") {
        pending.detail = Some(text);
        return true;
    }
    if indented {
        if pending.detail.is_none() && is_category(pending.head) {
            pending.detail = Some(text);
        }
        return true;
    }
    text == "}" || text == "]"
}

/// `fail: Some.Category[0]`: the console form of .NET, with the message below.
fn is_category(head: &str) -> bool {
    matches!(
        head.get(..5),
        Some("trce:" | "dbug:" | "info:" | "warn:" | "fail:" | "crit:")
    ) && head.ends_with(']')
}
