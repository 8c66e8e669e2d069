//! The formats of this crate, byte for byte: peer frames, and what it writes into log and snapshots. `tests/fixtures/format-v1.txt`
//! holds them.
//!
//! A change here is a change of format: nodes of two builds could not talk, or a node could not read what it wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bytes::Bytes;
use openraft::EntryPayload;
use openraft::raft::{AppendEntriesRequest, StreamAppendError, TransferLeaderRequest, VoteRequest, VoteResponse};
use openraft::vote::RaftLeaderId;

use crate::PeerNode;
use crate::log::to_record;
use crate::mirror::{LogIdV1, SnapshotMetaV1, VoteV1, to_disk};
use crate::types::{LogEntry, LogId, Membership, Payload, SnapshotMeta, StoredMembership, TypeConfig, Vote};
use crate::wire::{
    Append, Appended, BootstrapWord, ControlAnswer, ControlAsk, ForwardAnswer, ForwardAsk, ForwardBody, Hello, MAGIC, MetStart, PROTOCOL,
    Purpose, Refusal, SnapshotDone, SnapshotPart, Verdict, Welcome, Who, framed, pack,
};

const FIXTURE: &str = include_str!("../tests/fixtures/format-v1.txt");

fn id(index: u64) -> LogId {
    LogId::new(RaftLeaderId::new(3, 2), index)
}

fn members() -> Membership {
    let node =
        |n: u64| PeerNode { peer: format!("p:{n}"), api: format!("a:{n}"), admin: format!("o:{n}"), disk: u128::from(n) << 64, weight: 2 };
    Membership::new(vec![BTreeSet::from([1, 2])], BTreeMap::from([(1, node(1)), (2, node(2)), (3, node(3))])).unwrap()
}

fn entries() -> [LogEntry; 3] {
    [EntryPayload::Blank, EntryPayload::Normal(Payload(Bytes::from_static(b"command"))), EntryPayload::Membership(members())]
        .map(|payload| LogEntry { log_id: id(7), payload })
}

fn append() -> AppendEntriesRequest<TypeConfig> {
    let vote = Vote::new_committed(3, 2);
    AppendEntriesRequest { vote, prev_log_id: Some(id(6)), entries: entries().into(), leader_commit: Some(id(5)) }
}

fn meta() -> SnapshotMeta {
    SnapshotMeta { last_log_id: Some(id(7)), last_membership: StoredMembership::new(Some(id(6)), members()) }
}

/// Every frame that travels, by name.
fn frames() -> Vec<(&'static str, Bytes)> {
    let vote = VoteV1::from(&Vote::new(3, 2));
    let who = Who { node: 1, disk: 2, incarnation: 3, start_nonce: 4, cluster: Some(5) };
    let candidate = VoteRequest::<TypeConfig>::new(Vote::new(3, 2), Some(id(7)));
    let ballot = VoteResponse::<TypeConfig>::new(Vote::new(3, 2), Some(id(7)), true);
    let transfer = TransferLeaderRequest::<TypeConfig>::new(Vote::new_committed(3, 2), 1, Some(id(7)));
    let body = || Bytes::from_static(b"body");
    let met = MetStart { disk: 10, incarnation: 11, start_nonce: 12 };
    let hello = Hello { magic: MAGIC, protocol: PROTOCOL, who, to: 2, purpose: Purpose::Control, met: Some(met), challenge: [6; 16] };
    vec![
        ("hello", pack(&hello)),
        (
            "welcome",
            pack(&Welcome {
                magic: MAGIC,
                protocol: PROTOCOL,
                who,
                met: None,
                knows_met: true,
                ready: true,
                challenge: [7; 16],
                proof: [8; 32],
            }),
        ),
        ("verdict", pack(&Verdict { refused: Some(Refusal::OlderCopy), proof: [9; 32] })),
        ("append", pack(&Append::from(&append()))),
        ("appended", pack(&Appended::from(&Ok(Some(id(7)))))),
        ("appended conflict", pack(&Appended::from(&Err(StreamAppendError::Conflict(id(7)))))),
        ("appended higher vote", pack(&Appended::from(&Err(StreamAppendError::HigherVote(Vote::new(4, 1)))))),
        ("ask append", pack(&ControlAsk::Append((&append()).into()))),
        ("ask vote", pack(&ControlAsk::Vote((&candidate).into()))),
        ("ask pre-vote", pack(&ControlAsk::PreVote((&candidate).into()))),
        ("ask transfer", pack(&ControlAsk::Transfer((&transfer).into()))),
        ("answer ballot", pack(&ControlAnswer::Ballot((&ballot).into()))),
        ("answer stopped", pack(&ControlAnswer::Stopped)),
        ("snapshot begin", pack(&SnapshotPart::Begin { vote, meta: (&meta()).into() })),
        ("snapshot chunks", pack(&SnapshotPart::Chunks(vec![body(), body()]))),
        ("snapshot end", pack(&SnapshotPart::End { chunks: 2, sum: 1 })),
        ("snapshot done", pack(&SnapshotDone { refused: Some("no".into()), vote: Some(VoteV1::from(&Vote::new(3, 2))) })),
        ("forward service", pack(&ForwardAsk { id: 1, body: ForwardBody::Service(body()) })),
        ("forward pages", pack(&ForwardAsk { id: 2, body: ForwardBody::Pages { from: (3, 4), through: 5, max_bytes: 6 } })),
        ("forward answer", pack(&ForwardAnswer { id: 2, body: Some(body()) })),
        ("bootstrap", pack(&BootstrapWord { members: vec![1, 2], roster: Some((5, [(1, 10), (2, 20)].into())) })),
    ]
}

/// What stands on disk, by name.
fn stored() -> Vec<(String, Bytes)> {
    let mut stored = vec![
        ("vote".to_owned(), to_disk(&VoteV1::from(&Vote::new_committed(3, 2)))),
        ("log id".to_owned(), to_disk(&LogIdV1::from(&id(7)))),
        ("snapshot meta".to_owned(), to_disk(&SnapshotMetaV1::from(&meta()))),
    ];
    for (kind, entry) in ["blank", "normal", "members"].into_iter().zip(entries()) {
        let record = to_record(&entry);
        stored.push((format!("head {kind}"), record.head));
        stored.push((format!("payload {kind}"), record.payload));
    }
    stored
}

fn written() -> String {
    let mut text = String::new();
    let on_the_wire = frames().into_iter().map(|(name, frame)| (format!("frame {name}"), framed(frame).unwrap().freeze()));
    for (name, bytes) in on_the_wire.chain(stored()) {
        write!(text, "{name} = ").unwrap();
        bytes.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
        text.push('\n');
    }
    text
}

#[test]
fn this_build_writes_the_committed_bytes() {
    assert_eq!(written(), FIXTURE, "the format changed");
}
