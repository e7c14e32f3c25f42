//! Secrets that live in files, so that they rotate and never stand in a configuration.

use std::path::PathBuf;

/// Longest secret; more is another file by mistake.
const BYTES_MAX: usize = 64 << 10;

/// A file that holds one secret. Read at each use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    path: PathBuf,
}

/// A secret that could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The file is missing or not readable.
    #[error("read secret {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is empty, too long or not one line.
    #[error("secret {} is not one line of at most 64 KiB", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
}

impl SecretFile {
    /// The secret in `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The secret, without the newline at its end.
    ///
    /// # Errors
    /// [`SecretFileError`] if the file is missing, empty, or holds something else.
    pub async fn read(&self) -> Result<String, SecretFileError> {
        let text = tokio::fs::read_to_string(&self.path).await;
        let text = text.map_err(|source| SecretFileError::Read {
            path: self.path.clone(),
            source,
        })?;
        let secret = text.trim();
        if secret.is_empty() || secret.len() > BYTES_MAX || secret.contains('\n') {
            return Err(SecretFileError::Form {
                path: self.path.clone(),
            });
        }
        Ok(secret.to_owned())
    }
}
