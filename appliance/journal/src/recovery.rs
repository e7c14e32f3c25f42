//! Reads back a journal's directory: which segments there are, what is
//! intact, what is gone, and where writing goes on.
//!
//! Cuts a torn tail (bytes after the last intact record of the last segment,
//! written but never acknowledged) and leaves every other damage as it is.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::medium::Medium;
use crate::scan;
use crate::segment::{self, HeaderBlock, Segment, VERSION};

/// An inclusive range of sequence numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeqRange {
    /// First number.
    pub first: u64,
    /// Last number.
    pub last: u64,
}

/// Bytes cut from the end of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The segment.
    pub path: PathBuf,
    /// Last intact record before the cut.
    pub after_seq: u64,
    /// How many bytes were cut.
    pub bytes: u64,
}

/// What opening a journal found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// Intact records.
    pub records: u64,
    /// First sequence number still kept; 0 when the journal is empty.
    pub first_seq: u64,
    /// Last sequence number; 0 when the journal is empty.
    pub last_seq: u64,
    /// Segments with records.
    pub segments: usize,
    /// Records that are gone although later ones are there.
    pub damaged: Vec<SeqRange>,
    /// The torn tail, if there was one.
    pub torn: Option<TornTail>,
    /// Segment files without a readable header, renamed to `*.bad`.
    pub unreadable: Vec<PathBuf>,
}

/// What the writer continues from.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) segments: Vec<Segment>,
    /// Number of the segment written ahead, if it is there.
    pub(crate) spare: Option<u64>,
    pub(crate) next_number: u64,
    pub(crate) report: RecoveryReport,
}

pub(crate) fn recover(dir: &Path, medium: &dyn Medium) -> Result<Recovered, OpenError> {
    let mut found = Recovered {
        segments: Vec::new(),
        spare: None,
        next_number: 1,
        report: RecoveryReport::default(),
    };
    let mut trailing_bytes = 0;
    for (number, path) in list(dir)? {
        found.next_number = number.saturating_add(1);
        let file = read(&path)?;
        match segment::read_header(&file) {
            HeaderBlock::Used(header) => {
                trailing_bytes = found.add(dir, &file, header);
            }
            HeaderBlock::Unused => found.drop_spare_before(dir, number)?,
            HeaderBlock::TooNew(version) => {
                return Err(OpenError::TooNew {
                    path,
                    found: version,
                    supported: VERSION,
                });
            }
            HeaderBlock::Damaged => found.set_aside(path)?,
        }
    }
    // A spare lower than the last used segment would break the order of names.
    if let (Some(spare), Some(last)) = (found.spare, found.segments.last())
        && spare < last.header.number
    {
        remove(&segment::path(dir, spare))?;
        found.spare = None;
    }
    found.cut_tail(trailing_bytes, medium)?;
    found.summarize();
    Ok(found)
}

impl Recovered {
    /// Scans a used segment; answers the bytes after its last intact record.
    fn add(&mut self, dir: &Path, file: &[u8], header: segment::SegmentHeader) -> u64 {
        let prior = self.segments.last().map_or(0, |segment| segment.last_seq);
        // Nothing may be missing between segments, except before the first one kept.
        if !self.segments.is_empty() && header.prior_last_seq > prior {
            self.report.damaged.push(SeqRange {
                first: prior + 1,
                last: header.prior_last_seq,
            });
        }
        let mut segment = Segment::new(dir, header);
        let report = &mut self.report;
        let scanned = scan::scan(
            file,
            header.key,
            header.prior_last_seq,
            |seq, offset, bytes| {
                segment.note(seq, offset, bytes);
                report.records += 1;
            },
        );
        report.damaged.extend(scanned.damaged);
        self.segments.push(segment);
        scanned.trailing_bytes
    }

    fn drop_spare_before(&mut self, dir: &Path, number: u64) -> Result<(), OpenError> {
        match self.spare.replace(number) {
            Some(older) => remove(&segment::path(dir, older)),
            None => Ok(()),
        }
    }

    fn set_aside(&mut self, path: PathBuf) -> Result<(), OpenError> {
        let bad = path.with_extension("wal.bad");
        fs::rename(&path, &bad).map_err(|source| OpenError::io("rename", path, source))?;
        self.report.unreadable.push(bad);
        Ok(())
    }

    /// Overwrites the torn tail with zeros, so that its remains can never be
    /// taken for records behind the ones written next.
    fn cut_tail(&mut self, trailing_bytes: u64, medium: &dyn Medium) -> Result<(), OpenError> {
        let Some(segment) = self.segments.last().filter(|_| trailing_bytes > 0) else {
            return Ok(());
        };
        let zeros = vec![0; usize::try_from(trailing_bytes).unwrap_or(usize::MAX)];
        medium
            .open(&segment.path)
            .and_then(|mut file| {
                file.write_all_at(&zeros, segment.end)?;
                file.sync_data()
            })
            .map_err(|source| OpenError::io("cut the torn tail of", &segment.path, source))?;
        self.report.torn = Some(TornTail {
            path: segment.path.clone(),
            after_seq: segment.last_seq,
            bytes: trailing_bytes,
        });
        Ok(())
    }

    fn summarize(&mut self) {
        let report = &mut self.report;
        report.segments = self.segments.len();
        report.last_seq = self.segments.last().map_or(0, |segment| segment.last_seq);
        report.first_seq = self
            .segments
            .first()
            .map_or(0, |segment| segment.header.prior_last_seq + 1)
            .min(report.last_seq);
    }
}

/// Segment files by number; leftovers of interrupted creations are removed.
fn list(dir: &Path) -> Result<Vec<(u64, PathBuf)>, OpenError> {
    let io = |source| OpenError::io("list", dir, source);
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            remove(&path)?;
        } else if let Some(number) = segment::number_of(&path) {
            files.push((number, path));
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, OpenError> {
    let io = |source| OpenError::io("read", path, source);
    let mut file = fs::File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

fn remove(path: &Path) -> Result<(), OpenError> {
    fs::remove_file(path).map_err(|source| OpenError::io("remove", path, source))
}
