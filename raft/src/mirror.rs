//! openraft's values as they stand on disk and wire. openraft promises no stable layout of its own, so each has a
//! struct here; a changed layout is a new struct and a new version number before it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use holdfast_inventory::codec::{self, CodecError};
use openraft::EntryPayload;
use openraft::vote::RaftLeaderId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::PeerNode;
use crate::types::{LogEntry, LogId, Membership, Payload, SnapshotMeta, StoredMembership, Vote};

/// Version of everything that this page writes to disk.
const DISK_VERSION: u8 = 1;

/// A value for disk: version byte, then its encoding.
pub(crate) fn to_disk<T: Serialize>(value: &T) -> Bytes {
    let mut bytes = vec![DISK_VERSION];
    bytes.extend_from_slice(&codec::encode(value));
    Bytes::from(bytes)
}

/// Reads what [`to_disk`] made.
pub(crate) fn from_disk<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&DISK_VERSION, rest)) => codec::decode(rest),
        Some((&version, _)) => Err(CodecError::Version(version)),
        None => Err(CodecError::Malformed("empty value".into())),
    }
}

/// A position in the log with the leader that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogIdV1 {
    pub(crate) term: u64,
    pub(crate) leader: u64,
    pub(crate) index: u64,
}

impl From<&LogId> for LogIdV1 {
    fn from(id: &LogId) -> Self {
        let leader = id.committed_leader_id();
        Self { term: leader.term, leader: leader.node_id, index: id.index() }
    }
}

impl From<LogIdV1> for LogId {
    fn from(id: LogIdV1) -> Self {
        LogId::new(RaftLeaderId::new(id.term, id.leader), id.index)
    }
}

/// Whom a node has promised its vote to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VoteV1 {
    term: u64,
    node: u64,
    committed: bool,
}

impl From<&Vote> for VoteV1 {
    fn from(vote: &Vote) -> Self {
        Self { term: vote.leader_id.term, node: vote.leader_id.node_id, committed: vote.committed }
    }
}

impl From<VoteV1> for Vote {
    fn from(vote: VoteV1) -> Self {
        if vote.committed { Vote::new_committed(vote.term, vote.node) } else { Vote::new(vote.term, vote.node) }
    }
}

/// A member in the membership entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MemberV1 {
    peer: String,
    api: String,
    admin: String,
    disk: u128,
    weight: u32,
}

/// Who votes, who only listens, and where they are. Read only if every voter is a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedMembershipV1")]
pub(crate) struct MembershipV1 {
    voters: Vec<BTreeSet<u64>>,
    members: BTreeMap<u64, MemberV1>,
}

#[derive(Deserialize)]
struct UncheckedMembershipV1 {
    voters: Vec<BTreeSet<u64>>,
    members: BTreeMap<u64, MemberV1>,
}

impl TryFrom<UncheckedMembershipV1> for MembershipV1 {
    type Error = &'static str;

    fn try_from(unchecked: UncheckedMembershipV1) -> Result<Self, Self::Error> {
        let UncheckedMembershipV1 { voters, members } = unchecked;
        if voters.iter().any(BTreeSet::is_empty) || !voters.iter().flatten().all(|voter| members.contains_key(voter)) {
            return Err("a membership whose voters are not members");
        }
        Ok(Self { voters, members })
    }
}

impl From<&Membership> for MembershipV1 {
    fn from(membership: &Membership) -> Self {
        let member =
            |n: &PeerNode| MemberV1 { peer: n.peer.clone(), api: n.api.clone(), admin: n.admin.clone(), disk: n.disk, weight: n.weight };
        Self { voters: membership.get_joint_config().clone(), members: membership.nodes().map(|(id, node)| (*id, member(node))).collect() }
    }
}

impl From<MembershipV1> for Membership {
    fn from(membership: MembershipV1) -> Self {
        let node = |m: MemberV1| PeerNode { peer: m.peer, api: m.api, admin: m.admin, disk: m.disk, weight: m.weight };
        let nodes: BTreeMap<u64, PeerNode> = membership.members.into_iter().map(|(id, m)| (id, node(m))).collect();
        // Refused for voters that are no members, which decoding has excluded.
        Membership::new(membership.voters, nodes).unwrap_or_default()
    }
}

/// What a snapshot stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotMetaV1 {
    last: Option<LogIdV1>,
    members_at: Option<LogIdV1>,
    members: MembershipV1,
}

impl SnapshotMetaV1 {
    /// The members, each with the disk that votes for it.
    pub(crate) fn disks(&self) -> BTreeMap<u64, u128> {
        self.members.members.iter().map(|(id, member)| (*id, member.disk)).collect()
    }
}

impl From<&SnapshotMeta> for SnapshotMetaV1 {
    fn from(meta: &SnapshotMeta) -> Self {
        Self {
            last: meta.last_log_id.as_ref().map(LogIdV1::from),
            members_at: meta.last_membership.log_id().as_ref().map(LogIdV1::from),
            members: meta.last_membership.membership().into(),
        }
    }
}

impl From<SnapshotMetaV1> for SnapshotMeta {
    fn from(meta: SnapshotMetaV1) -> Self {
        SnapshotMeta {
            last_log_id: meta.last.map(LogId::from),
            last_membership: StoredMembership::new(meta.members_at.map(LogId::from), meta.members.into()),
        }
    }
}

/// What an entry is, beside its position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BodyV1 {
    /// A leader's empty entry.
    Blank,
    /// An encoded, stamped command.
    Normal(Bytes),
    /// The members from here on.
    Members(MembershipV1),
}

impl From<&EntryPayload<Payload, u64, PeerNode>> for BodyV1 {
    fn from(payload: &EntryPayload<Payload, u64, PeerNode>) -> Self {
        match payload {
            EntryPayload::Blank => BodyV1::Blank,
            EntryPayload::Normal(payload) => BodyV1::Normal(payload.0.clone()),
            EntryPayload::Membership(membership) => BodyV1::Members(membership.into()),
        }
    }
}

impl From<BodyV1> for EntryPayload<Payload, u64, PeerNode> {
    fn from(body: BodyV1) -> Self {
        match body {
            BodyV1::Blank => EntryPayload::Blank,
            BodyV1::Normal(bytes) => EntryPayload::Normal(Payload(bytes)),
            BodyV1::Members(membership) => EntryPayload::Membership(membership.into()),
        }
    }
}

/// A whole entry, for the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryV1 {
    at: LogIdV1,
    body: BodyV1,
}

impl From<&LogEntry> for EntryV1 {
    fn from(entry: &LogEntry) -> Self {
        Self { at: (&entry.log_id).into(), body: (&entry.payload).into() }
    }
}

impl From<EntryV1> for LogEntry {
    fn from(entry: EntryV1) -> Self {
        LogEntry { log_id: entry.at.into(), payload: entry.body.into() }
    }
}
