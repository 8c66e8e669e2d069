//! Writes what nearly every event is, an order's acceptance or a step in its life, several times faster than serde does, and the same
//! bytes.

use crate::plain::Onto;
use crate::{Event, EventKind, Line, Order, OrderRef, Status};

/// More than any acceptance takes without its texts and lines.
const MOST_BYTES: usize = 96;
/// Most bytes of a line.
const LINE_BYTES: usize = 10;

/// Appends the event; false, and nothing of it, if it is of another kind.
pub(crate) fn write(event: &Event, bytes: &mut Vec<u8>) -> bool {
    match &event.kind {
        EventKind::Accepted { order, status } => {
            bytes.reserve(MOST_BYTES + order.buyer.len() + LINE_BYTES * order.lines.len());
            let mut onto = Onto(bytes);
            onto.number(event.position.into());
            onto.number(0);
            onto.order(order);
            onto.status(*status);
            true
        }
        EventKind::Changed { order, status, content } => {
            let mut onto = Onto(bytes);
            onto.number(event.position.into());
            onto.number(1);
            onto.place(*order);
            onto.status(*status);
            onto.0.push(content.is_some().into());
            if let Some(content) = content {
                onto.order(content);
            }
            true
        }
        _ => false,
    }
}

impl Onto<'_> {
    #[inline]
    fn order(&mut self, order: &Order) {
        self.place(order.at);
        self.number(order.buyer.len() as u64);
        self.0.extend_from_slice(order.buyer.as_bytes());
        self.number(order.lines.len() as u64);
        for Line { sku, units } in &order.lines {
            self.number(sku.0.into());
            self.number((*units).into());
        }
        self.number(order.created.0);
        self.number(order.node.0);
        self.wide(order.key.0);
        self.0.push(order.previous.is_some().into());
        if let Some(previous) = order.previous {
            self.place(previous);
        }
    }

    #[inline]
    fn status(&mut self, status: Status) {
        match status {
            Status::Held { until, extended } => {
                self.number(0);
                self.number(until.0);
                self.0.push(extended.into());
            }
            Status::Confirmed => self.number(1),
            Status::Released => self.number(2),
            Status::Expired => self.number(3),
            Status::Cancelled => self.number(4),
        }
    }

    #[inline]
    fn place(&mut self, place: OrderRef) {
        self.number(place.index.0);
        self.number(place.position.into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{KeyHash, LogIndex, NodeId, SkuId, Stamp, codec};

    fn number() -> impl Strategy<Value = u64> + Clone {
        prop_oneof![0_u64..300, any::<u16>().prop_map(u64::from), any::<u32>().prop_map(u64::from), any::<u64>()]
    }

    fn place() -> impl Strategy<Value = OrderRef> + Clone {
        (number(), any::<u16>()).prop_map(|(index, position)| OrderRef { index: LogIndex(index), position })
    }

    fn order() -> impl Strategy<Value = Order> {
        let line = (any::<u32>(), 0_u32..300).prop_map(|(sku, units)| Line { sku: SkuId(sku), units });
        let key = prop_oneof![number().prop_map(u128::from), any::<u128>()];
        (place(), ".{0,40}", prop::collection::vec(line, 0..4), number(), number(), key, prop::option::of(place())).prop_map(
            |(at, buyer, lines, created, node, key, previous)| Order {
                at,
                buyer: buyer.into(),
                lines: lines.into(),
                created: Stamp(created),
                node: NodeId(node),
                key: KeyHash(key),
                previous,
            },
        )
    }

    fn status() -> impl Strategy<Value = Status> {
        prop_oneof![
            (number(), any::<bool>()).prop_map(|(until, extended)| Status::Held { until: Stamp(until), extended }),
            Just(Status::Confirmed),
            Just(Status::Released),
            Just(Status::Expired),
            Just(Status::Cancelled),
        ]
    }

    fn kind() -> impl Strategy<Value = EventKind> {
        prop_oneof![
            (order(), status()).prop_map(|(order, status)| EventKind::Accepted { order, status }),
            (place(), status(), prop::option::of(order())).prop_map(|(order, status, content)| EventKind::Changed {
                order,
                status,
                content: content.map(Arc::new)
            }),
        ]
    }

    proptest! {
        #[test]
        fn it_writes_what_the_general_writer_writes(position in any::<u16>(), kind in kind()) {
            let event = Event { position, kind };
            let mut bytes = b"before".to_vec();
            prop_assert!(write(&event, &mut bytes));
            prop_assert_eq!(&bytes[6..], codec::encode(&event));
        }
    }
}
