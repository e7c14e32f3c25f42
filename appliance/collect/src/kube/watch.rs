//! Keeps a [`Store`] current: list, then watch from there, for as long as it lives.
//!
//! Our own loop rather than kube's runtime, because bookmarks are the sign of
//! life that decides whether the store may be used, and the runtime keeps them
//! to itself. A refused watch costs nothing: captures list instead.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use kube::client::Body;
use rand::RngExt;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use crate::text::{encode, quote};

use super::cache::Store;
use super::call::{Accept, ApiError, Caller, answered, read};
use super::limits::{Budget, KubeLimits};
use super::list::{Kind, Scope, list, parse_object, path};

/// A watch is ended by the server after this; a fresh connection finds a
/// broken path sooner than TCP does.
const WATCH_SECONDS: u64 = 290;

/// Twice the interval of bookmarks and more: then the connection is dead.
const SILENCE_MAX: Duration = Duration::from_secs(150);

/// An event of one object is smaller: etcd's own limit is 1.5 MiB.
const LINE_BYTES_MAX: usize = 8 << 20;

/// First and longest wait after a failure.
const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// Shortest time between two watches of one kind.
const ROUND_MIN: Duration = Duration::from_secs(1);

/// Wait before a refused or too large kind is tried again.
const REFUSED_WAIT: Duration = Duration::from_mins(10);

/// Time for the first list; nobody waits for it.
const LIST_TIME: Duration = Duration::from_mins(1);

/// Why a round ended.
enum End {
    /// The server closed the stream: go on from the version reached.
    Closed(String),
    /// The version is too old: list again.
    Expired,
    /// There is no right, or too much to keep.
    Useless(String),
    /// Something broke.
    Failed(ApiError),
}

/// Runs until it is aborted.
pub(crate) async fn run<K: Kind>(caller: Arc<Caller>, limits: KubeLimits, store: Arc<Store<K>>) {
    let mut failures = 0;
    loop {
        let end = round(&caller, &limits, &store).await;
        let wait = match end {
            End::Closed(_) | End::Expired => {
                failures = 0;
                ROUND_MIN
            }
            End::Useless(reason) => {
                tracing::info!(
                    kind = K::KIND,
                    reason,
                    "not watched, captures will list instead"
                );
                store.clear();
                REFUSED_WAIT
            }
            End::Failed(error) => {
                failures += 1;
                tracing::debug!(kind = K::KIND, %error, failures, "watch failed");
                backoff(failures)
            }
        };
        sleep(wait).await;
    }
}

fn backoff(failures: u32) -> Duration {
    let (first, longest) = WAIT;
    let ceiling = first.saturating_mul(1 << failures.min(10)).min(longest);
    ceiling.mul_f64(rand::rng().random_range(0.5..1.0))
}

/// One list and the watches that follow it, until the version is lost.
async fn round<K: Kind>(caller: &Caller, limits: &KubeLimits, store: &Store<K>) -> End {
    let of_list = KubeLimits {
        capture: LIST_TIME,
        pages_max: limits.watch_objects_max.div_ceil(limits.page_size.max(1)),
        ..limits.clone()
    };
    let budget = Budget::new(&of_list, Instant::now());
    let listed = list::<K>(caller, &budget, &of_list, &Scope::Cluster).await;
    match listed.problem {
        Some(error) if is_refusal(&error) => return End::Useless(error.to_string()),
        Some(error @ ApiError::Budget(_)) => return End::Useless(error.to_string()),
        Some(error) if !listed.complete => return End::Failed(error),
        _ => {}
    }
    let mut version = listed.resource_version;
    store.replace(listed.items);
    loop {
        let started = Instant::now();
        match watch(caller, limits, store, &version).await {
            End::Closed(reached) => version = reached,
            end => return end,
        }
        // A server that closes every watch at once must not be asked in a loop.
        sleep(ROUND_MIN.saturating_sub(started.elapsed())).await;
    }
}

fn is_refusal(error: &ApiError) -> bool {
    error
        .status()
        .is_some_and(|status| matches!(status.as_u16(), 401 | 403 | 404 | 405))
}

async fn watch<K: Kind>(
    caller: &Caller,
    limits: &KubeLimits,
    store: &Store<K>,
    version: &str,
) -> End {
    let path = format!(
        "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={}",
        path::<K>(None),
        encode(version)
    );
    let response = match timeout(limits.request, caller.open(&path, Accept::Json)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return End::Failed(error),
        Err(_) => {
            return End::Failed(ApiError::Timeout {
                after: limits.request,
            });
        }
    };
    let (parts, body) = response.into_parts();
    if parts.status.is_success() {
        return follow(Lines::new(body), store, limits, version.to_owned()).await;
    }
    let said = timeout(limits.request, read(body, 64 << 10)).await;
    let said = said.ok().and_then(Result::ok).unwrap_or_default();
    let error = answered(parts.status, &parts.headers, &said);
    match parts.status.as_u16() {
        410 => End::Expired,
        _ if is_refusal(&error) => End::Useless(error.to_string()),
        _ => End::Failed(error),
    }
}

#[derive(Deserialize)]
struct WatchEvent {
    #[serde(rename = "type")]
    event_type: String,
    object: Value,
}

async fn follow<K: Kind>(
    mut lines: Lines,
    store: &Store<K>,
    limits: &KubeLimits,
    mut version: String,
) -> End {
    loop {
        let line = match timeout(SILENCE_MAX, lines.next()).await {
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None)) => return End::Closed(version),
            Ok(Err(error)) => return End::Failed(error),
            Err(_) => return End::Failed(ApiError::Timeout { after: SILENCE_MAX }),
        };
        let Ok(event) = serde_json::from_slice::<WatchEvent>(&line) else {
            return End::Failed(ApiError::Unreadable(
                "a line of a watch is no event".to_owned(),
            ));
        };
        if let Some(reached) = event
            .object
            .pointer("/metadata/resourceVersion")
            .and_then(Value::as_str)
        {
            reached.clone_into(&mut version);
        }
        if let Some(end) = take(event, store, limits) {
            return end;
        }
    }
}

fn take<K: Kind>(event: WatchEvent, store: &Store<K>, limits: &KubeLimits) -> Option<End> {
    match event.event_type.as_str() {
        "ERROR" if event.object.get("code").and_then(Value::as_u64) == Some(410) => {
            Some(End::Expired)
        }
        "ERROR" => Some(End::Failed(ApiError::Unreadable(quote(
            &event.object.to_string(),
        )))),
        "ADDED" | "MODIFIED" | "DELETED" => {
            let deleted = event.event_type == "DELETED";
            // An object that cannot be read would be missing without a word.
            let Ok(object) = parse_object::<K>(event.object) else {
                return Some(End::Useless("an object cannot be read".to_owned()));
            };
            if deleted {
                store.delete(&object);
                return None;
            }
            let kept = store.apply(object);
            (kept > limits.watch_objects_max)
                .then(|| End::Useless(format!("more than {} objects", limits.watch_objects_max)))
        }
        _ => {
            store.heard();
            None
        }
    }
}

/// Lines of a body, each up to [`LINE_BYTES_MAX`].
struct Lines {
    body: Body,
    buffer: Vec<u8>,
    searched: usize,
}

impl Lines {
    fn new(body: Body) -> Self {
        Self {
            body,
            buffer: Vec::new(),
            searched: 0,
        }
    }

    /// The next whole line; `None` at the end, an unfinished one is dropped.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, ApiError> {
        loop {
            let unseen = &self.buffer[self.searched..];
            if let Some(position) = unseen.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(self.searched + position + 1);
                self.searched = 0;
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(ApiError::TooLarge {
                    bytes_max: LINE_BYTES_MAX,
                });
            }
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| ApiError::Broken(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}
