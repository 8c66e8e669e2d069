//! Orders: what is asked for, and what a buyer has.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Time;

/// Body of `POST /v1/orders`. Borrows its text from the request where it can.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOrder<'a> {
    /// Who buys: 1–64 visible ASCII characters.
    #[serde(borrow)]
    #[schema(value_type = String, example = "buyer-17", pattern = "^[!-~]{1,64}$")]
    pub buyer: Cow<'a, str>,
    /// What: 1–16 lines, all or nothing; lines of one SKU are summed, to 1,000 units at most.
    #[serde(borrow)]
    #[schema(min_items = 1, max_items = 16)]
    pub lines: Vec<CreateLine<'a>>,
    /// Buy at once instead of holding.
    #[serde(default, skip_serializing_if = "is_false")]
    pub confirm: bool,
}

/// One line of a [`CreateOrder`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateLine<'a> {
    /// The SKU's name.
    #[serde(borrow)]
    #[schema(value_type = String, example = "tee-m", pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub sku: Cow<'a, str>,
    /// Units, 1–1,000.
    #[schema(minimum = 1, maximum = 1000)]
    pub quantity: u32,
}

/// One SKU of an order and how many units of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// The SKU's name.
    pub sku: String,
    /// Units.
    pub quantity: u32,
}

/// An order as it was at log index `index`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// Its identity: one opaque token.
    pub id: String,
    /// Where it is in its life.
    pub status: OrderStatus,
    /// Who bought.
    pub buyer: String,
    /// What was bought, every SKU once, in the buyer's order.
    pub lines: Vec<Line>,
    /// Cluster time of acceptance.
    pub created_at: Time,
    /// First cluster time at which the hold has expired; only while it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Node that admitted it.
    pub node: u64,
    /// Log index that the answer is true at. In answer to `POST /v1/orders` the index of acceptance, replays included.
    pub index: u64,
}

/// Where an order is in its life: `held → confirmed | released | expired`, `confirmed → cancelled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Units are kept for the buyer.
    Held,
    /// Sold.
    Confirmed,
    /// Given back before it was sold.
    Released,
    /// Given back because its time ran out.
    Expired,
    /// Given back after it was sold.
    Cancelled,
}

impl OrderStatus {
    /// The word of the contract.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_request_borrows_and_refuses_unknown_fields() {
        let body = r#"{"buyer":"b","lines":[{"sku":"tee-m","quantity":2}]}"#;
        let order: CreateOrder<'_> = serde_json::from_str(body).unwrap();
        assert!(matches!(order.buyer, Cow::Borrowed("b")));
        assert!(matches!(order.lines[0].sku, Cow::Borrowed("tee-m")));
        assert!(!order.confirm);
        assert_eq!(serde_json::to_string(&order).unwrap(), body);
        for bad in [
            r#"{"buyer":"b","lines":[],"x":1}"#,
            r#"{"buyer":"b","lines":[{"sku":"s","quantity":1,"x":1}]}"#,
            r#"{"buyer":"b","lines":[{"sku":"s","quantity":1.5}]}"#,
            r#"{"buyer":"b","lines":[{"sku":"s","quantity":-1}]}"#,
            r#"{"buyer":"b","lines":[{"sku":"s","quantity":99999999999}]}"#,
            r#"{"buyer":"b"}"#,
        ] {
            assert!(serde_json::from_str::<CreateOrder<'_>>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_order_reads_as_the_contract_says_and_tolerates_more() {
        let order = Order {
            id: "ord1".into(),
            status: OrderStatus::Held,
            buyer: "b".into(),
            lines: vec![Line { sku: "tee-m".into(), quantity: 2 }],
            created_at: Time(0),
            expires_at: Some(Time(600_000)),
            node: 1,
            index: 42,
        };
        let text = concat!(
            r#"{"id":"ord1","status":"held","buyer":"b","lines":[{"sku":"tee-m","quantity":2}],"#,
            r#""created_at":"1970-01-01T00:00:00.000Z","expires_at":"1970-01-01T00:10:00.000Z","node":1,"index":42}"#
        );
        assert_eq!(serde_json::to_string(&order).unwrap(), text);
        let newer = text.replace(r#""node":1"#, r#""node":1,"colour":"red""#);
        assert_eq!(serde_json::from_str::<Order>(&newer).unwrap(), order);
    }

    #[test]
    fn status_words_are_the_json_words() {
        use OrderStatus::{Cancelled, Confirmed, Expired, Held, Released};
        for status in [Held, Confirmed, Released, Expired, Cancelled] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.word());
        }
    }
}
