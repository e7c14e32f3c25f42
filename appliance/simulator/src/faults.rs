//! Failures on demand: what tests and the demo make the servers do wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a request fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// 403, as without the right.
    Forbid,
    /// 429 of priority and fairness, plain text, with `Retry-After` in seconds.
    TooManyRequests(u32),
    /// 500 with a Status.
    InternalError,
    /// 503, plain text, as an aggregated API that is down.
    Unavailable,
    /// The answer comes late.
    Delay(Duration),
    /// No answer ever comes; the connection stays open.
    Hang,
    /// The connection is closed without an answer.
    Drop,
}

/// A failure of the requests whose path matches.
#[derive(Clone, Debug)]
pub struct Fault {
    pattern: String,
    kind: FaultKind,
    left: Option<u32>,
}

impl Fault {
    /// Lets every request fail whose path begins with `pattern`, compared
    /// segment by segment; `*` stands for any one segment.
    pub fn new(pattern: impl Into<String>, kind: FaultKind) -> Self {
        Self {
            pattern: pattern.into(),
            kind,
            left: None,
        }
    }

    /// Ends after that many requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.left = Some(times);
        self
    }

    fn matches(&self, path: &str) -> bool {
        let mut segments = path.trim_matches('/').split('/');
        self.pattern
            .trim_matches('/')
            .split('/')
            .filter(|wanted| !wanted.is_empty())
            .all(|wanted| {
                segments
                    .next()
                    .is_some_and(|segment| wanted == "*" || wanted == segment)
            })
    }
}

/// The failures in force, shared with the servers. Clones are handles of the same.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Vec<Fault>>>);

impl Faults {
    /// Adds a failure; the first that matches a path counts.
    pub fn add(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Ends all failures.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// What happens to a request of `path`; counts it.
    pub(crate) fn take(&self, path: &str) -> Option<FaultKind> {
        let mut faults = self.lock();
        let fault = faults
            .iter_mut()
            .find(|fault| fault.left != Some(0) && fault.matches(path))?;
        if let Some(left) = &mut fault.left {
            *left -= 1;
        }
        Some(fault.kind.clone())
    }

    /// Whether reading `path` is forbidden; counts nothing.
    pub(crate) fn forbids(&self, path: &str) -> bool {
        self.lock().iter().any(|fault| {
            fault.kind == FaultKind::Forbid && fault.left != Some(0) && fault.matches(path)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, path: &str, expected: bool) {
        let fault = Fault::new(pattern, FaultKind::Hang);
        assert_eq!(fault.matches(path), expected, "{pattern} {path}");
    }

    #[test]
    fn patterns_match_whole_segments_from_the_front() {
        check("/api/v1/pods", "/api/v1/pods", true);
        check("/api/v1/pods", "/api/v1/pods/a", true);
        check("/api/v1/pods", "/api/v1/podsies", false);
        check(
            "/api/v1/namespaces/*/secrets",
            "/api/v1/namespaces/shop/secrets",
            true,
        );
        check(
            "/api/v1/namespaces/*/secrets",
            "/api/v1/namespaces/shop/pods",
            false,
        );
        check("/", "/anything", true);
    }

    #[test]
    fn a_counted_fault_ends() {
        let faults = Faults::default();
        faults.add(Fault::new("/a", FaultKind::Drop).times(1));
        assert_eq!(faults.take("/a"), Some(FaultKind::Drop));
        assert_eq!(faults.take("/a"), None);
    }
}
