//! What one sync makes durable: records in one piece, written at once at the beginning of a sector.
//!
//! Layout: header CRC-32 (of salt and the 16 bytes that follow), body length (u32 LE), sequence (u64 LE), body CRC-32 (u32 LE); the
//! body, which is records; zeros up to the next sector. A record: CRC-32 of all that follows in it (u32 LE), length of what follows
//! these eight bytes (u32 LE), kind, content.
//!
//! A group is whole or it is not there: a torn one was never acknowledged. Because each group is synced before the next is
//! written, the *header* of a later group, which is within one sector, proves every group before it. Sectors that hold
//! acknowledged bytes are never written with other bytes: a group is padded to a sector instead of to a block, for the page
//! cache writes whole blocks anyway, the same bytes again, and padding to 4 KiB would make a lone order eight times as long.

use std::io;

use bytes::Bytes;

use crate::LogRecord;
use crate::frame::damaged;
use crate::limits::{LOG_SECTOR_BYTES, MAX_RECORD_BYTES};

/// Bytes before a group's records.
pub(crate) const GROUP_HEADER_BYTES: usize = 20;
const RECORD_HEADER_BYTES: usize = 8;
/// Kind, index and length of the head.
const ENTRY_HEADER_BYTES: usize = 13;

const BEGIN: u8 = 1;
const ENTRY: u8 = 2;
const TRUNCATE: u8 = 3;
const PURGE: u8 = 4;
const VOTE: u8 = 5;
const COMMITTED: u8 = 6;

/// What a record changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// First in a segment: which index comes next. Vote and marks follow, so that older segments can go.
    Begin { next: Option<u64> },
    /// A log entry at `offset` of its group, `bytes` long with its header.
    Entry { index: u64, offset: u32, bytes: u32 },
    /// Forgets every entry from `next` on, or all that are not purged.
    Truncate { next: Option<u64> },
    /// Forgets entries up to and with `upto`.
    Purge { upto: u64, marker: Bytes },
    /// Replaces the vote.
    Vote(Bytes),
    /// Replaces the committed mark.
    Committed(Bytes),
}

/// A group that is being gathered.
pub(crate) struct Group {
    bytes: Vec<u8>,
    edits: Vec<Edit>,
}

impl Default for Group {
    fn default() -> Self {
        Self { bytes: vec![0; GROUP_HEADER_BYTES], edits: Vec::new() }
    }
}

impl Group {
    /// Adds an entry.
    pub(crate) fn add_entry(&mut self, record: &LogRecord) {
        let start = self.bytes.len();
        let head_bytes = length_u32(record.head.len());
        self.add(ENTRY, &[&record.index.to_le_bytes(), &head_bytes.to_le_bytes(), &record.head, &record.payload]);
        let bytes = length_u32(self.bytes.len() - start);
        self.edits.push(Edit::Entry { index: record.index, offset: length_u32(start), bytes });
    }

    /// Adds any other change.
    pub(crate) fn add_edit(&mut self, edit: Edit) {
        match &edit {
            Edit::Begin { next } => self.add(BEGIN, &[&optional(*next)]),
            Edit::Truncate { next } => self.add(TRUNCATE, &[&optional(*next)]),
            Edit::Purge { upto, marker } => self.add(PURGE, &[&upto.to_le_bytes(), marker]),
            Edit::Vote(vote) => self.add(VOTE, &[vote]),
            Edit::Committed(committed) => self.add(COMMITTED, &[committed]),
            Edit::Entry { .. } => return,
        }
        self.edits.push(edit);
    }

    pub(crate) fn add(&mut self, kind: u8, content: &[&[u8]]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; RECORD_HEADER_BYTES]);
        self.bytes.push(kind);
        for part in content {
            self.bytes.extend_from_slice(part);
        }
        let length = length_u32(self.bytes.len() - start - RECORD_HEADER_BYTES);
        self.bytes[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
        let checksum = crc32fast::hash(&self.bytes[start + 4..]);
        self.bytes[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Puts the records of `other` behind these.
    pub(crate) fn append(&mut self, other: Self) {
        let shift = length_u32(self.bytes.len() - GROUP_HEADER_BYTES);
        self.bytes.extend_from_slice(&other.bytes[GROUP_HEADER_BYTES..]);
        self.edits.extend(other.edits.into_iter().map(|edit| match edit {
            Edit::Entry { index, offset, bytes } => Edit::Entry { index, offset: offset + shift, bytes },
            edit => edit,
        }));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Bytes on disk, padding included.
    pub(crate) fn padded_bytes(&self) -> u64 {
        padded(self.bytes.len()) as u64
    }

    /// The bytes to write, and what they change.
    pub(crate) fn seal(mut self, salt: u32, sequence: u64) -> (Vec<u8>, Vec<Edit>) {
        let body = &self.bytes[GROUP_HEADER_BYTES..];
        let (length, checksum) = (length_u32(body.len()), crc32fast::hash(body));
        self.bytes[4..8].copy_from_slice(&length.to_le_bytes());
        self.bytes[8..16].copy_from_slice(&sequence.to_le_bytes());
        self.bytes[16..20].copy_from_slice(&checksum.to_le_bytes());
        let checksum = header_checksum(salt, &self.bytes[4..GROUP_HEADER_BYTES]);
        self.bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        self.bytes.resize(padded(self.bytes.len()), 0);
        (self.bytes, self.edits)
    }
}

/// The header of a group that was begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupHeader {
    pub(crate) sequence: u64,
    body_bytes: usize,
    body_checksum: u32,
}

impl GroupHeader {
    /// The header at the beginning of `bytes`; none if there is no whole one.
    pub(crate) fn read(bytes: &[u8], salt: u32) -> Option<Self> {
        let header = bytes.first_chunk::<GROUP_HEADER_BYTES>()?;
        let [h0, h1, h2, h3, l0, l1, l2, l3, s0, s1, s2, s3, s4, s5, s6, s7, b0, b1, b2, b3] = *header;
        let sequence = u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        // Sequences begin with 1: zeros are no header under any salt.
        (sequence > 0 && header_checksum(salt, &header[4..]) == u32::from_le_bytes([h0, h1, h2, h3])).then_some(Self {
            sequence,
            body_bytes: u32::from_le_bytes([l0, l1, l2, l3]) as usize,
            body_checksum: u32::from_le_bytes([b0, b1, b2, b3]),
        })
    }

    /// What the group that begins with `bytes` changes; none if it is torn.
    pub(crate) fn read_body(&self, bytes: &[u8]) -> Option<io::Result<Vec<Edit>>> {
        let body = bytes.get(GROUP_HEADER_BYTES..GROUP_HEADER_BYTES + self.body_bytes)?;
        (crc32fast::hash(body) == self.body_checksum).then(|| read_edits(body))
    }

    /// Bytes on disk, padding included.
    pub(crate) fn padded_bytes(&self) -> usize {
        padded(GROUP_HEADER_BYTES + self.body_bytes)
    }
}

fn read_edits(body: &[u8]) -> io::Result<Vec<Edit>> {
    let mut edits = Vec::new();
    let mut offset = 0;
    while offset < body.len() {
        let (kind, content, length) = read_record(&body[offset..])?;
        edits.push(read_edit(kind, content, length_u32(GROUP_HEADER_BYTES + offset), length_u32(length))?);
        offset += length;
    }
    Ok(edits)
}

fn read_edit(kind: u8, content: &[u8], offset: u32, bytes: u32) -> io::Result<Edit> {
    let mark = || Bytes::copy_from_slice(content);
    Ok(match kind {
        BEGIN => Edit::Begin { next: read_optional(content)? },
        ENTRY => Edit::Entry { index: leading_u64(content)?.0, offset, bytes },
        TRUNCATE => Edit::Truncate { next: read_optional(content)? },
        PURGE => {
            let (upto, marker) = leading_u64(content)?;
            Edit::Purge { upto, marker: Bytes::copy_from_slice(marker) }
        }
        VOTE => Edit::Vote(mark()),
        COMMITTED => Edit::Committed(mark()),
        _ => return Err(damaged("a record is of no known kind")),
    })
}

/// The entry that `bytes` are, with its header; checked.
pub(crate) fn read_entry(bytes: &[u8]) -> io::Result<LogRecord> {
    let (kind, content, _) = read_record(bytes)?;
    let (index, content) = leading_u64(content)?;
    let (head_bytes, content) = content.split_first_chunk::<4>().ok_or_else(too_short)?;
    let head_bytes = u32::from_le_bytes(*head_bytes) as usize;
    if kind != ENTRY || head_bytes > content.len() {
        return Err(damaged("a record is no entry"));
    }
    let mut head = Bytes::copy_from_slice(content);
    let payload = head.split_off(head_bytes);
    Ok(LogRecord { index, head, payload })
}

/// Bytes of head and payload in an entry that is `bytes` long with its header.
pub(crate) fn entry_content_bytes(bytes: u32) -> usize {
    (bytes as usize).saturating_sub(RECORD_HEADER_BYTES + ENTRY_HEADER_BYTES)
}

/// Kind, content and whole length of the record at the beginning of `bytes`.
fn read_record(bytes: &[u8]) -> io::Result<(u8, &[u8], usize)> {
    let Some(([c0, c1, c2, c3, l0, l1, l2, l3], _)) = bytes.split_first_chunk::<RECORD_HEADER_BYTES>() else {
        return Err(too_short());
    };
    let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
    if length > MAX_RECORD_BYTES + ENTRY_HEADER_BYTES {
        return Err(damaged("a record is over its length limit"));
    }
    let whole = bytes.get(..RECORD_HEADER_BYTES + length).ok_or_else(too_short)?;
    if crc32fast::hash(&whole[4..]) != u32::from_le_bytes([*c0, *c1, *c2, *c3]) {
        return Err(damaged("a record fails its checksum"));
    }
    let (kind, content) = whole[RECORD_HEADER_BYTES..].split_first().ok_or_else(too_short)?;
    Ok((*kind, content, whole.len()))
}

fn header_checksum(salt: u32, header: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(header);
    hasher.finalize()
}

fn padded(bytes: usize) -> usize {
    bytes.next_multiple_of(LOG_SECTOR_BYTES)
}

/// A present flag and the number.
fn optional(number: Option<u64>) -> [u8; 9] {
    let mut bytes = [u8::from(number.is_some()); 9];
    bytes[1..].copy_from_slice(&number.unwrap_or(0).to_le_bytes());
    bytes
}

fn read_optional(content: &[u8]) -> io::Result<Option<u64>> {
    let (flag, number) = content.split_first().ok_or_else(too_short)?;
    let (number, _) = leading_u64(number)?;
    Ok((*flag == 1).then_some(number))
}

fn leading_u64(content: &[u8]) -> io::Result<(u64, &[u8])> {
    let (number, rest) = content.split_first_chunk::<8>().ok_or_else(too_short)?;
    Ok((u64::from_le_bytes(*number), rest))
}

fn too_short() -> io::Error {
    damaged("a record is shorter than it says")
}

/// Lengths within a group: at most a batch and a record, which limits keep far below 4 GiB.
fn length_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back_and_any_flipped_bit_or_cut_is_found() {
        let entry = LogRecord { index: 7, head: Bytes::from_static(b"head"), payload: Bytes::from_static(b"payload") };
        let mut group = Group::default();
        group.add_entry(&entry);
        let bytes = &group.bytes[GROUP_HEADER_BYTES..];
        assert_eq!(read_entry(bytes).unwrap(), entry);
        assert_eq!(entry_content_bytes(length_u32(bytes.len())), entry.head.len() + entry.payload.len());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read_entry(&flipped).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(read_entry(&bytes[..length]).is_err(), "length {length}");
        }
    }

    #[test]
    fn a_group_is_read_under_its_own_salt_only() {
        let mut group = Group::default();
        group.add_edit(Edit::Vote(Bytes::from_static(b"vote")));
        let (bytes, edits) = group.seal(5, 9);
        assert_eq!(bytes.len(), LOG_SECTOR_BYTES);
        let header = GroupHeader::read(&bytes, 5).unwrap();
        assert_eq!((header.sequence, header.read_body(&bytes).unwrap().unwrap()), (9, edits));
        assert!(GroupHeader::read(&bytes, 6).is_none());
        let zeros = [0; LOG_SECTOR_BYTES];
        assert!((0..10_000).all(|salt| GroupHeader::read(&zeros, salt).is_none()));
    }
}
