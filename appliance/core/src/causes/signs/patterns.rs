//! The words of runtimes, client libraries and servers for each known trouble.
//!
//! General fragments only, never those of one application; matched whatever
//! their case unless a fragment says otherwise. The order is the precedence:
//! the first row with a fragment in the line names its [`Sign`].

use super::Sign;

/// Signs and the fragments (regular expressions) that speak of them.
pub(super) const PATTERNS: &[(Sign, &[&str])] = &[
    (
        Sign::DatabaseReadOnly,
        &[
            r"--read-only option|--super-read-only|read[- ]only transaction|cannot execute \w+ in a read-only",
            r"database is (?:locked )?read[- ]only|attempt to write a readonly database",
            r"READONLY You can't write|not (?:primary|master) and slaveOk|NotWritablePrimary|not (?:writable )?primary\b.{0,40}10107",
            r"cluster_block_exception.{0,120}read-only|FORBIDDEN/12/index read-only",
        ],
    ),
    (
        Sign::TooManyConnections,
        &[
            r"too many connections|too many clients already|sorry, too many clients|remaining connection slots",
            r"max number of clients reached|max_user_connections|connection limit exceeded",
            r"ORA-12519|ORA-12516|ORA-00018|ORA-00020|too many open connections",
        ],
    ),
    (
        Sign::PoolTimeout,
        &[
            r"connection is not available, request timed out|QueuePool limit",
            r"timeout waiting for (?:idle object|connection from pool)|connection pool timed out|pool timed out while waiting",
            r"timeout expired\.? +the timeout period elapsed prior to obtaining a connection",
            r"pool (?:is )?exhausted|pool is full|connection pool (?:has been|was) exhausted|remaining connections in pool: 0",
            r"unable to acquire a connection|could not obtain a (?:database )?connection|Timeout acquiring a connection",
            r"timed out fetching a new connection from the connection pool|wait queue full|WaitQueueTimeout|pending acquire queue has reached",
            r"cannot get a connection, pool error|could not get a resource from the pool|could not checkout a connection",
        ],
    ),
    (
        Sign::BadCredentials,
        &[
            r"access denied for user|password authentication failed|28P01|no pg_hba\.conf entry|role \S+ does not exist",
            r"authentication failed|auth(?:entication)? error|authentication failure|requires authentication|not authorized on \S+ to execute",
            r"invalid (?:username|user name|credentials|password)|bad user ?name or password|incorrect username or password",
            r"username .{0,40}password (?:are|is) (?:incorrect|invalid|wrong)|unable to authenticate user|authorization violation",
            r"WRONGPASS|NOAUTH|called without any password configured|ER_ACCESS_DENIED|login failed for user|ACCESS_REFUSED|login was refused",
            r"SASL.{0,40}fail|ORA-01017|ORA-28000|invalid_grant|invalid_client|SignatureDoesNotMatch|InvalidAccessKeyId",
            r"535[ -]5\.7\.8|permission denied \(publickey",
        ],
    ),
    (
        Sign::RbacForbidden,
        &[
            r#"forbidden: User \\?"system:serviceaccount|is forbidden: User"#,
            r"cannot (?:get|list|watch|create|update|patch|delete) resource",
        ],
    ),
    (
        Sign::NoSpace,
        &[
            r"no space left on device|ENOSPC|disk quota exceeded|disk (?:is )?full|not enough space on the disk",
            r"could not extend file|could not resize shared memory|No usable space|flood stage disk watermark",
        ],
    ),
    (
        Sign::TooManyFiles,
        &[
            r"too many open files|EMFILE|ENFILE|inotify.{0,30}(?:limit|watches|instances|no space)|user limit of inotify",
        ],
    ),
    (
        Sign::AddressInUse,
        &[
            r"address already in use|EADDRINUSE|port \d+ (?:was|is) already in use|port \d+ already in use",
            r"Only one usage of each socket address|bind.{0,40}(?:in use|failed)|failed to bind to address",
        ],
    ),
    (
        Sign::CertificateTime,
        &[
            r"certificate (?:has expired|is not yet valid|expired)|expired certificate|certificate verify failed: certificate has expired",
            r"NotAfter|CertificateExpired|certificate_expired|CertificateNotYetValid|CERT_HAS_EXPIRED|CERT_NOT_YET_VALID",
        ],
    ),
    (
        Sign::NameServerFails,
        &[
            r"Temporary failure in name resolution|EAI_AGAIN|SERVFAIL|server misbehaving|Try again.{0,20}resol",
            r"lookup \S+(?: on \S+)?: (?:\S+ )*i/o timeout|lookup \S+ on \S+: .{0,80}(?:connection refused|no route to host|network is unreachable)",
            r"resolver.{0,40}timed out|resolving timed out after|DNS server returned general failure|Could not contact DNS servers|Timeout while contacting DNS servers",
            r"DnsNameResolverTimeout|DnsErrorCauseException|could not be resolved \((?:2|5|110): |Resource temporarily unavailable \([^ )]+:\d+\)",
        ],
    ),
    (
        Sign::NameUnknown,
        &[
            r"no such host|Name or service not known|name does not resolve|UnknownHostException|ENOTFOUND|NXDOMAIN|nodename nor servname",
            r"domain name not found|host not found in upstream|could not be resolved \(3: |could not resolve host|unable to resolve host",
            r"Unknown (?:MySQL )?server host|No address associated with hostname|getaddrinfo failed|could not translate host name",
            r"failed to resolve host|Name does not exist|couldn't resolve server|no resolvable bootstrap urls|ORA-12154|NameResolutionError",
        ],
    ),
    (
        Sign::CacheFull,
        &[
            r"command not allowed when used memory|OOM command not allowed|maxmemory (?:limit )?(?:reached|exceeded)",
            r"SERVER_ERROR out of memory storing object",
        ],
    ),
    (
        Sign::DatabaseLock,
        &[
            r"lock wait timeout exceeded|deadlock (?:detected|found when)|was deadlocked on lock|lock request time ?out period exceeded",
            r"canceling statement due to lock timeout|still waiting for \w*lock|could not obtain lock on (?:row|relation)",
            r"ORA-00060|ORA-00054|ORA-30006|LockTimeout|LockNotAvailable|SQLITE_BUSY|database is locked|WriteConflict",
            r"unable to acquire .{0,20}lock .{0,20}within",
        ],
    ),
    (
        Sign::SlowQuery,
        &[
            r"canceling statement due to statement timeout|slow query|duration: \d{4,}\.\d+ ms +(?:statement|execute|bind|parse|plan)",
            r"maximum statement execution time exceeded|MaxTimeMSExpired|operation exceeded time limit|query execution was interrupted|Execution Timeout Expired",
        ],
    ),
    (
        Sign::BrokerPartition,
        &[
            r"inconsistent_database|running_partitioned_network|network partition (?:detected|has been detected)|partial partition|partitions? detected|split[- ]brain",
            r"NotEnoughReplicas|NOT_ENOUGH_REPLICAS|fewer in-sync replicas than required|CLUSTERDOWN|cluster state changed: fail",
            r"no quorum|lost quorum|JetStream cluster (?:consumer|stream|no) .{0,40}(?:no leader|leader)|paus(?:e|ing)[_ ]minority|in minority|MasterNotDiscoveredException|master not discovered",
        ],
    ),
    (
        Sign::ProtocolMismatch,
        &[
            r"malformed HTTP|server gave HTTP response to HTTPS client|HTTP request (?:was )?sent to (?:an )?HTTPS|plain HTTP request was sent",
            r"first record does not look like a TLS handshake|wrong version number|WRONG_VERSION_NUMBER|Unsupported or unrecognized SSL message|not an SSL/TLS record|packet length too long",
            r"http2: frame too large|error reading server preface|unexpected HTTP/1\.|Not an HTTP/2|invalid (?:http|protocol) version|Trying to connect an http1\.x server|First received frame was not SETTINGS",
        ],
    ),
    (
        Sign::Refused,
        &[
            r"connection refused|ECONNREFUSED|connect refused|connection to \S+ refused|No connection could be made|actively refused|Connect call failed",
            r"reset reason: (?:remote )?connection (?:refused|failure)|\{(?:remote_)?connection_failure|no healthy upstream|no live upstreams",
            r"could(?: not|n't) connect to (?:Redis|server)|Can't connect to (?:MySQL|local MySQL|server)|can't reach database server at|UnableToConnect",
            r"failed to connect to all addresses|failed to connect to (?:\S+/)?[\w.-]+:\d+|(?:broker|node) may not be available|none of the specified endpoints were reachable",
            r"ORA-12541|Network Adapter could not establish the connection|is the server running on (?:that )?host",
        ],
    ),
    (
        Sign::TimedOut,
        &[
            r"i/o timeout|ETIMEDOUT|SOCKETTIMEDOUT|connection timed out|connect(?:ion)? ?timed? ?out|read ?timed? ?out|SocketTimeout|socket\.timeout|TLS handshake timeout",
            r"context deadline exceeded|DeadlineExceeded|DEADLINE_EXCEEDED|deadline has elapsed|Client\.Timeout exceeded|HttpClient\.Timeout",
            r"upstream request timeout|upstream timed out|operation timed out|request timed out|reset reason: connection timeout|Layer[467] timeout|upstream_response_timeout",
            r"timed out after \d+ ?(?:ms|milliseconds|seconds|s)\b|timeout of \d+ ?ms exceeded|Timeout performing \w+|Timeout during reading attempt",
            r"failed to connect to \S+ \(port \d+\).{0,80} after \d+ ?ms|Net::(?:Open|Read)Timeout|errors\.TimeoutException|timed out waiting for",
            r"No route to host|EHOSTUNREACH|network is unreachable|ENETUNREACH|ORA-12170",
        ],
    ),
    (
        Sign::RateLimited,
        &[
            r"429 Too Many Requests|status(?: code)?[ :=]+429|rate limit exceeded|RESOURCE_EXHAUSTED.{0,60}(?:quota|rate)|rate[- ]limited",
        ],
    ),
    (
        Sign::FileDenied,
        &[
            r"permission denied.{0,20}['\x22/]|['\x22/][^ ]{2,}['\x22]?: permission denied|EACCES|PermissionError|AccessDeniedException",
            r"read-only file system|EROFS|Operation not permitted.{0,20}/|Access to the path .* is denied",
            r"can't (?:open|create).{0,80}permission denied|mkdir.{0,80}permission denied|open.{0,80}permission denied",
        ],
    ),
    (
        Sign::HeapFull,
        &[
            r"java\.lang\.OutOfMemoryError|JavaScript heap out of memory|fatal error: runtime: out of memory|System\.OutOfMemoryException",
            r"MemoryError|NoMemoryError|Cannot allocate memory|std::bad_alloc|memory allocation of \d+ bytes failed|Allowed memory size of \d+ bytes exhausted",
        ],
    ),
    (
        Sign::ConfigInvalid,
        &[
            r"\b(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+) (?:is |was )?(?:required|missing|not set|unset|undefined|not defined|empty)\b",
            r"environment variable .{0,60}(?:not set|is not set|missing|required|undefined|empty|not found)|environment variable not found|VarError|\bErr` value: NotPresent",
            r"(?:required|missing) (?:environment|env|config|setting|configuration|property|key|flag|argument)|missing env|must be set|is not defined in (?:the )?environment",
            r"KeyError: ['\x22][A-Z][A-Z0-9_]+['\x22]|key not found: \\?['\x22](?-i:[A-Z][A-Z0-9_]+)|key not found in ENV|fetch': key not found|Missing `?secret_key_base",
            r"could not resolve placeholder|failed to bind properties under|Failed to configure a DataSource|config property \S+ is required|ImproperlyConfigured|Parameter 'connectionString'",
            r"invalid (?:config|configuration|value for)|config validation error|validation errors? for \w*(?:settings|config)|\bConfigException|error initializing configuration|FATAL CONFIG FILE ERROR",
            r"(?:config|configuration)(?: file)?.{0,60}(?:not found|no such file|invalid|parse error|contains errors)|(?:failed|unable|cannot|could not) to? ?(?:load|parse|read) config|error loading config",
            r"unmarshal|yaml: line \d+|unknown (?:flag|directive|option|variable)|\[emerg\]|unrecogni[sz]ed (?:option|arguments)|error parsing|strconv\.\w+: parsing|no value (?:given|provided) for",
        ],
    ),
    (
        Sign::Reset,
        &[
            r"connection reset|ECONNRESET|broken pipe|EPIPE|unexpected EOF|socket hang up|server closed the connection unexpectedly",
            r"connection (?:was )?closed (?:before|by)|premature(?:ly)? close|prematurely closed|Remote end closed connection|RemoteDisconnected|Server disconnected",
            r"MySQL server has gone away|Lost connection to MySQL|Communications link failure|forcibly closed by the remote host|connection termination",
        ],
    ),
    (
        Sign::Exception,
        &[
            r"^panic: |\bpanic: |\bruntime error: |goroutine \d+ \[running\]|thread '.*'(?: \(\d+\))? panicked",
            r"Traceback \(most recent call last\)|Exception in thread|Unhandled exception|uncaught ?exception|UnhandledPromiseRejection|FATAL EXCEPTION|^Caused by: ",
            r"Segmentation fault|SIGSEGV|SIGABRT|core dumped|terminate called after throwing|assertion failed|fatal error|init terminating in do_boot|^\*\* \((?-i:[A-Z])",
            r"Application run failed|NullPointerException|^\S*Error: |\b(?-i:[A-Z][A-Za-z0-9_]*(?:Error|Exception)): |\((?-i:[A-Z]\w*(?:Error|Exception))\)$",
        ],
    ),
];

/// Who speaks: the first group that matches tells whether a line's own level
/// says that it is written in passing (`calm`) or that it means it (`loud`).
///
/// Words in capitals, in brackets, after a time or as a field are levels; the
/// same words in a sentence ("no node info: ...") are not.
pub(super) const LEVELS: &str = concat!(
    // Klog
    r#"(?P<calm>(?:^|Z )[ID][0-9]{4} [0-9]{2}:"#,
    // Words in capitals
    r#"|\b(?:INFO|DEBUG|TRACE|INF|DBG|TRC|FINE|FINER|FINEST)\b(?:[\s:|\]\)\[-]|$)"#,
    // First word, or first after a time
    r#"|(?:^|Z )(?i:info|debug|trace|note)\b[\s:|]"#,
    // In brackets
    r#"|[\[(<](?i:info|debug|trace|note|notice|system)[\])>|]"#,
    // After a time and a bar or a comma
    r#"|[0-9]Z?[\])]?[\s|,]+(?i:info|debug|trace)[\s|:\]]"#,
    // Colored
    r#"|m(?i:info|debug|trace)\x1b"#,
    // Logfmt
    r#"|\b(?i:level|lvl|severity|loglevel)=\\?"?(?i:info|debug|trace|notice)"#,
    // JSON
    r#"|"(?i:@?level|levelname|lvl|severity|loglevel|log\.level|log_level|@l)" ?: ?"(?i:info|debug|trace|verbose|notice|informational|information)"#,
    // Numbers of bunyan and pino
    r#"|"level" ?: ?(?:10|20|30)\b"#,
    // MongoDB
    r#"|"s" ?: ?"[ID][0-9]?")"#,
    // Klog
    r#"|(?P<loud>(?:^|Z )[WEF][0-9]{4} [0-9]{2}:"#,
    // Words in capitals
    r#"|\b(?:WARN|WARNING|ERROR|ERR|WRN|FATAL|FTL|CRITICAL|CRIT|SEVERE|PANIC|ALERT|EMERG)\b"#,
    // In brackets
    r#"|[\[(<](?i:warn|warning|error|err|fatal|crit|alert|emerg)[\])>|]"#,
    // First word
    r#"|^(?i:error|warn|warning|fatal|fail|crit)\b"#,
    // JSON
    r#"|"(?i:@?level|levelname|lvl|severity|loglevel|log\.level|log_level|@l)" ?: ?"(?i:warn|err|fatal|crit|panic|alert|emerg)"#,
    // Logfmt
    r#"|\b(?i:level|lvl|severity|loglevel)=\\?"?(?i:warn|err|fatal|crit|panic))"#,
);
