//! A whole node for a simulation: everything of the product but sockets, files, threads and clocks. In no build of the product.

use std::cell::RefCell;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use holdfast_inventory::LogIndex;
use holdfast_raft::{Fatal, PeerListener, RaftNode, RaftStatus};
use holdfast_storage::DataDir;
use http::Request;
use tokio::sync::watch;
use tower_service::Service;

use crate::http::Front;
use crate::runtime::Serving;
use crate::server::{self, ServeError, ServeOptions};

type WallClock = Box<dyn Fn() -> Duration>;

thread_local! {
    static WALL: RefCell<Option<WallClock>> = const { RefCell::new(None) };
}

/// Gives this thread its wall clock: what it shows since 1970 to the node that runs now.
pub fn set_wall_clock(wall: impl Fn() -> Duration + 'static) {
    WALL.set(Some(Box::new(wall)));
}

pub(crate) fn since_epoch() -> Duration {
    WALL.with_borrow(|wall| wall.as_ref().map_or(Duration::ZERO, |wall| wall()))
}

/// A node at work. It ends with its runtime: whoever drops that has killed the process.
#[derive(Clone)]
pub struct SimulatedNode {
    runtime: std::sync::Arc<crate::runtime::Runtime>,
    raft: RaftNode,
    api: Front<Serving>,
    admin: Front<Serving>,
}

/// The state of a node at one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StateAt {
    /// The last entry in it.
    pub index: LogIndex,
    /// Its digest.
    pub digest: u128,
}

impl SimulatedNode {
    /// Starts it on `data`; peers are those that `peers` accepts.
    pub async fn start(options: &ServeOptions, data: DataDir, peers: PeerListener) -> Result<Self, ServeError> {
        let node = server::start(options, data, peers).await?;
        let (api, admin) = (Front::api(&node.app), Front::admin(&node.app));
        Ok(Self { runtime: node.runtime, raft: node.raft, api, admin })
    }

    /// Answers what came to its API listener.
    pub async fn api(&self, request: Request<Body>) -> Response {
        let Ok(response) = self.api.clone().call(request).await;
        response
    }

    /// Answers what came to its admin listener.
    pub async fn admin(&self, request: Request<Body>) -> Response {
        let Ok(response) = self.admin.clone().call(request).await;
        response
    }

    /// Becomes `Some` when the node must leave.
    pub fn fatal(&self) -> watch::Receiver<Option<Fatal>> {
        self.raft.fatal()
    }

    /// Its part in consensus.
    pub fn status(&self) -> RaftStatus {
        self.raft.status()
    }

    /// What its state is.
    pub fn state(&self) -> StateAt {
        let inventory = crate::runtime::read(self.raft.inventory());
        StateAt { index: inventory.last_index(), digest: inventory.digest() }
    }

    /// Whether pages of the order log are missing that a snapshot jumped over, and are on their way.
    pub fn has_gap(&self) -> bool {
        !self.raft.orders().missing().is_empty()
    }

    /// Stops in good order.
    pub async fn stop(&self, limit: Duration) {
        self.runtime.drain(limit).await;
        self.runtime.stop().await;
    }
}
