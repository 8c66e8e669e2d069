//! Who a disk is: its random id, its node, how often it was started, and the cluster it belongs to.

use std::collections::BTreeMap;
use std::fmt;

use holdfast_inventory::{Incarnation, NodeId};
use serde::{Deserialize, Serialize};

use crate::OwnStarts;

/// Random id of a data directory, made with it: a wiped disk comes back with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DiskId(pub u128);

/// Id of a cluster: the hash of its first roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterId(pub u128);

impl fmt::Display for DiskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The members of a cluster, each with the disk that votes for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Which cluster.
    pub cluster: ClusterId,
    /// Its members.
    pub members: BTreeMap<NodeId, DiskId>,
}

/// Who this disk is, in this start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The directory's own id.
    pub disk: DiskId,
    /// The node that it belongs to.
    pub node: NodeId,
    /// This start's number, from 1, durable before anyone hears of it.
    pub incarnation: Incarnation,
    /// Random for each start: tells two copies of one directory apart.
    pub start_nonce: u64,
    /// This start and those before it.
    pub starts: OwnStarts,
    /// The cluster; none until the directory was bootstrapped or joined.
    pub cluster: Option<Roster>,
}

/// What the identity file holds. Its layout is the format of version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdentityV1 {
    pub(crate) disk: DiskId,
    pub(crate) node: NodeId,
    pub(crate) incarnation: Incarnation,
    pub(crate) cluster: Option<Roster>,
}
