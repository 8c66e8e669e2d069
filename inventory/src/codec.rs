//! Bytes of commands, snapshots and everything else that is written or sent. The only file that names `bincode`.
//!
//! Fixed format: little-endian, variable-length integers, no type names, enum variants by number. Structs that are
//! encoded change only by a new version; enums grow only at the end.

use bincode::enc::write::Writer;
use bincode::error::EncodeError;
use bytes::{BufMut, Bytes, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Command, Event, Stamp, plain_batch, plain_event};

/// Version of an encoded entry.
pub const ENTRY_VERSION: u8 = 1;

/// Longest value that [`decode`] reads: larger than any frame or entry bound (a test ties them).
pub const MAX_DECODED_BYTES: usize = 16 << 20;

const CONFIG: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<MAX_DECODED_BYTES>,
> = bincode::config::standard().with_limit::<MAX_DECODED_BYTES>();

/// Why bytes were not read.
#[derive(Debug, Error)]
pub enum CodecError {
    /// Not an encoding of the asked-for type, or over the limit.
    #[error("bytes do not decode: {0}")]
    Malformed(String),
    /// Something follows the value.
    #[error("{0} bytes follow the value")]
    Trailing(usize),
    /// A version that this build does not know.
    #[error("format version {0} is not known to this build")]
    Version(u8),
}

/// Encodes `value`.
///
/// # Panics
/// Never for the types of this project: encoding into memory fails only for types that serde refuses.
#[allow(clippy::expect_used)]
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, CONFIG).expect("in-memory encoding of a plain type")
}

/// Appends what [`encode`] would give.
///
/// # Panics
/// See [`encode`].
#[allow(clippy::expect_used)]
pub fn encode_onto<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) {
    bincode::serde::encode_into_writer(value, Onto(bytes), CONFIG).expect("in-memory encoding of a plain type");
}

/// Appends an event, as [`encode_onto`] would.
pub fn encode_event_onto(event: &Event, bytes: &mut Vec<u8>) {
    if !plain_event::write(event, bytes) {
        encode_onto(event, bytes);
    }
}

struct Onto<'a>(&'a mut Vec<u8>);

impl Writer for Onto<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Decodes a whole buffer; what follows the value is an error.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, used) = bincode::serde::decode_from_slice(bytes, CONFIG).map_err(|e| CodecError::Malformed(e.to_string()))?;
    all_used(bytes, used, value)
}

/// Like [`decode`], text borrowed from `bytes`.
pub fn decode_borrowed<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, CodecError> {
    let (value, used) = bincode::serde::borrow_decode_from_slice(bytes, CONFIG).map_err(|e| CodecError::Malformed(e.to_string()))?;
    all_used(bytes, used, value)
}

fn all_used<T>(bytes: &[u8], used: usize, value: T) -> Result<T, CodecError> {
    match bytes.len() - used {
        0 => Ok(value),
        rest => Err(CodecError::Trailing(rest)),
    }
}

/// Version and stamp.
const ENTRY_HEAD_BYTES: usize = 9;

/// Puts a leader's stamp before an encoded command: what the log holds.
pub fn stamp_entry(stamp: Stamp, command: &[u8]) -> Bytes {
    let mut entry = BytesMut::with_capacity(ENTRY_HEAD_BYTES + command.len());
    entry.put_u8(ENTRY_VERSION);
    entry.put_u64_le(stamp.0);
    entry.put_slice(command);
    entry.freeze()
}

/// The command in what [`stamp_entry`] made, whose bytes it shares.
pub fn command_of(entry: &Bytes) -> Bytes {
    entry.slice(ENTRY_HEAD_BYTES..)
}

/// Reads what [`stamp_entry`] made.
pub fn read_entry(entry: &[u8]) -> Result<(Stamp, Command<'_>), CodecError> {
    let Some((&version, rest)) = entry.split_first() else {
        return Err(CodecError::Malformed("empty entry".into()));
    };
    if version != ENTRY_VERSION {
        return Err(CodecError::Version(version));
    }
    let Some((stamp, command)) = rest.split_first_chunk::<8>() else {
        return Err(CodecError::Malformed("entry shorter than its stamp".into()));
    };
    Ok((Stamp(u64::from_le_bytes(*stamp)), read_command(command)?))
}

/// Reads an encoded command, text borrowed from `bytes`.
pub fn read_command(bytes: &[u8]) -> Result<Command<'_>, CodecError> {
    plain_batch::read(bytes).map_or_else(|| decode_borrowed(bytes), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_back() {
        let entry = stamp_entry(Stamp(77), &encode(&Command::Tick));
        let (stamp, command) = read_entry(&entry).expect("own bytes");
        assert_eq!((stamp, command), (Stamp(77), Command::Tick));
    }

    #[test]
    fn trailing_bytes_and_unknown_versions_are_refused() {
        let mut entry = stamp_entry(Stamp(1), &encode(&Command::Tick)).to_vec();
        entry.push(0);
        assert!(matches!(read_entry(&entry), Err(CodecError::Trailing(1))));
        entry[0] = 9;
        assert!(matches!(read_entry(&entry), Err(CodecError::Version(9))));
        assert!(read_entry(&[]).is_err());
        assert!(read_entry(&[ENTRY_VERSION, 0, 0]).is_err());
    }
}
