//! Numbers the frames of a connection, so that each is taken once, in its place, and from its sender alone.
//!
//! TCP repeats nothing, but what stands between two peers may: a proxy that sends a buffer again, a middlebox that replays. A
//! repeated frame would be whole and true to its checksums; as the answer to a question it would be one answer too many, and from then on
//! each question would be answered by the answer to the one before. A leader that stood still would take a heartbeat's answer of before for
//! one of now, and believe in a quorum that it lost.
//!
//! The number is not sent. It goes, with what both sides know from the hello, into the checksums.

/// The frames that go one way.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// Has taken in what tells this connection and direction from every other.
    origin: crc32fast::Hasher,
    number: u64,
}

impl Sequence {
    /// Frames from zero on; `origin` is new for each connection and direction.
    pub(crate) fn new(origin: &[u8]) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(origin);
        Self { origin: hasher, number: 0 }
    }

    /// What the checksums of the current frame are masked with. Masks of frames that follow each other differ for certain, of others but
    /// for one in four billion.
    pub(crate) fn mask(&self) -> u32 {
        let mut hasher = self.origin.clone();
        hasher.update(&self.number.to_le_bytes());
        hasher.finalize()
    }

    /// The current frame was sent, or read.
    pub(crate) fn advance(&mut self) {
        self.number = self.number.wrapping_add(1);
    }
}
