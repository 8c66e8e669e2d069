//! Many orders in one request, each for itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::order::is_false;
use crate::{CreateLine, Order, Problem};

/// Body of `POST /v1/orders/batch`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOrders<'a> {
    /// 1–8,192 orders.
    #[serde(borrow)]
    #[schema(min_items = 1, max_items = 8192)]
    pub orders: Vec<KeyedOrder<'a>>,
}

/// One order of a batch: a [`CreateOrder`](crate::CreateOrder) with its own key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyedOrder<'a> {
    /// Key under which this order happens at most once: 1–64 visible ASCII characters.
    #[serde(borrow)]
    #[schema(value_type = String, pattern = "^[!-~]{1,64}$")]
    pub idempotency_key: Cow<'a, str>,
    /// Who buys: 1–64 visible ASCII characters.
    #[serde(borrow)]
    #[schema(value_type = String, pattern = "^[!-~]{1,64}$")]
    pub buyer: Cow<'a, str>,
    /// What: 1–16 lines, all or nothing; lines of one SKU are summed, to 1,000 units at most.
    #[serde(borrow)]
    #[schema(min_items = 1, max_items = 16)]
    pub lines: Vec<CreateLine<'a>>,
    /// Buy at once instead of holding.
    #[serde(default, skip_serializing_if = "is_false")]
    pub confirm: bool,
}

/// Answer to a batch: 200 even if every order was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BatchAnswer {
    /// One result for each order, in the same order.
    pub results: Vec<BatchResult>,
}

/// What came of one order of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchResult {
    /// Accepted, now or before.
    Order(Order),
    /// Refused, or unknown.
    Problem(Box<Problem>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BatchResult, ProblemType, limits};

    #[test]
    fn each_result_says_which_it_is() {
        let answer = BatchAnswer { results: vec![BatchResult::Problem(Box::new(Problem::new(ProblemType::SoldOut, "gone")))] };
        let text = serde_json::to_string(&answer).unwrap();
        assert!(text.starts_with(r#"{"results":[{"problem":{"type":"urn:holdfast:problem:sold-out""#), "{text}");
        assert_eq!(serde_json::from_str::<BatchAnswer>(&text).unwrap(), answer);
    }

    #[test]
    fn the_largest_order_of_a_batch_is_not_longer_than_its_bound() {
        let name = |of: &str| Cow::<'static, str>::Owned(of.repeat(limits::MAX_NAME_BYTES));
        let line = CreateLine { sku: name("x"), quantity: limits::MAX_QUANTITY };
        let lines = vec![line; limits::MAX_LINES];
        let order = KeyedOrder { idempotency_key: name("\\"), buyer: name("\""), lines, confirm: true };
        let bytes = serde_json::to_string(&order).unwrap().len() + ",".len();
        assert!(bytes <= limits::MAX_BATCH_ORDER_BYTES && bytes * 10 > limits::MAX_BATCH_ORDER_BYTES * 9, "{bytes}");
    }

    #[test]
    fn an_order_of_a_batch_carries_its_own_key() {
        let body = r#"{"orders":[{"idempotency_key":"k","buyer":"b","lines":[{"sku":"s","quantity":1}],"confirm":true}]}"#;
        let batch: CreateOrders<'_> = serde_json::from_str(body).unwrap();
        assert_eq!(serde_json::to_string(&batch).unwrap(), body);
        assert!(serde_json::from_str::<CreateOrders<'_>>(r#"{"orders":[{"buyer":"b","lines":[]}]}"#).is_err());
    }
}
