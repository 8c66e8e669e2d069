//! Who belongs to the cluster. Members stay as they were at its making; changing them is not built yet.

use std::collections::BTreeMap;

use holdfast_inventory::{LogIndex, NodeId};
use openraft::{Instant, RaftMetrics};

use crate::MemberStatus;
use crate::types::{TypeConfig, log_index};

/// The members with what a leader knows of each.
pub(crate) fn status(metrics: &RaftMetrics<TypeConfig>) -> BTreeMap<NodeId, MemberStatus> {
    let membership = metrics.membership_config.membership();
    let voters: Vec<u64> = membership.voter_ids().collect();
    let one = |(id, node): (&u64, &crate::PeerNode)| {
        let replication = metrics.replication.as_ref().and_then(|members| members.get(id));
        // Counted as Holdfast counts: 0 is nothing.
        let matched = replication.map(|at| at.as_ref().map_or(LogIndex(0), log_index));
        let last = metrics.last_log_index.map_or(0, |index| index + 1);
        let heard = metrics.heartbeat.as_ref().and_then(|members| members.get(id)).and_then(Option::as_ref);
        let status = MemberStatus {
            node: node.clone(),
            voter: voters.contains(id),
            matched,
            lag: matched.map(|matched| last.saturating_sub(matched.0)),
            last_heard_ms: heard.map(|at| elapsed_ms(&**at)),
        };
        (NodeId(*id), status)
    };
    membership.nodes().map(one).collect()
}

/// Milliseconds since `at`.
pub(crate) fn elapsed_ms(at: &impl Instant) -> u64 {
    u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)
}
