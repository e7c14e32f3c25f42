//! Credentials as their file has them, and as requests carry them.
//!
//! Only hashes are kept and compared, every one of them each time, so that time tells nothing.

use std::fmt;
use std::io;
use std::path::PathBuf;

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::scope::Scopes;

/// Shorter secrets are refused: they can be guessed over the network.
const SECRET_BYTES_MIN: usize = 16;

/// Why credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("cannot read the credentials file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A line is not a credential. The line itself is not shown.
    #[error(
        "line {line} of the credentials is neither `bearer TOKEN`, `basic USER:PASSWORD` nor `key sha256:HEX SCOPE,…`"
    )]
    Line {
        /// Its number, from 1.
        line: usize,
    },
    /// A secret is too short.
    #[error(
        "the secret in line {line} of the credentials is shorter than {SECRET_BYTES_MIN} bytes; `openssl rand -hex 32` makes one"
    )]
    Short {
        /// Its number, from 1.
        line: usize,
    },
    /// A scope is unknown.
    #[error(
        "line {line} of the credentials names an unknown scope; there are inference, incident, read, receive and admin"
    )]
    Scope {
        /// Its number, from 1.
        line: usize,
    },
    /// There are none.
    #[error("there are no credentials in the file; add a line `bearer TOKEN`")]
    Empty,
}

/// A set of credentials.
#[derive(Clone)]
pub struct Credentials {
    known: Vec<Known>,
}

/// One credential, of which only a hash is kept.
#[derive(Clone, Copy)]
struct Known {
    hash: [u8; 32],
    scopes: Scopes,
}

/// Prints how many there are, and nothing of them.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} × <secret>)", self.known.len())
    }
}

impl Credentials {
    /// Reads the lines of a credentials file.
    pub fn parse(text: &str) -> Result<Self, CredentialsError> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let used = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let known = used
            .map(|(line, text)| parse_line(line, text))
            .collect::<Result<Vec<_>, _>>()?;
        if known.is_empty() {
            return Err(CredentialsError::Empty);
        }
        Ok(Self { known })
    }

    /// What the bearer of the request's credential may do; none if it carries no known one.
    pub fn scopes(&self, headers: &HeaderMap) -> Option<Scopes> {
        let given = given(headers)?;
        let mut found = None;
        for known in &self.known {
            let mut same = Choice::from(0);
            for hash in &given {
                same |= known.hash.ct_eq(hash);
            }
            if same.into() {
                found = Some(known.scopes);
            }
        }
        found
    }
}

fn parse_line(line: usize, text: &str) -> Result<Known, CredentialsError> {
    let (scheme, rest) = text
        .split_once(char::is_whitespace)
        .ok_or(CredentialsError::Line { line })?;
    let rest = rest.trim();
    let secret = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => rest,
        "basic" => {
            rest.split_once(':')
                .ok_or(CredentialsError::Line { line })?
                .1
        }
        "key" => return parse_key(line, rest),
        _ => return Err(CredentialsError::Line { line }),
    };
    if secret.len() < SECRET_BYTES_MIN {
        return Err(CredentialsError::Short { line });
    }
    Ok(Known {
        hash: hash(scheme, rest.as_bytes()),
        scopes: Scopes::ALL,
    })
}

/// A key whose SHA-256 stands in the file, so that the file tells nobody the key.
fn parse_key(line: usize, text: &str) -> Result<Known, CredentialsError> {
    let wrong = || CredentialsError::Line { line };
    let (digest, scopes) = text.split_once(char::is_whitespace).ok_or_else(wrong)?;
    let digits = digest.strip_prefix("sha256:").ok_or_else(wrong)?;
    Ok(Known {
        hash: from_hex(digits).ok_or_else(wrong)?,
        scopes: Scopes::parse(scopes).ok_or(CredentialsError::Scope { line })?,
    })
}

fn from_hex(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&digits[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

fn hash(scheme: &str, secret: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(scheme.to_ascii_lowercase().as_bytes());
    hasher.update(b" ");
    hasher.update(secret);
    *hasher.finalize().as_bytes()
}

/// Hashes of what the request carries, if it carries anything readable: as a line with the secret, and as a key.
fn given(headers: &HeaderMap) -> Option<Vec<[u8; 32]>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => {
            let digest = Sha256::digest(rest.as_bytes());
            Some(vec![hash(scheme, rest.as_bytes()), digest.into()])
        }
        "basic" => Some(vec![hash(scheme, &BASE64_STANDARD.decode(rest).ok()?)]),
        _ => None,
    }
}
