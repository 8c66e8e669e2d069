//! Finding an order: in the state while it has its content, else in the order log.

use std::sync::Arc;

use holdfast_inventory::{LogIndex, Order, OrderRef, Stamp, Status};
use holdfast_storage::StoredOrder;

use crate::http::App;
use crate::http::port::{Port, Unavailable};
use crate::http::problem::{self, Reply};

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
    if !app.port.await_applied(order.index).await {
        return Err(behind());
    }
    let known = in_state(app, order);
    if let (Some(status), Some(content)) = (known.status, known.content) {
        return Ok(Found { order: content, status, index: known.index, stamp: known.stamp });
    }
    let stored = stored(app, order).await?.ok_or_else(Reply::unknown_order)?;
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
async fn stored<P: Port>(app: &Arc<App<P>>, order: OrderRef) -> Result<Option<StoredOrder>, Reply> {
    let reader = Arc::clone(app);
    let read = move || {
        let log = reader.port.orders();
        let found = log.order(order)?;
        let is_missing = found.is_none() && log.missing().iter().any(|range| range.from.0 <= order.index && order.index <= range.through);
        Ok::<_, std::io::Error>((found, is_missing))
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok((None, true))) => Err(behind()),
        Ok(Ok((found, _))) => Ok(found),
        Ok(Err(error)) => {
            tracing::error!(%error, "the order log was not read");
            Err(Reply::internal())
        }
        Err(_) => Err(Reply::internal()),
    }
}

fn behind() -> Reply {
    problem::of_unavailable(Unavailable::Stale)
}
