//! What must hold of bytes from a peer or a disk: see `fuzz/` at the top.

#[path = "../../fuzz/target.rs"]
mod target;

use bytes::{Bytes, BytesMut};
use holdfast_inventory::codec;
use holdfast_storage::LogRecord;
use openraft::raft::{AppendEntriesRequest, StreamAppendResult, TransferLeaderRequest, VoteRequest, VoteResponse};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use target::Target;

use crate::log::{to_entry, to_record};
use crate::mirror::{SnapshotMetaV1, VoteV1, from_disk, to_disk};
use crate::types::{SnapshotMeta, TypeConfig, Vote};
use crate::wire::{
    Append, Appended, BootstrapWord, ControlAnswer, ControlAsk, ForwardAnswer, ForwardAsk, Hello, Message, SnapshotDone, SnapshotPart,
    Verdict, Welcome, pack, seal, unpack,
};

/// Everything that this crate reads.
pub const TARGETS: &[Target] = &[
    Target { name: "peer_frame", check: peer_frame, seeds: peer_frames },
    Target { name: "log_record", check: log_record, seeds: log_records },
    Target { name: "vote", check: on_disk::<VoteV1, Vote>, seeds: || vec![to_disk(&VoteV1::from(&Vote::new(3, 2))).to_vec()] },
    Target {
        name: "snapshot_meta",
        check: on_disk::<SnapshotMetaV1, SnapshotMeta>,
        seeds: || vec![to_disk(&SnapshotMetaV1::from(&SnapshotMeta::default())).to_vec()],
    },
];

/// A frame is refused, or a message that reads back as it is written and means something. The first byte is the kind; the
/// checksum is put right, else only it would be tried.
fn peer_frame(bytes: &[u8]) {
    let Some((&kind, body)) = bytes.split_first() else { return };
    let raw = BytesMut::from(bytes);
    let sealed = BytesMut::from(&seal(kind, body)[..]);
    for frame in [&raw, &sealed] {
        read::<Hello>(frame);
        read::<Welcome>(frame);
        read::<Verdict>(frame);
        read::<SnapshotPart>(frame);
        read::<SnapshotDone>(frame);
        read::<ForwardAsk>(frame);
        read::<ForwardAnswer>(frame);
        read::<BootstrapWord>(frame);
        read::<Append>(frame).map(AppendEntriesRequest::<TypeConfig>::from);
        read::<Appended>(frame).map(StreamAppendResult::<TypeConfig>::from);
        if let Some(ask) = read::<ControlAsk>(frame) {
            meant_by_ask(ask);
        }
        if let Some(ControlAnswer::Ballot(ballot)) = read(frame) {
            let _meant: VoteResponse<TypeConfig> = ballot.into();
        }
    }
}

fn meant_by_ask(ask: ControlAsk) {
    match ask {
        ControlAsk::Append(append) => {
            let _meant: AppendEntriesRequest<TypeConfig> = append.into();
        }
        ControlAsk::Vote(candidacy) | ControlAsk::PreVote(candidacy) => {
            let _meant: VoteRequest<TypeConfig> = candidacy.into();
        }
        ControlAsk::Transfer(transfer) => {
            let _meant: TransferLeaderRequest<TypeConfig> = transfer.into();
        }
    }
}

fn read<M: Message>(frame: &BytesMut) -> Option<M> {
    let message = unpack::<M>(frame).ok()?;
    let again = pack(&message);
    let back = unpack::<M>(&BytesMut::from(&again[..])).expect("a frame just packed");
    assert_eq!(pack(&back), again);
    Some(message)
}

fn peer_frames() -> Vec<Vec<u8>> {
    let frame = |kind: u8, body: Vec<u8>| [vec![kind], body].concat();
    let word = BootstrapWord { members: vec![1, 2, 3], roster: Some((5, [(1, 10), (2, 20), (3, 30)].into())) };
    let done = SnapshotDone { refused: Some("no".into()), vote: Some(VoteV1::from(&Vote::new(3, 2))) };
    let part = SnapshotPart::Chunks(vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
    let answer = ForwardAnswer { id: 7, body: Some(Bytes::from_static(b"answer")) };
    let append = Append::from(&AppendEntriesRequest::<TypeConfig> {
        vote: Vote::new_committed(3, 2),
        prev_log_id: None,
        entries: records().into_iter().map(|record| to_entry(record).expect("an entry just written")).collect(),
        leader_commit: None,
    });
    vec![
        frame(BootstrapWord::KIND, body(&word)),
        frame(SnapshotDone::KIND, body(&done)),
        frame(SnapshotPart::KIND, body(&part)),
        frame(ForwardAnswer::KIND, body(&answer)),
        frame(Append::KIND, body(&append)),
        frame(ControlAsk::KIND, body(&ControlAsk::Append(append))),
        frame(ControlAnswer::KIND, body(&ControlAnswer::Transferred)),
    ]
}

fn body(message: &impl Serialize) -> Vec<u8> {
    codec::encode(message)
}

/// A record is refused, or an entry that gives a record of the same meaning. The first byte is the length of the head.
fn log_record(bytes: &[u8]) {
    let Some((&length, content)) = bytes.split_first() else { return };
    let (head, payload) = content.split_at(usize::from(length).min(content.len()));
    let record = LogRecord { index: 7, head: Bytes::copy_from_slice(head), payload: Bytes::copy_from_slice(payload) };
    let Ok(entry) = to_entry(record) else { return };
    let again = to_record(&entry);
    let back = to_entry(again.clone()).expect("a record just written");
    assert_eq!(to_record(&back), again);
}

fn records() -> Vec<LogRecord> {
    // Term 3, leader 2; blank, with a payload, the members.
    let head = |kind| to_disk(&(3_u64, 2_u64, kind));
    let members = to_disk(&(vec![vec![1_u64]], vec![(1_u64, ("peer:1", "api:1", "admin:1", 9_u128, 1_u32))]));
    let payloads = [(0_u32, Bytes::new()), (1, Bytes::from_static(b"payload")), (2, members)];
    payloads.map(|(kind, payload)| LogRecord { index: 7, head: head(kind), payload }).into()
}

fn log_records() -> Vec<Vec<u8>> {
    let flat = |record: LogRecord| [&[u8::try_from(record.head.len()).unwrap_or(u8::MAX)], &record.head[..], &record.payload[..]].concat();
    records().into_iter().map(flat).collect()
}

/// A value is refused, or reads back as it is written, also by way of what consensus makes of it.
fn on_disk<T, V>(bytes: &[u8])
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
    V: From<T>,
    for<'a> T: From<&'a V>,
{
    let Ok(value) = from_disk::<T>(bytes) else { return };
    let written = to_disk(&value);
    let meant = V::from(from_disk(&written).expect("a value just written"));
    assert_eq!(T::from(&meant), value);
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_bytes_are_read_or_refused() {
        super::target::hold(super::TARGETS);
    }
}
