//! Measures what the documentation states of the whole appliance: how long an
//! acknowledgement, a card and its words take, and a cold start.
//!
//! Usage: `cargo run --release -p anchorite --example figures -- [FOLDER]`.
//! The data lies in `FOLDER`, so name one on the disk that is to be measured.
//! The cold start is that of `anchorite` beside this program's folder, where
//! `cargo build --release -p anchorite` puts it.
#![allow(
    clippy::disallowed_methods,
    reason = "dials itself on loopback and starts what it measures"
)]
#![allow(clippy::print_stdout, reason = "the table is what it is for")]

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anchorite::app::{App, Site};
use anchorite::config::Config;
use anchorite::sources::SourceOptions;
use anyhow::{Context, Result, ensure};
use appliance_collect::kube::KubeAccess;
use appliance_simulator::scenarios::{self, Params, Recipe};
use appliance_simulator::{Options, Simulator};
use appliance_store::Stage;
use inference_core::EngineError;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Alertmanagers and their groups that post at once.
const CONNECTIONS: usize = 64;
/// Notifications of one connection.
const POSTS: usize = 50;
/// Syncs timed for comparison.
const SYNCS: usize = 500;
/// The recipes told in demos.
const STORIES: usize = 12;
/// Cold starts timed.
const STARTS: usize = 5;
/// Longest wait for an analysis.
const PATIENCE: Duration = Duration::from_mins(2);

#[tokio::main]
async fn main() -> Result<()> {
    let place = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let folder = tempfile::tempdir_in(&place).with_context(|| format!("use {place}"))?;
    println!("machine              {}", machine(folder.path()));
    row("fdatasync", &mut syncs(folder.path())?);
    row(
        "acknowledgement",
        &mut acknowledgements(folder.path()).await?,
    );
    row("cold start", &mut cold_starts(folder.path())?);
    println!(
        "\n{:<42} {:>9} {:>9}  by",
        "scenario", "card ms", "words ms"
    );
    for recipe in scenarios::all().iter().take(STORIES) {
        println!("{}", story(recipe, folder.path()).await?);
    }
    Ok(())
}

/// One line of quantiles, milliseconds.
fn row(name: &str, times: &mut [Duration]) {
    times.sort();
    let at = |share: usize| {
        let index = (times.len() * share / 100).min(times.len().saturating_sub(1));
        times
            .get(index)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    };
    let count = times.len();
    println!(
        "{name:<20} p50 {:>8.2} ms   p99 {:>8.2} ms   of {count}",
        at(50),
        at(99)
    );
}

/// Processor, kernel and file system, as far as the system tells.
fn machine(folder: &Path) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| {
            Some(
                line.strip_prefix("model name")?
                    .trim_matches([' ', '\t', ':'])
                    .to_owned(),
            )
        })
        .unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let folder = folder.canonicalize().unwrap_or_default();
    // Where, and after the dash which: proc(5), mountinfo.
    let mounts = read("/proc/self/mountinfo");
    let system = mounts
        .lines()
        .filter_map(|line| {
            Some((
                line.split(' ').nth(4)?,
                line.split(" - ").nth(1)?.split(' ').next()?,
            ))
        })
        .filter(|(mount, _)| folder.starts_with(mount))
        .max_by_key(|(mount, _)| mount.len())
        .map_or("?", |(_, system)| system);
    let profile = if cfg!(debug_assertions) {
        "debug build"
    } else {
        "release build"
    };
    format!(
        "{cores} × {processor}, Linux {}, {system}, {profile}",
        kernel.trim()
    )
}

/// What the disk itself takes to keep a record.
fn syncs(folder: &Path) -> Result<Vec<Duration>> {
    let path = folder.join("syncs");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let record = notification("Sync", "disk").to_string();
    let mut times = Vec::new();
    for _ in 0..SYNCS {
        let started = Instant::now();
        file.write_all(record.as_bytes())?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    Ok(times)
}

async fn acknowledgements(folder: &Path) -> Result<Vec<Duration>> {
    let config = config(folder.join("acknowledgements"), false);
    let app = App::start(&config, Site::One(Box::default())).await?;
    let address = app.address();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|client| tokio::task::spawn_blocking(move || post_many(address, client)))
        .collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await??);
    }
    app.run(std::future::ready(())).await?;
    Ok(times)
}

fn post_many(address: SocketAddr, client: usize) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(address)?;
    (0..POSTS)
        .map(|number| {
            connection.post(&notification(
                &format!("Test{number}"),
                &format!("load-{client}"),
            ))
        })
        .collect()
}

/// From the start of the process to the first alert that is on the disk.
fn cold_starts(folder: &Path) -> Result<Vec<Duration>> {
    let own = std::env::current_exe()?;
    let binary = own.ancestors().nth(2).unwrap_or(&own).join("anchorite");
    if !binary.is_file() {
        println!("{} is not built: no cold start", binary.display());
        return Ok(Vec::new());
    }
    (0..STARTS)
        .map(|number| cold_start(&binary, &folder.join(format!("cold-{number}"))))
        .collect()
}

fn cold_start(binary: &Path, data: &Path) -> Result<Duration> {
    let started = Instant::now();
    let mut process = Command::new(binary)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let accepted = first_alert(&mut process);
    let elapsed = started.elapsed();
    process.kill()?;
    process.wait()?;
    accepted.map(|()| elapsed)
}

fn first_alert(process: &mut std::process::Child) -> Result<()> {
    let stdout = process.stdout.take().context("its output was asked for")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    let url = line
        .trim()
        .strip_prefix("console: http://")
        .with_context(|| format!("the appliance did not start, it said {line:?}"))?;
    let address = url.trim_end_matches('/').parse()?;
    Connection::open(address)?.post(&notification("Test", "cold"))?;
    Ok(())
}

/// Plays one scenario: from the acknowledgement to the card and to the words.
async fn story(recipe: &Recipe, folder: &Path) -> Result<String> {
    let run = (recipe.build)(&Params {
        seed: 1,
        now: Timestamp::now(),
    });
    let simulator = Simulator::start(run.after, Options::default()).await?;
    let access = KubeAccess::Server {
        url: simulator.kubernetes_url(),
        token_file: None,
        ca_file: None,
    };
    let sources = SourceOptions::simulated(access, "", simulator.prometheus_url());
    let config = config(folder.join(recipe.id), true);
    let app = App::start(&config, Site::One(Box::new(sources))).await?;
    let slot = app.backend().pipeline.model().clone();
    while matches!(slot.engine(), Err(EngineError::Loading)) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut events = app.ledger().subscribe();
    let (address, alert) = (app.address(), run.alert);
    tokio::task::spawn_blocking(move || Connection::open(address)?.post(&alert)).await??;
    let acknowledged = Instant::now();
    let (mut card, mut words) = (None, None);
    while words.is_none() && acknowledged.elapsed() < PATIENCE {
        let event = tokio::time::timeout(Duration::from_millis(20), events.recv()).await;
        match event.map(|event| event.map(|event| event.row.stage)) {
            Ok(Ok(Some(Stage::Card))) => card = card.or(Some(acknowledged.elapsed())),
            Ok(Ok(Some(Stage::Worded))) => words = Some(acknowledged.elapsed()),
            Err(_) if card.is_some() && app.backend().pipeline.queue().is_idle() => break,
            _ => {}
        }
    }
    app.run(std::future::ready(())).await?;
    let milliseconds = |time: Option<Duration>| {
        time.map_or_else(|| "-".to_owned(), |time| time.as_millis().to_string())
    };
    let by = if words.is_some() { "model" } else { "rules" };
    Ok(format!(
        "{:<42} {:>9} {:>9}  {by}",
        recipe.id,
        milliseconds(card),
        milliseconds(words)
    ))
}

fn config(data_dir: std::path::PathBuf, model: bool) -> Config {
    let mut config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        data_dir,
        ..Config::default()
    };
    config.model.enabled = model;
    config
}

/// A notification of about the size Alertmanager sends.
fn notification(name: &str, deployment: &str) -> Value {
    json!({
        "version": "4", "groupKey": format!("{{}}:{{deployment=\"{deployment}\"}}"), "truncatedAlerts": 0,
        "status": "firing", "receiver": "anchorite", "groupLabels": {}, "commonLabels": {},
        "commonAnnotations": {}, "externalURL": "http://alertmanager.example:9093",
        "alerts": [{
            "status": "firing",
            "labels": {"alertname": name, "namespace": "shop", "deployment": deployment, "severity": "warning"},
            "annotations": {"description": "Measured. ".repeat(40)},
            "startsAt": Timestamp::now(), "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example:9090/graph", "fingerprint": format!("{name}-{deployment}"),
        }],
    })
}

/// A connection that is kept, as Alertmanager keeps its own.
struct Connection {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            address,
            stream: BufReader::new(stream),
        })
    }

    /// Posts `body` to the webhook; how long the acknowledgement took.
    fn post(&mut self, body: &Value) -> Result<Duration> {
        let body = body.to_string();
        let request = format!(
            "POST /api/v1/alertmanager HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let started = Instant::now();
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            ensure!(
                self.stream.read_line(&mut head)? > 0,
                "the connection was closed"
            );
        }
        let elapsed = started.elapsed();
        ensure!(head.starts_with("HTTP/1.1 200"), "not acknowledged: {head}");
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")?
                .trim()
                .parse()
                .ok()
        });
        self.stream.read_exact(&mut vec![0; length.unwrap_or(0)])?;
        Ok(elapsed)
    }
}
