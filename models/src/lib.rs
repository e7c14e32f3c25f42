//! Models that ship inside the binary, each with its manifest.
//!
//! Decides what is embedded and that it is what its manifest says; loading is
//! left to the engine.

use serde::{Deserialize, Serialize};

/// What is known of a model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name shown in `summary.by` and under `/v1/models`.
    pub name: String,
    /// File name beside the manifest.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Size of the file, bytes.
    pub bytes: u64,
    /// SPDX identifier.
    pub licence: String,
    /// GGUF architecture.
    pub architecture: String,
    /// Number of weights.
    pub parameters: u64,
    /// Context window, tokens.
    pub context_tokens: usize,
    /// Whether it was trained on aliased names.
    #[serde(default)]
    pub aliases: bool,
    /// How it was made.
    #[serde(default)]
    pub recipe: serde_json::Value,
    /// What was measured.
    #[serde(default)]
    pub figures: serde_json::Value,
}

/// The manifest cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the model's manifest cannot be read: {0}")]
pub struct ManifestError(#[from] serde_json::Error);

/// A model inside the binary.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// What it is.
    pub manifest: Manifest,
    /// The GGUF file.
    pub gguf: &'static [u8],
}

/// The starter model, trained by the recipe in `models/starter/recipe`.
///
/// # Errors
/// [`ManifestError`], which a test excludes for the committed file.
pub fn starter() -> Result<Embedded, ManifestError> {
    Ok(Embedded {
        manifest: serde_json::from_slice(include_bytes!("../starter/manifest.json"))?,
        gguf: include_bytes!("../starter/starter.gguf"),
    })
}

/// One recipe in this many is held out of the starter's training.
const HELD_OUT_ONE_IN: u64 = 6;

/// Whether the scenario recipe of that identifier was kept from the starter's
/// training, by a hash of its name (FNV-1a): what it says of these it has not
/// learned by heart. The one definition that training and evaluation share.
pub fn held_out(recipe: &str) -> bool {
    let hash = recipe
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    (hash >> 32) % HELD_OUT_ONE_IN == 3
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_starter_is_what_its_manifest_says_and_small() {
        let starter = starter().expect("the manifest parses");
        assert_eq!(starter.manifest.bytes, starter.gguf.len() as u64);
        let digest = Sha256::digest(starter.gguf)
            .iter()
            .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert_eq!(starter.manifest.sha256, digest);
        assert!(starter.gguf.len() < 20_000_000);
    }
}
