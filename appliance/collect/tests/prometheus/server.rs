//! A Prometheus of the machine's own, filled with recorded samples.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use appliance_collect::prometheus::{PrometheusLimits, PrometheusOptions, PrometheusSource};
use appliance_egress::{AllowList, Egress, Roots};
use prometheus_client::registry::Registry;

/// Whether both programs are there; says so if not.
pub(crate) fn is_installed() -> bool {
    let found = |program: &str| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    let both = found("prometheus") && found("promtool");
    if !both {
        println!("skipped: prometheus or promtool is not installed");
    }
    both
}

/// A Prometheus that ends with the test.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts one that holds the samples of an `OpenMetrics` text.
    pub(crate) fn start(samples: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("metrics.om"), samples).unwrap();
        std::fs::write(path("prometheus.yml"), "global: {}\n").unwrap();
        let filled = Command::new("promtool")
            .args([
                "tsdb",
                "create-blocks-from",
                "openmetrics",
                &path("metrics.om"),
                &path("data"),
            ])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(filled.success());
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", path("data")))
            .arg(format!("--web.listen-address={address}"))
            .arg("--storage.tsdb.retention.time=100y")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    /// The collector, asking this server.
    pub(crate) fn source(&self, limits: PrometheusLimits) -> PrometheusSource {
        let options = PrometheusOptions {
            url: format!("http://{}", self.address),
            token_file: None,
            roots: Roots::default(),
            limits,
        };
        let allowed: AllowList = [options.destination().unwrap()].into_iter().collect();
        let egress = Egress::new(allowed, &mut Registry::default());
        PrometheusSource::try_new(&options, &egress).unwrap()
    }

    /// Waits until it answers.
    pub(crate) async fn answers(&self, source: &PrometheusSource) {
        let mut tries = 0;
        while let Err(error) = source.ping().await {
            tries += 1;
            assert!(tries < 600, "prometheus does not answer: {error}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What the server counts about itself under names that begin so, added up.
    pub(crate) fn counted(&self, start: &str) -> f64 {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let lines = answer.lines().filter(|line| line.starts_with(start));
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}
