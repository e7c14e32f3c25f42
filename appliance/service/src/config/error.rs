//! What can be wrong with a configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read configuration file {}: {reason}", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// The file is not valid TOML, or has an unknown key or a wrong type.
    #[error("configuration file {}: {reason}", file.display())]
    Parse {
        /// Which file.
        file: PathBuf,
        /// Where and why.
        reason: Box<toml::de::Error>,
    },
    /// It would answer anyone on the network.
    #[error(
        "refusing to listen on {0} without authentication: set auth.credentials_file, or listen on 127.0.0.1"
    )]
    OpenWithoutCredentials(SocketAddr),
    /// Not a URL we can use.
    #[error("{0:?} is no http:// or https:// URL")]
    Url(String),
    /// A number that must not be zero.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// A model that is named is not there.
    #[error("{} is no model file, and no model of that name is imported (see `anchorite model list`)", .0.display())]
    NoSuchModel(PathBuf),
    /// The model that is to write only embeds.
    #[error("{} turns texts into vectors and writes none; name it in inference.embedding_model", .0.display())]
    NoWriter(PathBuf),
    /// The embedding model is not there.
    #[error("inference.embedding_model: {} is no folder, and no model of that name is imported (see `anchorite model list`)", .0.display())]
    NoSuchFolder(PathBuf),
    /// A file that is named is not there.
    #[error("{} is named in the configuration but is no file", .0.display())]
    NoSuchFile(PathBuf),
}
