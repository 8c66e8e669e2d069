//! A history of orders for tests of the order log.

use holdfast_inventory::{BuyerHash, Event, EventKind, KeyHash, Line, LogIndex, NodeId, Order, OrderRef, SkuId, Stamp, Status};
use holdfast_storage::OrderLog;

pub fn at(index: u64, position: u16) -> OrderRef {
    OrderRef { index: LogIndex(index), position }
}

pub fn stamp(index: u64) -> Stamp {
    Stamp(1_000 + index)
}

pub fn order(at: OrderRef, buyer: &str, skus: &[u32], previous: Option<OrderRef>) -> Order {
    let lines = skus.iter().map(|sku| Line { sku: SkuId(*sku), units: 1 }).collect();
    let created = stamp(at.index.0);
    Order { at, buyer: buyer.into(), lines, created, node: NodeId(1), key: KeyHash(7), previous }
}

pub fn accepted(order: Order) -> Event {
    let status = Status::Held { until: Stamp(9_999), extended: false };
    Event { position: order.at.position, kind: EventKind::Accepted { order, status } }
}

pub fn changed(position: u16, order: OrderRef, status: Status) -> Event {
    Event { position, kind: EventKind::Changed { order, status, content: None } }
}

pub fn forgotten(position: u16, buyer: u128, latest: OrderRef) -> Event {
    Event { position, kind: EventKind::BuyerForgotten { buyer: BuyerHash(buyer), latest } }
}

/// An entry that accepts three orders and confirms those of the entry before.
pub fn sold(index: u64) -> Vec<Event> {
    let accepted = (0..3).map(|position| accepted(order(at(index, position), "ann", &[1], None)));
    let confirmed = (0..3).filter(|_| index > 1).map(|position| changed(3 + position, at(index - 1, position), Status::Confirmed));
    accepted.chain(confirmed).collect()
}

/// Whether a log that reaches entry `last` tells what [`sold`] did in entry `index`.
pub fn is_sold(log: &OrderLog, index: u64, last: u64) -> bool {
    (0..3).all(|position| {
        let stored = log.order(at(index, position)).unwrap();
        stored.is_some_and(|stored| index >= last || (stored.status.status, stored.status.since) == (Status::Confirmed, stamp(index + 1)))
    })
}
