//! The few file operations the writer needs, as a trait, so that tests can
//! fail, shorten and forget them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// An open segment file.
pub trait SegmentFile: Send {
    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable (`fdatasync`).
    fn sync_data(&mut self) -> io::Result<()>;
    /// Cuts or extends the file.
    fn set_len(&mut self, len: u64) -> io::Result<()>;
}

/// Where segment files are.
pub trait Medium: Send + Sync {
    /// Creates `path` with `len` zero bytes, allocated and durable, or leaves
    /// nothing of that name.
    fn create(&self, path: &Path, len: u64) -> io::Result<Box<dyn SegmentFile>>;
    /// Opens `path` for writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>>;
    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
}

/// The real disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl SegmentFile for File {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    /// On Linux the standard library calls `fdatasync` and reports its error.
    fn sync_data(&mut self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }
}

impl Medium for Disk {
    /// Zeros are written, not left as a hole: only then is the space really
    /// ours when the disk fills up, and later syncs touch no metadata.
    fn create(&self, path: &Path, len: u64) -> io::Result<Box<dyn SegmentFile>> {
        let temporary = path.with_extension("tmp");
        let written = write_zeros(&temporary, len).and_then(|file| {
            fs::rename(&temporary, path)?;
            Ok(file)
        });
        match written {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => {
                // Best effort: the next start removes leftovers too.
                let _ = fs::remove_file(&temporary);
                Err(error)
            }
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Box::new(file))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

fn write_zeros(path: &Path, len: u64) -> io::Result<File> {
    static BLOCK: [u8; 64 << 10] = [0; 64 << 10];
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)?;
    let mut left = len;
    while left > 0 {
        let now = left.min(BLOCK.len() as u64);
        file.write_all(&BLOCK[..usize::try_from(now).unwrap_or(BLOCK.len())])?;
        left -= now;
    }
    file.sync_all()?;
    Ok(file)
}
