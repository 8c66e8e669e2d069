//! What the cluster looks like from one node.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer to `GET /v1/cluster`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClusterStatus {
    /// Hash of the first members and their disks: 32 hexadecimal digits.
    pub cluster_id: String,
    /// The node that answers.
    pub node: u64,
    /// The leader, or `null` if none answers, or no majority has confirmed this node's state lately.
    pub leader: Option<u64>,
    /// Its term.
    pub term: u64,
    /// Last log index it applied.
    pub applied: u64,
    /// Last log index it knows to be committed.
    pub committed: u64,
    /// Every member, by id.
    pub members: Vec<Member>,
    /// The rolling digest.
    pub digest: Digest,
    /// The disk under the data directory.
    pub disk: Disk,
}

/// One member as the answering node knows it. What only a leader knows is absent on other nodes that cannot ask it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Whether it votes.
    pub role: Role,
    /// Address for buyers and shops.
    pub api: String,
    /// Address for operators.
    pub admin: String,
    /// Address for the other members.
    pub peer: String,
    /// The disk it was bootstrapped with, if known.
    #[serde(default)]
    pub disk_id: Option<String>,
    /// Whether the leader heard it lately; `null` if no leader can be asked. A node that answers is alive itself.
    #[serde(default)]
    pub alive: Option<bool>,
    /// Log entries that it is behind, if known.
    #[serde(default)]
    pub lag: Option<u64>,
    /// Its open session, if it has one.
    #[serde(default)]
    pub session: Option<u64>,
    /// Its clock less the answering node's, in milliseconds, if measured.
    #[serde(default)]
    pub clock_offset_ms: Option<i64>,
    /// Version of its program, if known.
    #[serde(default)]
    pub version: Option<String>,
}

/// What a member may do in elections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Votes.
    Voter,
    /// Only follows.
    Learner,
}

/// The rolling digest at an index: equal on every node at an equal index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Digest {
    /// Log index.
    pub index: u64,
    /// 32 hexadecimal digits.
    pub value: String,
}

/// A disk's room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Disk {
    /// Bytes of the data directory.
    pub used_bytes: u64,
    /// Bytes that are free on its file system.
    pub free_bytes: u64,
}
