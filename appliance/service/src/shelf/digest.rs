//! SHA-256 of files, read piece by piece.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Progress;

/// Bytes read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Bytes and digest of the file at `path`.
pub(super) fn of_file(path: &Path, progress: &dyn Progress) -> io::Result<(u64, String)> {
    copy(&mut File::open(path)?, &mut io::sink(), progress)
}

/// Copies `from` to `to`; bytes and digest of what was copied.
pub(super) fn copy(
    from: &mut impl Read,
    to: &mut impl Write,
    progress: &dyn Progress,
) -> io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        let length = match from.read(&mut chunk) {
            Ok(0) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            length => length?,
        };
        hasher.update(&chunk[..length]);
        to.write_all(&chunk[..length])?;
        bytes += length as u64;
        progress.advance(length as u64);
    }
    let hex = |hex: String, byte: &u8| hex + &format!("{byte:02x}");
    Ok((bytes, hasher.finalize().iter().fold(String::new(), hex)))
}
