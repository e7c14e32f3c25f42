//! What the tests share: folders, ports, processes, alerts, patience.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use appliance_simulator::scenarios::{self, Params, ScenarioRun};
use appliance_simulator::{Options, Simulator};
use serde_json::{Value, json};

/// The binary under test.
pub(crate) const ANCHORITE: &str = env!("CARGO_BIN_EXE_anchorite");

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
        let child = command(program, arguments)
            .spawn()
            .unwrap_or_else(|error| panic!("start {program}: {error}"));
        Self(child)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// `kill -TERM`, and waits for the end; whether it ended well.
    pub(crate) fn terminate(&mut self) -> bool {
        let id = self.0.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        assert!(told.is_ok_and(|status| status.success()), "kill {id}");
        self.0.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    let verbose = std::env::var_os("VERBOSE").is_some();
    let stderr = if verbose { Stdio::inherit } else { Stdio::null };
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr());
    command
}

/// `anchorite serve` as a process of its own.
pub(crate) struct Served {
    pub(crate) process: Child,
    /// `http://127.0.0.1:PORT`.
    pub(crate) base: String,
}

impl Served {
    /// Starts it on a free port, and waits until it accepts alerts.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let mut child = command(ANCHORITE, &all)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the appliance starts");
        let stdout = child.stdout.take().expect("it was asked for");
        let process = Child(child);
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it listens");
        let base = line
            .trim_end()
            .strip_prefix("console: ")
            .unwrap_or_else(|| panic!("it says where it listens, not {line:?}"))
            .trim_end_matches('/')
            .to_owned();
        Self { process, base }
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
    let recipe = scenarios::find(id).expect("the scenario exists");
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

/// A webhook body with one firing alert called `name` about `deployment`.
pub(crate) fn webhook(name: &str, deployment: &str) -> Value {
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{deployment=\"{deployment}\"}}"),
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "anchorite",
        "groupLabels": {"deployment": deployment},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example:9093",
        "alerts": [{
            "status": "firing",
            "labels": {"alertname": name, "namespace": "shop", "deployment": deployment, "severity": "warning"},
            "annotations": {"summary": "A test fires."},
            "startsAt": jiff::Timestamp::now().to_string(),
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example:9090/graph",
            "fingerprint": format!("{name}-{deployment}"),
        }],
    })
}

/// Asks `probe` until it answers, and tells the runtime that it blocks.
pub(crate) fn until<T>(what: &str, patience: Duration, probe: impl FnMut() -> Option<T>) -> T {
    tokio::task::block_in_place(|| wait_for(what, patience, probe))
}

/// Asks `probe` until it answers.
pub(crate) fn wait_for<T>(
    what: &str,
    patience: Duration,
    mut probe: impl FnMut() -> Option<T>,
) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(started.elapsed() < patience, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
