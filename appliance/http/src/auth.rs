//! Who may speak to the appliance: Bearer tokens and Basic credentials.
//!
//! They come from a file, one a line: `bearer TOKEN` or `basic USER:PASSWORD`;
//! empty lines and lines that begin with `#` are skipped. The file is read
//! again when it changes; a broken one leaves the old credentials in force.
//! Only hashes are kept and compared, every one of them each time, so that
//! time tells nothing. Leaves which addresses need credentials to the routers.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use subtle::ConstantTimeEq;

use crate::error::{Code, Problem};

/// Shorter secrets are refused: they can be guessed over the network.
const SECRET_BYTES_MIN: usize = 16;
/// How often the file is looked at for changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
    #[error("line {line} of the credentials is neither `bearer TOKEN` nor `basic USER:PASSWORD`")]
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
    /// There are none.
    #[error("there are no credentials in the file; add a line `bearer TOKEN`")]
    Empty,
}

/// A set of credentials.
#[derive(Clone)]
pub struct Credentials {
    /// Hashes of `bearer TOKEN` and `basic USER:PASSWORD`.
    hashes: Vec<[u8; 32]>,
}

/// Prints how many there are, and nothing of them.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} × <secret>)", self.hashes.len())
    }
}

impl Credentials {
    /// Reads the lines of a credentials file.
    pub fn parse(text: &str) -> Result<Self, CredentialsError> {
        let lines = (1..).zip(text.lines().map(str::trim));
        let used = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let hashes = used
            .map(|(line, text)| parse_line(line, text))
            .collect::<Result<Vec<_>, _>>()?;
        if hashes.is_empty() {
            return Err(CredentialsError::Empty);
        }
        Ok(Self { hashes })
    }

    /// Whether the request carries one of them.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let Some(given) = given(headers) else {
            return false;
        };
        let matches = self.hashes.iter().map(|known| known.ct_eq(&given));
        matches
            .fold(subtle::Choice::from(0), |any, one| any | one)
            .into()
    }
}

fn parse_line(line: usize, text: &str) -> Result<[u8; 32], CredentialsError> {
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
        _ => return Err(CredentialsError::Line { line }),
    };
    if secret.len() < SECRET_BYTES_MIN {
        return Err(CredentialsError::Short { line });
    }
    Ok(hash(scheme, rest.as_bytes()))
}

fn hash(scheme: &str, secret: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(scheme.to_ascii_lowercase().as_bytes());
    hasher.update(b" ");
    hasher.update(secret);
    *hasher.finalize().as_bytes()
}

/// Hash of what the request carries, if it carries anything readable.
fn given(headers: &HeaderMap) -> Option<[u8; 32]> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => Some(hash(scheme, rest.as_bytes())),
        "basic" => Some(hash(scheme, &BASE64_STANDARD.decode(rest).ok()?)),
        _ => None,
    }
}

/// Credentials that follow their file.
#[derive(Debug)]
pub struct CredentialsFile {
    path: PathBuf,
    /// A plain mutex: held for a comparison, and once a second for a `stat`.
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    credentials: Credentials,
    stamp: Option<(SystemTime, u64)>,
    looked_at: Instant,
}

impl CredentialsFile {
    /// Reads the file.
    pub fn open(path: &Path) -> Result<Self, CredentialsError> {
        let stamp = stamp(path);
        let current = Current {
            credentials: read(path)?,
            stamp,
            looked_at: Instant::now(),
        };
        Ok(Self {
            path: path.to_owned(),
            current: Mutex::new(current),
        })
    }

    /// Whether the request carries one of the credentials in the file.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked_at.elapsed() >= LOOK_EVERY {
            self.refresh(&mut current);
        }
        current.credentials.allow(headers)
    }

    fn refresh(&self, current: &mut Current) {
        current.looked_at = Instant::now();
        let stamp = stamp(&self.path);
        if stamp == current.stamp {
            return;
        }
        current.stamp = stamp;
        match read(&self.path) {
            Ok(credentials) => current.credentials = credentials,
            Err(error) => tracing::error!(%error, "the old credentials stay in force"),
        }
    }
}

fn read(path: &Path) -> Result<Credentials, CredentialsError> {
    let text = fs::read_to_string(path).map_err(|source| CredentialsError::Read {
        path: path.to_owned(),
        source,
    })?;
    Credentials::parse(&text)
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Middleware: lets requests with credentials pass, answers others 401.
///
/// `router.layer(axum::middleware::from_fn_with_state(file, auth::require))`
pub async fn require(
    State(credentials): State<Arc<CredentialsFile>>,
    request: Request,
    next: Next,
) -> Response {
    if credentials.allow(request.headers()) {
        return next.run(request).await;
    }
    unauthorized()
}

fn unauthorized() -> Response {
    let problem = Problem::new(Code::Unauthorized, "no credentials, or unknown ones");
    let mut response = problem.into_response();
    // Basic as well, so that a browser asks its user.
    response.headers_mut().insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"Anchorite\", charset=\"UTF-8\""),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# intake\nbearer 0123456789abcdef\n\nBasic am:password with spaces\n";

    #[track_caller]
    fn check(authorization: &str, allowed: bool) {
        let credentials = Credentials::parse(FILE).expect("valid");
        let headers = [(
            header::AUTHORIZATION,
            authorization.parse().expect("header"),
        )]
        .into_iter()
        .collect();
        assert_eq!(credentials.allow(&headers), allowed, "{authorization}");
    }

    #[test]
    fn known_credentials_pass_and_no_others() {
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        check("Bearer 0123456789abcdef", true);
        check("bearer 0123456789abcdef", true);
        check(&basic("am:password with spaces"), true);
        check("Bearer 0123456789abcdeF", false);
        check("Bearer 0123456789abcde", false);
        check("Bearer", false);
        check("Basic 0123456789abcdef", false);
        check(&basic("am:wrong"), false);
        check(&basic("0123456789abcdef"), false);
        assert!(
            !Credentials::parse(FILE)
                .expect("valid")
                .allow(&HeaderMap::new())
        );
    }

    #[test]
    fn two_authorization_headers_are_none() {
        let value: HeaderValue = "Bearer 0123456789abcdef".parse().expect("header");
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, value.clone());
        headers.append(header::AUTHORIZATION, value);
        assert!(!Credentials::parse(FILE).expect("valid").allow(&headers));
    }

    #[test]
    fn weak_and_broken_files_are_refused_without_showing_secrets() {
        for (text, expected) in [
            ("", "there are no credentials"),
            ("# only a comment", "there are no credentials"),
            ("bearer short", "the secret in line 1"),
            ("\nbasic 0123456789abcdef", "line 2 of the credentials"),
            ("token hunter2hunter2hunter2", "line 1 of the credentials"),
        ] {
            let error = Credentials::parse(text).expect_err(text).to_string();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("hunter2"));
        }
        assert_eq!(
            format!("{:?}", Credentials::parse(FILE).expect("valid")),
            "Credentials(2 × <secret>)"
        );
    }

    #[test]
    fn a_changed_file_is_followed_and_a_broken_one_is_not() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("tokens");
        fs::write(&path, FILE).expect("write");
        let file = CredentialsFile::open(&path).expect("open");
        let allow = |token: &str| {
            // As if a second had passed.
            let mut current = file.current.lock().expect("current");
            file.refresh(&mut current);
            drop(current);
            let headers = [(header::AUTHORIZATION, token.parse().expect("header"))]
                .into_iter()
                .collect();
            file.allow(&headers)
        };
        assert!(allow("Bearer 0123456789abcdef"));
        fs::write(&path, "bearer another-token-of-ours").expect("write");
        assert!(allow("Bearer another-token-of-ours"));
        assert!(!allow("Bearer 0123456789abcdef"));
        fs::write(&path, "nonsense").expect("write");
        assert!(allow("Bearer another-token-of-ours"));
    }
}
