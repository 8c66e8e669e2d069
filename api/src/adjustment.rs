//! Adding and taking stock. The answer is the [`Sku`](crate::Sku).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, Schema, Type};

use crate::limits::MAX_STOCK;

/// Body of `POST /v1/skus/{sku}/adjustments`; an `Idempotency-Key` is required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustStock {
    /// Units, negative to take; all or nothing, never 0.
    #[schema(schema_with = delta)]
    pub delta: i64,
    /// Why; 1–200 characters.
    #[schema(max_length = 200, pattern = r"^(?=.*\S)[^\u0000-\u001f\u007f-\u009f]*$")]
    pub reason: String,
    /// The operator's own reference, such as a delivery note; at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub reference: Option<String>,
}

/// Every whole number of units up to the bound, but none.
fn delta() -> Schema {
    let most = i64::try_from(MAX_STOCK).unwrap_or(i64::MAX);
    let range = |from: i64, to: i64| ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(from)).maximum(Some(to));
    OneOfBuilder::new().item(range(-most, -1)).item(range(1, most)).build().into()
}
