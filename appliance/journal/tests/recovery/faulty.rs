//! A medium that fails on demand and forgets what was not synced.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use appliance_journal::{Disk, Medium, SegmentFile};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

const SECTOR: usize = 512;

#[derive(Clone, Default)]
pub(crate) struct Faulty {
    state: Arc<Mutex<State>>,
    syncing: Arc<Mutex<()>>,
}

#[derive(Default)]
struct State {
    fail_syncs: bool,
    fail_creates: bool,
    cut_next_write: Option<usize>,
    /// Set once the power is gone: nothing reaches the disk any more.
    power_cut: Option<SmallRng>,
    /// What sectors held before writes that are not synced yet, newest last.
    unsynced: Vec<(PathBuf, u64, Vec<u8>)>,
}

struct FaultyFile {
    path: PathBuf,
    file: Box<dyn SegmentFile>,
    medium: Faulty,
}

impl Faulty {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("state")
    }

    pub(crate) fn fail_syncs(&self, fail: bool) {
        self.state().fail_syncs = fail;
    }

    pub(crate) fn fail_creates(&self, fail: bool) {
        self.state().fail_creates = fail;
    }

    pub(crate) fn cut_next_write(&self, bytes: usize) {
        self.state().cut_next_write = Some(bytes);
    }

    /// Syncs wait until the answer is dropped.
    pub(crate) fn hold_syncs(&self) -> MutexGuard<'_, ()> {
        self.syncing.lock().expect("syncing")
    }

    pub(crate) fn cut_power(&self, seed: u64) {
        self.state().power_cut = Some(SmallRng::seed_from_u64(seed));
    }

    /// Undoes unsynced writes sector by sector, at random: a disk may have
    /// written any of them.
    pub(crate) fn lose_unsynced(&self) {
        let mut state = self.state();
        let mut random = state.power_cut.clone().expect("power was cut");
        for (path, at, before) in state.unsynced.drain(..).rev() {
            let file = fs::OpenOptions::new().write(true).open(path).expect("open");
            for (sector, bytes) in (0..).zip(before.chunks(SECTOR)) {
                if random.random() {
                    file.write_all_at(bytes, at + sector * SECTOR as u64)
                        .expect("undo");
                }
            }
        }
    }
}

impl Medium for Faulty {
    fn create(&self, path: &Path, len: u64) -> io::Result<Box<dyn SegmentFile>> {
        if self.state().fail_creates {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(Box::new(FaultyFile {
            path: path.to_owned(),
            file: Disk.create(path, len)?,
            medium: self.clone(),
        }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(FaultyFile {
            path: path.to_owned(),
            file: Disk.open(path)?,
            medium: self.clone(),
        }))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        Disk.sync_dir(dir)
    }
}

impl SegmentFile for FaultyFile {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.medium.state();
        if let Some(cut) = state.cut_next_write.take() {
            self.file
                .write_all_at(&bytes[..cut.min(bytes.len())], offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.unsynced.push((
            self.path.clone(),
            offset,
            before(&self.path, offset, bytes.len())?,
        ));
        self.file.write_all_at(bytes, offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        drop(self.medium.syncing.lock().expect("syncing"));
        let mut state = self.medium.state();
        if state.fail_syncs || state.power_cut.is_some() {
            return Err(io::Error::other("injected"));
        }
        state.unsynced.retain(|(path, _, _)| *path != self.path);
        self.file.sync_data()
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
}

/// What the file holds there now; zeros beyond its end.
fn before(path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let file = fs::File::open(path)?;
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(bytes)
}
