//! `GET /v1/events`: history as it happens, as server-sent events, on any node.
//!
//! A stream reads the order log from a place and waits for the applied index to move; nothing is queued for it, so a slow
//! reader costs nothing but its own place. It goes on where `Last-Event-ID` stopped, on any node, and ends when the node
//! drains. A hole in this node's history (pages on their way from a peer) is waited for, never skipped; so is an event about an
//! order whose content is in one.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{Event as Frame, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use holdfast_api::headers::LAST_EVENT_ID;
use holdfast_api::{Change, Event, EventId, EventQuery, ProblemType, Time};
use holdfast_inventory::{self as core, EventKind, LogIndex, OrderRef, SkuId, Stamp, Status, check_visible};
use holdfast_storage::Place;
use http::HeaderMap;
use metrics::Gauge;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::limits::{EVENT_HOLE_LOOK, EVENT_KEEP_ALIVE, EVENT_PACE, EVENT_READ_BYTES};
use super::port::{Port, Unavailable};
use super::problem::{self, Reply};
use super::segment::Asked;
use super::{App, orders};

/// Tells everything: for operators.
pub(crate) async fn events_all<P: Port>(State(app): State<Arc<App<P>>>, query: Asked<EventQuery>, headers: HeaderMap) -> Response {
    let outcome = query.get().and_then(|query| open(&app, query, &headers));
    app.respond(outcome)
}

/// Tells what happens to one buyer's orders.
pub(crate) async fn events_own<P: Port>(State(app): State<Arc<App<P>>>, query: Asked<EventQuery>, headers: HeaderMap) -> Response {
    let named = |query: EventQuery| match query.buyer {
        Some(_) => Ok(query),
        None => Err(Reply::malformed_at("query/buyer", "Name the buyer whose orders to follow: ?buyer=…")),
    };
    let outcome = query.get().and_then(named).and_then(|query| open(&app, query, &headers));
    app.respond(outcome)
}

fn open<P: Port>(app: &Arc<App<P>>, query: EventQuery, headers: &HeaderMap) -> Result<Response, Reply> {
    if let Some(buyer) = &query.buyer {
        check_visible(buyer).map_err(|error| Reply::malformed_at("query/buyer", format!("The buyer {error}.")))?;
    }
    let stopping = app.port.stopping();
    if stopping.is_cancelled() {
        return Err(problem::of_unavailable(Unavailable::Draining));
    }
    app.seal()?;
    let applied = app.port.applied();
    let now = *applied.borrow();
    let next = start(headers, query.from, now)?;
    let permit = Arc::clone(&app.streams).try_acquire_owned().map_err(|_| too_many())?;
    let open = Open::new(app.metrics.event_streams.clone(), permit);
    let feed =
        Feed { app: Arc::clone(app), buyer: query.buyer.map(Into::into), next, ready: VecDeque::new(), applied, stopping, _open: open };
    let frames = futures_util::stream::unfold(feed, |mut feed| async move { Some((Ok::<_, Infallible>(feed.frame().await?), feed)) });
    Ok(Sse::new(frames).keep_alive(KeepAlive::new().interval(EVENT_KEEP_ALIVE)).into_response())
}

fn too_many() -> Reply {
    Reply::new(ProblemType::Overloaded, "This node has as many event streams open as it may; follow another node, or repeat later.")
}

/// Where a stream begins: after the last event its reader has, at the index it names, or after what is applied now.
fn start(headers: &HeaderMap, from: Option<u64>, applied: LogIndex) -> Result<Place, Reply> {
    if let Some(value) = headers.get(LAST_EVENT_ID) {
        let text = value.to_str().unwrap_or_default().trim();
        let last: EventId = text.parse().map_err(|error| Reply::malformed_at("header/last-event-id", format!("Last-Event-ID {error}.")))?;
        return Ok(after(LogIndex(last.index), last.position));
    }
    Ok((from.map_or(LogIndex(applied.0.saturating_add(1)), LogIndex), 0))
}

fn after(index: LogIndex, position: u16) -> Place {
    match position.checked_add(1) {
        Some(position) => (index, position),
        None => (LogIndex(index.0.saturating_add(1)), 0),
    }
}

/// A place among the open streams, and on the gauge, until it is dropped.
struct Open {
    gauge: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Open {
    fn new(gauge: Gauge, permit: OwnedSemaphorePermit) -> Self {
        gauge.increment(1.0);
        Self { gauge, _permit: permit }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.gauge.decrement(1.0);
    }
}

/// One reader's stream.
struct Feed<P> {
    app: Arc<App<P>>,
    buyer: Option<Arc<str>>,
    next: Place,
    ready: VecDeque<Frame>,
    applied: watch::Receiver<LogIndex>,
    stopping: CancellationToken,
    _open: Open,
}

impl<P: Port> Feed<P> {
    /// The next frame; none when the stream ends.
    async fn frame(&mut self) -> Option<Frame> {
        while self.ready.is_empty() {
            // Marked as seen before the read: what is applied during it wakes the stream again.
            self.applied.borrow_and_update();
            let read = self.read().await?;
            if read != Read::On && self.ready.is_empty() {
                self.wait(read == Read::ToHole).await?;
            }
        }
        self.ready.pop_front()
    }

    /// Reads on; none if history cannot be read.
    async fn read(&mut self) -> Option<Read> {
        let _turn = self.app.event_reads.acquire().await.ok()?;
        let (app, buyer, next) = (Arc::clone(&self.app), self.buyer.clone(), self.next);
        let read = holdfast_raft::blocking(move || frames(&app, buyer.as_deref(), next)).await.ok()?;
        match read {
            Ok(part) => {
                let moved = part.next != self.next;
                self.ready.extend(part.frames);
                self.next = part.next;
                Some(if part.is_at_hole {
                    Read::ToHole
                } else if moved {
                    Read::On
                } else {
                    Read::ToEnd
                })
            }
            Err(error) => {
                tracing::error!(%error, "the order log was not read; an event stream ends");
                None
            }
        }
    }

    /// Until there may be more. Applies come by the thousand a second: streams gather them for a moment, since each read
    /// costs a thread's wake-up. What fills a hole wakes nobody: there the stream looks again by itself.
    async fn wait(&mut self, is_at_hole: bool) -> Option<()> {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => return None,
            moved = self.applied.changed() => moved.ok()?,
            () = tokio::time::sleep(EVENT_HOLE_LOOK), if is_at_hole => {}
        }
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => None,
            () = tokio::time::sleep(EVENT_PACE) => Some(()),
        }
    }
}

/// How far a read came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    /// There may be more.
    On,
    /// Everything that was applied is read.
    ToEnd,
    /// What follows is missing here, and on its way.
    ToHole,
}

/// A part of history.
struct Part {
    frames: Vec<Frame>,
    /// Where to go on.
    next: Place,
    /// Whether that needs pages which are missing here.
    is_at_hole: bool,
}

/// What history holds from `next` on.
fn frames<P: Port>(app: &App<P>, buyer: Option<&str>, mut next: Place) -> std::io::Result<Part> {
    let mut frames = Vec::new();
    // Asked before the reads: pages that come in between make nothing wrong.
    let missing = app.port.orders().missing();
    for (index, stamp, event) in app.port.orders().events(next, EVENT_READ_BYTES)? {
        let place = (index, event.position);
        match tell(app, buyer, index, stamp, event)? {
            Told::Event(event) => {
                let frame = Frame::default().id(event.id().to_string()).event(event.change.name());
                // Serializing the contract's structs does not fail.
                frames.extend(frame.json_data(&*event));
            }
            Told::Nothing => {}
            Told::ContentMissing(order) => {
                let (from, to) = ((order.index, order.position), after(order.index, order.position));
                if missing.iter().any(|range| range.meets(from, to)) {
                    return Ok(Part { frames, next: place, is_at_hole: true });
                }
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, format!("there is no order at {order:?}")));
            }
        }
        next = after(index, place.1);
    }
    let is_at_hole = missing.iter().any(|range| range.meets(next, after(next.0, next.1)));
    Ok(Part { frames, next, is_at_hole })
}

/// What an event is for a reader.
enum Told {
    Event(Box<Event>),
    /// Not for this reader, or not told by the contract.
    Nothing,
    /// About this order, whose content is not in the log.
    ContentMissing(OrderRef),
}

/// An event as the contract tells it.
fn tell<P: Port>(app: &App<P>, buyer: Option<&str>, index: LogIndex, stamp: Stamp, event: core::Event) -> std::io::Result<Told> {
    let of_order = |order: &core::Order, status: Status| {
        let is_theirs = buyer.is_none_or(|buyer| buyer == &*order.buyer);
        is_theirs.then(|| orders::to_api(app, order, status, index).ok().map(|order| change(order, status))).flatten()
    };
    let change = match event.kind {
        // Held longer: an order is told as held once.
        EventKind::Changed { status: Status::Held { .. }, .. } | EventKind::BuyerForgotten { .. } => None,
        EventKind::Accepted { order, status } => of_order(&order, status),
        EventKind::Changed { status, content: Some(order), .. } => of_order(&order, status),
        EventKind::Changed { order, status, content: None } => match app.port.orders().order(order)? {
            Some(stored) => of_order(&stored.order, status),
            None => return Ok(Told::ContentMissing(order)),
        },
        // Stock is no buyer's.
        _ if buyer.is_some() => None,
        EventKind::Adjusted { sku, delta, stock, reason, reference } => {
            Some(Change::StockAdjusted { sku: name(app, sku), delta, stock, reason: reason.into(), reference: reference.map(Into::into) })
        }
        EventKind::SoldOut { sku } => Some(Change::SoldOut { sku: name(app, sku) }),
        EventKind::BackInStock { sku } => Some(Change::BackInStock { sku: name(app, sku) }),
    };
    let event = |change| Told::Event(Box::new(Event { index: index.0, position: event.position, at: Time(stamp.0), change }));
    Ok(change.map_or(Told::Nothing, event))
}

fn change(order: holdfast_api::Order, status: Status) -> Change {
    match status {
        Status::Held { .. } => Change::OrderHeld { order },
        Status::Confirmed => Change::OrderConfirmed { order },
        Status::Released => Change::OrderReleased { order },
        Status::Expired => Change::OrderExpired { order },
        Status::Cancelled => Change::OrderCancelled { order },
    }
}

fn name<P: Port>(app: &App<P>, sku: SkuId) -> String {
    let line = core::Line { sku, units: 1 };
    app.names.covering(&[line], || app.port.inventory()).name(sku).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_goes_on_after_the_last_event_its_reader_has() {
        let at = |text: &'static str| {
            HeaderMap::from_iter([(http::HeaderName::from_static(LAST_EVENT_ID), http::HeaderValue::from_static(text))])
        };
        let place = |index, position| (LogIndex(index), position);
        assert_eq!(start(&at("7-3"), Some(1), LogIndex(9)).unwrap(), place(7, 4));
        assert_eq!(start(&at("7-65535"), None, LogIndex(9)).unwrap(), place(8, 0));
        assert_eq!(start(&HeaderMap::new(), Some(5), LogIndex(9)).unwrap(), place(5, 0));
        assert_eq!(start(&HeaderMap::new(), None, LogIndex(9)).unwrap(), place(10, 0));
        assert_eq!(start(&at("yesterday"), None, LogIndex(9)).unwrap_err().kind, ProblemType::Malformed);
    }
}
