//! Opening the log: every group is read and checked, and the recent entries stay in memory. Only the last group is written again, as it is.
//!
//! What does not read back is either the torn end, of which nobody heard, or damage. It is damage if a group stands behind it, if
//! the next segment goes on with another sequence, or if the note says that more was acknowledged. A damaged log is never repaired by
//! cutting it. A torn end is simply written over: the next group begins with the same sector, and no torn piece of the old one
//! reads as a group, because only a header at a group's own place, under this segment's salt, does.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use crate::durable_file::{DurableFile, sync_dir};
use crate::files;
use crate::frame::damaged;
use crate::limits::{LOG_SECTOR_BYTES, LOG_TAIL_BYTES};
use crate::log_group::{Edit, GroupHeader};
use crate::log_image::{LogImage, read_at};
use crate::log_seen::LogSeen;
use crate::log_segment::{Segment, SegmentError, number_of, segment_path};
use crate::log_tail::LogTail;
use crate::{OpenError, Syncer};

const MADE_KIND: u8 = 3;

/// What was found.
pub(crate) struct Recovered {
    pub(crate) tail: LogTail,
    pub(crate) image: LogImage,
    pub(crate) position: Position,
    pub(crate) seen: LogSeen,
    /// A segment that was made ahead and holds nothing.
    pub(crate) ready: Option<Segment>,
}

/// Where the log is written on.
#[derive(Default)]
pub(crate) struct Position {
    /// Where the next group goes in the last segment that holds one.
    pub(crate) end: u64,
    /// Of the last group.
    pub(crate) sequence: u64,
    pub(crate) is_made: bool,
    /// The last group: its segment, and from where to where it stands there.
    last: Option<(Arc<Segment>, u64, u64)>,
}

/// The file beside the log's directory that says that a log was made: one that is lost or emptied must not begin anew, for it
/// would have forgotten what it acknowledged.
pub(crate) fn made_mark(dir: &Path) -> DurableFile {
    DurableFile::new(dir.with_extension("made"), MADE_KIND)
}

/// Reads the log in `dir`. What it gives must be synced before anyone is told of it: see [`sync_found`].
pub(crate) fn recover(dir: &Path) -> Result<Recovered, OpenError> {
    let is_made = made_mark(dir).read()?.is_some();
    let numbers = segment_numbers(dir).map_err(OpenError::io(dir))?;
    let mut scan = Scan { position: Position { end: LOG_SECTOR_BYTES as u64, is_made, ..Position::default() }, ..Scan::default() };
    if numbers.is_empty() {
        refuse_lost(dir, is_made)?;
    }
    let mut ready = None;
    for number in &numbers {
        let segment = Segment::open(dir, *number).map_err(|error| segment_error(dir, *number, error))?;
        ready = scan.segment(segment, numbers.last() == Some(number)).map_err(|error| open_error(dir, error))?;
    }
    let seen = LogSeen::new(dir);
    scan.check_end(&seen).map_err(|error| open_error(dir, error))?;
    let tail = tail_of(&scan.image).map_err(|error| open_error(dir, error))?;
    Ok(Recovered { tail, image: scan.image, position: scan.position, seen, ready })
}

/// Makes durable what [`recover`] found. A process that was killed, or left after a failed sync, may have left one group that was
/// written and not synced. Its bytes are written again: after a failed sync the kernel takes pages for clean that the disk never got.
pub(crate) fn sync_found(dir: &Path, position: &Position, image: &LogImage, syncer: &dyn Syncer) -> io::Result<()> {
    if let Some((segment, from, to)) = &position.last {
        let mut bytes = vec![0; usize::try_from(to - from).map_err(io::Error::other)?];
        segment.file.read_exact_at(&mut bytes, *from)?;
        segment.file.write_all_at(&bytes, *from)?;
        syncer.sync(&segment.file)?;
    }
    let done = position.last.as_ref().map(|(segment, ..)| segment.number);
    match image.segments.back() {
        Some(last) if Some(last.number) != done => syncer.sync(&last.file).and_then(|()| sync_dir(dir)),
        Some(_) => sync_dir(dir),
        None => Ok(()),
    }
}

fn segment_numbers(dir: &Path) -> io::Result<Vec<u32>> {
    let entries = match files::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        numbers.extend(number_of(&entry?.path()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Refuses a directory without segments if there was a log in it.
fn refuse_lost(dir: &Path, is_made: bool) -> Result<(), OpenError> {
    let old = dir.join("db");
    if files::exists(&old) {
        return Err(OpenError::Version { path: old, version: 1 });
    }
    if is_made {
        return Err(OpenError::LogDamaged { path: dir.to_owned(), reason: "its segments are gone".into() });
    }
    Ok(())
}

/// How far the segments were read.
#[derive(Default)]
struct Scan {
    image: LogImage,
    position: Position,
    /// Of the segment that was read last, 0 before the first.
    last_number: u32,
}

impl Scan {
    /// Reads the next segment; gives it back if it holds nothing, which only the last one may.
    fn segment(&mut self, segment: Segment, is_last: bool) -> io::Result<Option<Segment>> {
        let is_first = self.last_number == 0;
        if !is_first && segment.number != self.last_number + 1 {
            return Err(damaged(&format!("segment {} is missing", self.last_number + 1)));
        }
        self.last_number = segment.number;
        let bytes = read_whole(&segment)?;
        let holds_one = self.group_at(&bytes, LOG_SECTOR_BYTES, &segment)?.is_some();
        if !holds_one {
            return self.without_group(segment, &bytes, is_first, is_last);
        }
        let segment = Arc::new(segment);
        self.image.segments.push_back(Arc::clone(&segment));
        let mut at = LOG_SECTOR_BYTES;
        while let Some((header, edits)) = self.group_at(&bytes, at, &segment)? {
            for edit in edits {
                self.image.apply(edit, segment.number, u32::try_from(at).map_err(io::Error::other)?)?;
            }
            self.position.sequence = header.sequence;
            let end = at + header.padded_bytes();
            self.position.last = Some((Arc::clone(&segment), at as u64, end as u64));
            at = end;
        }
        self.refuse_groups_behind(&bytes, at, &segment)?;
        self.position.end = at as u64;
        Ok(None)
    }

    fn without_group(&mut self, segment: Segment, bytes: &[u8], is_first: bool, is_last: bool) -> io::Result<Option<Segment>> {
        self.refuse_groups_behind(bytes, LOG_SECTOR_BYTES, &segment)?;
        if !is_last || (is_first && segment.number != 1) {
            return Err(damaged(&format!("segment {} holds nothing", segment.number)));
        }
        // A torn group whose header is there must be written over at its own place: elsewhere its sequence would be used twice.
        let is_torn = bytes.get(LOG_SECTOR_BYTES..).is_some_and(|rest| GroupHeader::read(rest, segment.salt).is_some());
        if is_first || is_torn {
            self.image.segments.push_back(Arc::new(segment));
            self.position.end = LOG_SECTOR_BYTES as u64;
            return Ok(None);
        }
        Ok(Some(segment))
    }

    /// The group at a place; none if there is no whole one.
    fn group_at(&self, bytes: &[u8], at: usize, segment: &Segment) -> io::Result<Option<(GroupHeader, Vec<Edit>)>> {
        let Some(bytes) = bytes.get(at..) else { return Ok(None) };
        let Some(header) = GroupHeader::read(bytes, segment.salt) else { return Ok(None) };
        if self.position.sequence > 0 && header.sequence != self.position.sequence + 1 {
            return Err(damaged(&format!("group {} follows on {}", header.sequence, self.position.sequence)));
        }
        Ok(header.read_body(bytes).transpose()?.map(|edits| (header, edits)))
    }

    /// A group's header behind `at` was written after the group at `at` was synced: then that one is damaged and not torn. Old bytes
    /// of a segment that is used again pass for a header once in 2^32 sectors, and hardly ever with a sequence that could stand there.
    fn refuse_groups_behind(&self, bytes: &[u8], at: usize, segment: &Segment) -> io::Result<()> {
        let behind = (at + LOG_SECTOR_BYTES..bytes.len()).step_by(LOG_SECTOR_BYTES);
        for later in behind {
            let Some(header) = GroupHeader::read(&bytes[later..], segment.salt) else { continue };
            let most = (later - at) / LOG_SECTOR_BYTES;
            let follows = header.sequence.checked_sub(self.position.sequence + 2).is_some_and(|beyond| beyond < most as u64);
            if follows || self.position.sequence == 0 {
                let reason = format!("segment {} does not read back at {at}, before group {}", segment.number, header.sequence);
                return Err(damaged(&reason));
            }
        }
        Ok(())
    }

    fn check_end(&self, seen: &LogSeen) -> io::Result<()> {
        let (last, seen) = (self.position.sequence, seen.last());
        if last < seen {
            return Err(damaged(&format!("it ends with group {last}, but had reached {seen}")));
        }
        self.image.check_whole()
    }
}

fn read_whole(segment: &Segment) -> io::Result<Vec<u8>> {
    let length = segment.file.metadata()?.len();
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    segment.file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn tail_of(image: &LogImage) -> io::Result<LogTail> {
    let mut tail = LogTail::new(image.vote.clone(), image.committed.clone());
    if let Some((upto, marker)) = image.purged.clone() {
        tail.purge(upto, marker);
    }
    let mut bytes = 0;
    let recent = image.entries().rev().take_while(|(_, place)| {
        let is_first = bytes == 0;
        bytes += place.record_bytes();
        is_first || bytes <= LOG_TAIL_BYTES
    });
    let older = image.entries().len() - recent.count();
    for (at, (index, place)) in image.entries().enumerate() {
        if at < older {
            tail.pass(index, place.record_bytes());
        } else if let Some((segment, place)) = image.find(index) {
            tail.push(read_at(&segment, place, index)?);
            tail.mark_written(tail.generation(), index);
        }
    }
    Ok(tail)
}

fn segment_error(dir: &Path, number: u32, error: SegmentError) -> OpenError {
    match error {
        SegmentError::Io(error) => open_error(dir, error),
        SegmentError::Version(version) => {
            OpenError::Version { path: segment_path(dir, number), version: u8::try_from(version).unwrap_or(u8::MAX) }
        }
    }
}

fn open_error(dir: &Path, error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            OpenError::LogDamaged { path: dir.to_owned(), reason: error.to_string() }
        }
        _ => OpenError::Io { path: dir.to_owned(), source: error },
    }
}
