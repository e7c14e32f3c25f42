//! Which credentials are accepted.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use appliance_egress::{AllowList, Egress};
use axum::Router;
use axum::extract::Request;
use axum::serve::Listener;
use prometheus_client::registry::Registry;

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::super::{AccessError, KubeAccess, KubeOptions, KubeSource};
use super::limits;

#[tokio::test]
async fn a_kubeconfig_that_runs_a_program_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let config = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
        contexts: [{name: c, context: {cluster: k, user: u}}]\n\
        clusters: [{name: k, cluster: {server: 'https://127.0.0.1:6443'}}]\n\
        users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: [/tmp/x]}}}]\n";
    std::fs::write(file.path(), config).unwrap();
    let access = KubeAccess::Kubeconfig {
        path: file.path().to_owned(),
        context: None,
    };
    let error = access.destination().await.unwrap_err();
    assert!(
        matches!(error, AccessError::Program { what: "exec", .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_is_not_permitted_is_refused_at_the_start() {
    let options = KubeOptions {
        access: KubeAccess::in_cluster("10.96.0.1", "443"),
        cluster: String::new(),
        limits: limits(),
        watch: false,
    };
    let KubeAccess::Server {
        url, token_file, ..
    } = &options.access
    else {
        unreachable!()
    };
    assert_eq!(url, "https://10.96.0.1:443");
    assert!(token_file.as_ref().unwrap().ends_with("token"));
    let plain = KubeOptions {
        access: KubeAccess::Server {
            url: "http://127.0.0.1:1".to_owned(),
            token_file: None,
            ca_file: None,
        },
        ..options
    };
    let egress = Egress::new(AllowList::default(), &mut Registry::default());
    let error = KubeSource::try_new(&plain, &egress).await.unwrap_err();
    assert!(error.to_string().contains("not on the list"), "{error}");
}

/// Accepts TLS connections for axum.
struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, address) = self.listener.accept().await.unwrap();
            // A client that does not trust us ends the handshake.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// An API server that tells the version to whoever brings the token `t0ken`.
async fn serve_tls(certificate: &Path) -> String {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(certificate, key.cert.pem()).unwrap();
    let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private.into())
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let listener = TlsListener {
        listener,
        acceptor: TlsAcceptor::from(Arc::new(config)),
    };
    let router = Router::new().fallback(|request: Request| async move {
        assert_eq!(request.headers()["authorization"], "Bearer t0ken");
        axum::Json(json!({"gitVersion": "v1.36.2"}))
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn connect(access: KubeAccess) -> KubeSource {
    let allowed: AllowList = [access.destination().await.unwrap()].into_iter().collect();
    let options = KubeOptions {
        access,
        cluster: String::new(),
        limits: limits(),
        watch: false,
    };
    let egress = Egress::new(allowed, &mut Registry::default());
    KubeSource::try_new(&options, &egress).await.unwrap()
}

#[tokio::test]
async fn a_token_and_an_authority_from_files_are_used() {
    let dir = tempfile::tempdir().unwrap();
    let (token, ca, other) = (
        dir.path().join("token"),
        dir.path().join("ca.crt"),
        dir.path().join("other.crt"),
    );
    std::fs::write(&token, "t0ken").unwrap();
    serve_tls(&other).await;
    let url = serve_tls(&ca).await;
    let access = |ca_file: &Path| KubeAccess::Server {
        url: url.clone(),
        token_file: Some(token.clone()),
        ca_file: Some(ca_file.to_owned()),
    };
    let after = Duration::from_secs(5);
    assert_eq!(
        connect(access(&ca)).await.ping(after).await.unwrap(),
        "v1.36.2"
    );
    let error = connect(access(&other)).await.ping(after).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn a_kubeconfig_with_a_token_and_an_authority_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let url = serve_tls(&dir.path().join("ca.crt")).await;
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": {"server": url, "certificate-authority": "ca.crt"}}],
        "users": [{"name": "u", "user": {"token": "t0ken"}}]});
    let path = dir.path().join("kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    let source = connect(KubeAccess::Kubeconfig {
        path,
        context: None,
    })
    .await;
    assert_eq!(
        source.ping(Duration::from_secs(5)).await.unwrap(),
        "v1.36.2"
    );
}
