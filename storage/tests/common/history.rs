//! A history of orders for tests of the order log.

use holdfast_inventory::{BuyerHash, Event, EventKind, KeyHash, Line, LogIndex, NodeId, Order, OrderRef, SkuId, Stamp, Status};

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
