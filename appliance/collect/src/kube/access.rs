//! How to reach the API server and as whom, from explicit configuration.
//!
//! Decides which credentials are acceptable: files and inline data, never a
//! program to run (`exec`, `auth-provider`) and never a proxy, since both
//! would be a way out of the process that the egress guard does not see.

use std::path::{Path, PathBuf};
use std::time::Duration;

use appliance_egress::{Connector, Destination, DialError, Egress};
use http::Uri;
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::Client;
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use tower::{BoxError, ServiceBuilder};

/// Where the API server is and who we are to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubeAccess {
    /// A kubeconfig file with a token, a token file or a client certificate.
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// The context; the file's current one if absent.
        context: Option<String>,
    },
    /// An address with credentials in files, as a pod's service account has them.
    Server {
        /// `https://host:port`.
        url: String,
        /// Bearer token, read again as it rotates.
        token_file: Option<PathBuf>,
        /// PEM certificates of the API server's authority, read again as they rotate.
        ca_file: Option<PathBuf>,
    },
}

/// Where a pod finds its token and certificate authority.
const SERVICE_ACCOUNT_DIR: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

impl KubeAccess {
    /// The access a pod has, given the values of `KUBERNETES_SERVICE_HOST` and
    /// `KUBERNETES_SERVICE_PORT`.
    pub fn in_cluster(service_host: &str, service_port: &str) -> Self {
        let host = if service_host.contains(':') {
            format!("[{service_host}]")
        } else {
            service_host.to_owned()
        };
        let dir = Path::new(SERVICE_ACCOUNT_DIR);
        Self::Server {
            url: format!("https://{host}:{service_port}"),
            token_file: Some(dir.join("token")),
            ca_file: Some(dir.join("ca.crt")),
        }
    }

    /// Host and port of the API server, for the list of permitted destinations.
    ///
    /// # Errors
    /// [`AccessError`] if the configuration cannot be read.
    pub async fn destination(&self) -> Result<Destination, AccessError> {
        let config = self.config().await?;
        Ok(Destination::of_uri(&config.cluster_url)?)
    }

    /// A client whose every connection goes through `egress`.
    pub(crate) async fn client(
        &self,
        egress: &Egress,
        connect: Duration,
    ) -> Result<Client, AccessError> {
        let config = self.config().await?;
        Destination::of_uri(&config.cluster_url)
            .and_then(|destination| egress.allowed().find(&destination).map(|_| ()))?;
        guarded_client(&config, egress.connector(connect))
    }

    async fn config(&self) -> Result<kube::Config, AccessError> {
        match self {
            Self::Kubeconfig { path, context } => from_kubeconfig(path, context.clone()).await,
            Self::Server {
                url,
                token_file,
                ca_file,
            } => from_files(url, token_file.as_deref(), ca_file.as_deref()),
        }
    }
}

/// Why there is no way to the API server.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {}: {source}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        source: Box<kube::config::KubeconfigError>,
    },
    /// The kubeconfig would run a program.
    #[error("kubeconfig {}: credentials by {what} are not supported: use a token file or a client certificate", path.display())]
    Program {
        /// The file.
        path: PathBuf,
        /// `exec` or `auth-provider`.
        what: &'static str,
    },
    /// The address is not one.
    #[error("the API server's address {url:?} is not https://host:port")]
    Url {
        /// As configured.
        url: String,
    },
    /// A credential file cannot be read.
    #[error("read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A path that is not UTF-8.
    #[error("the path {} is not utf-8", path.display())]
    Path {
        /// The file.
        path: PathBuf,
    },
    /// TLS or credentials are unusable.
    #[error("set up the kubernetes client: {0}")]
    Client(#[from] Box<kube::Error>),
    /// The server may not be dialled.
    #[error(transparent)]
    Dial(#[from] DialError),
}

async fn from_kubeconfig(
    path: &Path,
    context: Option<String>,
) -> Result<kube::Config, AccessError> {
    let fail = |source| AccessError::Kubeconfig {
        path: path.to_owned(),
        source: Box::new(source),
    };
    let kubeconfig = Kubeconfig::read_from(path).map_err(fail)?;
    let options = KubeConfigOptions {
        context,
        ..KubeConfigOptions::default()
    };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(fail)?;
    let program = |what| AccessError::Program {
        path: path.to_owned(),
        what,
    };
    if config.auth_info.exec.is_some() {
        return Err(program("exec"));
    }
    if config.auth_info.auth_provider.is_some() {
        return Err(program("auth-provider"));
    }
    if config.accept_invalid_certs {
        tracing::warn!(path = %path.display(), "the kubeconfig turns certificate checks off");
    }
    Ok(config)
}

fn from_files(
    url: &str,
    token_file: Option<&Path>,
    ca_file: Option<&Path>,
) -> Result<kube::Config, AccessError> {
    let uri: Uri = url.parse().map_err(|_| AccessError::Url {
        url: url.to_owned(),
    })?;
    Destination::of_uri(&uri)?;
    let mut config = kube::Config::new(uri);
    config.root_cert_file = ca_file.map(Path::to_owned);
    // The bytes build the first trust store; the file is read again later.
    config.root_cert = ca_file.map(read_certificates).transpose()?;
    config.auth_info = AuthInfo {
        token_file: token_file.map(utf8).transpose()?,
        ..AuthInfo::default()
    };
    Ok(config)
}

fn read_certificates(path: &Path) -> Result<Vec<Vec<u8>>, AccessError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let fail = |error: rustls::pki_types::pem::Error| AccessError::File {
        path: path.to_owned(),
        source: std::io::Error::other(error.to_string()),
    };
    CertificateDer::pem_file_iter(path)
        .map_err(fail)?
        .map(|certificate| certificate.map(|der| der.to_vec()).map_err(fail))
        .collect()
}

fn utf8(path: &Path) -> Result<String, AccessError> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| AccessError::Path {
            path: path.to_owned(),
        })
}

/// The layers of kube's own client over our connector, without its retries
/// (the caller has a budget), its proxies and its compression (the cluster is
/// one hop away, and a plain body cannot be larger than it says).
fn guarded_client(config: &kube::Config, connector: Connector) -> Result<Client, AccessError> {
    let connector = config
        .rustls_https_connector_with_connector(connector)
        .map_err(Box::new)?;
    let pool: Pool<_, Body> = Pool::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_mins(1))
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(Box::new)?)
        .layer(config.extra_headers_layer().map_err(Box::new)?)
        .map_err(BoxError::from)
        .service(pool);
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
}
