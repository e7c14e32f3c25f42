//! What containers wrote.

use jiff::Timestamp;

use super::World;

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogKey {
    /// Namespace of the pod.
    pub namespace: String,
    /// Pod.
    pub pod: String,
    /// Container.
    pub container: String,
    /// Whether it is the instance before the current one.
    pub previous: bool,
}

impl LogKey {
    /// The log of the current instance of a container.
    pub fn current(namespace: &str, pod: &str, container: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
            previous: false,
        }
    }

    /// The log of the instance before.
    pub fn previous(namespace: &str, pod: &str, container: &str) -> Self {
        Self {
            previous: true,
            ..Self::current(namespace, pod, container)
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When the runtime saw it; bundles do not say.
    pub at: Option<Timestamp>,
    /// The text, without its line feed.
    pub text: String,
}

impl World {
    /// Appends a line to a container's log.
    pub fn log(&mut self, key: &LogKey, at: Option<Timestamp>, text: impl Into<String>) {
        let text = text.into();
        self.logs
            .entry(key.clone())
            .or_default()
            .push(LogLine { at, text });
    }

    /// The lines of a container's log, oldest first; `None` if there is no log.
    pub fn log_lines(&self, key: &LogKey) -> Option<&[LogLine]> {
        self.logs.get(key).map(Vec::as_slice)
    }

    /// All logs.
    pub fn logs(&self) -> impl Iterator<Item = (&LogKey, &[LogLine])> {
        self.logs.iter().map(|(key, lines)| (key, lines.as_slice()))
    }

    /// Puts the lines of each log in order of time; lines without a time stay in front.
    pub(crate) fn sort_logs(&mut self) {
        for lines in self.logs.values_mut() {
            lines.sort_by_key(|line| line.at);
        }
    }

    /// Drops the logs for which `keep` says no.
    pub fn retain_logs(&mut self, keep: impl Fn(&LogKey) -> bool) {
        self.logs.retain(|key, _| keep(key));
    }
}
