//! Prometheus' query API over the world's series, and `/metrics` for a real Prometheus.

use tokio::net::TcpListener;

use crate::faults::Faults;
use crate::serve::Server;
use crate::world::Cluster;

pub(crate) fn start(
    listener: TcpListener,
    _cluster: Cluster,
    _faults: Faults,
) -> std::io::Result<Server> {
    Server::start(listener, |_| async {
        Ok(http::Response::new(axum::body::Body::empty()))
    })
}
