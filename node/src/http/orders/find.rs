//! Finding an order: in the state while it has its content, else in the order log.

use std::sync::Arc;

use holdfast_api::ProblemType;
use holdfast_inventory::{LogIndex, Order, OrderRef, Stamp, Status};
use holdfast_storage::{Missing, StoredOrder};

use crate::http::App;
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::planted::{self, Planted};

/// An order as it is at `index`.
pub(crate) struct Found {
    pub(crate) order: Arc<Order>,
    pub(crate) status: Status,
    pub(crate) index: LogIndex,
    pub(crate) stamp: Stamp,
}

/// What the state says of an order.
struct Known {
    /// None if the state has forgotten it: then its status cannot change any more, and the order log has it.
    status: Option<Status>,
    content: Option<Arc<Order>>,
    index: LogIndex,
    stamp: Stamp,
}

/// The order as it is now, after this node has applied the entry that accepted it.
pub(crate) async fn find<P: Port>(app: &Arc<App<P>>, order: OrderRef) -> Result<Found, Reply> {
    if !app.port.await_applied(order.index).await && !planted::is(Planted::ReadBeforeApply) {
        return Err(behind());
    }
    let known = in_state(app, order);
    if let (Some(status), Some(content)) = (known.status, known.content) {
        return Ok(Found { order: content, status, index: known.index, stamp: known.stamp });
    }
    let stored = stored(app, order, known.status).await?;
    let stored = stored.ok_or_else(|| Reply::unknown_order().at(known.index, known.stamp))?;
    // The state is the newer of the two where it still knows the order.
    let status = known.status.unwrap_or(stored.status.status);
    Ok(Found { order: Arc::new(stored.order), status, index: known.index, stamp: known.stamp })
}

fn in_state<P: Port>(app: &App<P>, order: OrderRef) -> Known {
    let inventory = app.port.inventory();
    let now = inventory.order(order);
    Known {
        status: now.as_ref().map(|now| now.status.status),
        content: now.as_ref().and_then(|now| now.content.cloned()),
        index: inventory.last_index(),
        stamp: inventory.clock(),
    }
}

/// Reads the order log off the async threads. None only if the log is whole there: pages still on their way from a peer are
/// no proof that an order does not exist.
async fn stored<P: Port>(app: &Arc<App<P>>, order: OrderRef, known: Option<Status>) -> Result<Option<StoredOrder>, Reply> {
    let reader = Arc::clone(app);
    let hasty = planted::is(Planted::ToldOverMissingPages);
    let read = move || {
        let log = reader.port.orders();
        // Asked before the look: a page that comes in between makes nothing wrong.
        let is_told = hasty || is_told(&log.missing(), order, known);
        Ok::<_, std::io::Error>(if is_told { Ok(log.order(order)?) } else { Err(behind()) })
    };
    blocking(read).await?
}

/// Whether the order log tells all of an order: its own page is there and, if the state has forgotten its status, every page
/// after it too, as any of them may have set it.
pub(super) fn is_told(missing: &[Missing], order: OrderRef, known: Option<Status>) -> bool {
    let place = (order.index, order.position);
    let end = if known.is_some() { (LogIndex(order.index.0.saturating_add(1)), 0) } else { (LogIndex(u64::MAX), u16::MAX) };
    !missing.iter().any(|range| range.meets(place, end))
}

/// Reads the order log on a blocking thread. Where that fails the node leaves: other nodes can still answer.
pub(super) async fn blocking<T: Send + 'static>(read: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, Reply> {
    match holdfast_raft::blocking(read).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => {
            tracing::error!(%error, "the order log was not read");
            Err(Reply::new(
                ProblemType::Draining,
                "This node cannot read its disk and is about to stop; repeat the request at another node.",
            ))
        }
        Err(_) => Err(Reply::internal()),
    }
}

/// This node does not know enough yet.
pub(super) fn behind() -> Reply {
    Reply::new(ProblemType::Stale, "This node is still fetching orders that it missed; repeat the request, or ask another node.")
}
