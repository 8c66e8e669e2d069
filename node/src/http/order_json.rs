//! An order as JSON, written by hand: this is the answer of the hot path, and serde's way there makes a copy of every
//! field first. A test compares it with the contract's struct.

use bytes::BufMut;
use holdfast_api::{Order, Time};
use holdfast_inventory::{Line, LogIndex, NodeId, Stamp, Status};

use super::sku_names::Names;
use super::status_word;

/// What an answer tells of an order.
#[derive(Clone, Copy)]
pub(crate) struct OrderView<'a> {
    pub(crate) id: &'a str,
    pub(crate) status: Status,
    pub(crate) buyer: &'a str,
    pub(crate) lines: &'a [Line],
    pub(crate) created: Stamp,
    pub(crate) node: NodeId,
    pub(crate) index: LogIndex,
}

impl OrderView<'_> {
    /// Bytes that most orders fit in.
    pub(crate) const USUAL_BYTES: usize = 320;

    /// Appends the JSON.
    pub(crate) fn write(&self, out: &mut impl BufMut, names: &Names<'_>) {
        out.put_slice(b"{\"id\":\"");
        out.put_slice(self.id.as_bytes());
        out.put_slice(b"\",\"status\":\"");
        out.put_slice(self.status.word().as_bytes());
        out.put_slice(b"\",\"buyer\":\"");
        put_escaped(out, self.buyer);
        out.put_slice(b"\",\"lines\":[");
        for (place, line) in self.lines.iter().enumerate() {
            out.put_slice(if place == 0 { b"{\"sku\":\"" } else { b",{\"sku\":\"" });
            put_escaped(out, names.name(line.sku));
            out.put_slice(b"\",\"quantity\":");
            put_number(out, line.units.into());
            out.put_u8(b'}');
        }
        out.put_slice(b"],\"created_at\":\"");
        out.put_slice(&Time(self.created.0).to_ascii());
        if let Status::Held { until, .. } = self.status {
            out.put_slice(b"\",\"expires_at\":\"");
            out.put_slice(&Time(until.0).to_ascii());
        }
        out.put_slice(b"\",\"node\":");
        put_number(out, self.node.0);
        out.put_slice(b",\"index\":");
        put_number(out, self.index.0);
        out.put_u8(b'}');
    }

    /// The contract's struct, for answers that are not hot.
    pub(crate) fn to_api(self, names: &Names<'_>) -> Order {
        let line = |line: &Line| holdfast_api::Line { sku: names.name(line.sku).to_owned(), quantity: line.units };
        Order {
            id: self.id.to_owned(),
            status: status_word(self.status),
            buyer: self.buyer.to_owned(),
            lines: self.lines.iter().map(line).collect(),
            created_at: Time(self.created.0),
            expires_at: match self.status {
                Status::Held { until, .. } => Some(Time(until.0)),
                _ => None,
            },
            node: self.node.0,
            index: self.index.0,
        }
    }
}

/// Text that is visible ASCII: of what JSON escapes only the quotation mark and the backslash occur.
fn put_escaped(out: &mut impl BufMut, text: &str) {
    if !text.bytes().any(|b| matches!(b, b'"' | b'\\')) {
        return out.put_slice(text.as_bytes());
    }
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(byte);
    }
}

pub(crate) fn put_number(out: &mut impl BufMut, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b"0123456789"[(number % 10) as usize];
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.put_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use holdfast_inventory::{Inventory, SkuId};
    use proptest::prelude::*;
    use std::sync::RwLock;

    use super::*;
    use crate::http::sku_names::SkuNames;

    fn status() -> impl Strategy<Value = Status> {
        prop_oneof![
            (any::<u64>(), any::<bool>()).prop_map(|(until, extended)| Status::Held { until: Stamp(until), extended }),
            Just(Status::Confirmed),
            Just(Status::Released),
            Just(Status::Expired),
            Just(Status::Cancelled),
        ]
    }

    proptest! {
        #[test]
        fn the_hand_written_json_is_serdes(
            buyer in "[!-~]{1,64}",
            status in status(),
            lines in proptest::collection::vec((0_u32..9, 1_u32..=1_000), 1..=16),
            (created, node, index) in any::<(u64, u64, u64)>(),
        ) {
            let lines: Vec<Line> = lines.into_iter().map(|(sku, units)| Line { sku: SkuId(sku), units }).collect();
            let empty = RwLock::new(Inventory::new());
            let names = SkuNames::default();
            let names = names.covering(&lines, || empty.read().unwrap());
            let id = "0000000000000000000000000a";
            let view = OrderView {
                id, status, buyer: &buyer, lines: &lines, created: Stamp(created), node: NodeId(node), index: LogIndex(index),
            };
            let mut out = Vec::new();
            view.write(&mut out, &names);
            let serde = serde_json::to_string(&view.to_api(&names)).unwrap();
            prop_assert_eq!(std::str::from_utf8(&out).unwrap(), serde);
        }
    }
}
