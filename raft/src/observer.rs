//! What the node above gives to this layer.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use holdfast_inventory::{Applied, NodeId, Stamp};

/// Hears what was applied. Called by the task that applies: it must hand over and return, never wait.
pub trait Observer: Send + Sync + 'static {
    /// These entries were applied, in log order without gaps; the state's lock is free again, and the state may be
    /// ahead of the last of them by the time this is read.
    fn applied(&self, batch: Vec<Applied>);

    /// A snapshot replaced the state: entries up to its last index will never be told.
    fn installed(&self);
}

/// Answers what another node's [`RaftNode::call`](crate::RaftNode::call) asks.
pub trait Service: Send + Sync + 'static {
    /// `from` has proved who it is. The future is dropped when the caller goes away.
    fn handle(&self, from: NodeId, body: Bytes) -> BoxFuture<'static, Bytes>;
}

/// The leader's cluster clock.
pub trait StampSource: Send + Sync + 'static {
    /// The stamp of an entry that is proposed now.
    fn stamp(&self) -> Stamp;
}
