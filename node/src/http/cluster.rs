//! `GET /v1/cluster`: what the cluster looks like from this node.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use holdfast_api::{ClusterStatus, Digest, Disk, Member, Role};
use http::StatusCode;

use super::port::{ClusterView, MemberView, Port};
use super::{App, json};

/// The cluster from here. Answers also without a leader: that is when it is asked.
pub(crate) async fn cluster<P: Port>(State(app): State<Arc<App<P>>>) -> Response {
    let view = app.port.cluster().await;
    let digest = {
        let inventory = app.port.inventory();
        Digest { index: inventory.last_index().0, value: format!("{:032x}", inventory.digest()) }
    };
    json::answer(StatusCode::OK, &status(view, app.port.node().0, digest))
}

fn status(view: ClusterView, node: u64, digest: Digest) -> ClusterStatus {
    ClusterStatus {
        cluster_id: format!("{:032x}", view.cluster_id),
        node,
        leader: view.leader.map(|leader| leader.0),
        term: view.term,
        applied: view.applied.0,
        committed: view.committed.0,
        members: view.members.into_iter().map(member).collect(),
        digest,
        disk: Disk { used_bytes: view.used_bytes, free_bytes: view.free_bytes },
    }
}

fn member(view: MemberView) -> Member {
    Member {
        id: view.node.0,
        role: if view.is_voter { Role::Voter } else { Role::Learner },
        api: view.api,
        admin: view.admin,
        peer: view.peer,
        disk_id: view.disk.map(|disk| format!("{disk:032x}")),
        alive: view.is_alive,
        lag: view.lag,
        session: view.session.map(|session| session.0),
        clock_offset_ms: view.clock_offset_ms,
        version: view.version,
    }
}
