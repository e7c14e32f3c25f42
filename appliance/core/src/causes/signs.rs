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

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

pub(crate) use self::address::Address;
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

/// Patterns in order of precedence: the first that matches names the sign.
const PATTERNS: &[(Sign, &str)] = &[
    (
        Sign::DatabaseReadOnly,
        r"--read-only option|--super-read-only|read[- ]only transaction|database is (?:locked )?read[- ]only|READONLY You can't write|not (?:primary|master) and slaveOk|NotWritablePrimary|cannot execute \w+ in a read-only|attempt to write a readonly database",
    ),
    (
        Sign::TooManyConnections,
        r"too many connections|too many clients already|remaining connection slots|max number of clients reached|max_user_connections|sorry, too many clients|connection limit exceeded|ORA-12519|ORA-00018",
    ),
    (
        Sign::PoolTimeout,
        r"connection is not available, request timed out|QueuePool limit|timeout waiting for (?:idle object|connection from pool)|timeout expired\.? +the timeout period elapsed prior to obtaining a connection|pool (?:is )?exhausted|unable to acquire a connection|could not obtain a (?:database )?connection|connection pool timed out|remaining connections in pool: 0|Timeout acquiring a connection",
    ),
    (
        Sign::BadCredentials,
        r"access denied for user|password authentication failed|authentication failed|auth(?:entication)? error|invalid (?:username|user name|credentials|password)|WRONGPASS|NOAUTH|ER_ACCESS_DENIED|login failed for user|ACCESS_REFUSED|SASL.{0,40}fail|28P01|ORA-01017|invalid_grant|incorrect username or password",
    ),
    (
        Sign::RbacForbidden,
        r#"forbidden: User \\?"system:serviceaccount|is forbidden: User|cannot (?:get|list|watch|create|update|patch|delete) resource"#,
    ),
    (
        Sign::NoSpace,
        r"no space left on device|ENOSPC|disk quota exceeded|disk (?:is )?full|could not extend file|could not resize shared memory",
    ),
    (
        Sign::TooManyFiles,
        r"too many open files|EMFILE|ENFILE|inotify.{0,30}(?:limit|watches|instances|no space)|user limit of inotify",
    ),
    (
        Sign::AddressInUse,
        r"address already in use|EADDRINUSE|port \d+ (?:was|is) already in use|Only one usage of each socket address|bind.{0,40}(?:in use|failed)|failed to bind to address",
    ),
    (
        Sign::CertificateTime,
        r"certificate (?:has expired|is not yet valid|expired)|expired certificate|NotAfter|CertificateExpired|certificate_expired|CertificateNotYetValid|x509: certificate has expired or is not yet valid|certificate verify failed: certificate has expired",
    ),
    (
        Sign::NameServerFails,
        r"Temporary failure in name resolution|EAI_AGAIN|SERVFAIL|server misbehaving|lookup \S+(?: on \S+)?: (?:\S+ )*i/o timeout|lookup \S+ on \S+: .{0,80}(?:connection refused|no route to host|network is unreachable)|Try again.{0,20}resol|resolver.{0,40}timed out|DNS server returned general failure|Could not contact DNS servers|Timeout while contacting DNS servers",
    ),
    (
        Sign::NameUnknown,
        r"no such host|Name or service not known|name does not resolve|UnknownHostException|ENOTFOUND|NXDOMAIN|nodename nor servname|domain name not found|host not found in upstream|could not resolve host|Unknown MySQL server host|No address associated with hostname|getaddrinfo failed|could not translate host name|Name does not exist",
    ),
    (
        Sign::CacheFull,
        r"command not allowed when used memory|OOM command not allowed|maxmemory (?:limit )?(?:reached|exceeded)|SERVER_ERROR out of memory storing object",
    ),
    (
        Sign::DatabaseLock,
        r"lock wait timeout exceeded|deadlock (?:detected|found when)|was deadlocked on lock|lock request time ?out period exceeded|canceling statement due to lock timeout|still waiting for \w*lock|could not obtain lock on (?:row|relation)|ORA-00060|ORA-00054|ORA-30006|LockTimeout|LockNotAvailable|SQLITE_BUSY|database is locked|unable to acquire .{0,20}lock .{0,20}within|WriteConflict",
    ),
    (
        Sign::SlowQuery,
        r"canceling statement due to statement timeout|slow query|duration: \d{4,}\.\d+ ms +(?:statement|execute|bind|parse|plan)|maximum statement execution time exceeded|MaxTimeMSExpired|operation exceeded time limit|query execution was interrupted",
    ),
    (
        Sign::BrokerPartition,
        r"inconsistent_database|running_partitioned_network|network partition (?:detected|has been detected)|partial partition|partitions? detected|split[- ]brain|NotEnoughReplicas|NOT_ENOUGH_REPLICAS|fewer in-sync replicas than required|CLUSTERDOWN|cluster state changed: fail|no quorum|lost quorum|JetStream cluster (?:consumer|stream|no) .{0,40}(?:no leader|leader)|paus(?:e|ing)[_ ]minority|in minority",
    ),
    (
        Sign::ProtocolMismatch,
        r"malformed HTTP|server gave HTTP response to HTTPS client|HTTP request (?:was )?sent to (?:an )?HTTPS|first record does not look like a TLS handshake|wrong version number|WRONG_VERSION_NUMBER|http2: frame too large|error reading server preface|unexpected HTTP/1\.|Not an HTTP/2|invalid (?:http|protocol) version|Trying to connect an http1\.x server|plain HTTP request was sent",
    ),
    (
        Sign::Refused,
        r"connection refused|ECONNREFUSED|connect refused|No connection could be made|actively refused|Connect call failed|UnableToConnect|reset reason: connection (?:refused|failure)|no healthy upstream|Could not connect to (?:Redis|server)|Can't connect to (?:MySQL|local MySQL|server)|failed to connect to all addresses",
    ),
    (
        Sign::TimedOut,
        r"i/o timeout|ETIMEDOUT|connection timed out|connect timed out|connect timeout|read timed? ?out|SocketTimeoutException|ConnectTimeout|context deadline exceeded|DeadlineExceeded|DEADLINE_EXCEEDED|upstream request timeout|upstream timed out|operation timed out|request timed out|No route to host|EHOSTUNREACH|network is unreachable|reset reason: connection timeout",
    ),
    (
        Sign::RateLimited,
        r"429 Too Many Requests|status(?: code)?[ :=]+429|rate limit exceeded|RESOURCE_EXHAUSTED.{0,60}(?:quota|rate)|rate[- ]limited",
    ),
    (
        Sign::FileDenied,
        r"permission denied.{0,20}['\x22/]|['\x22/][^ ]{2,}['\x22]?: permission denied|EACCES|read-only file system|EROFS|can't (?:open|create).{0,80}permission denied|AccessDeniedException|PermissionError|Access to the path .* is denied|Operation not permitted.{0,20}/|mkdir.{0,80}permission denied|open.{0,80}permission denied",
    ),
    (
        Sign::HeapFull,
        r"java\.lang\.OutOfMemoryError|JavaScript heap out of memory|fatal error: runtime: out of memory|MemoryError|System\.OutOfMemoryException|Cannot allocate memory|NoMemoryError",
    ),
    (
        Sign::ConfigInvalid,
        r"\b(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+) (?:is |was )?(?:required|missing|not set|unset|undefined|not defined|empty)\b|environment variable .{0,60}(?:not set|is not set|missing|required|undefined|empty)|(?:required|missing) (?:environment|env|config|setting|configuration|property|key|flag|argument)|missing env|must be set|is not defined in (?:the )?environment|KeyError: ['\x22][A-Z][A-Z0-9_]+['\x22]|could not resolve placeholder|invalid (?:config|configuration|value for)|(?:config|configuration)(?: file)?.{0,60}(?:not found|no such file|invalid|parse error)|(?:failed|unable|cannot|could not) to? ?(?:load|parse|read) config|unmarshal|yaml: line \d+|unknown (?:flag|directive|option)|\[emerg\]|unrecognized (?:option|arguments)|error parsing|key not found in ENV|fetch': key not found|no value (?:given|provided) for",
    ),
    (
        Sign::Reset,
        r"connection reset|ECONNRESET|broken pipe|EPIPE|unexpected EOF|socket hang up|server closed the connection unexpectedly|connection (?:was )?closed (?:before|by)|MySQL server has gone away|Lost connection to MySQL",
    ),
    (
        Sign::Exception,
        r"^panic: |\bpanic: |Traceback \(most recent call last\)|Exception in thread|Unhandled exception|uncaught ?exception|UnhandledPromiseRejection|goroutine \d+ \[running\]|Segmentation fault|SIGSEGV|core dumped|thread '.*' panicked|FATAL EXCEPTION|Application run failed|terminate called after throwing|NullPointerException|^\S*Error: |\b(?-i:[A-Z][A-Za-z0-9_]*(?:Error|Exception)): |\bruntime error: |^Caused by: |assertion failed|fatal error",
    ),
];

/// Room for the searcher's states; with less it forgets and computes them again.
const STATES_BYTES_MAX: usize = 16 << 20;

/// Bytes instead of characters: what is looked for is ASCII, and the search is
/// several times faster.
static SIGNS: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    RegexSetBuilder::new(PATTERNS.iter().map(|(_, text)| text))
        .case_insensitive(true)
        .unicode(false)
        .dfa_size_limit(STATES_BYTES_MAX)
        .build()
        .ok()
});

/// Lines that a program writes in passing are no trouble, whatever they quote.
static PASSING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let text = r#"(?i)^.{0,120}?(?:\b(?:info|debug|trace)\b[\s:|\]]|\[note\]|level=(?:info|debug|trace)|"(?:level|severity)" ?: ?"(?:info|debug|trace|informational)")"#;
    RegexBuilder::new(text).unicode(false).build().ok()
});

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
    let passing = PASSING
        .as_ref()
        .is_some_and(|regex| regex.is_match(line.as_bytes()));
    (!passing).then(|| PATTERNS[first].0)
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
