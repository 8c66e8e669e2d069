//! Frames: a length and its checksum, then version, kind, checksum and an encoded body.
//!
//! The length has a checksum of its own: a reader that believed a wrong one would wait for bytes that never come, and take every
//! frame after it for a part of the first. After the hello both checksums are masked with the frame's [`Sequence`] number: a frame that
//! is repeated, left out, out of turn or of another connection ends the connection.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use holdfast_inventory::codec::{self, CodecError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio_util::codec::{Decoder, Encoder, Framed};
use tokio_util::sync::CancellationToken;

use super::link::Link;
use super::sequence::Sequence;
use crate::limits;
use crate::net::Stream;

/// Version of the frame layout.
const FRAME_VERSION: u8 = 1;

/// Version, kind and checksum.
const HEAD_BYTES: usize = 6;

/// The checksum, within the head.
const SUM: std::ops::Range<usize> = 2..HEAD_BYTES;

/// Length and its checksum, little-endian.
const LENGTH_BYTES: usize = 8;

/// A peer connection.
pub(crate) type Connection = Framed<Link, FrameCodec>;

/// Cuts a stream of bytes into frames of at most so many bytes.
#[derive(Debug)]
pub(crate) struct FrameCodec {
    max_bytes: usize,
    /// What is sent and what is read; none before the hello is over.
    sequences: Option<Sequences>,
}

/// Both directions of a connection, as one side sees them.
#[derive(Debug)]
pub(crate) struct Sequences {
    pub(crate) sent: Sequence,
    pub(crate) read: Sequence,
}

/// Masks a frame's own checksum, or takes the mask off again.
fn mask_sum(frame: &mut [u8], mask: u32) {
    for (byte, mask) in frame.iter_mut().skip(SUM.start).zip(mask.to_le_bytes()) {
        *byte ^= mask;
    }
}

impl FrameCodec {
    fn length(&self, bytes: usize) -> io::Result<[u8; 4]> {
        let length = u32::try_from(bytes).ok().filter(|_| bytes <= self.max_bytes);
        Ok(length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a frame is over its limit"))?.to_le_bytes())
    }
}

impl Encoder<Bytes> for FrameCodec {
    type Error = io::Error;

    fn encode(&mut self, frame: Bytes, to: &mut BytesMut) -> io::Result<()> {
        let length = self.length(frame.len())?;
        let mask = self.sequences.as_ref().map_or(0, |sequences| sequences.sent.mask());
        to.reserve(LENGTH_BYTES + frame.len());
        to.put_slice(&length);
        to.put_u32_le(crc32fast::hash(&length) ^ mask);
        let begins = to.len();
        to.put_slice(&frame);
        mask_sum(to.split_at_mut(begins).1, mask);
        if let Some(sequences) = &mut self.sequences {
            sequences.sent.advance();
        }
        Ok(())
    }
}

impl Decoder for FrameCodec {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, from: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        let Some((length, rest)) = from.split_first_chunk::<4>() else { return Ok(None) };
        let Some(checksum) = rest.first_chunk::<4>() else { return Ok(None) };
        let mask = self.sequences.as_ref().map_or(0, |sequences| sequences.read.mask());
        if crc32fast::hash(length) != u32::from_le_bytes(*checksum) ^ mask {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the length of a frame fails its checksum, or the frame is out of turn",
            ));
        }
        let bytes = u32::from_le_bytes(*length) as usize;
        self.length(bytes)?;
        if from.len() < LENGTH_BYTES + bytes {
            from.reserve(LENGTH_BYTES + bytes - from.len());
            return Ok(None);
        }
        from.advance(LENGTH_BYTES);
        let mut frame = from.split_to(bytes);
        mask_sum(&mut frame, mask);
        if let Some(sequences) = &mut self.sequences {
            sequences.read.advance();
        }
        Ok(Some(frame))
    }
}

/// Why a frame was not sent or read. The connection is of no further use.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    /// The connection broke or the frame is over the limit.
    #[error("peer connection: {0}")]
    Io(#[from] io::Error),
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

/// Frames on a fresh connection; nothing longer than a hello passes until [`admit`].
pub(crate) fn connection(stream: Stream) -> Connection {
    Framed::new(Link::new(stream), FrameCodec { max_bytes: limits::MAX_HELLO_BYTES, sequences: None })
}

/// Lets full-sized frames pass, numbered, once the peer has proved who it is, until `over` is cancelled.
pub(crate) fn admit(connection: &mut Connection, sequences: Sequences, over: Option<CancellationToken>) {
    if let Some(over) = over {
        connection.get_mut().end_with(over);
    }
    *connection.codec_mut() = FrameCodec { max_bytes: limits::MAX_FRAME_BYTES, sequences: Some(sequences) };
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

/// A frame as it travels.
#[cfg(test)]
pub(crate) fn framed(frame: Bytes) -> io::Result<BytesMut> {
    let mut bytes = BytesMut::new();
    FrameCodec { max_bytes: limits::MAX_FRAME_BYTES, sequences: None }.encode(frame, &mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::SnapshotDone;

    fn codec() -> FrameCodec {
        FrameCodec { max_bytes: 100, sequences: None }
    }

    /// One side of a connection that began with `hello`; the first of the two called.
    fn side(hello: &[u8], called: bool) -> FrameCodec {
        let [asks, answers] = [b"asks", b"ans."].map(|way| Sequence::new(&[hello, way].concat()));
        let sequences = if called { Sequences { sent: answers, read: asks } } else { Sequences { sent: asks, read: answers } };
        FrameCodec { max_bytes: 100, sequences: Some(sequences) }
    }

    fn done(refused: &str) -> SnapshotDone {
        SnapshotDone { refused: Some(refused.into()), vote: None }
    }

    /// The frames of one side, each as it travels.
    fn sent(mut side: FrameCodec, messages: &[SnapshotDone]) -> Vec<BytesMut> {
        let frames = messages.iter().map(|message| {
            let mut bytes = BytesMut::new();
            side.encode(pack(message), &mut bytes).unwrap();
            bytes
        });
        frames.collect()
    }

    /// How many of `frames` are taken, in order, until the connection ends.
    fn taken(mut side: FrameCodec, frames: &[&BytesMut]) -> usize {
        let mut bytes: BytesMut = frames.iter().flat_map(|frame| frame.iter().copied()).collect();
        std::iter::from_fn(|| side.decode(&mut bytes).ok()?.filter(|frame| unpack::<SnapshotDone>(frame).is_ok())).count()
    }

    #[test]
    fn a_frame_is_taken_once_in_its_turn_from_its_sender() {
        let frames = sent(side(b"one", false), &[done("a"), done("b"), done("c")]);
        let [a, b, c] = &frames[..] else { panic!("three frames") };
        assert_eq!(taken(side(b"one", true), &[a, b, c]), 3);
        assert_eq!(taken(side(b"one", true), &[a, a, b, c]), 1, "repeated");
        assert_eq!(taken(side(b"one", true), &[a, b, a]), 2, "replayed");
        assert_eq!(taken(side(b"one", true), &[a, c]), 1, "one is missing");
        assert_eq!(taken(side(b"one", true), &[b, a]), 0, "overtaken");
        assert_eq!(taken(side(b"two", true), &[a]), 0, "of another connection");
        assert_eq!(taken(side(b"one", false), &[a]), 0, "sent back to its sender");
    }

    #[test]
    fn a_body_under_the_length_of_the_next_frame_is_refused() {
        let frames = sent(side(b"one", false), &[done("a"), done("b")]);
        let mut spliced = frames[1].clone();
        spliced[LENGTH_BYTES..].copy_from_slice(&frames[0][LENGTH_BYTES..]);
        assert_eq!(taken(side(b"one", true), &[&frames[0], &spliced]), 1);
    }

    #[test]
    fn frames_are_cut_where_they_were_put_together_however_they_arrive() {
        let frames = [&b"one"[..], b"", &[7; 100]];
        let mut bytes = BytesMut::new();
        for frame in frames {
            codec().encode(Bytes::copy_from_slice(frame), &mut bytes).unwrap();
        }
        let (mut arrived, mut read) = (BytesMut::new(), Vec::new());
        for byte in &bytes {
            arrived.put_u8(*byte);
            read.extend(codec().decode(&mut arrived).unwrap());
        }
        assert_eq!(read, frames);
        assert!(arrived.is_empty());
    }

    #[test]
    fn a_wrong_length_is_noticed_before_anything_is_waited_for() {
        let mut good = BytesMut::new();
        codec().encode(Bytes::from_static(b"frame"), &mut good).unwrap();
        for bit in 0..LENGTH_BYTES * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(codec().decode(&mut bytes).is_err(), "bit {bit}");
        }
        assert!(codec().encode(Bytes::from_static(&[7; 101]), &mut good).is_err());
        let mut long = BytesMut::new();
        FrameCodec { max_bytes: 101, sequences: None }.encode(Bytes::from_static(&[7; 101]), &mut long).unwrap();
        assert!(codec().decode(&mut long).is_err());
    }

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
