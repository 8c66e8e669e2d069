//! Adding and taking stock. The answer is the [`Sku`](crate::Sku).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/skus/{sku}/adjustments`; an `Idempotency-Key` is required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustStock {
    /// Units, negative to take; all or nothing, never 0.
    pub delta: i64,
    /// Why; 1–200 characters.
    pub reason: String,
    /// The operator's own reference, such as a delivery note; at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}
