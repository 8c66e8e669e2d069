//! A batch on its way: its bytes, which never change, and who waits for it.

use bytes::Bytes;

use crate::desk::limits::ENTRY_HEADER_BYTES;
use crate::desk::pending::Pending;
use crate::{Batch, Command, Millis, Moment, Request, Seq, SessionId, codec};

/// The batch in flight.
pub(super) struct Flight<W> {
    pub(super) seq: Seq,
    /// Proposed again byte for byte: apply tells repetitions by the number alone.
    pub(super) bytes: Bytes,
    pub(super) items: Vec<Pending<W>>,
    /// Whether others had to stay behind, for a bound of the batch.
    pub(super) is_cut: bool,
    pub(super) resend_at: Moment,
    pub(super) backoff: Millis,
}

/// Encodes the batch command for `items`, copying no text but into the bytes.
pub(super) fn encode<W>(session: SessionId, seq: Seq, items: &[Pending<W>]) -> Bytes {
    let nothing = Command::Batch(Batch { session, seq, requests: Vec::new() });
    let most = items.iter().map(|item| most_bytes(&item.ask.request)).sum::<usize>();
    let mut bytes = Vec::with_capacity(ENTRY_HEADER_BYTES + most);
    codec::encode_onto(&nothing, &mut bytes);
    // The number of requests is what a batch without any ends with.
    bytes.pop();
    codec::encode_onto(&(items.len() as u64), &mut bytes);
    for item in items {
        codec::encode_onto(&item.ask.request, &mut bytes);
    }
    bytes.into()
}

/// At least as many bytes as `request` takes in an encoded batch.
pub(super) fn most_bytes(request: &Request<'_>) -> usize {
    // A number takes its own width and a tag byte at most; the kind of the request is a number of 4 bytes.
    const KIND: usize = 5;
    const STAMP: usize = 9;
    const ORDER_REF: usize = 12;
    const LINE: usize = 10;
    let text = |text: &str| 9 + text.len();
    match request {
        Request::Order(order) => {
            KIND + text(&order.caller) + text(&order.key) + text(&order.buyer) + 9 + LINE * order.lines.len() + 1 + STAMP
        }
        Request::Confirm(step) | Request::Release(step) | Request::Cancel(step) | Request::Extend(step) => {
            let content = step.content.as_ref().map_or(0, |content| text(&content.buyer) + 9 + LINE * content.lines.len() + STAMP + 9);
            KIND + ORDER_REF + 1 + content + STAMP
        }
        Request::Return { .. } => KIND + 5 + 9,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::desk::{Ask, ClusterTime, Desk, DeskConfig};
    use crate::{Content, Incarnation, Line, Lines, LogIndex, MAX_NAME_BYTES, NodeId, OrderRef, OrderRequest, SkuId, Stamp, Transition};

    const HUGE: Stamp = Stamp(u64::MAX);

    fn pending(request: Request<'static>) -> Pending<()> {
        let ask = Ask { request, key: None, fingerprint: None, buyer: None };
        Pending::new(Moment(0), ClusterTime { now: Stamp(0), error: Millis(0) }, Millis(1), ask, ())
    }

    fn lines(count: u32) -> Lines {
        (0..count).map(|at| Line { sku: SkuId(u32::MAX - at), units: u32::MAX }).collect()
    }

    fn largest_order(count: u32) -> Request<'static> {
        let text: Cow<'static, str> = Cow::Owned("x".repeat(MAX_NAME_BYTES));
        let order =
            OrderRequest { caller: text.clone(), key: text.clone(), buyer: text, lines: lines(count), confirm: true, apply_before: HUGE };
        Request::Order(order)
    }

    fn largest_step() -> Transition<'static> {
        let buyer = Cow::Owned("x".repeat(MAX_NAME_BYTES));
        let content = Content { buyer, lines: lines(16), created: HUGE, node: NodeId(u64::MAX) };
        let order = OrderRef { index: LogIndex(u64::MAX), position: u16::MAX };
        Transition { order, content: Some(content), apply_before: HUGE }
    }

    #[test]
    fn the_bytes_are_those_of_the_batch() {
        for count in [0, 1, 250, 251, 300] {
            let requests: Vec<_> =
                (0..count).map(|at| if at % 3 == 0 { largest_order(at % 17) } else { Request::Extend(largest_step()) }).collect();
            let items: Vec<_> = requests.iter().cloned().map(pending).collect();
            let batch = Batch { session: SessionId(300), seq: Seq(7), requests };
            assert_eq!(encode(SessionId(300), Seq(7), &items), codec::encode(&Command::Batch(batch)));
        }
    }

    #[test]
    fn no_request_takes_more_bytes_than_counted() {
        let empty = encode::<()>(SessionId(u64::MAX), Seq(u64::MAX), &[]).len();
        let requests = [
            largest_order(1),
            largest_order(16),
            Request::Confirm(largest_step()),
            Request::Release(Transition { content: None, ..largest_step() }),
            Request::Return { sku: SkuId(u32::MAX), units: u64::MAX },
        ];
        for request in requests {
            let counted = most_bytes(&request);
            let takes = encode(SessionId(u64::MAX), Seq(u64::MAX), &[pending(request)]).len() - empty;
            assert!(takes <= counted, "{takes} > {counted}");
        }
    }

    #[test]
    fn the_largest_batch_fits_an_entry_and_is_decoded() {
        let config = DeskConfig { max_batch_requests: usize::MAX, ..DeskConfig::new(NodeId(1), Incarnation(1)) };
        let mut desk = Desk::<()>::new(config);
        desk.forming.extend((0..10_000).map(|at| pending(largest_order(at % 17))));
        let items: Vec<_> = desk.forming.drain(..desk.cut()).collect();
        let bytes = encode(SessionId(u64::MAX), Seq(u64::MAX), &items);
        let entry = codec::stamp_entry(HUGE, &bytes);
        assert!(entry.len() <= config.max_entry_bytes, "{}", entry.len());
        assert!(entry.len() > config.max_entry_bytes * 8 / 10, "the bound is not far off: {}", entry.len());
        let (_, command) = codec::read_entry(&entry).expect("own bytes");
        assert!(matches!(command, Command::Batch(batch) if batch.requests.len() == items.len()));
        let nothing = encode::<()>(SessionId(u64::MAX), Seq(u64::MAX), &[]);
        assert!(codec::stamp_entry(HUGE, &nothing).len() <= ENTRY_HEADER_BYTES);
    }
}
