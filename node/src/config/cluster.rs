//! `[cluster]` and `[[members]]`.

use std::net::IpAddr;
use std::path::PathBuf;

use holdfast_inventory::NodeId;
use serde::{Deserialize, Serialize};

use super::ClusterSecret;

/// What makes these nodes one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterSection {
    /// Shown to operators; nodes of another name are not spoken to.
    pub name: String,
    /// Shared by all nodes; a peer that does not know it changes nothing. 16 bytes or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<ClusterSecret>,
    /// A file that holds the secret instead; relative to the configuration file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// Listen on this address instead of the host part of the member's own addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_host: Option<IpAddr>,
}

impl Default for ClusterSection {
    fn default() -> Self {
        Self { name: "holdfast".into(), secret: None, secret_file: None, bind_host: None }
    }
}

/// One node, as the others reach it. Addresses are `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// 1 or more; never given to another disk once used.
    pub id: NodeId,
    /// Where buyers and shops call.
    pub api: String,
    /// Where operators call.
    pub admin: String,
    /// Where the other nodes call.
    pub peer: String,
    /// Its share of a new sale's slices, as the load balancer weighs it.
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}
