//! The words of the hello.

use std::borrow::Cow;

use holdfast_storage::MEMBER_LOST;
use serde::{Deserialize, Serialize};

use super::frame::Message;

/// First bytes of every connection.
pub(crate) const MAGIC: [u8; 8] = *b"HOLDFAST";

/// Version of everything said between peers.
pub(crate) const PROTOCOL: u16 = 3;

/// What a connection is for. Each has its own, so that a snapshot never delays a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// A stream of log entries.
    Append,
    /// Heartbeats, votes, leader transfer.
    Control,
    /// One snapshot after the other.
    Snapshot,
    /// Calls of the node above, and missing pages.
    Forward,
    /// The making of a cluster; the only one without a cluster id.
    Bootstrap,
    /// A start asks what was met of this disk before it goes on; nothing follows the hello.
    Inquiry,
}

impl Purpose {
    /// Whether a side is judged, and written down, before the other talks to it.
    pub(crate) fn is_judged(self) -> bool {
        !matches!(self, Purpose::Bootstrap | Purpose::Inquiry)
    }
}

/// Who a side is: its disk and this start of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Who {
    pub(crate) node: u64,
    pub(crate) disk: u128,
    pub(crate) incarnation: u64,
    pub(crate) start_nonce: u64,
    /// Absent until the node has a roster.
    pub(crate) cluster: Option<u128>,
}

/// The latest start of a node that another one met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MetStart {
    pub(crate) disk: u128,
    pub(crate) incarnation: u64,
    pub(crate) start_nonce: u64,
}

/// What the calling side says first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) magic: [u8; 8],
    pub(crate) protocol: u16,
    pub(crate) who: Who,
    pub(crate) to: u64,
    pub(crate) purpose: Purpose,
    /// Of the called side.
    pub(crate) met: Option<MetStart>,
    pub(crate) challenge: [u8; 16],
}

impl Message for Hello {
    const KIND: u8 = 1;
}

/// What the called side says, and its proof; nothing is decided yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) magic: [u8; 8],
    pub(crate) protocol: u16,
    pub(crate) who: Who,
    /// Of the calling side.
    pub(crate) met: Option<MetStart>,
    /// Whether the start that the hello told as met was one of this disk.
    pub(crate) knows_met: bool,
    /// Whether consensus runs: until then this start may yet find out that its disk is an older copy.
    pub(crate) ready: bool,
    pub(crate) challenge: [u8; 16],
    /// Over the hello and this message with zeros here.
    pub(crate) proof: [u8; 32],
}

impl Message for Welcome {
    const KIND: u8 = 2;
}

/// One side's judgement of the other, with the proof that it may judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) refused: Option<Refusal>,
    pub(crate) proof: [u8; 32],
}

impl Message for Verdict {
    const KIND: u8 = 3;
}

/// Why one side will not talk to the other. The variant order is the format: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    /// Not a peer of this protocol, or another version of it.
    Protocol,
    /// The hello was for another node.
    WrongNode,
    /// Another cluster.
    WrongCluster,
    /// Not a member.
    NotMember,
    /// A member's id on a disk that the cluster does not know: wiped, or another machine.
    UnknownDisk,
    /// A disk that was started again elsewhere since this copy of it was made.
    OlderCopy,
    /// Not ready for this purpose; the caller tries again.
    NotReady,
    /// This side could not write down whom it met.
    Fault,
}

impl Refusal {
    /// Whether the refused node can only leave: no later attempt will go better.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Refusal::UnknownDisk | Refusal::OlderCopy | Refusal::NotMember)
    }

    /// What the refused node tells its operator.
    fn sentence(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Refusal::Protocol => "it speaks another protocol version",
            Refusal::WrongNode => "another node answers at this address",
            Refusal::WrongCluster => "it belongs to another cluster",
            Refusal::NotMember => "this node is not a member of the cluster: give it the configuration of its own cluster",
            Refusal::UnknownDisk => {
                let why = "the cluster knows this node with another disk: a wiped disk may not vote again";
                return Cow::Owned(format!("{why}. Put its own disk back, or {MEMBER_LOST}"));
            }
            Refusal::OlderCopy => {
                let why = "this is an older copy of the data directory: the cluster has met a later start of it";
                return Cow::Owned(format!("{why}. Put the current directory back, or {MEMBER_LOST}"));
            }
            Refusal::NotReady => "it is not ready",
            Refusal::Fault => "it could not record this node",
        })
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence())
    }
}
