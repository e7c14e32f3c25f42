//! Watches: replay, live changes, bookmarks, and their end.
//!
//! One task per watch reads the world and writes lines; the asker going away
//! ends it. Nothing is sent while nothing changes, as a real server does.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use super::negotiate::Form;
use super::path::Place;
use super::reply::Reply;
use super::selector::Selector;
use super::status::Status;
use super::{Call, event_forms, table};
use crate::world::bundle::full_object;
use crate::world::{Change, Cluster, Key, World, version_of};

/// How long a watch lasts that names no end: a real server picks 30 to 60 minutes.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(45);
/// How long before an announced end the last bookmark comes.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);
/// How far apart bookmarks are otherwise.
const BOOKMARK_INTERVAL: Duration = Duration::from_mins(1);
/// Lines a slow reader may be behind before the watch waits for it.
const LINES_AHEAD: usize = 64;

const NOT_WITHOUT: &str =
    "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
const NEEDS_MATCH: &str =
    "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";

#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a parameter of the request"
)]
struct Watch {
    cluster: Cluster,
    place: Place,
    selector: Selector,
    form: Form,
    include: Option<String>,
    since: Option<u64>,
    initial: bool,
    bookmarks: bool,
    ends: Instant,
    bookmark_at_end: bool,
    lines: mpsc::Sender<String>,
    described: bool,
}

/// The reader has gone, or the watch has ended.
struct Ended;

/// Answers a watch.
pub(super) fn answer(cluster: &Cluster, call: &Call, place: &Place) -> Result<Reply, Status> {
    let query = &call.query;
    let initial = query.flag("sendInitialEvents");
    check_options(call, initial)?;
    let form = match call.accept.form()? {
        Form::AggregatedDiscovery => return Err(Status::no_representation()),
        form => form,
    };
    let since = match query.get("resourceVersion") {
        None | Some("0") => None,
        Some(text) => Some(text.parse::<u64>().map_err(|_| {
            Status::behind(format!(
                "resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
            ))
        })?),
    };
    let timeout = query
        .integer("timeoutSeconds")?
        .filter(|seconds| *seconds > 0);
    let timeout = timeout
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map(Duration::from_secs);
    let (lines, receiver) = mpsc::channel(LINES_AHEAD);
    let watch = Watch {
        cluster: cluster.clone(),
        place: place.clone(),
        selector: Selector::parse(place.resource, query)?,
        form,
        include: query.get("includeObject").map(str::to_owned),
        since,
        initial,
        bookmarks: query.flag("allowWatchBookmarks"),
        ends: Instant::now() + timeout.unwrap_or(DEFAULT_TIMEOUT).min(DEFAULT_TIMEOUT),
        bookmark_at_end: timeout.is_some(),
        lines,
        described: false,
    };
    tokio::spawn(watch.run());
    Ok(Reply::watch(ReceiverStream::new(receiver)))
}

fn check_options(call: &Call, initial: bool) -> Result<(), Status> {
    let field = "resourceVersionMatch";
    let message = match (call.query.get(field), initial) {
        (Some("NotOlderThan"), true) | (None, false) => return Ok(()),
        (Some(_), false) => NOT_WITHOUT,
        (_, true) => NEEDS_MATCH,
    };
    let causes = [("FieldValueForbidden", message, field)];
    Err(Status::invalid("meta.k8s.io", "ListOptions", "", &causes))
}

impl Watch {
    async fn run(mut self) {
        // Either end is the same to the reader: the body ends.
        let _: Result<(), Ended> = self.serve().await;
    }

    async fn serve(&mut self) -> Result<(), Ended> {
        let mut versions = self.cluster.subscribe();
        let mut sent = self.begin().await?;
        let mut bookmark = self.next_bookmark();
        loop {
            sent = self.replay(sent).await?;
            tokio::select! {
                changed = versions.changed() => changed.map_err(|_| Ended)?,
                () = tokio::time::sleep_until(bookmark), if self.bookmarks => {
                    let version = sent.max(self.cluster.read().version());
                    self.send_bookmark(version, false).await?;
                    bookmark = Instant::now() + BOOKMARK_INTERVAL;
                }
                () = tokio::time::sleep_until(self.ends) => return Ok(()),
                () = self.lines.closed() => return Err(Ended),
            }
        }
    }

    fn next_bookmark(&self) -> Instant {
        let regular = Instant::now() + BOOKMARK_INTERVAL;
        let last = self.ends.checked_sub(BOOKMARK_BEFORE_END);
        match last {
            Some(last) if self.bookmark_at_end => last.min(regular),
            _ => regular,
        }
    }

    /// Sends what comes before live changes; gives the version up to which all is sent.
    async fn begin(&mut self) -> Result<u64, Ended> {
        let everything_first = self.initial || self.since.is_none();
        if !everything_first {
            return Ok(self.since.unwrap_or_default());
        }
        let (version, objects) = {
            let world = self.cluster.read();
            (world.version(), self.current(&world))
        };
        for object in objects {
            self.send("ADDED", &object).await?;
        }
        if self.initial && self.bookmarks {
            self.send_bookmark(version, true).await?;
        }
        Ok(version)
    }

    fn current(&self, world: &World) -> Vec<Arc<Value>> {
        world
            .objects(self.place.resource)
            .filter(|(key, _)| self.is_here(key))
            .map(|(_, object)| event_forms::served(self.place.resource, object))
            .filter(|object| self.selector.matches(object))
            .collect()
    }

    /// Sends the changes after `sent` and gives the new version.
    async fn replay(&mut self, sent: u64) -> Result<u64, Ended> {
        let news = {
            let world = self.cluster.read();
            let version = world.version().max(sent);
            match world.changes_since(self.place.resource, sent) {
                Some(changes) => {
                    let events: Vec<_> = changes.filter_map(|change| self.event(change)).collect();
                    Ok((version, events))
                }
                None => Err(format!(
                    "too old resource version: {sent} ({})",
                    world.oldest_version()
                )),
            }
        };
        match news {
            Ok((version, events)) => {
                for (kind, object) in events {
                    self.send(kind, &object).await?;
                }
                Ok(version)
            }
            Err(message) => {
                let object = Status::expired(message, None).object();
                self.line(&json!({"type": "ERROR", "object": object}))
                    .await?;
                Err(Ended)
            }
        }
    }

    /// What a change is to this watch: an object that stops matching is gone.
    fn event(&self, change: &Change) -> Option<(&'static str, Arc<Value>)> {
        if !self.is_here(&change.key) {
            return None;
        }
        let served = |object: &Option<Arc<Value>>| {
            let object = event_forms::served(self.place.resource, object.as_ref()?);
            self.selector.matches(&object).then_some(object)
        };
        match (served(&change.before), served(&change.after)) {
            (None, Some(after)) => Some(("ADDED", after)),
            (Some(_), Some(after)) => Some(("MODIFIED", after)),
            (Some(before), None) => Some(("DELETED", at_version(&before, change.version))),
            (None, None) => None,
        }
    }

    fn is_here(&self, key: &Key) -> bool {
        self.place
            .namespace
            .as_ref()
            .is_none_or(|namespace| key.namespace == *namespace)
    }

    async fn send(&mut self, kind: &str, object: &Arc<Value>) -> Result<(), Ended> {
        let resource = self.place.resource;
        let object = match self.form {
            Form::Table(version) => {
                let now = self.cluster.read().now();
                let mut rows = table::Table::new(resource, version, self.include.as_deref(), now);
                if self.described {
                    rows.leave_out_columns();
                }
                self.described = true;
                rows.push(object);
                let version = version_of(object).unwrap_or_default().to_string();
                rows.finish(&json!({"resourceVersion": version}))
            }
            Form::Metadata | Form::MetadataList => table::partial_metadata(object),
            Form::Json | Form::AggregatedDiscovery => full_object(resource, object),
        };
        self.line(&json!({"type": kind, "object": object})).await
    }

    async fn send_bookmark(&mut self, version: u64, initial_end: bool) -> Result<(), Ended> {
        let resource = self.place.resource;
        let mut object = json!({"kind": resource.kind, "apiVersion": resource.group_version(),
                                "metadata": {"resourceVersion": version.to_string()}});
        if initial_end {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        // A Pod's required fields are written even when they are empty.
        if resource.kind == "Pod" {
            object["spec"] = json!({"containers": null});
            object["status"] = json!({});
        }
        self.line(&json!({"type": "BOOKMARK", "object": object}))
            .await
    }

    async fn line(&self, event: &Value) -> Result<(), Ended> {
        let line = format!("{event}\n");
        self.lines.send(line).await.map_err(|_| Ended)
    }
}

/// A deleted object carries the version of its deletion.
fn at_version(object: &Arc<Value>, version: u64) -> Arc<Value> {
    let mut object = Value::clone(object);
    object["metadata"]["resourceVersion"] = json!(version.to_string());
    Arc::new(object)
}
