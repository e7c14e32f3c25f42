//! A blocking HTTP client as small as the tests need.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for more bytes of an answer.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Answers end with the connection and are never chunked.
const VERSION: &str = "HTTP/1.0";

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }
}

/// One exchange; `None` where nobody answers, or not to the end.
pub(crate) fn call(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Answer> {
    read_answer(send(method, url, headers, body)?)
}

/// Reads to the end of the answer.
pub(crate) fn read_answer(stream: TcpStream) -> Option<Answer> {
    let mut reader = BufReader::new(stream);
    let (status, head) = read_head(&mut reader)?;
    let mut body = Vec::new();
    match header(&head, "content-length").and_then(|length| length.parse().ok()) {
        Some(length) => {
            body.resize(length, 0);
            reader.read_exact(&mut body).ok()?;
        }
        None => {
            reader.read_to_end(&mut body).ok()?;
        }
    }
    Some(Answer { status, body })
}

/// `GET` without anything.
pub(crate) fn get(url: &str) -> Option<Answer> {
    call("GET", url, &[], b"")
}

/// The JSON at `url`, if it answers 200.
pub(crate) fn get_json(url: &str) -> Option<Value> {
    let answer = get(url).filter(|answer| answer.status == 200)?;
    serde_json::from_slice(&answer.body).ok()
}

/// Posts JSON as the console does.
pub(crate) fn post_json(url: &str, body: &Value) -> Option<Answer> {
    let headers = [("x-anchorite-request", "1")];
    call("POST", url, &headers, body.to_string().as_bytes())
}

fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<TcpStream> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(SILENCE_MAX)).ok()?;
    let mut head = format!(
        "{method} /{path} {VERSION}\r\nHost: {host}\r\nContent-Length: {}\r\n",
        body.len()
    );
    if !body.is_empty() {
        head.push_str("Content-Type: application/json\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    Some(stream)
}

pub(crate) fn read_head(reader: &mut impl BufRead) -> Option<(u16, String)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some((head.split(' ').nth(1)?.parse().ok()?, head))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// One server-sent event.
#[derive(Clone, Debug)]
pub(crate) struct SentEvent {
    pub(crate) kind: String,
    pub(crate) id: Option<u64>,
    pub(crate) data: Value,
}

/// An open stream of server-sent events.
pub(crate) struct EventStream(BufReader<TcpStream>);

impl EventStream {
    /// Opens the stream; it goes on after `last_id`, as a browser asks for.
    pub(crate) fn open(url: &str, last_id: Option<u64>) -> Option<Self> {
        let last_id = last_id.map(|id| id.to_string());
        let headers: Vec<(&str, &str)> = last_id
            .iter()
            .map(|id| ("last-event-id", id.as_str()))
            .collect();
        let mut reader = BufReader::new(send("GET", url, &headers, b"")?);
        let (status, _) = read_head(&mut reader)?;
        (status == 200).then_some(Self(reader))
    }

    /// The next event; `None` at the end of the stream or of patience.
    pub(crate) fn next(&mut self, patience: Duration) -> Option<SentEvent> {
        let ends = Instant::now() + patience;
        let mut event = SentEvent {
            kind: String::new(),
            id: None,
            data: Value::Null,
        };
        loop {
            let left = ends.checked_duration_since(Instant::now())?;
            let left = left.max(Duration::from_millis(1));
            self.0.get_ref().set_read_timeout(Some(left)).ok()?;
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.trim_end().split_once(':') {
                Some(("event", kind)) => kind.trim().clone_into(&mut event.kind),
                Some(("id", id)) => event.id = id.trim().parse().ok(),
                Some(("data", data)) => event.data = serde_json::from_str(data.trim()).ok()?,
                Some(_) => {}
                None if event.kind.is_empty() => {}
                None => return Some(event),
            }
        }
    }
}
