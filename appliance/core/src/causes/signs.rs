//! What log lines say, in the words of many runtimes.
//!
//! Decides which known trouble a line speaks of and towards which host and
//! port; leaves what it means to the analyzers. Words are the general
//! fragments of runtimes and client libraries (Go, Java, Python, Node, Ruby,
//! .NET, libpq, `MySQL`, Redis, gRPC, nginx, Envoy), never of one application.
//!
//! Invariant: reads at most [`LINES_MAX`] lines of a log and the first
//! [`LINE_CHARS_MAX`] bytes of each; a line speaks of at most one sign.

mod address;
mod patterns;
#[cfg(test)]
mod wordings;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

pub(crate) use self::address::Address;
use self::patterns::{LEVELS, PATTERNS};
use super::Case;
use crate::evidence::Draft;
use crate::facts::LogTemplate;
use crate::object::ObjectRef;
use crate::snapshot::{ContainerLog, Snapshot};

/// Lines read per log, from its end: an incident's trouble is recent.
const LINES_MAX: usize = 5000;
/// Bytes read per line: longer ones are dumps.
const LINE_CHARS_MAX: usize = 4000;

/// A known trouble that a log line can speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Sign {
    /// The database takes no writes.
    DatabaseReadOnly,
    /// The server accepts no more connections.
    TooManyConnections,
    /// The client's own pool has none left.
    PoolTimeout,
    /// User name or password refused.
    BadCredentials,
    /// The API server refuses a verb.
    RbacForbidden,
    /// A disk or quota is full.
    NoSpace,
    /// File descriptors or inotify watches are used up.
    TooManyFiles,
    /// The port is taken already.
    AddressInUse,
    /// A certificate's time is over or not yet come.
    CertificateTime,
    /// A name does not exist.
    NameUnknown,
    /// Names cannot be resolved at all for now.
    NameServerFails,
    /// Nothing listens.
    Refused,
    /// No answer in time.
    TimedOut,
    /// The peer speaks another protocol.
    ProtocolMismatch,
    /// The peer hung up.
    Reset,
    /// The cache may not take more.
    CacheFull,
    /// A statement waits for another's lock, or both for each other's.
    DatabaseLock,
    /// A statement takes long.
    SlowQuery,
    /// Members of a broker do not agree with one another.
    BrokerPartition,
    /// An upstream limits the rate.
    RateLimited,
    /// A file may not be read or written.
    FileDenied,
    /// A setting is missing or invalid.
    ConfigInvalid,
    /// The runtime's own heap is full.
    HeapFull,
    /// An uncaught exception or a crash of the process.
    Exception,
}

/// Room for the searcher's states; with less it forgets and computes them again.
const STATES_BYTES_MAX: usize = 16 << 20;

/// Bytes instead of characters: what is looked for is ASCII, and the search is
/// several times faster.
static SIGNS: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    RegexSetBuilder::new(PATTERNS.iter().map(|(_, texts)| texts.join("|")))
        .case_insensitive(true)
        .unicode(false)
        .dfa_size_limit(STATES_BYTES_MAX)
        .build()
        .ok()
});

/// How loud a line says it is.
static LEVEL: LazyLock<Option<Regex>> =
    LazyLock::new(|| RegexBuilder::new(LEVELS).unicode(false).build().ok());

static STAMP: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let text = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)";
    RegexBuilder::new(text).unicode(false).build().ok()
});

/// One sign in one container's log towards one address.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// What is said.
    pub(crate) sign: Sign,
    /// The pod that says it.
    pub(crate) pod: ObjectRef,
    /// Its container.
    pub(crate) container: String,
    /// Whether the instance before said it.
    pub(crate) previous: bool,
    /// The address it speaks of, where it names one.
    pub(crate) address: Option<Address>,
    /// How often.
    pub(crate) count: usize,
    /// The newest such line.
    pub(crate) line: String,
    /// Time of the first one.
    pub(crate) first: Option<Timestamp>,
    /// Time of the newest one.
    pub(crate) last: Option<Timestamp>,
    /// Lines of the log after the newest one.
    pub(crate) lines_after: usize,
    /// Seconds of the log after the newest one, where lines carry times.
    pub(crate) seconds_after: Option<i64>,
}

impl Seen {
    /// The evidence of it.
    pub(crate) fn draft(&self) -> Draft {
        Draft::log(&LogTemplate {
            pod: self.pod.clone(),
            container: self.container.clone(),
            previous: self.previous,
            template: self.line.clone(),
            exemplar: self.line.chars().take(600).collect(),
            count: self.count,
            first: self.first,
            last: self.last,
            trouble: true,
            new_since_change: false,
        })
    }

    /// Whether the log went on for long without saying it again.
    pub(crate) fn is_over(&self) -> bool {
        !self.previous && self.lines_after >= 20 && self.seconds_after.is_none_or(|gap| gap >= 10)
    }
}

/// The trouble that `line` speaks of.
pub(crate) fn sign_of(line: &str) -> Option<Sign> {
    let signs = SIGNS.as_ref()?;
    let line = clip(line);
    let first = signs.matches(line.as_bytes()).iter().next()?;
    (!is_passing(line)).then(|| PATTERNS[first].0)
}

/// Lines that a program writes in passing are no trouble, whatever they quote.
fn is_passing(line: &str) -> bool {
    let level = LEVEL.as_ref();
    let first = level.and_then(|level| level.captures(line.as_bytes()));
    first.is_some_and(|found| found.name("calm").is_some())
}

/// Everything the logs of a case say, by pod, container and sign. The logs are
/// read once, whoever asks.
pub(crate) fn seen<'a>(case: &Case<'a>) -> &'a [Seen] {
    let facts = case.facts;
    facts.signs.get_or_init(|| seen_in_all(case.snapshot))
}

fn seen_in_all(snapshot: &Snapshot) -> Vec<Seen> {
    let mut all: Vec<Seen> = snapshot.logs.iter().flat_map(seen_in).collect();
    all.sort_by(|a, b| {
        (&a.pod, &a.container, a.previous, a.sign, &a.address).cmp(&(
            &b.pod,
            &b.container,
            b.previous,
            b.sign,
            &b.address,
        ))
    });
    all
}

/// What one log says.
pub(crate) fn seen_in(log: &ContainerLog) -> Vec<Seen> {
    let lines: Vec<&str> = log.text.lines().collect();
    let lines = &lines[lines.len().saturating_sub(LINES_MAX)..];
    let newest = lines.iter().rev().take(50).find_map(|line| time_of(line));
    let mut by_key: BTreeMap<(Sign, Option<Address>), Seen> = BTreeMap::new();
    for (position, line) in lines.iter().enumerate() {
        let Some(sign) = sign_of(line) else { continue };
        let line = clip(line);
        let address = address::of(line, sign);
        let at = time_of(line);
        let entry = by_key
            .entry((sign, address.clone()))
            .or_insert_with(|| Seen {
                sign,
                pod: ObjectRef::namespaced("Pod", &log.namespace, &log.pod),
                container: log.container.clone(),
                previous: log.previous,
                address,
                count: 0,
                line: String::new(),
                first: at,
                last: at,
                lines_after: 0,
                seconds_after: None,
            });
        entry.count += 1;
        line.clone_into(&mut entry.line);
        entry.last = at.or(entry.last);
        entry.lines_after = lines.len() - 1 - position;
    }
    let mut found: Vec<Seen> = by_key.into_values().collect();
    for seen in &mut found {
        seen.seconds_after = newest
            .zip(seen.last)
            .map(|(newest, last)| newest.as_second() - last.as_second());
    }
    found
}

/// The time a line carries, where it names its zone.
fn time_of(line: &str) -> Option<Timestamp> {
    let stamp = STAMP.as_ref()?.find(clip(line).as_bytes())?;
    std::str::from_utf8(stamp.as_bytes()).ok()?.parse().ok()
}

fn clip(line: &str) -> &str {
    let mut end = line.len().min(LINE_CHARS_MAX);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}
