//! What `verify` found sound, in a form that an auditor reads and in one that a program does: the same facts.

use std::collections::BTreeMap;

use holdfast_client::api::OrderStatus;
use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output::{self, or_dash};

/// Orders by status, every status named.
pub(super) type ByStatus = BTreeMap<&'static str, u64>;

/// Every status an order can have, in the order of its life.
const STATUSES: [OrderStatus; 5] =
    [OrderStatus::Held, OrderStatus::Confirmed, OrderStatus::Released, OrderStatus::Expired, OrderStatus::Cancelled];

/// What was checked and found sound.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Ids of the nodes whose data or answers these are.
    pub(super) nodes: Vec<u64>,
    /// What was looked at, in words.
    pub(super) checked: String,
    /// First log index that was replayed; of running nodes none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first: Option<u64>,
    /// Log index that the digest is of: the last one replayed, or one at which the nodes were compared.
    pub(super) index: u64,
    /// Log entries replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entries: Option<u64>,
    /// Log index of the directory's newest snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) snapshot: Option<u64>,
    /// The rolling digest: 32 hexadecimal digits.
    pub(super) digest: String,
    /// Orders by status; `null` if they could not be counted.
    pub(super) orders: Option<ByStatus>,
    /// Every SKU.
    pub(super) skus: Vec<SkuReport>,
    /// All of it in one sentence.
    pub(super) result: String,
}

/// The books of one SKU; its units add up.
#[derive(Debug, Serialize)]
pub(super) struct SkuReport {
    /// Its name.
    pub(super) sku: String,
    /// Log index that its numbers are true at.
    pub(super) index: u64,
    /// Units ever added, less those taken.
    pub(super) stock: u64,
    /// Units sold.
    pub(super) confirmed: u64,
    /// Units in held orders.
    pub(super) held: u64,
    /// Units that nobody has bought or holds: pool and slices.
    pub(super) available: u64,
    /// Of those, units that no node has.
    pub(super) pool: u64,
    /// Of those, units in slices.
    pub(super) sliced: u64,
    /// Its adjustments; absent if history was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) adjusted: Option<Adjusted>,
    /// Orders with a line of it, by status; absent if history was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) orders: Option<ByStatus>,
}

/// Changes of stock since a SKU was created.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Adjusted {
    /// How many.
    pub(super) times: u64,
    /// Units added, less those taken.
    pub(super) units: i64,
}

/// The counts with a zero for every status that has none.
pub(super) fn by_status(counts: &BTreeMap<&'static str, u64>) -> ByStatus {
    STATUSES.map(|status| (status.word(), counts.get(status.word()).copied().unwrap_or_default())).into()
}

/// The counts in words: `5: 3 held, 2 confirmed, 0 released, 0 expired, 0 cancelled`.
pub(super) fn in_words(counts: &ByStatus) -> String {
    let each = STATUSES.map(|status| format!("{} {status}", counts.get(status.word()).copied().unwrap_or_default()));
    format!("{}: {}", counts.values().sum::<u64>(), each.join(", "))
}

impl Report {
    /// Writes it to standard output.
    pub(super) fn show(&self, json: bool) -> Result<(), Failure> {
        if json {
            return output::json(self);
        }
        output::fields(&[
            ("nodes", self.nodes.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
            ("checked", self.checked.clone()),
            ("digest", format!("{} at index {}", self.digest, self.index)),
            ("orders", self.orders.as_ref().map_or_else(|| "not counted".to_owned(), in_words)),
        ])?;
        if !self.skus.is_empty() {
            output::line("")?;
            let rows: Vec<_> = self.skus.iter().map(SkuReport::row).collect();
            output::table(["SKU", "INDEX", "STOCK", "SOLD", "HELD", "AVAILABLE", "ADJUSTED", "ORDERS"], &rows)?;
        }
        output::line("")?;
        output::line(&self.result)
    }
}

impl SkuReport {
    fn row(&self) -> [String; 8] {
        let [index, stock, sold, held, available] =
            [self.index, self.stock, self.confirmed, self.held, self.available].map(|number| number.to_string());
        let adjusted = self.adjusted.map(|adjusted| format!("{:+} in {}", adjusted.units, adjusted.times));
        let orders = self.orders.as_ref().map(|orders| orders.values().sum::<u64>());
        [self.sku.clone(), index, stock, sold, held, available, or_dash(adjusted), or_dash(orders)]
    }
}
