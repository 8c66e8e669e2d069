//! Reads what nearly every entry is, a batch of orders and steps, several times faster than serde does.
//!
//! It gives what the general reader gives, or nothing: what it does not know, and what is not in order, is left to that one,
//! which alone says what is wrong.

use std::borrow::Cow;

use crate::plain::Rest;
use crate::{
    Batch, Command, Content, Line, Lines, LogIndex, NodeId, OrderRef, OrderRequest, Request, Seq, SessionId, SkuId, Stamp, Transition,
};

/// Longest command that is read here: of any that is shorter the general reader's limit holds as well, which counts eight bytes
/// for each number.
const MOST_BYTES: usize = 1 << 20;

/// Few requests take fewer: so many are made room for.
const REQUEST_BYTES: usize = 5;

/// The batch in `bytes`, text borrowed from them.
pub(crate) fn read(bytes: &[u8]) -> Option<Command<'_>> {
    const BATCH: u32 = 7;
    let mut rest = Rest(bytes);
    if bytes.len() > MOST_BYTES || rest.narrow::<u32>()? != BATCH {
        return None;
    }
    let (session, seq) = (SessionId(rest.number()?), Seq(rest.number()?));
    let count = usize::try_from(rest.number()?).ok()?;
    let mut requests = Vec::with_capacity(count.min(rest.0.len() / REQUEST_BYTES));
    for _ in 0..count {
        requests.push(rest.request()?);
    }
    rest.0.is_empty().then_some(Command::Batch(Batch { session, seq, requests }))
}

impl<'a> Rest<'a> {
    fn request(&mut self) -> Option<Request<'a>> {
        Some(match self.narrow::<u32>()? {
            0 => Request::Order(self.order()?),
            1 => Request::Confirm(self.step()?),
            2 => Request::Release(self.step()?),
            3 => Request::Cancel(self.step()?),
            4 => Request::Extend(self.step()?),
            5 => Request::Return { sku: SkuId(self.narrow()?), units: self.number()? },
            _ => return None,
        })
    }

    #[inline]
    fn order(&mut self) -> Option<OrderRequest<'a>> {
        let (caller, key, buyer, lines) = (self.text()?, self.text()?, self.text()?, self.lines()?);
        Some(OrderRequest { caller, key, buyer, lines, confirm: self.flag()?, apply_before: Stamp(self.number()?) })
    }

    #[inline]
    fn step(&mut self) -> Option<Transition<'a>> {
        let order = OrderRef { index: LogIndex(self.number()?), position: self.narrow()? };
        let content = if self.flag()? { Some(self.content()?) } else { None };
        Some(Transition { order, content, apply_before: Stamp(self.number()?) })
    }

    #[inline]
    fn content(&mut self) -> Option<Content<'a>> {
        Some(Content { buyer: self.text()?, lines: self.lines()?, created: Stamp(self.number()?), node: NodeId(self.number()?) })
    }

    #[inline]
    fn lines(&mut self) -> Option<Lines> {
        let mut lines = Lines::new();
        for _ in 0..self.number()? {
            lines.push(Line { sku: SkuId(self.narrow()?), units: self.narrow()? });
        }
        Some(lines)
    }

    #[inline]
    fn text(&mut self) -> Option<Cow<'a, str>> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Cow::Borrowed(std::str::from_utf8(text).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec;

    fn text() -> impl Strategy<Value = Cow<'static, str>> {
        ".{0,40}".prop_map(Cow::Owned)
    }

    fn number() -> impl Strategy<Value = u64> + Clone {
        prop_oneof![0_u64..300, any::<u16>().prop_map(u64::from), any::<u32>().prop_map(u64::from), any::<u64>()]
    }

    fn lines() -> impl Strategy<Value = Lines> {
        let line = (any::<u32>(), 0_u32..300).prop_map(|(sku, units)| Line { sku: SkuId(sku), units });
        prop::collection::vec(line, 0..4).prop_map(Lines::from)
    }

    fn order() -> impl Strategy<Value = OrderRequest<'static>> {
        (text(), text(), text(), lines(), any::<bool>(), number()).prop_map(|(caller, key, buyer, lines, confirm, before)| OrderRequest {
            caller,
            key,
            buyer,
            lines,
            confirm,
            apply_before: Stamp(before),
        })
    }

    fn content() -> impl Strategy<Value = Content<'static>> {
        (text(), lines(), number(), number()).prop_map(|(buyer, lines, created, node)| Content {
            buyer,
            lines,
            created: Stamp(created),
            node: NodeId(node),
        })
    }

    fn request() -> impl Strategy<Value = Request<'static>> {
        let step = (number(), any::<u16>(), prop::option::of(content()), number()).prop_map(|(index, position, content, before)| {
            let order = OrderRef { index: LogIndex(index), position };
            Transition { order, content, apply_before: Stamp(before) }
        });
        let step = step.boxed();
        prop_oneof![
            4 => order().prop_map(Request::Order),
            1 => step.clone().prop_map(Request::Confirm),
            1 => step.clone().prop_map(Request::Release),
            1 => step.clone().prop_map(Request::Cancel),
            1 => step.prop_map(Request::Extend),
            1 => (any::<u32>(), number()).prop_map(|(sku, units)| Request::Return { sku: SkuId(sku), units }),
        ]
    }

    proptest! {
        #[test]
        fn it_reads_what_the_general_reader_reads_or_nothing(
            (session, seq) in (number(), number()),
            requests in prop::collection::vec(request(), 0..6),
            (at, bit, less) in (any::<prop::sample::Index>(), 0..8_u32, 0_usize..3),
        ) {
            let command = Command::Batch(Batch { session: SessionId(session), seq: Seq(seq), requests });
            let mut bytes = codec::encode(&command);
            prop_assert_eq!(read(&bytes), Some(command));
            let place = at.index(bytes.len());
            bytes[place] ^= 1 << bit;
            bytes.truncate(bytes.len() - less);
            if let Some(read) = read(&bytes) {
                prop_assert_eq!(read, codec::decode_borrowed(&bytes).expect("the general reader reads it too"));
            }
        }
    }
}
