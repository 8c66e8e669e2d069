//! `holdfast buy`: one order.

use clap::Args;
use holdfast_client::{IdempotencyKey, OrderDraft};

use super::endpoints::Endpoints;
use super::failure::Failure;
use super::{order, output};

/// Place one order.
#[derive(Debug, Args)]
pub(super) struct BuyArgs {
    /// What to buy: a SKU and how many units, 1 if not given.
    #[arg(required = true, value_name = "SKU[:UNITS]", value_parser = read_line)]
    lines: Vec<(String, u32)>,
    /// Who buys.
    #[arg(long)]
    buyer: String,
    /// Buy at once instead of holding.
    #[arg(long)]
    confirm: bool,
    /// The idempotency key: the same key never buys twice. A new one if not given.
    #[arg(long, value_name = "KEY", value_parser = read_key)]
    key: Option<IdempotencyKey>,
    #[command(flatten)]
    endpoints: Endpoints,
}

impl BuyArgs {
    pub(super) fn json(&self) -> bool {
        self.endpoints.json
    }
}

/// Places the order and shows it.
pub(super) async fn run(args: BuyArgs) -> Result<(), Failure> {
    let mut draft = args.lines.into_iter().fold(OrderDraft::new(args.buyer), |draft, (sku, units)| draft.line(sku, units));
    if args.confirm {
        draft = draft.confirmed();
    }
    if let Some(key) = args.key {
        draft = draft.under(key);
    }
    let placed = args.endpoints.client()?.place(&mut draft).await?;
    if args.endpoints.json { output::json(&placed.order) } else { order::show(&placed.order) }
}

fn read_line(text: &str) -> Result<(String, u32), String> {
    let (sku, units) = text.split_once(':').unwrap_or((text, "1"));
    let units = units.parse().map_err(|_| format!("{units:?} is no number of units: write SKU:UNITS, such as tee-m:2"))?;
    Ok((sku.to_owned(), units))
}

pub(super) fn read_key(text: &str) -> Result<IdempotencyKey, String> {
    IdempotencyKey::new(text).map_err(|error| error.to_string())
}
