//! What all handlers share.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use axum::response::Response;
use futures_util::FutureExt;
use holdfast_api::ProblemType;
use holdfast_inventory::{Epoch, Hashes, LogIndex, OrderRef, Secret, Stamp, seal, unseal};
use tokio::sync::Semaphore;

use super::limits::{MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES, MAX_EVENT_READS, MAX_EVENT_STREAMS};
use super::order_body::OrderBounds;
use super::port::{Port, Unavailable};
use super::problem::{self, Reply};
use super::request_id::RequestIds;
use super::sku_names::SkuNames;
use crate::metrics::Metrics;
use crate::planted::{self, Planted};

/// Bounds of bodies, from the node's configuration.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Longest body of every call but the batch, in bytes.
    pub max_body_bytes: usize,
    /// Longest body of a batch, in bytes.
    pub max_batch_body_bytes: usize,
    /// Most event streams at once.
    pub max_event_streams: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { max_body_bytes: MAX_BODY_BYTES, max_batch_body_bytes: MAX_BATCH_BODY_BYTES, max_event_streams: MAX_EVENT_STREAMS }
    }
}

/// The node as its handlers have it: shared by both routers.
pub struct App<P> {
    pub(crate) port: P,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) limits: HttpLimits,
    pub(crate) names: SkuNames,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) event_reads: Semaphore,
    seal: OnceLock<Seal>,
    ids: RequestIds,
}

/// What order ids of this cluster are made with. Never changes in the life of a process.
#[derive(Clone, Copy)]
pub(crate) struct Seal {
    /// The hashes that requests are known by.
    pub(crate) hashes: Hashes,
    secret: Secret,
    epoch: Epoch,
    bounds: OrderBounds,
}

impl Seal {
    /// The public id of an order.
    pub(crate) fn token(&self, order: OrderRef) -> String {
        seal(&self.secret, self.epoch, order)
    }

    /// The order of a public id. A well-made id of another epoch is an order that is not here.
    pub(crate) fn open(&self, token: &str) -> Result<OrderRef, Reply> {
        let malformed = || Reply::malformed_at("path", "The order id is not one that this cluster gave; copy it again, whole.");
        let (epoch, order) = unseal(&self.secret, token).ok_or_else(malformed)?;
        if epoch == self.epoch { Ok(order) } else { Err(Reply::unknown_order()) }
    }
}

/// A place in the log up to which this node certainly knows everything.
#[derive(Clone, Copy)]
pub(crate) struct Proven {
    index: LogIndex,
    stamp: Stamp,
}

impl Proven {
    /// What a look after the proof came to. A SKU that was not found then did not exist at the proof's place: none is ever
    /// removed.
    pub(crate) fn tell(self, reply: Reply) -> Reply {
        if reply.kind == ProblemType::UnknownSku { reply.at(self.index, self.stamp) } else { reply }
    }
}

impl<P: Port> App<P> {
    /// Nothing looked up yet.
    pub fn new(port: P, metrics: Arc<Metrics>, limits: HttpLimits) -> Arc<Self> {
        Arc::new(Self {
            port,
            metrics,
            limits,
            names: SkuNames::default(),
            streams: Arc::new(Semaphore::new(limits.max_event_streams)),
            event_reads: Semaphore::new(MAX_EVENT_READS),
            seal: OnceLock::new(),
            ids: RequestIds::new(rand::random()),
        })
    }

    /// What order ids are made with; there is none before the cluster's first command.
    pub(crate) fn seal(&self) -> Result<&Seal, Reply> {
        if let Some(seal) = self.seal.get() {
            return Ok(seal);
        }
        let inventory = self.port.inventory();
        if !inventory.is_bootstrapped() {
            return Err(problem::of_unavailable(Unavailable::NoLeader));
        }
        Ok(self.seal.get_or_init(|| Seal {
            hashes: Hashes::new(*inventory.secret()),
            secret: *inventory.secret(),
            epoch: inventory.epoch(),
            bounds: inventory.params().into(),
        }))
    }

    /// What one order may ask for. They are set with the cluster's first command and do not change.
    pub(crate) fn order_bounds(&self) -> OrderBounds {
        self.seal().map_or_else(|_| OrderBounds::default(), |seal| seal.bounds)
    }

    /// The latest cluster time at which a request that is admitted now may still be applied.
    pub(crate) fn latest_apply(&self) -> Stamp {
        self.port.time().now + self.port.request_ttl()
    }

    /// Waits until this node knows what was true when this was called: before it says that something does not exist.
    pub(crate) async fn prove_fresh(&self) -> Result<Proven, Reply> {
        if !self.port.ask_freshness().await && !planted::is(Planted::NotFoundWithoutProof) {
            return Err(problem::of_unavailable(Unavailable::Stale));
        }
        let inventory = self.port.inventory();
        Ok(Proven { index: inventory.last_index(), stamp: inventory.clock() })
    }

    /// Runs a handler to its answer. One that panics is a defect: it is logged with the request id that its caller gets, and
    /// neither its connection nor the node ends. State that it was changing is another matter: see
    /// [`locked`](crate::runtime::locked).
    pub(crate) async fn guarded(&self, handler: impl Future<Output = Response>) -> Response {
        self.caught(handler).await.unwrap_or_else(Reply::into_response)
    }

    /// As [`guarded`](Self::guarded), for what is not yet an answer.
    pub(crate) async fn caught<T>(&self, handler: impl Future<Output = T>) -> Result<T, Reply> {
        AssertUnwindSafe(handler).catch_unwind().await.map_err(|panic| {
            let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            let reply = self.finish(Reply::internal());
            tracing::error!(request_id = reply.problem.request_id, panic = said, "a handler panicked");
            reply
        })
    }

    /// The HTTP answer to either outcome.
    pub(crate) fn respond(&self, outcome: Result<Response, Reply>) -> Response {
        outcome.unwrap_or_else(|reply| self.finish(reply).into_response())
    }

    /// Gives a problem its request id and retry time, and counts it.
    pub(crate) fn finish(&self, reply: Reply) -> Reply {
        self.metrics.problems.add(reply.kind.name(), 1);
        let id = self.ids.next();
        if reply.kind == ProblemType::Internal {
            tracing::error!(request_id = %id, "a request met a defect");
        }
        reply.with_retry_after(rand::random()).with(|problem| problem.request_id = Some(id))
    }
}
