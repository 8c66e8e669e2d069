//! How the cluster stands, for operators.

use holdfast_inventory::NodeId;
use holdfast_raft::{MemberStatus, RaftNode};

use super::message::{Message, Reply, Standing};
use super::{Runtime, limits, locked, read};
use crate::disk_space::{directory_bytes, free_bytes};
use crate::http::port::{ClusterView, MemberView};

impl Runtime {
    /// The cluster as this node sees it, with what only the leader knows if it answers. What nobody can tell now is none, but
    /// that this node is alive.
    pub(crate) async fn cluster(&self, raft: &RaftNode) -> ClusterView {
        let standings = match self.ask_leader(&Message::Standing, limits::READ_TRY_TIMEOUT).await {
            Ok(Reply::Standing(standings)) => Some(standings),
            _ => None,
        };
        let status = raft.status();
        let data = self.config.data.clone();
        let (used_bytes, free_bytes) =
            holdfast_raft::blocking(move || (directory_bytes(&data), free_bytes(&data))).await.unwrap_or_default();
        let members = status.members.iter().map(|(&node, member)| self.member_view(raft, node, member, standings.as_deref()));
        let members = members.collect();
        ClusterView {
            cluster_id: raft.identity().cluster.as_ref().map_or(0, |roster| roster.cluster.0),
            // A leader that is cut off still answers itself: only a proof shows that a majority follows.
            leader: status.leader.filter(|_| standings.is_some() && self.is_proven()),
            term: status.term,
            committed: status.committed,
            applied: status.applied,
            members,
            used_bytes,
            free_bytes,
        }
    }

    fn member_view(&self, raft: &RaftNode, node: NodeId, member: &MemberStatus, standings: Option<&[Standing]>) -> MemberView {
        let is_self = node == self.config.node;
        let session = read(raft.inventory()).session_of(node).filter(|session| session.open).map(|session| session.id);
        let known = standings.and_then(|standings| standings.iter().find(|standing| standing.node == node));
        MemberView {
            node,
            is_voter: member.voter,
            api: member.node.api.clone(),
            admin: member.node.admin.clone(),
            peer: member.node.peer.clone(),
            disk: (member.node.disk != 0).then_some(member.node.disk),
            is_alive: if is_self { Some(true) } else { known.map(|standing| standing.is_alive) },
            lag: known.and_then(|standing| standing.lag),
            session,
            clock_offset_ms: known.and_then(|standing| standing.clock_offset_ms),
            version: if is_self { Some(env!("CARGO_PKG_VERSION").into()) } else { known.and_then(|standing| standing.version.clone()) },
        }
    }

    /// What the leader knows of the members.
    pub(crate) fn standings(&self, raft: &RaftNode) -> Reply {
        let view = *raft.leader().borrow();
        if !view.is_self {
            return Reply::NotLeader(view.leader);
        }
        let now = self.clock.moment();
        let committed = raft.status().committed;
        let cluster = self.clock.cluster().now.0.cast_signed();
        let members = read(raft.inventory()).members().to_vec();
        let reports = locked(&self.reports);
        let standing = |node: NodeId| {
            let report = reports.lately(node, now);
            Standing {
                node,
                is_alive: report.is_some() || node == self.config.node,
                lag: report.map(|report| committed.0.saturating_sub(report.applied.0)),
                clock_offset_ms: report.map(|report| report.wall_at(now).0.cast_signed().saturating_sub(cluster)),
                version: report.map(|report| report.version.clone()),
            }
        };
        Reply::Standing(members.into_iter().map(standing).collect())
    }
}
