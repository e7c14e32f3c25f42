//! Container logs, and the ways they cannot be had.

use std::collections::VecDeque;
use std::time::Duration;

use axum::body::{Body, Bytes};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

use super::Call;
use super::negotiate;
use super::path::Place;
use super::query::Query;
use super::reply::Reply;
use super::status::Status;
use crate::world::resource::by_kind;
use crate::world::{Cluster, LogKey, LogLine, World};

/// How long a followed log lasts at most.
const FOLLOW_MAX: Duration = Duration::from_hours(4);

/// Which lines are wanted.
#[derive(Clone, Debug, Default)]
struct Wanted {
    tail: Option<usize>,
    since: Option<Timestamp>,
    bytes_max: Option<usize>,
    timestamps: bool,
    follow: bool,
}

/// Answers a log.
pub(super) fn answer(
    cluster: &Cluster,
    call: &Call,
    place: &Place,
    name: &str,
) -> Result<Reply, Status> {
    if !call.accept.takes_logs() {
        return Err(Status::not_acceptable(negotiate::ONLY.to_owned()));
    }
    let world = cluster.read();
    let wanted = Wanted::parse(&call.query, name, world.now())?;
    let pod = world
        .get(place.resource, place.namespace(), name)
        .ok_or_else(|| Status::not_found(place.resource, name))?;
    let container = container(pod, name, call.query.get("container"))?;
    let Some(node) = text(pod, "/spec/nodeName") else {
        return Ok(Reply::empty(204).unmetered());
    };
    let key = LogKey {
        previous: call.query.flag("previous"),
        ..LogKey::current(place.namespace(), name, &container)
    };
    check_reachable(&world, pod, node, &key)?;
    let lines = if let Some(lines) = world.log_lines(&key) {
        lines
    } else {
        check_written(pod, &key)?;
        &[]
    };
    let start = container_started(pod, &container).unwrap_or(world.now());
    let text = wanted.render(lines, start);
    if !wanted.follow || is_over(pod, &container) {
        return Ok(Reply::log(Body::from(text)));
    }
    let seen = lines.len();
    drop(world);
    Ok(Reply::log(follow(
        cluster.clone(),
        key,
        wanted,
        text,
        seen,
        start,
    )))
}

/// Sends what is there, then each new line.
fn follow(
    cluster: Cluster,
    key: LogKey,
    wanted: Wanted,
    text: String,
    seen: usize,
    start: Timestamp,
) -> Body {
    let (sender, receiver) = mpsc::channel::<String>(16);
    let sending = async move {
        let mut seen = seen;
        let mut changes = cluster.subscribe();
        if sender.send(text).await.is_err() {
            return;
        }
        loop {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = sender.closed() => return,
            }
            let fresh = {
                let world = cluster.read();
                let lines = world.log_lines(&key).unwrap_or_default();
                let fresh: String = lines
                    .get(seen..)
                    .unwrap_or_default()
                    .iter()
                    .map(|line| wanted.line(line, start))
                    .collect();
                seen = lines.len();
                fresh
            };
            if !fresh.is_empty() && sender.send(fresh).await.is_err() {
                return;
            }
        }
    };
    tokio::spawn(tokio::time::timeout(FOLLOW_MAX, sending));
    let chunks = ReceiverStream::new(receiver)
        .map(|text| Ok::<_, std::convert::Infallible>(Bytes::from(text)));
    Body::from_stream(chunks)
}

impl Wanted {
    fn parse(query: &Query, pod: &str, now: Timestamp) -> Result<Self, Status> {
        let tail = query.integer("tailLines")?;
        let bytes_max = query.integer("limitBytes")?;
        let since_seconds = query.integer("sinceSeconds")?;
        let since_time = query.get("sinceTime").map(str::to_owned);
        let invalid = |message: String, reason, field| {
            let causes = [(reason, message.as_str(), field)];
            Status::invalid("", "PodLogOptions", pod, &causes)
        };
        let value = "FieldValueInvalid";
        if let Some(lines) = tail.filter(|lines| *lines < 0) {
            let message = format!("Invalid value: {lines}: must be greater than or equal to 0");
            return Err(invalid(message, value, "tailLines"));
        }
        for (field, number) in [("limitBytes", bytes_max), ("sinceSeconds", since_seconds)] {
            if let Some(number) = number.filter(|number| *number < 1) {
                let message = format!("Invalid value: {number}: must be greater than 0");
                return Err(invalid(message, value, field));
            }
        }
        if since_seconds.is_some() && since_time.is_some() {
            let message =
                "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified";
            return Err(invalid(message.to_owned(), "FieldValueForbidden", "[]"));
        }
        let since = match (since_seconds, since_time) {
            (Some(seconds), _) => now.checked_sub(SignedDuration::from_secs(seconds)).ok(),
            (None, Some(text)) => Some(text.parse().map_err(|_| {
                Status::bad_request(format!("parsing time {text:?} as RFC 3339: cannot parse"))
            })?),
            (None, None) => None,
        };
        let size = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(Self {
            tail: tail.map(size),
            since,
            bytes_max: bytes_max.map(size),
            timestamps: query.flag("timestamps"),
            follow: query.flag("follow"),
        })
    }

    /// The text of the wanted lines. Lines of bundles have no time of their own:
    /// they are never too old, and are stamped with the start of the container.
    fn render(&self, lines: &[LogLine], start: Timestamp) -> String {
        let recent = lines.iter().filter(|line| {
            let too_old = |since| line.at.is_some_and(|at| at < since);
            !self.since.is_some_and(too_old)
        });
        let mut kept: VecDeque<&LogLine> = VecDeque::new();
        for line in recent {
            if self.tail == Some(kept.len()) {
                kept.pop_front();
            }
            if self.tail != Some(0) {
                kept.push_back(line);
            }
        }
        let mut text: String = kept
            .into_iter()
            .map(|line| self.line(line, start))
            .collect();
        if let Some(most) = self.bytes_max
            && most < text.len()
        {
            let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
            text.truncate(end.unwrap_or(0));
        }
        text
    }

    fn line(&self, line: &LogLine, start: Timestamp) -> String {
        if self.timestamps {
            format!("{:.9} {}\n", line.at.unwrap_or(start), line.text)
        } else {
            format!("{}\n", line.text)
        }
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn named<'a>(pod: &'a Value, pointer: &str) -> impl Iterator<Item = &'a str> {
    let containers = pod.pointer(pointer).and_then(Value::as_array);
    containers
        .into_iter()
        .flatten()
        .filter_map(|container| container.get("name")?.as_str())
}

/// The container asked for, or the only one.
fn container(pod: &Value, name: &str, asked: Option<&str>) -> Result<String, Status> {
    let initial = named(pod, "/spec/initContainers");
    let all: Vec<&str> = initial
        .chain(named(pod, "/spec/containers"))
        .chain(named(pod, "/spec/ephemeralContainers"))
        .collect();
    match asked {
        Some(asked) if all.contains(&asked) => Ok(asked.to_owned()),
        Some(asked) => Err(Status::bad_request(format!(
            "container {asked} is not valid for pod {name}"
        ))),
        None => match all[..] {
            [only] => Ok(only.to_owned()),
            _ => Err(Status::bad_request(format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                all.join(" ")
            ))),
        },
    }
}

/// Logs come from the node's kubelet; one that fell silent gives none.
fn check_reachable(world: &World, pod: &Value, node: &str, key: &LogKey) -> Result<(), Status> {
    let silent = by_kind("Node")
        .and_then(|nodes| world.get(nodes, "", node))
        .is_some_and(|node| condition_status(node, "Ready") == Some("Unknown"));
    if !silent {
        return Ok(());
    }
    let address = text(pod, "/status/hostIP").unwrap_or(node);
    let query = if key.previous { "?previous=true" } else { "" };
    Err(Status::behind(format!(
        "Get \"https://{address}:10250/containerLogs/{}/{}/{}{query}\": dial tcp {address}:10250: i/o timeout",
        key.namespace, key.pod, key.container
    )))
}

pub(super) fn condition_status<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    object
        .pointer("/status/conditions")?
        .as_array()?
        .iter()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))?
        .get("status")?
        .as_str()
}

fn container_status<'a>(pod: &'a Value, container: &str) -> Option<&'a Value> {
    ["/status/containerStatuses", "/status/initContainerStatuses"]
        .into_iter()
        .filter_map(|pointer| pod.pointer(pointer)?.as_array())
        .flatten()
        .find(|status| status.get("name").and_then(Value::as_str) == Some(container))
}

/// Why there is no log, if the kubelet would say so.
fn check_written(pod: &Value, key: &LogKey) -> Result<(), Status> {
    let LogKey {
        container,
        pod: name,
        ..
    } = key;
    let status = container_status(pod, container);
    if key.previous {
        return Err(Status::bad_request(format!(
            "previous terminated container {container:?} in pod {name:?} not found"
        )));
    }
    let waiting = status.and_then(|status| text(status, "/state/waiting/reason"));
    match waiting {
        Some(reason @ ("ErrImagePull" | "ImagePullBackOff")) => {
            let why = if reason == "ErrImagePull" {
                "image can't be pulled"
            } else {
                "trying and failing to pull image"
            };
            Err(Status::bad_request(format!(
                "container {container:?} in pod {name:?} is waiting to start: {why}"
            )))
        }
        Some(reason) if reason != "CrashLoopBackOff" => Err(Status::bad_request(format!(
            "container {container:?} in pod {name:?} is waiting to start: {reason}"
        ))),
        _ => Ok(()),
    }
}

fn container_started(pod: &Value, container: &str) -> Option<Timestamp> {
    let status = container_status(pod, container);
    status
        .and_then(|status| text(status, "/state/running/startedAt"))
        .or_else(|| text(pod, "/status/startTime"))
        .and_then(|text| text.parse().ok())
}

/// Whether the container has ended, so that nothing more will be written.
fn is_over(pod: &Value, container: &str) -> bool {
    container_status(pod, container)
        .is_some_and(|status| status.pointer("/state/running").is_none())
}
