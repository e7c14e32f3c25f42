//! Who may speak to the appliance: Bearer tokens and Basic credentials.
//!
//! They come from a file, one a line: `bearer TOKEN` or `basic USER:PASSWORD`, which may do
//! everything, or `key sha256:HEX SCOPE,…`, the hash of a token and what it is for. Empty lines and
//! lines that begin with `#` are skipped. The file is read again when it changes; a broken one
//! leaves the old credentials in force. Leaves which addresses need what to the routers.

mod credentials;
mod scope;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::{Code, Problem};

pub use self::credentials::{Credentials, CredentialsError};
pub use self::scope::{Scope, Scopes};

/// Where Alertmanager sends its notifications.
const RECEIVER: &str = "/api/v1/alertmanager";
/// How often the file is looked at for changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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

    /// What the bearer of the request's credential may do; none if it carries no known one.
    pub fn scopes(&self, headers: &HeaderMap) -> Option<Scopes> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked_at.elapsed() >= LOOK_EVERY {
            self.refresh(&mut current);
        }
        current.credentials.scopes(headers)
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

/// Middleware: lets requests pass whose credential is for what they do, answers others 401 or 403.
///
/// Notifications need `receive`, looking needs `read`, changes need `admin`.
///
/// `router.layer(axum::middleware::from_fn_with_state(file, auth::require))`
pub async fn require(
    State(credentials): State<Arc<CredentialsFile>>,
    request: Request,
    next: Next,
) -> Response {
    let needed = needed(&request);
    match credentials.scopes(request.headers()) {
        None => unauthorized(),
        Some(scopes) if scopes.allow(needed) => next.run(request).await,
        Some(_) => {
            let what = format!(
                "this credential is not for that; it needs the scope `{}`",
                needed.as_str()
            );
            Problem::new(Code::Forbidden, what).into_response()
        }
    }
}

fn needed(request: &Request) -> Scope {
    if request.uri().path() == RECEIVER {
        return Scope::Receive;
    }
    match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => Scope::Read,
        _ => Scope::Admin,
    }
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
