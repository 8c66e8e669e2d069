//! Follows openraft's metrics: who leads, whether it stopped, and the first command of a new cluster.

use std::sync::PoisonError;
use std::time::Duration;

use holdfast_inventory::{Bootstrap, Command, NodeId, Params, Secret, codec};
use openraft::ServerState;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::Fatal as Stopped;
use tokio::sync::watch;

use crate::alarm::Alarm;
use crate::chance;
use crate::node::WeakNode;
use crate::types::Consensus;
use crate::{LeaderView, ProposeError, RaftNode, limits};

/// Publishes who leads until consensus ends; raises the alarm if it ended by a fault.
pub(crate) async fn follow(consensus: Consensus, own: u64, leader: watch::Sender<LeaderView>, alarm: Alarm) {
    let mut metrics = consensus.metrics();
    loop {
        // Copied at once: holding the value would stall consensus.
        let (running, view) = {
            let now = metrics.borrow_watched();
            let is_self = now.state == ServerState::Leader && now.current_leader == Some(own);
            let view = LeaderView { leader: now.current_leader.map(NodeId), term: now.current_term, is_self };
            (now.running_state.clone(), view)
        };
        leader.send_if_modified(|current| std::mem::replace(current, view) != view);
        match running {
            Err(Stopped::Stopped) => return,
            Err(fault) => return alarm.fault(format!("consensus stopped: {fault}")),
            Ok(()) => {}
        }
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

/// Whenever this node comes to lead a cluster without parameters, gives it some. Two leaders may both do so; the second
/// command changes nothing. Holds no handle while it waits, so that a dropped node stops.
pub(crate) async fn found(node: WeakNode, mut leader: watch::Receiver<LeaderView>, params: Params) {
    loop {
        let is_self = leader.borrow_and_update().is_self;
        let Some(node) = node.upgrade() else { return };
        if is_founded(&node) {
            return;
        }
        if is_self {
            if let Err(error) = propose_first(&node, &params).await {
                tracing::debug!(%error, "the cluster's first command was not proposed");
            }
            drop(node);
            tokio::time::sleep(Duration::from_millis(limits::FOUND_RETRY_MS)).await;
        } else {
            drop(node);
            if leader.changed().await.is_err() {
                return;
            }
        }
    }
}

fn is_founded(node: &RaftNode) -> bool {
    node.inventory().read().unwrap_or_else(PoisonError::into_inner).is_bootstrapped()
}

async fn propose_first(node: &RaftNode, params: &Params) -> Result<(), ProposeError> {
    // The command may be in the log already, and only not applied yet.
    let read = node.read_index().await?;
    if node.await_applied(read, Duration::from_millis(limits::CONNECT_MS)).await && !is_founded(node) {
        let secret = Secret(chance::random());
        let command = Command::Bootstrap(Bootstrap { params: params.clone(), secret });
        node.propose(codec::encode(&command).into()).await?;
    }
    Ok(())
}
