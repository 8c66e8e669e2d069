//! What a SKU has left, from memory or linearizable.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{SaleState, Time};

/// Query of `GET /v1/skus/{sku}/availability`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AvailabilityQuery {
    /// How fresh the answer must be.
    #[serde(default)]
    pub consistency: Consistency,
}

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// What the node knows, at once.
    #[default]
    Local,
    /// Everything that was acknowledged anywhere before the question.
    Linearizable,
}

/// Answer to `GET /v1/skus/{sku}/availability`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Availability {
    /// The SKU's name.
    pub sku: String,
    /// Units that can be sold: pool and slices.
    pub available: u64,
    /// Units in held orders: they may come back.
    pub held: u64,
    /// Whether no unit can be sold, cluster-wide.
    pub sold_out: bool,
    /// Whether it is sold out and nothing is held either.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Whether it is on sale.
    pub state: SaleState,
    /// When the sale begins or began.
    #[serde(default)]
    pub opens_at: Option<Time>,
    /// Log index that these numbers are true at.
    pub index: u64,
    /// Cluster time, in milliseconds, up to which the node knows that nothing newer was missed.
    pub as_of_ms: u64,
}
