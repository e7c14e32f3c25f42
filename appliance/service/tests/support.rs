//! What the tests of the whole appliance share: folders, ports, processes.
#![allow(dead_code, reason = "each test file uses its part")]

use std::fmt;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use appliance_simulator::scenarios::{self, Params, ScenarioRun};
use appliance_simulator::{Options, Simulator};
use serde_json::Value;

/// A folder that goes away with the test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the folder is writable");
        path
    }
}

/// A port that was free a moment ago.
#[derive(Clone, Copy)]
pub(crate) struct Port(u16);

impl Port {
    pub(crate) fn free() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        Self(listener.local_addr().expect("it is bound").port())
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A process that ends with the test.
pub(crate) struct Child(std::process::Child);

impl Child {
    pub(crate) fn spawn(program: &str, arguments: &[&str]) -> Self {
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(if std::env::var_os("VERBOSE").is_some() {
                Stdio::inherit()
            } else {
                Stdio::null()
            })
            .spawn()
            .unwrap_or_else(|error| panic!("start {program}: {error}"));
        Self(child)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether all `programs` are on the path; says what is skipped otherwise.
pub(crate) fn installed(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let absent: Vec<&&str> = programs
        .iter()
        .filter(|program| {
            !std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
        })
        .collect();
    if !absent.is_empty() {
        println!("skipped: {absent:?} not installed");
    }
    absent.is_empty()
}

/// A scenario by name, with fixed names and the present time.
pub(crate) fn scenario(id: &str) -> ScenarioRun {
    let recipe = scenarios::all()
        .iter()
        .find(|recipe| recipe.id == id)
        .expect("the scenario exists");
    (recipe.build)(&Params {
        seed: 7,
        now: jiff::Timestamp::now(),
    })
}

/// Starts the cluster of `run`, broken already.
pub(crate) async fn simulate(run: &ScenarioRun) -> Simulator {
    Simulator::start(run.after.clone(), Options::default())
        .await
        .expect("loopback can be bound")
}

/// A kubeconfig for a server without authentication.
pub(crate) fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
         users: [{{name: u, user: {{}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
    )
}

/// Asks `probe` until it answers.
pub(crate) async fn until<T>(
    what: &str,
    patience: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = tokio::task::block_in_place(&mut probe) {
            return found;
        }
        assert!(started.elapsed() < patience, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// One HTTP/1.1 exchange; `None` where nobody answers.
pub(crate) fn exchange(method: &str, url: &str, body: &[u8]) -> Option<(u16, String)> {
    let rest = url.strip_prefix("http://")?;
    let (host, path) = rest.split_once('/')?;
    let mut stream = TcpStream::connect(host).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    let head = format!(
        "{method} /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Some((status, body.to_owned()))
}

/// The JSON at `url`, if it answers 200.
pub(crate) fn get_json(url: &str) -> Option<Value> {
    let (status, body) = exchange("GET", url, b"")?;
    (status == 200)
        .then(|| serde_json::from_str(&body).ok())
        .flatten()
}

/// The page at `url` as headless Chromium draws it.
pub(crate) async fn page_text(url: &str) -> String {
    let profile = Folder::new();
    let url = url.to_owned();
    tokio::task::spawn_blocking(move || {
        let output = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .arg(format!("--user-data-dir={}", profile.path("profile")))
            .args(["--timeout=8000", "--dump-dom", &url])
            .output()
            .expect("chromium starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    })
    .await
    .expect("the browser ends")
}
