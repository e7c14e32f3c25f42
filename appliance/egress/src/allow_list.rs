//! Which hosts and ports may be dialled, and which addresses a name may lead to.
//!
//! Pure: no lookup and no socket here. A destination is compared as text after
//! lower-casing and without the root dot, so `Prom.Site.` and `prom.site` are one.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::error::DialError;

/// A host and port that may be dialled.
///
/// Written `host:port`, or `host:port=address,address` to pin the addresses of
/// a name: then no DNS is asked, and only these addresses are dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    host: String,
    port: u16,
    addresses: Vec<IpAddr>,
}

impl Destination {
    /// A destination whose addresses come from the site's resolver.
    pub fn new(host: &str, port: u16) -> Self {
        Self {
            host: normalize(host),
            port,
            addresses: Vec::new(),
        }
    }

    /// The same destination with fixed addresses.
    #[must_use]
    pub fn pinned(mut self, addresses: Vec<IpAddr>) -> Self {
        self.addresses = addresses;
        self
    }

    /// The destination of an absolute `http` or `https` URI.
    ///
    /// # Errors
    /// [`DialError::NotDialable`] if the URI has no host or another scheme.
    pub fn of_uri(uri: &http::Uri) -> Result<Self, DialError> {
        let unusable = || DialError::NotDialable {
            uri: uri.to_string().chars().take(200).collect(),
        };
        let default_port = match uri.scheme_str() {
            Some("https") => 443,
            Some("http") => 80,
            _ => return Err(unusable()),
        };
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(unusable)?;
        Ok(Self::new(host, uri.port_u16().unwrap_or(default_port)))
    }

    /// The host, lower case, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The addresses that need no lookup: pinned ones, or the host itself.
    pub fn known_addresses(&self) -> Option<Vec<IpAddr>> {
        if !self.addresses.is_empty() {
            return Some(self.addresses.clone());
        }
        self.host.parse().ok().map(|address| vec![address])
    }

    /// Checks an address that a lookup of the name returned.
    ///
    /// A name may lead to private and loopback addresses. Where a resolver
    /// answers with anything else (the internet, a link-local metadata
    /// service), the configuration has to name that address.
    ///
    /// # Errors
    /// [`DialError::Address`] saying which address was refused.
    pub fn check_address(&self, address: IpAddr) -> Result<(), DialError> {
        if self
            .known_addresses()
            .is_some_and(|known| known.contains(&address))
        {
            return Ok(());
        }
        let address = address.to_canonical();
        if self.known_addresses().is_none() && is_private(address) {
            return Ok(());
        }
        Err(DialError::Address {
            destination: self.to_string(),
            address,
        })
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || is_shared(v4),
        IpAddr::V6(v6) => v6.is_unique_local() || v6 == Ipv6Addr::LOCALHOST,
    }
}

/// 100.64.0.0/10 (RFC 6598), which some sites use inside.
fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && (64..128).contains(&second)
}

fn normalize(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.')
        .to_ascii_lowercase()
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A destination that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("destination {text:?} is not host:port or host:port=address,address: {reason}")]
pub struct ParseDestinationError {
    text: String,
    reason: &'static str,
}

impl FromStr for Destination {
    type Err = ParseDestinationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |reason| ParseDestinationError {
            text: text.to_owned(),
            reason,
        };
        let (name, addresses) = text.split_once('=').unwrap_or((text, ""));
        let (host, port) = name.rsplit_once(':').ok_or_else(|| fail("no port"))?;
        if host.is_empty() || host.contains(['/', '@', '*', ' ']) {
            return Err(fail("the host is not a name or an address"));
        }
        let port = port
            .parse()
            .map_err(|_| fail("the port is not 1 to 65535"))?;
        let addresses = addresses
            .split(',')
            .filter(|address| !address.is_empty())
            .map(|address| address.trim().parse())
            .collect::<Result<_, _>>()
            .map_err(|_| fail("an address is not an IP address"))?;
        Ok(Self::new(host, port).pinned(addresses))
    }
}

/// Everything that may be dialled; empty means nothing.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    destinations: BTreeMap<(String, u16), Destination>,
}

impl AllowList {
    /// Adds a destination; a second one of the same host and port replaces the first.
    pub fn allow(&mut self, destination: Destination) {
        let key = (destination.host.clone(), destination.port);
        self.destinations.insert(key, destination);
    }

    /// The entry that permits dialling `destination`, with its pinned addresses.
    ///
    /// # Errors
    /// [`DialError::Denied`] if there is none.
    pub fn find(&self, destination: &Destination) -> Result<&Destination, DialError> {
        self.destinations
            .get(&(destination.host.clone(), destination.port))
            .ok_or_else(|| DialError::Denied {
                destination: destination.to_string(),
            })
    }

    /// All destinations, sorted by host and port.
    pub fn iter(&self) -> impl Iterator<Item = &Destination> {
        self.destinations.values()
    }
}

impl FromIterator<Destination> for AllowList {
    fn from_iter<I: IntoIterator<Item = Destination>>(destinations: I) -> Self {
        let mut list = Self::default();
        for destination in destinations {
            list.allow(destination);
        }
        list
    }
}
