//! How log records stand in the database: `L`, index, chunk (big-endian), each value within 4 KiB; `M` and a letter for the rest.
//!
//! A record's first chunk begins with the lengths of head and payload and a CRC-32 of both (u32 LE each); head and payload follow,
//! cut into chunks.

use std::io;

use bytes::Bytes;

use crate::LogRecord;
use crate::engine::Batch;
use crate::frame::{damaged, seal, unseal};
use crate::limits::{MAX_RECORD_BYTES, RECORD_CHUNK_BYTES};

pub(crate) const VOTE_KEY: &[u8] = b"MV";
pub(crate) const COMMITTED_KEY: &[u8] = b"MC";
/// Present from the database's first sync on.
pub(crate) const ORIGIN_KEY: &[u8] = b"MO";
pub(crate) const PURGED_KEY: &[u8] = b"MP";

const TAG: u8 = b'L';
const KEY_BYTES: usize = 11;
const RECORD_HEADER_BYTES: usize = 12;

/// Key of a record's chunk; chunk 0 is also the lower end of everything from that record on.
pub(crate) fn record_key(index: u64, chunk: u16) -> [u8; KEY_BYTES] {
    let mut key = [TAG; KEY_BYTES];
    key[1..9].copy_from_slice(&index.to_be_bytes());
    key[9..].copy_from_slice(&chunk.to_be_bytes());
    key
}

/// The key after every record.
pub(crate) const fn records_end() -> [u8; 1] {
    [TAG + 1]
}

/// The key after every record up to and with `index`.
pub(crate) fn end_of(index: u64) -> Vec<u8> {
    index.checked_add(1).map_or_else(|| records_end().to_vec(), |next| record_key(next, 0).to_vec())
}

/// What a record takes in memory and, nearly, on disk.
pub(crate) fn record_bytes(record: &LogRecord) -> usize {
    record.head.len() + record.payload.len() + 64
}

/// Adds a record's chunks to a batch.
pub(crate) fn put_record(batch: &mut Batch, record: &LogRecord) {
    let header = record_header(record);
    let length = record.head.len() + record.payload.len();
    let key = record_key(record.index, 0);
    if length <= RECORD_CHUNK_BYTES {
        batch.put(&key, &seal(&key, &[&header, &record.head, &record.payload]));
        return;
    }
    let mut whole = Vec::with_capacity(length);
    whole.extend_from_slice(&record.head);
    whole.extend_from_slice(&record.payload);
    for (chunk, bytes) in (0_u16..).zip(whole.chunks(RECORD_CHUNK_BYTES)) {
        let key = record_key(record.index, chunk);
        let header: &[u8] = if chunk == 0 { &header } else { &[] };
        batch.put(&key, &seal(&key, &[header, bytes]));
    }
}

fn record_header(record: &LogRecord) -> [u8; RECORD_HEADER_BYTES] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&record.head);
    hasher.update(&record.payload);
    let mut header = [0; RECORD_HEADER_BYTES];
    // Lengths were checked against MAX_RECORD_BYTES when the record came in.
    header[..4].copy_from_slice(&u32::try_from(record.head.len()).unwrap_or(u32::MAX).to_le_bytes());
    header[4..8].copy_from_slice(&u32::try_from(record.payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    header[8..].copy_from_slice(&hasher.finalize().to_le_bytes());
    header
}

/// Puts chunks together again, key by key in ascending order.
#[derive(Default)]
pub(crate) struct Assembler {
    open: Option<Open>,
}

struct Open {
    index: u64,
    next_chunk: u16,
    head_bytes: usize,
    whole_bytes: usize,
    checksum: u32,
    data: Vec<u8>,
}

impl Assembler {
    /// Takes the next key and value; gives a record when it is complete.
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) -> io::Result<Option<LogRecord>> {
        let (index, chunk) = read_key(key)?;
        let body = unseal(key, value)?;
        let open = match (self.open.take(), chunk) {
            (None, 0) => Open::begin(index, body)?,
            (Some(mut open), chunk) if open.index == index && open.next_chunk == chunk => {
                open.data.extend_from_slice(body);
                open.next_chunk += 1;
                open
            }
            _ => return Err(damaged("a chunk of a record is missing")),
        };
        if open.data.len() < open.whole_bytes {
            self.open = Some(open);
            return Ok(None);
        }
        open.finish().map(Some)
    }

    /// Whether a record has begun and is not complete.
    pub(crate) fn is_inside(&self) -> bool {
        self.open.is_some()
    }
}

impl Open {
    fn begin(index: u64, body: &[u8]) -> io::Result<Self> {
        let Some((header, data)) = body.split_first_chunk::<RECORD_HEADER_BYTES>() else {
            return Err(damaged("a record is shorter than its header"));
        };
        let [h0, h1, h2, h3, p0, p1, p2, p3, c0, c1, c2, c3] = *header;
        let head_bytes = u32::from_le_bytes([h0, h1, h2, h3]) as usize;
        let whole_bytes = head_bytes.saturating_add(u32::from_le_bytes([p0, p1, p2, p3]) as usize);
        if whole_bytes > MAX_RECORD_BYTES {
            return Err(damaged("a record is over its length limit"));
        }
        let mut whole = Vec::with_capacity(whole_bytes);
        whole.extend_from_slice(data);
        Ok(Self { index, next_chunk: 1, head_bytes, whole_bytes, checksum: u32::from_le_bytes([c0, c1, c2, c3]), data: whole })
    }

    fn finish(self) -> io::Result<LogRecord> {
        if self.data.len() != self.whole_bytes || crc32fast::hash(&self.data) != self.checksum {
            return Err(damaged("a record fails its checksum"));
        }
        let mut head = Bytes::from(self.data);
        let payload = head.split_off(self.head_bytes);
        Ok(LogRecord { index: self.index, head, payload })
    }
}

fn read_key(key: &[u8]) -> io::Result<(u64, u16)> {
    let key: &[u8; KEY_BYTES] = key.try_into().map_err(|_| damaged("a record's key has the wrong length"))?;
    let [_, i0, i1, i2, i3, i4, i5, i6, i7, c0, c1] = *key;
    Ok((u64::from_be_bytes([i0, i1, i2, i3, i4, i5, i6, i7]), u16::from_be_bytes([c0, c1])))
}

/// Adds the purge marker to a batch.
pub(crate) fn put_purged(batch: &mut Batch, upto: u64, marker: &[u8]) {
    batch.put(PURGED_KEY, &seal(PURGED_KEY, &[&upto.to_le_bytes(), marker]));
}

/// Reads what [`put_purged`] wrote.
pub(crate) fn read_purged(value: &[u8]) -> io::Result<(u64, Bytes)> {
    let body = unseal(PURGED_KEY, value)?;
    let (upto, marker) = body.split_first_chunk::<8>().ok_or_else(|| damaged("the purge marker is too short"))?;
    Ok((u64::from_le_bytes(*upto), Bytes::copy_from_slice(marker)))
}
