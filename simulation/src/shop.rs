//! What is on sale, and the orders and steps that buyers draw.

use holdfast_client::oracle::{Name, Terms};
use serde_json::{Value, json};

use crate::limits::BRIEF_HOLD_MS;

/// A SKU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ware {
    pub(crate) sku: &'static str,
    stock: u64,
    /// How long it is held; 0: bought at once.
    hold_ttl_ms: u64,
    limit: Option<u32>,
}

const fn ware(sku: &'static str, stock: u64, hold_ttl_ms: u64) -> Ware {
    Ware { sku, stock, hold_ttl_ms, limit: None }
}

/// Sold at once, and out some time.
pub(crate) const HOT: Ware = ware("hot", 150, 0);
/// Held for long, and never out.
pub(crate) const HELD: Ware = ware("held", 2_000, 600_000);
/// Held briefly.
pub(crate) const BRIEF: Ware = ware("brief", 60, BRIEF_HOLD_MS);
/// Two for each buyer.
pub(crate) const LIMITED: Ware = Ware { limit: Some(2), ..ware("limited", 500, 0) };
/// Next to nothing: sold out, given back, sold out.
pub(crate) const TINY: Ware = ware("tiny", 2, BRIEF_HOLD_MS);

/// All of it.
pub(crate) const WARES: [Ware; 5] = [HOT, HELD, BRIEF, LIMITED, TINY];

impl Ware {
    /// The body that creates it.
    pub(crate) fn creation(&self) -> Value {
        let mut body = json!({ "sku": self.sku, "stock": self.stock, "hold_ttl_ms": self.hold_ttl_ms });
        if let Some(limit) = self.limit {
            body["per_buyer_limit"] = limit.into();
        }
        if self.sku == BRIEF.sku {
            body["late_confirm"] = "reacquire".into();
        }
        body
    }

    /// What the oracle must know of it.
    pub(crate) fn terms(&self, sku: Name) -> Terms {
        Terms { sku, stock: self.stock, per_buyer_limit: self.limit, hold_ttl_ms: self.hold_ttl_ms, is_always_open: true }
    }
}
