//! The guard against real servers on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::{AllowList, Client, Destination, DialError, Egress, EgressError, Limits, Roots};

fn egress(allowed: &[&str]) -> Egress {
    let list: AllowList = allowed.iter().map(|text| text.parse().unwrap()).collect();
    Egress::new(list, &mut Registry::default())
}

fn client(egress: &Egress) -> Client {
    let limits = Limits {
        connect: Duration::from_millis(500),
        response: Duration::from_millis(300),
        total: Duration::from_millis(600),
        body_bytes_max: 1000,
    };
    Client::try_new(egress, &Roots::default(), limits).unwrap()
}

fn request(uri: &str) -> Request<Bytes> {
    Request::get(uri).body(Bytes::new()).unwrap()
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A listener that counts who knocks and never says a word.
async fn listen() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok(connection) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            held.push(connection);
        }
    });
    (address, seen)
}

#[tokio::test]
async fn an_address_that_is_not_listed_sees_no_connection() {
    let (address, seen) = listen().await;
    let egress = egress(&["127.0.0.1:1"]);
    for uri in [
        format!("http://{address}/"),
        format!("https://{address}/"),
        format!("http://localhost:{}/", address.port()),
        format!("http://[::ffff:127.0.0.1]:{}/", address.port()),
        format!("http://127.0.0.1:1@{address}/"),
    ] {
        let error = client(&egress).fetch(request(&uri)).await.unwrap_err();
        assert!(
            matches!(error, EgressError::Dial(DialError::Denied { .. })),
            "{uri}: {error}"
        );
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(seen.load(Ordering::SeqCst), 0);
    assert_eq!(egress.counts()[&address.to_string()].denied, 3);
}

#[tokio::test]
async fn a_listed_address_is_dialled_and_counted() {
    let address = serve(Router::new().route("/", get(|| async { "hello" }))).await;
    let egress = egress(&[&address.to_string()]);
    let response = client(&egress)
        .fetch(request(&format!("http://{address}/")))
        .await
        .unwrap();
    assert_eq!(response.body(), "hello");
    assert_eq!(egress.counts()[&address.to_string()].dialled, 1);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, seen) = listen().await;
    let target = format!("http://{elsewhere}/stolen");
    let address = serve(Router::new().route(
        "/",
        get(move || async move { Redirect::temporary(&target) }),
    ))
    .await;
    // Even a permitted target is not gone to.
    let egress = egress(&[&address.to_string(), &elsewhere.to_string()]);
    let error = client(&egress)
        .fetch(request(&format!("http://{address}/")))
        .await
        .unwrap_err();
    assert!(matches!(error, EgressError::Redirect { .. }), "{error}");
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_slow_server_is_given_up_on() {
    let (address, _) = listen().await;
    let egress = egress(&[&address.to_string()]);
    let error = client(&egress)
        .fetch(request(&format!("http://{address}/")))
        .await
        .unwrap_err();
    assert!(matches!(error, EgressError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn a_body_past_the_limit_is_cut_off() {
    let address = serve(Router::new().route("/", get(|| async { "x".repeat(5000) }))).await;
    let egress = egress(&[&address.to_string()]);
    let error = client(&egress)
        .fetch(request(&format!("http://{address}/")))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            EgressError::BodyTooLarge {
                bytes_max: 1000,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn an_absent_server_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let egress = egress(&[&address.to_string()]);
    let error = client(&egress)
        .fetch(request(&format!("http://{address}/")))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(egress.counts()[&address.to_string()].failed, 1);
}

#[tokio::test]
async fn a_pinned_name_needs_no_lookup() {
    let address = serve(Router::new().route("/", get(|| async { "pinned" }))).await;
    let port = address.port();
    let egress = egress(&[&format!("prometheus.invalid:{port}=127.0.0.1")]);
    let uri = format!("http://prometheus.invalid:{port}/");
    let response = client(&egress).fetch(request(&uri)).await.unwrap();
    assert_eq!(response.body(), "pinned");
}

#[tokio::test]
async fn tls_is_trusted_by_the_configured_authority_alone() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), key.cert.pem()).unwrap();
    let address = serve_tls(&key).await;
    let egress = egress(&[&format!("localhost:{}", address.port())]);
    let uri = format!("https://localhost:{}/", address.port());

    let trusting = Roots {
        ca_file: Some(ca.path().to_owned()),
        system: false,
    };
    let trusting = Client::try_new(&egress, &trusting, Limits::default()).unwrap();
    assert_eq!(trusting.fetch(request(&uri)).await.unwrap().body(), "ok");

    let error = client(&egress).fetch(request(&uri)).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

async fn serve_tls(key: &rcgen::CertifiedKey<rcgen::KeyPair>) -> SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let private = rustls::pki_types::PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

#[test]
fn a_certificate_file_that_is_none_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let roots = Roots {
        ca_file: Some(file.path().to_owned()),
        system: false,
    };
    assert!(
        roots
            .client_config()
            .unwrap_err()
            .to_string()
            .contains("no certificate")
    );
    let roots = Roots {
        ca_file: Some("/nowhere/ca.pem".into()),
        system: false,
    };
    assert!(
        roots
            .client_config()
            .unwrap_err()
            .to_string()
            .contains("/nowhere/ca.pem")
    );
}

#[track_caller]
fn check_address(destination: &str, address: &str, permitted: bool) {
    let destination: Destination = destination.parse().unwrap();
    let result = destination.check_address(address.parse().unwrap());
    assert_eq!(
        result.is_ok(),
        permitted,
        "{destination} at {address}: {result:?}"
    );
}

#[test]
fn names_may_lead_to_private_addresses_only() {
    check_address("prom.site:9090", "10.1.2.3", true);
    check_address("prom.site:9090", "192.168.0.7", true);
    check_address("prom.site:9090", "127.0.0.1", true);
    check_address("prom.site:9090", "fd00::1", true);
    check_address("prom.site:9090", "::ffff:10.0.0.1", true);
    check_address("prom.site:9090", "8.8.8.8", false);
    check_address("prom.site:9090", "::ffff:8.8.8.8", false);
    check_address("prom.site:9090", "169.254.169.254", false);
    check_address("prom.site:9090", "2001:db8::1", false);
    check_address("prom.site:9090", "0.0.0.0", false);
}

#[test]
fn pinned_and_literal_addresses_are_exact() {
    check_address("prom.site:9090=203.0.113.9", "203.0.113.9", true);
    check_address("prom.site:9090=203.0.113.9", "10.0.0.1", false);
    check_address("203.0.113.9:80", "203.0.113.9", true);
    check_address("[2001:db8::1]:80", "2001:db8::1", true);
}

#[test]
fn destinations_are_compared_as_one_spelling() {
    let list: AllowList = ["Prom.Site.:9090".parse().unwrap()].into_iter().collect();
    assert!(list.find(&Destination::new("prom.site", 9090)).is_ok());
    assert!(list.find(&Destination::new("prom.site", 9091)).is_err());
    assert!(
        list.find(&Destination::new("prom.site.evil", 9090))
            .is_err()
    );
}

#[test]
fn destinations_that_cannot_be_read_say_why() {
    for text in [
        "",
        "host",
        "host:0x1",
        "host:99999",
        "a b:1",
        "*.site:1",
        "h:1=nope",
        "u@h:1",
    ] {
        let error = text.parse::<Destination>().unwrap_err().to_string();
        assert!(error.contains("is not host:port"), "{error}");
    }
}
