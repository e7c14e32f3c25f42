//! Which host and port a log line speaks of.
//!
//! Decides by the forms in which runtimes write addresses; the last resort is
//! the first `host:port`. A host is untrusted text: it is compared with names
//! of the snapshot, never dialled.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use super::Sign;

/// A host and, where it was written, a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Address {
    /// Name or IP address, in lower case.
    pub(crate) host: String,
    /// Port, where it was written.
    pub(crate) port: Option<u16>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

const HOST: &str = r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_])?)";

/// Forms that name the host whose resolution failed.
const NAME_FORMS: &[&str] = &[
    r"lookup (?:tcp/)?{H}\.?(?: on |:|$)",
    r#"[Ff]ailed to resolve (?:host )?\\?['"]{H}"#,
    r"UnknownHostException: {H}(?::(?P<port>\d+))?",
    r"(?:ENOTFOUND|EAI_AGAIN) {H}",
    r#"could not translate host name \\?"{H}""#,
    r#"host not found in upstream \\?"{H}"#,
    r"{H} could not be resolved",
    r"[Cc]ould not resolve host: {H}",
    r#"[Uu]nable to resolve host (?:address )?\\?['"‘]?{H}"#,
    r"(?:DNS resolution failed for|resolve server) {H}(?::(?P<port>\d+))?",
    r"(?:is known\.?|not known|does not resolve|temporarily unavailable) \({H}(?::(?P<port>\d+))?\)",
    r"Unknown (?:MySQL )?server host '{H}'",
    r"can't (?:find|resolve) '?{H}",
    r"connect to host {H}:(?P<port>\d+)",
    r"connect \({H}:(?P<port>\d+)\)",
    r"[Ff]ailed to resolve:? {H}",
    r"host='{H}', port=(?P<port>\d+)",
    r"[Ff]ailed to open TCP connection to {H}:(?P<port>\d+)",
    r"(?:connecting to|to Redis at) {H}:(?P<port>\d+)",
    r"getaddrinfo(?: for)? '?{H}'? failed",
    r"\w://(?:[^@/ ]*@)?{H}(?::(?P<port>\d+))?",
];

/// Forms that name both ends; the far one counts.
const ADDRESS_FORMS: &[&str] = &[
    r"dial (?:tcp|udp)4?6?(?: [^ ]+->)? ?{H}:(?P<port>\d+)",
    r"(?:ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH) {H}:(?P<port>\d+)",
    r"ipv4:{H}:(?P<port>\d+)",
    r#"upstream: \\?"\w+://{H}:(?P<port>\d+)"#,
    r"UnableToConnect on {H}:(?P<port>\d+)",
    r#"(?:connection to )?server at \\?"{H}\\?"(?: \([^)]*\))?, port (?P<port>\d+)"#,
    r#"on host \\?"{H}\\?"(?: \([^)]*\))? and accepting TCP/IP connections on port (?P<port>\d+)"#,
    r"host='{H}', port=(?P<port>\d+)",
    r"host {H}, port (?P<port>\d+)",
    r"Connect(?:ion)? to {H}:(?P<port>\d+)",
    r"[Ff]ailed to connect to /?{H}(?:/[\d.]+)?(?::| \(?port )(?P<port>\d+)",
    r"server at [`'\x22]{H}[`'\x22]?:[`'\x22]?(?P<port>\d+)",
    r"on '{H}:(?P<port>\d+)'",
    r"on '{H}' \(",
    r"(?:refused|failed|timed out):? (?:\()?/?{H}(?:/[\d.]+)?:(?P<port>\d+)",
    r"{H}/[\d.]+:(?P<port>\d+)",
    r"(?:connecting to|connect to host|attempted address:) {H}:(?P<port>\d+)",
    r"(?:to|at) {H}:(?P<port>\d+)",
    r"://(?:[^@/ ]*@)?{H}:(?P<port>\d+)",
    r"\('{H}', (?P<port>\d+)\)",
    r"\b{H}:(?P<port>\d{2,5})\b",
    // A request whose URL leaves the port to its scheme.
    r#"(?:\b(?:GET|POST|PUT|PATCH|DELETE|HEAD|Get|Post|Put)(?: request for)?|request (?:for|to)|url:?) \(?\\?"?https?://{H}(?:[/"'\s)?]|$)"#,
];

fn compile(forms: &[&str]) -> Vec<Regex> {
    forms
        .iter()
        .filter_map(|form| {
            // Ports and word boundaries are ASCII; the searcher is faster knowing it.
            let form = form
                .replace("{H}", HOST)
                .replace(r"\d", "[0-9]")
                .replace(r"\b", r"(?-u:\b)");
            Regex::new(&form).ok()
        })
        .collect()
}

static NAMES: LazyLock<Vec<Regex>> = LazyLock::new(|| compile(NAME_FORMS));
static ADDRESSES: LazyLock<Vec<Regex>> = LazyLock::new(|| compile(ADDRESS_FORMS));

/// The address that `line`, which speaks of `sign`, is about.
pub(super) fn of(line: &str, sign: Sign) -> Option<Address> {
    match sign {
        Sign::NameUnknown | Sign::NameServerFails => first(&NAMES, line),
        Sign::Refused
        | Sign::TimedOut
        | Sign::Reset
        | Sign::ProtocolMismatch
        | Sign::CertificateTime => first(&ADDRESSES, line),
        Sign::AddressInUse => bound_port(line),
        _ => None,
    }
}

fn first(forms: &[Regex], line: &str) -> Option<Address> {
    forms.iter().find_map(|form| {
        let found = form.captures(line)?;
        let host = found.name("host")?.as_str().to_ascii_lowercase();
        let port = found
            .name("port")
            .and_then(|port| port.as_str().parse().ok());
        looks_like_host(&host).then_some(Address { host, port })
    })
}

/// A clock time (`12:05`) or a source position (`Foo.java:170`) is no address.
fn looks_like_host(host: &str) -> bool {
    const SOURCES: [&str; 10] = [
        ".java", ".go", ".py", ".js", ".ts", ".rb", ".cc", ".cs", ".kt", ".rs",
    ];
    let numeric = host.chars().all(|c| c.is_ascii_digit() || c == '-');
    let ip_like = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_ip = host.split('.').count() == 4;
    !numeric
        && (!ip_like || is_ip)
        && !host.starts_with(|c: char| c.is_ascii_digit() && host.contains('t') && !is_ip)
        && !SOURCES.iter().any(|suffix| host.ends_with(suffix))
}

static PORT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:[:\]]|[Pp]ort )(?P<port>\d{2,5})\b").ok());

/// The port that could not be bound.
fn bound_port(line: &str) -> Option<Address> {
    let forms = PORT.as_ref()?;
    let ports = forms.captures_iter(line);
    let port = ports
        .filter_map(|found| found["port"].parse::<u16>().ok())
        .last()?;
    Some(Address {
        host: String::new(),
        port: Some(port),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Sign, sign_of};
    use super::of;

    #[track_caller]
    fn check(line: &str, sign: Sign, address: &str) {
        assert_eq!(sign_of(line), Some(sign), "{line}");
        let found = of(line, sign).map(|address| address.to_string());
        assert_eq!(found.as_deref().unwrap_or_default(), address, "{line}");
    }

    #[test]
    fn refusals_name_the_far_end_in_every_runtime() {
        for line in [
            "dial tcp 10.0.0.7:5432: connect: connection refused",
            "Error: connect ECONNREFUSED 10.0.0.7:5432",
            r#"connection to server at "10.0.0.7" (10.0.0.7), port 5432 failed: Connection refused"#,
            "UNKNOWN: ipv4:10.0.0.7:5432: Failed to connect to remote host: Connection refused",
            "Connection refused (10.0.0.7:5432)",
            "Connect to 10.0.0.7:5432 [/10.0.0.7] failed: Connection refused (Connection refused)",
            r#"[error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.1.1.1, upstream: "http://10.0.0.7:5432/""#,
            "curl: (7) Failed to connect to 10.0.0.7 port 5432: Connection refused",
        ] {
            check(line, Sign::Refused, "10.0.0.7:5432");
        }
    }

    #[test]
    fn unknown_names_are_read_in_every_runtime() {
        for line in [
            "dial tcp: lookup orders-db on 10.96.0.10:53: no such host",
            "java.net.UnknownHostException: orders-db",
            "Error: getaddrinfo ENOTFOUND orders-db",
            r#"could not translate host name "orders-db" to address: Name or service not known"#,
            r#"host not found in upstream "orders-db" in /etc/nginx/nginx.conf:12"#,
            "No such host is known. (orders-db)",
        ] {
            check(line, Sign::NameUnknown, "orders-db");
        }
    }

    #[test]
    fn a_resolver_that_fails_is_no_unknown_name() {
        check(
            "UnknownHost: lookup orders-db on 10.96.0.10:53: server misbehaving",
            Sign::NameServerFails,
            "orders-db",
        );
    }

    #[test]
    fn a_source_position_is_no_address() {
        check("at Foo.java:170 connection refused", Sign::Refused, "");
    }

    #[test]
    fn exceptions_are_known_behind_any_prefix() {
        for line in [
            r#"{"level":50,"time":1,"pid":1,"msg":"TypeError: Cannot read properties of undefined"}"#,
            "2026-01-01T00:00:00Z ERROR 1 --- [main] c.e.Main : java.lang.IllegalStateException: no",
            "2026-01-01 00:00:00,1 ERROR [app] AttributeError: 'NoneType' object",
            "time=x level=ERROR msg=\"runtime error: index out of range [3] with length 3\"",
        ] {
            check(line, Sign::Exception, "");
        }
        assert_eq!(sign_of("ERROR Error: not a type"), None);
    }

    #[test]
    fn passing_lines_are_no_trouble() {
        assert_eq!(
            sign_of("2026-01-01 INFO retry after connection refused"),
            None
        );
        assert_eq!(sign_of("[Note] Access denied for user 'root'@'::1'"), None);
    }

    #[test]
    fn a_taken_port_is_read() {
        check(
            "listen tcp 0.0.0.0:15090: bind: address already in use",
            Sign::AddressInUse,
            ":15090",
        );
    }
}
