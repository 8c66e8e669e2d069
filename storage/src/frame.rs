//! How each value stands in a database: a version, a checksum over key and body, the body.
//!
//! The key is part of the checksum, so that a value found under a wrong key is damage, not data.

use std::io;

use crate::limits::MAX_FRAMED_BYTES;

/// Version of everything that [`seal`] writes.
pub(crate) const FRAME_VERSION: u8 = 1;

/// Bytes before the body.
pub(crate) const FRAME_BYTES: usize = 5;

/// The value to store under `key` for `parts`, one after the other.
pub(crate) fn seal(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut value = Vec::with_capacity(FRAME_BYTES + parts.iter().map(|part| part.len()).sum::<usize>());
    value.extend_from_slice(&[0; FRAME_BYTES]);
    for part in parts {
        value.extend_from_slice(part);
    }
    close(key, &mut value);
    value
}

/// Fills in the frame of a value whose first [`FRAME_BYTES`] were left for it.
pub(crate) fn close(key: &[u8], value: &mut [u8]) {
    let (frame, body) = value.split_at_mut(FRAME_BYTES);
    frame[0] = FRAME_VERSION;
    frame[1..].copy_from_slice(&checksum(key, body).to_le_bytes());
}

/// The body of a value found under `key`.
pub(crate) fn unseal<'a>(key: &[u8], value: &'a [u8]) -> io::Result<&'a [u8]> {
    let Some((header, body)) = value.split_first_chunk::<FRAME_BYTES>() else {
        return Err(damaged("a value is shorter than its frame"));
    };
    if header[0] != FRAME_VERSION {
        return Err(damaged("a value has an unknown version"));
    }
    if value.len() > MAX_FRAMED_BYTES {
        return Err(damaged("a value is over its length limit"));
    }
    let sum = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
    if sum == checksum(key, body) { Ok(body) } else { Err(damaged("a value fails its checksum")) }
}

/// The error of bytes that do not read back.
pub(crate) fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn checksum(key: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_reads_back_under_its_key_only() {
        let value = seal(b"k1", &[b"one", b"two"]);
        assert_eq!(unseal(b"k1", &value).unwrap(), b"onetwo");
        assert!(unseal(b"k2", &value).is_err());
    }

    #[test]
    fn any_flipped_bit_is_found() {
        let value = seal(b"key", &[b"body"]);
        for bit in 0..value.len() * 8 {
            let mut flipped = value.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(b"key", &flipped).is_err(), "bit {bit}");
        }
        for length in 0..value.len() {
            assert!(unseal(b"key", &value[..length]).is_err(), "length {length}");
        }
    }
}
