//! Promises about requests, held by readers that share nothing with the node's own.

use std::borrow::Cow;
use std::collections::BTreeSet;

use holdfast_api::{CreateLine, CreateOrder, parse_key};
use holdfast_inventory::SkuId;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::json;
use super::order_body::{self, OrderBounds, Written};
use super::orders::{LOOK_UNDER, REQUEST_LINE, STEP_UNDER};
use super::plain_head::{self, Read};

/// A body is an order exactly if its JSON, read as a plain value, has the fields of one and nothing else; one that is an order reads
/// back as it is written, and its lines are within their bounds.
pub(crate) fn order_body(body: &[u8]) {
    let read = json::parse::<CreateOrder<'_>>(body).ok();
    if let Some(order) = &read {
        let written = serde_json::to_vec(order).expect("an order is JSON");
        assert_eq!(json::parse::<CreateOrder<'_>>(&written).ok().as_ref(), Some(order));
        let written = Written { at: "", buyer: &order.buyer, lines: &order.lines };
        if let Ok(lines) = order_body::check(&written, OrderBounds::default(), |_| Some(SkuId(0))) {
            assert!(lines.len() == 1 && (1..=holdfast_api::limits::MAX_QUANTITY).contains(&lines[0].units));
        }
    }
    // A plain value keeps the last of two fields of one name, which an order refuses: those it can't judge.
    let value = serde_json::from_slice::<Value>(body).ok();
    match (value.as_ref().and_then(plain_order), read) {
        (Some(plain), Some(order)) => assert_eq!(plain, order),
        (None, Some(order)) => panic!("{order:?} is an order only to the node"),
        (Some(plain), None) => assert!(has_field_twice(body), "{plain:?} is no order to the node"),
        (None, None) => {}
    }
}

fn plain_order(value: &Value) -> Option<CreateOrder<'_>> {
    let order = value.as_object().filter(|order| order.keys().all(|name| ["buyer", "lines", "confirm"].contains(&&**name)))?;
    let confirm = order.get("confirm").map_or(Some(false), Value::as_bool)?;
    let lines = order.get("lines")?.as_array()?.iter().map(plain_line).collect::<Option<_>>()?;
    Some(CreateOrder { buyer: Cow::Borrowed(order.get("buyer")?.as_str()?), lines, confirm })
}

fn plain_line(value: &Value) -> Option<CreateLine<'_>> {
    let line = value.as_object().filter(|line| line.len() == 2)?;
    let quantity = line.get("quantity")?.as_u64().and_then(|units| u32::try_from(units).ok())?;
    Some(CreateLine { sku: Cow::Borrowed(line.get("sku")?.as_str()?), quantity })
}

/// Whether a reader that allows it finds more fields than a value keeps.
fn has_field_twice(body: &[u8]) -> bool {
    serde_json::from_slice::<Twice>(body).is_ok_and(|twice| twice.0)
}

/// Whether an object of a JSON value has two fields of one name, whatever they hold.
struct Twice(bool);

impl<'de> Deserialize<'de> for Twice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TwiceVisitor)
    }
}

struct TwiceVisitor;

impl<'de> Visitor<'de> for TwiceVisitor {
    type Value = Twice;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Twice, A::Error> {
        let (mut names, mut twice) = (BTreeSet::new(), false);
        while let Some((name, value)) = map.next_entry::<String, Twice>()? {
            twice |= value.0 | !names.insert(name);
        }
        Ok(Twice(twice))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Twice, A::Error> {
        let mut twice = false;
        while let Some(value) = list.next_element::<Twice>()? {
            twice |= value.0;
        }
        Ok(Twice(twice))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Twice, E> {
        Ok(Twice(false))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Twice, E> {
        Ok(Twice(false))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Twice, E> {
        Ok(Twice(false))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Twice, E> {
        Ok(Twice(false))
    }

    fn visit_str<E>(self, _: &str) -> Result<Twice, E> {
        Ok(Twice(false))
    }

    fn visit_unit<E>(self) -> Result<Twice, E> {
        Ok(Twice(false))
    }
}

/// Likewise of the head of a request without a body.
fn short_head(bytes: &[u8], under: &[u8]) {
    let Read::Whole(head) = plain_head::read_short(bytes, under) else { return };
    let whole = &bytes[..head.bytes];
    for end in [1, whole.len() / 2, whole.len() - 1] {
        assert_eq!(plain_head::read_short(&whole[..end], under), Read::Part, "the first {end} bytes");
    }
    let line = whole.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let path = format!("{}/{} HTTP/1.1", head.subject, head.action);
    assert_eq!(line, [under, path.as_bytes()].concat());
    assert_eq!(plain_head::read_short(whole, under), Read::Whole(head));
}

/// Bytes are a plain head, a part of one, or not plain. One that is plain begins every longer text in the same way, each part of it
/// is a part of one, and a reader of lines finds the same fields.
pub(crate) fn order_head(bytes: &[u8]) {
    short_head(bytes, STEP_UNDER);
    short_head(bytes, LOOK_UNDER);
    let Read::Whole(head) = plain_head::read(bytes, REQUEST_LINE) else { return };
    assert!(head.bytes <= bytes.len());
    let whole = &bytes[..head.bytes];
    assert_eq!(plain_head::read(whole, REQUEST_LINE), Read::Whole(plain_head::PlainHead { key: head.key.clone(), ..head }));
    for end in [1, whole.len() / 2, whole.len() - 1] {
        assert_eq!(plain_head::read(&whole[..end], REQUEST_LINE), Read::Part, "the first {end} bytes");
    }
    let lines = whole.split(|byte| *byte == b'\n').skip(1).map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let fields: Vec<_> =
        lines.filter_map(|line| line.iter().position(|byte| *byte == b':').map(|at| (&line[..at], line[at + 1..].trim_ascii()))).collect();
    let values = |name: &str| {
        fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value).collect::<Vec<_>>()
    };
    assert_eq!(
        values("content-length").iter().map(|value| std::str::from_utf8(value).ok()?.parse().ok()).collect::<Vec<_>>(),
        [Some(head.length)]
    );
    assert_eq!(values("idempotency-key").iter().map(|value| parse_key(value)).collect::<Vec<_>>(), [Ok(head.key)]);
    assert_eq!(values("apply-before"), head.apply_before.into_iter().collect::<Vec<_>>());
    assert!(values("transfer-encoding").is_empty() && values("host").len() == 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_stands_twice_is_seen_whatever_the_first_one_holds() {
        let twice = br#"{"buyer":"ann","lines":[{"sku":"tee-m","quantity":"tee-l","quantity":1}],"confirm":true}"#;
        assert!(has_field_twice(twice));
        order_body(twice);
        assert!(!has_field_twice(br#"{"buyer":"ann","lines":[{"sku":"a","quantity":1},{"sku":"a","quantity":1}]}"#));
    }
}
