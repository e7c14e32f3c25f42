//! Starts the servers of a simulated cluster.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Uri};
use tokio::net::TcpListener;

use crate::api::{self, Access, Api};
use crate::faults::Faults;
use crate::prometheus;
use crate::serve::Server;
use crate::world::{Cluster, World};

/// Most requests remembered.
const REQUESTS_MAX: usize = 10_000;

/// How the servers are started. The default listens on free ports of 127.0.0.1.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the Kubernetes API listens.
    pub kubernetes: SocketAddr,
    /// Where the Prometheus API listens.
    pub prometheus: SocketAddr,
    /// Who may ask the Kubernetes API.
    pub access: Access,
}

impl Default for Options {
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            kubernetes: free,
            prometheus: free,
            access: Access::default(),
        }
    }
}

/// A running simulated cluster. Dropping it stops its servers.
#[derive(Debug)]
pub struct Simulator {
    cluster: Cluster,
    faults: Faults,
    requests: RequestLog,
    kubernetes: Server,
    prometheus: Server,
}

impl Simulator {
    /// Starts both servers for `world`.
    ///
    /// # Errors
    /// If an address cannot be listened on.
    pub async fn start(world: World, options: Options) -> std::io::Result<Self> {
        let cluster = Cluster::new(world);
        let faults = Faults::default();
        let requests = RequestLog::default();
        let api = Arc::new(Api {
            cluster: cluster.clone(),
            faults: faults.clone(),
            access: options.access,
            requests: requests.clone(),
        });
        let listener = TcpListener::bind(options.kubernetes).await?;
        let kubernetes = Server::start(listener, move |request| api::handle(api.clone(), request))?;
        let listener = TcpListener::bind(options.prometheus).await?;
        let prometheus = prometheus::start(listener, cluster.clone(), faults.clone())?;
        Ok(Self {
            cluster,
            faults,
            requests,
            kubernetes,
            prometheus,
        })
    }

    /// The cluster, to look at and to change.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Failures of both servers.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Address of the Kubernetes API, `http://host:port`.
    pub fn kubernetes_url(&self) -> String {
        format!("http://{}", self.kubernetes.address())
    }

    /// Address of the Prometheus API, `http://host:port`.
    pub fn prometheus_url(&self) -> String {
        format!("http://{}", self.prometheus.address())
    }

    /// Requests to the Kubernetes API so far, `GET /path?query`, oldest first, the
    /// last 10,000 at most.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lines()
    }
}

/// What was asked. Clones are handles of the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestLog(Arc<Mutex<VecDeque<String>>>);

impl RequestLog {
    pub(crate) fn record(&self, method: &Method, uri: &Uri) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == REQUESTS_MAX {
            lines.pop_front();
        }
        lines.push_back(format!("{method} {uri}"));
    }

    fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }
}
