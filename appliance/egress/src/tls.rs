//! Whom to trust: certificates of a configured file, the system's on request.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Where root certificates come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    /// PEM file with the site's certificate authorities.
    pub ca_file: Option<PathBuf>,
    /// Whether the system's certificate store is trusted as well.
    pub system: bool,
}

/// Root certificates that could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file is missing or no PEM.
    #[error("read certificates from {}: {source}", path.display())]
    Read {
        /// The configured file.
        path: PathBuf,
        /// What was wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// The file holds no certificate.
    #[error("{} holds no certificate", path.display())]
    Empty {
        /// The configured file.
        path: PathBuf,
    },
    /// A certificate or the protocol settings are unusable.
    #[error("set up tls: {0}")]
    Setup(#[from] rustls::Error),
}

impl Roots {
    /// A client configuration that trusts these roots and nothing else.
    ///
    /// # Errors
    /// [`TlsError`] if the file cannot be read or holds no usable certificate.
    pub fn client_config(&self) -> Result<ClientConfig, TlsError> {
        let mut store = RootCertStore::empty();
        if let Some(path) = &self.ca_file {
            add_file(&mut store, path)?;
        }
        if self.system {
            // Certificates the system keeps but we cannot parse are skipped.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Ok(ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth())
    }
}

fn add_file(store: &mut RootCertStore, path: &PathBuf) -> Result<(), TlsError> {
    let read = |source| TlsError::Read {
        path: path.clone(),
        source,
    };
    let before = store.len();
    for certificate in CertificateDer::pem_file_iter(path).map_err(read)? {
        store.add(certificate.map_err(read)?)?;
    }
    if store.len() == before {
        return Err(TlsError::Empty { path: path.clone() });
    }
    Ok(())
}
