//! Reads records back, in order, while the writer goes on.
//!
//! Every record is verified again. Damage is an error value with the range of
//! numbers that are gone, and reading goes on behind it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::error::ReadError;
use crate::journal::Shared;
use crate::record::{self, HEADER_BYTES, Header, Record};
use crate::scan;
use crate::segment::Segment;

/// An iterator over records. `None` means "no more for now": it goes on once
/// more is durable.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    next_seq: u64,
    open: Option<OpenSegment>,
}

#[derive(Debug)]
struct OpenSegment {
    number: u64,
    file: File,
    offset: u64,
}

/// What is at an offset.
enum At {
    Intact(Record),
    Bad,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, seq: u64) -> Self {
        Self {
            shared,
            next_seq: seq.max(1),
            open: None,
        }
    }

    /// The number of the record that comes next.
    pub fn position(&self) -> u64 {
        self.next_seq
    }

    /// The segment that holds `next_seq`, moving over numbers that no segment holds.
    fn locate(&mut self) -> Result<Option<Segment>, ReadError> {
        let segments = self.shared.segments();
        let after = segments.partition_point(|s| s.header.prior_last_seq < self.next_seq);
        let Some(at) = after.checked_sub(1) else {
            // Older than what is kept: begin with the oldest.
            let Some(oldest) = segments
                .first()
                .filter(|s| s.last_seq > s.header.prior_last_seq)
            else {
                return Ok(None);
            };
            self.next_seq = oldest.header.prior_last_seq + 1;
            return Ok(Some(oldest.clone()));
        };
        if self.next_seq <= segments[at].last_seq {
            return Ok(Some(segments[at].clone()));
        }
        let Some(following) = segments.get(after) else {
            return Ok(None);
        };
        let (first, last) = (self.next_seq, following.header.prior_last_seq);
        self.next_seq = last + 1;
        Err(ReadError::Damaged { first, last })
    }

    fn read(&mut self) -> Result<Option<Record>, ReadError> {
        while self.next_seq <= *self.shared.durable.borrow() {
            let Some(segment) = self.locate()? else {
                return Ok(None);
            };
            let io = |source| ReadError::Io {
                path: segment.path.clone(),
                source,
            };
            let found = self.read_at(&segment).map_err(io)?;
            match found {
                At::Intact(record) if record.seq < self.next_seq => {}
                At::Intact(record) if record.seq == self.next_seq => {
                    self.next_seq += 1;
                    return Ok(Some(record));
                }
                At::Intact(_) | At::Bad => {
                    if let Some(damaged) = self.skip_damage(&segment).map_err(io)? {
                        return Err(damaged);
                    }
                }
            }
        }
        Ok(None)
    }

    fn read_at(&mut self, segment: &Segment) -> io::Result<At> {
        let wanted = self.next_seq;
        let open = self.open_at(segment)?;
        let mut header_bytes = [0; HEADER_BYTES];
        let at = open.offset;
        let key = segment.header.key;
        if !read_exact(&open.file, &mut header_bytes, at)? {
            return Ok(At::Bad);
        }
        // The length is only believed within the segment: it may be damaged.
        let Some(header) = Header::decode(&header_bytes, key)
            .filter(|header| at + header.record_bytes() <= segment.end)
        else {
            return Ok(At::Bad);
        };
        let mut payload = vec![0; header.len as usize];
        if !read_exact(&open.file, &mut payload, at + HEADER_BYTES as u64)?
            || !record::is_intact(&header_bytes, &payload, key)
        {
            return Ok(At::Bad);
        }
        // A record ahead of the wanted one is read again after the gap is told.
        if header.seq <= wanted {
            open.offset += header.record_bytes();
        }
        Ok(At::Intact(Record {
            seq: header.seq,
            at_micros: header.at_micros,
            kind: header.kind,
            payload,
        }))
    }

    fn open_at(&mut self, segment: &Segment) -> io::Result<&mut OpenSegment> {
        let number = segment.header.number;
        let open = match self.open.take().filter(|open| open.number == number) {
            Some(open) => open,
            None => OpenSegment {
                number,
                file: File::open(&segment.path)?,
                offset: segment.offset_before(self.next_seq),
            },
        };
        Ok(self.open.insert(open))
    }

    /// Moves to the next intact record; answers what is gone before it.
    fn skip_damage(&mut self, segment: &Segment) -> io::Result<Option<ReadError>> {
        let next_seq = self.next_seq;
        let open = self.open_at(segment)?;
        let mut bytes = vec![0; usize::try_from(segment.end).unwrap_or(usize::MAX)];
        let from = usize::try_from(open.offset).unwrap_or(usize::MAX);
        read_exact(&open.file, &mut bytes, 0)?;
        let found = scan::next_intact(&bytes, from, segment.header.key, next_seq - 1);
        let resume_seq = match found {
            Some((at, header)) => {
                open.offset = at as u64;
                header.seq
            }
            None => segment.last_seq + 1,
        };
        self.next_seq = resume_seq;
        Ok((resume_seq > next_seq).then_some(ReadError::Damaged {
            first: next_seq,
            last: resume_seq - 1,
        }))
    }
}

impl Iterator for Reader {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// Fills `buffer`, or answers false when the file ends before.
fn read_exact(file: &File, buffer: &mut [u8], at: u64) -> io::Result<bool> {
    match file.read_exact_at(buffer, at) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
