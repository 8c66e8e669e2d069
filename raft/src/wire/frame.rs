//! Frames: a length, then version, kind, checksum and an encoded body.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use holdfast_inventory::codec::{self, CodecError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::limits;
use crate::net::Stream;

/// Version of the frame layout.
const FRAME_VERSION: u8 = 1;

/// Version, kind and checksum.
const HEAD_BYTES: usize = 6;

/// A peer connection.
pub(crate) type Connection = Framed<Stream, LengthDelimitedCodec>;

/// Why a frame was not sent or read. The connection is of no further use.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    /// The connection broke or the frame is over the limit.
    #[error("peer connection: {0}")]
    Io(#[from] std::io::Error),
    /// The connection ended.
    #[error("the peer closed the connection")]
    Closed,
    /// The body is not of the expected kind, or damaged.
    #[error("peer frame: {0}")]
    Malformed(String),
}

impl From<CodecError> for WireError {
    fn from(error: CodecError) -> Self {
        WireError::Malformed(error.to_string())
    }
}

/// Frames on a fresh connection; nothing longer than a hello passes until [`raise_limit`].
pub(crate) fn connection(stream: Stream) -> Connection {
    let codec = LengthDelimitedCodec::builder().max_frame_length(limits::MAX_HELLO_BYTES).new_codec();
    Framed::new(stream, codec)
}

/// Lets full-sized frames pass, once the peer has proved who it is.
pub(crate) fn raise_limit(connection: &mut Connection) {
    connection.codec_mut().set_max_frame_length(limits::MAX_FRAME_BYTES);
    connection.set_backpressure_boundary(limits::WRITE_BUFFER_BYTES);
}

/// A type that travels in frames of its own kind.
pub(crate) trait Message: Serialize + DeserializeOwned {
    /// Tells frames apart; never given twice.
    const KIND: u8;
}

/// A frame holding `message`.
pub(crate) fn pack<M: Message>(message: &M) -> Bytes {
    seal(M::KIND, &codec::encode(message))
}

/// A frame of a kind around an encoded body.
pub(crate) fn seal(kind: u8, body: &[u8]) -> Bytes {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(body);
    let mut frame = BytesMut::with_capacity(HEAD_BYTES + body.len());
    frame.put_u8(FRAME_VERSION);
    frame.put_u8(kind);
    frame.put_u32_le(hasher.finalize());
    frame.put_slice(body);
    frame.freeze()
}

/// Reads what [`pack`] made.
pub(crate) fn unpack<M: Message>(frame: &BytesMut) -> Result<M, WireError> {
    let mut head: &[u8] = frame;
    if head.len() < HEAD_BYTES {
        return Err(WireError::Malformed("shorter than its head".into()));
    }
    let (version, kind, sum) = (head.get_u8(), head.get_u8(), head.get_u32_le());
    if version != FRAME_VERSION || kind != M::KIND {
        return Err(WireError::Malformed(format!("version {version}, kind {kind}; expected {FRAME_VERSION}, {}", M::KIND)));
    }
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(head);
    if hasher.finalize() != sum {
        return Err(WireError::Malformed("wrong checksum".into()));
    }
    Ok(codec::decode(head)?)
}

/// Sends one message at once.
pub(crate) async fn send<M: Message>(connection: &mut Connection, message: &M) -> Result<(), WireError> {
    Ok(connection.send(pack(message)).await?)
}

/// Waits for one message.
pub(crate) async fn receive<M: Message>(connection: &mut Connection) -> Result<M, WireError> {
    match connection.next().await {
        Some(frame) => unpack(&frame?),
        None => Err(WireError::Closed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::SnapshotDone;

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let frame = BytesMut::from(&pack(&SnapshotDone { refused: Some("no".into()), vote: None })[..]);
        assert!(unpack::<SnapshotDone>(&frame).is_ok());
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(unpack::<SnapshotDone>(&damaged).is_err(), "bit {bit}");
        }
        assert!(unpack::<SnapshotDone>(&BytesMut::from(&frame[..3])).is_err());
    }
}
