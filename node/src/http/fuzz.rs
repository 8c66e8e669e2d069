//! Promises about requests, held by readers that share nothing with the node's own.

use std::borrow::Cow;

use holdfast_api::{CreateLine, CreateOrder, parse_key};
use holdfast_inventory::SkuId;
use serde_json::Value;

use super::json;
use super::order_body::{self, OrderBounds, Written};
use super::orders::REQUEST_LINE;
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
    serde_json::from_slice::<CreateOrder<'_>>(body).is_err_and(|error| error.to_string().contains("duplicate field"))
}

/// Bytes are a plain head, a part of one, or not plain. One that is plain begins every longer text in the same way, each part of it
/// is a part of one, and a reader of lines finds the same fields.
pub(crate) fn order_head(bytes: &[u8]) {
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
