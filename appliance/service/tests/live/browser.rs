//! Headless Chromium, told what to do over its `DevTools` protocol.
//!
//! The console keeps an event stream open, so "print the page when it is
//! loaded" never sees its content; a page that is asked again and again does.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::http::{read_answer, read_head};
use super::support::{Child, Folder, wait_for};

/// A browser with one page.
pub(crate) struct Browser {
    socket: BufReader<TcpStream>,
    calls: u64,
    _process: Child,
    _profile: Folder,
}

impl Browser {
    /// Opens `url`.
    pub(crate) fn open(url: &str) -> Self {
        let profile = Folder::new();
        let folder = format!("--user-data-dir={}", profile.path(""));
        let process = Child::spawn(
            "chromium",
            &[
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--remote-debugging-port=0",
                &folder,
                url,
            ],
        );
        let port = wait_for("the browser listens", Duration::from_secs(30), || {
            let text = std::fs::read_to_string(profile.path("DevToolsActivePort")).ok()?;
            text.lines().next()?.parse::<u16>().ok()
        });
        let address = wait_for("the page is there", Duration::from_secs(20), || {
            let pages = pages(port)?;
            let page = pages
                .as_array()?
                .iter()
                .find(|page| page["type"] == "page")?;
            page["webSocketDebuggerUrl"].as_str().map(str::to_owned)
        });
        Self {
            socket: connect(&address),
            calls: 0,
            _process: process,
            _profile: profile,
        }
    }

    /// The value of a JavaScript expression on the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        self.calls += 1;
        let call = json!({"id": self.calls, "method": "Runtime.evaluate",
            "params": {"expression": expression, "returnByValue": true}});
        self.send(&call.to_string());
        loop {
            let answer = self.receive();
            if answer["id"] == self.calls {
                return answer["result"]["result"]["value"].clone();
            }
        }
    }

    /// The page as a reader sees it, once `text` is on it.
    pub(crate) fn text_with(&mut self, text: &str) -> String {
        let mut page = String::new();
        for _ in 0..100 {
            let seen = self.evaluate("document.body.innerText");
            seen.as_str().unwrap_or_default().clone_into(&mut page);
            if page.contains(text) {
                return page;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{text:?} is not on the page:\n{page}");
    }

    /// One masked text frame (RFC 6455, 5.2). The mask of zeros leaves the
    /// bytes as they are.
    fn send(&mut self, text: &str) {
        let length = u16::try_from(text.len()).expect("calls are short");
        let mut frame = vec![0x81, 0x80 | 0x7e];
        frame.extend(length.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.socket
            .get_mut()
            .write_all(&frame)
            .expect("the browser listens");
    }

    fn receive(&mut self) -> Value {
        let mut head = [0; 2];
        self.read(&mut head);
        let length = match head[1] & 0x7f {
            126 => {
                let mut length = [0; 2];
                self.read(&mut length);
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.read(&mut length);
                u64::from_be_bytes(length)
            }
            length => u64::from(length),
        };
        let mut frame = vec![0; usize::try_from(length).expect("frames fit into memory")];
        self.read(&mut frame);
        serde_json::from_slice(&frame).unwrap_or_default()
    }

    fn read(&mut self, buffer: &mut [u8]) {
        self.socket
            .read_exact(buffer)
            .expect("the browser answers within the time limit");
    }
}

/// What the browser has open. It answers HTTP/1.1 only.
fn pages(port: u16) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = format!("GET /json/list HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    serde_json::from_slice(&read_answer(stream)?.body).ok()
}

fn connect(address: &str) -> BufReader<TcpStream> {
    let rest = address.strip_prefix("ws://").expect("a WebSocket address");
    let (host, path) = rest.split_once('/').expect("it has a path");
    let mut stream = TcpStream::connect(host).expect("the browser listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a time limit can be set");
    let request = format!(
        "GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .expect("the browser listens");
    let mut reader = BufReader::new(stream);
    let (status, _) = read_head(&mut reader).expect("the browser answers");
    assert_eq!(status, 101, "the browser speaks WebSocket");
    reader
}
