//! `holdfast sku`: create, look at and change what is sold.

use clap::{Args, Subcommand};
use holdfast_client::api::{AdjustStock, Audit, CreateSku, LateConfirm, PageQuery, Sku, Time};
use holdfast_client::{Client, IdempotencyKey};

use super::buy::read_key;
use super::endpoints::Endpoints;
use super::failure::Failure;
use super::output::{self, or_dash};

/// Create, look at and change what is sold.
#[derive(Debug, Args)]
pub(super) struct SkuArgs {
    #[command(subcommand)]
    command: SkuCommand,
}

#[derive(Debug, Subcommand)]
enum SkuCommand {
    /// Put a SKU on sale.
    Create(CreateArgs),
    /// List all SKUs.
    List(EndpointsOnly),
    /// Show a SKU as it is now.
    Show(OneSku),
    /// Add stock, or take some back.
    Adjust(AdjustArgs),
    /// Stop the sale at once.
    Close(OneSku),
    /// Resume the sale at once.
    Open(OneSku),
    /// Show where every unit is, and whether they add up; of all SKUs if none is named.
    Audit(AuditArgs),
}

#[derive(Debug, Args)]
struct EndpointsOnly {
    #[command(flatten)]
    endpoints: Endpoints,
}

#[derive(Debug, Args)]
struct OneSku {
    /// The SKU.
    sku: String,
    #[command(flatten)]
    endpoints: Endpoints,
}

#[derive(Debug, Args)]
struct AuditArgs {
    /// The SKU.
    sku: Option<String>,
    #[command(flatten)]
    endpoints: Endpoints,
}

#[derive(Debug, Args)]
struct CreateArgs {
    /// Its name: 1 to 64 of A-Z a-z 0-9 . _ -
    sku: String,
    /// Units it starts with.
    #[arg(long)]
    stock: u64,
    /// Most units that one buyer may have.
    #[arg(long, value_name = "UNITS")]
    per_buyer_limit: Option<u32>,
    /// How long an order is held; 0 sells at once.
    #[arg(long, value_name = "MS")]
    hold_ttl_ms: Option<u64>,
    /// When the sale begins, such as 2026-11-20T12:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    opens_at: Option<Time>,
    /// When the sale ends.
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    closes_at: Option<Time>,
    /// A confirm after the hold ended takes the units again, if there are any.
    #[arg(long)]
    late_confirm: bool,
    /// For people.
    #[arg(long)]
    title: Option<String>,
    #[command(flatten)]
    endpoints: Endpoints,
}

#[derive(Debug, Args)]
struct AdjustArgs {
    /// The SKU.
    sku: String,
    /// Units to add; negative to take, all or nothing.
    #[arg(long, allow_hyphen_values = true, value_name = "UNITS")]
    delta: i64,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Your own reference, such as a delivery note.
    #[arg(long)]
    reference: Option<String>,
    /// The idempotency key: the same key never adjusts twice. A new one if not given.
    #[arg(long, value_name = "KEY", value_parser = read_key)]
    key: Option<IdempotencyKey>,
    #[command(flatten)]
    endpoints: Endpoints,
}

impl SkuArgs {
    pub(super) fn json(&self) -> bool {
        self.command.endpoints().json
    }
}

impl SkuCommand {
    fn endpoints(&self) -> &Endpoints {
        match self {
            Self::Create(args) => &args.endpoints,
            Self::List(args) => &args.endpoints,
            Self::Show(args) | Self::Close(args) | Self::Open(args) => &args.endpoints,
            Self::Adjust(args) => &args.endpoints,
            Self::Audit(args) => &args.endpoints,
        }
    }
}

/// Does what the arguments say and shows the SKU or the SKUs.
pub(super) async fn run(args: SkuArgs) -> Result<(), Failure> {
    let json = args.json();
    let client = args.command.endpoints().client()?;
    let sku = match args.command {
        SkuCommand::Create(args) => client.create_sku(&new_sku(args)).await?,
        SkuCommand::Show(args) => client.sku(&args.sku).await?,
        SkuCommand::Close(args) => client.close_sku(&args.sku).await?,
        SkuCommand::Open(args) => client.open_sku(&args.sku).await?,
        SkuCommand::Adjust(args) => adjust(&client, args).await?,
        SkuCommand::List(_) => return show_list(&all(&client).await?, json),
        SkuCommand::Audit(AuditArgs { sku: Some(sku), .. }) => return show_audits(&[client.audit(&sku).await?], json, false),
        SkuCommand::Audit(AuditArgs { sku: None, .. }) => return show_audits(&audits(&client).await?, json, true),
    };
    if json { output::json(&sku) } else { show(&sku) }
}

/// Every SKU, page by page.
pub(super) async fn all(client: &Client) -> Result<Vec<Sku>, Failure> {
    let (mut skus, mut cursor) = (Vec::new(), None);
    loop {
        let page = client.skus(&PageQuery { cursor, limit: None }).await?;
        skus.extend(page.skus);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(skus);
        }
    }
}

/// The audit of every SKU.
pub(super) async fn audits(client: &Client) -> Result<Vec<Audit>, Failure> {
    let mut audits = Vec::new();
    for sku in all(client).await? {
        audits.push(client.audit(&sku.sku).await?);
    }
    Ok(audits)
}

async fn adjust(client: &Client, args: AdjustArgs) -> Result<Sku, Failure> {
    let key = args.key.unwrap_or_else(IdempotencyKey::random);
    let adjustment = AdjustStock { delta: args.delta, reason: args.reason, reference: args.reference };
    Ok(client.adjust_stock(&args.sku, &key, &adjustment).await?)
}

fn new_sku(args: CreateArgs) -> CreateSku {
    CreateSku {
        sku: args.sku,
        stock: args.stock,
        per_buyer_limit: args.per_buyer_limit,
        hold_ttl_ms: args.hold_ttl_ms,
        opens_at: args.opens_at,
        closes_at: args.closes_at,
        late_confirm: args.late_confirm.then_some(LateConfirm::Reacquire),
        title: args.title,
    }
}

fn show(sku: &Sku) -> Result<(), Failure> {
    output::fields(&[
        ("sku", sku.sku.clone()),
        ("title", or_dash(sku.title.as_ref())),
        ("state", sku.state.to_string()),
        ("mode", sku.mode.to_string()),
        ("stock", sku.stock.to_string()),
        ("available", sku.available.to_string()),
        ("held", sku.held.to_string()),
        ("confirmed", sku.confirmed.to_string()),
        ("per buyer", or_dash(sku.per_buyer_limit)),
        ("hold", format!("{} ms", sku.hold_ttl_ms)),
        ("opens", or_dash(sku.opens_at)),
        ("closes", or_dash(sku.closes_at)),
        ("late confirm", sku.late_confirm.to_string()),
        ("version", sku.version.to_string()),
        ("index", sku.index.to_string()),
    ])
}

fn show_list(skus: &[Sku], json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&skus);
    }
    let row = |sku: &Sku| {
        let numbers = [sku.stock, sku.available, sku.held, sku.confirmed].map(|units| units.to_string());
        let [stock, available, held, confirmed] = numbers;
        [sku.sku.clone(), sku.state.to_string(), sku.mode.to_string(), stock, available, held, confirmed]
    };
    let rows: Vec<_> = skus.iter().map(row).collect();
    output::table(["SKU", "STATE", "MODE", "STOCK", "AVAILABLE", "HELD", "CONFIRMED"], &rows)
}

/// Shows audits and fails if one does not add up, so that a script need not read them.
fn show_audits(audits: &[Audit], json: bool, many: bool) -> Result<(), Failure> {
    match audits {
        [audit] if json && !many => output::json(audit)?,
        _ if json => output::json(&audits)?,
        _ => audits.iter().try_for_each(show_audit)?,
    }
    match audits.iter().find(|audit| !conserved(audit)) {
        Some(audit) => {
            Err(Failure::Failed(format!("the units of {} do not add up: stop selling it and keep the data directories", audit.sku)))
        }
        None => Ok(()),
    }
}

/// What the node says about its numbers is believed only if they add up.
pub(super) fn conserved(audit: &Audit) -> bool {
    audit.conserved && audit.adds_up()
}

fn show_audit(audit: &Audit) -> Result<(), Failure> {
    let slices = audit.slices.iter().map(|slice| format!("node {} has {} (session {})", slice.node, slice.units, slice.session));
    output::fields(&[
        ("sku", audit.sku.clone()),
        ("stock", audit.stock.to_string()),
        ("pool", audit.pool.to_string()),
        ("slices", or_dash(Some(slices.collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty()))),
        ("held", audit.held.to_string()),
        ("confirmed", audit.confirmed.to_string()),
        ("conserved", if conserved(audit) { "yes" } else { "NO" }.to_owned()),
        ("index", audit.index.to_string()),
        ("digest", audit.digest.clone()),
    ])
}

fn read_time(text: &str) -> Result<Time, String> {
    text.parse().map_err(|_| format!("{text:?} is no time: write it as 2026-11-20T12:00:00Z"))
}
