//! `holdfast order`: look at orders and finish them.

use clap::{Args, Subcommand};
use holdfast_client::Client;
use holdfast_client::api::{Line, Order, OrderList, OrderQuery, OrderStatus};

use super::endpoints::Endpoints;
use super::failure::Failure;
use super::output;
use crate::limits::MAX_LISTED_ORDERS;

/// Look at orders and finish them.
#[derive(Debug, Args)]
pub(super) struct OrderArgs {
    #[command(subcommand)]
    command: OrderCommand,
}

#[derive(Debug, Subcommand)]
enum OrderCommand {
    /// Show an order as it is now.
    Show(OneOrder),
    /// Make a held order final.
    Confirm(OneOrder),
    /// Give a held order back.
    Release(OneOrder),
    /// Give a confirmed order back.
    Cancel(OneOrder),
    /// Hold an order longer, once.
    Extend(OneOrder),
    /// List orders, newest first.
    List(ListArgs),
}

#[derive(Debug, Args)]
struct OneOrder {
    /// The order's id.
    id: String,
    #[command(flatten)]
    endpoints: Endpoints,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only orders with a line of this SKU.
    #[arg(long)]
    sku: Option<String>,
    /// Only this buyer's orders.
    #[arg(long)]
    buyer: Option<String>,
    /// Only orders that are this now.
    #[arg(long, value_parser = read_status)]
    status: Option<OrderStatus>,
    /// Most orders to list.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LISTED_ORDERS)))]
    limit: u32,
    /// Where an earlier list ended.
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    endpoints: Endpoints,
}

impl OrderArgs {
    pub(super) fn json(&self) -> bool {
        self.command.endpoints().json
    }
}

impl OrderCommand {
    fn endpoints(&self) -> &Endpoints {
        match self {
            Self::Show(one) | Self::Confirm(one) | Self::Release(one) | Self::Cancel(one) | Self::Extend(one) => &one.endpoints,
            Self::List(list) => &list.endpoints,
        }
    }
}

/// Does what the arguments say and shows the order or the orders.
pub(super) async fn run(args: OrderArgs) -> Result<(), Failure> {
    let endpoints = args.command.endpoints().clone();
    let client = endpoints.client()?;
    let order = match args.command {
        OrderCommand::Show(one) => client.order(&one.id).await?,
        OrderCommand::Confirm(one) => client.confirm(&one.id).await?,
        OrderCommand::Release(one) => client.release(&one.id).await?,
        OrderCommand::Cancel(one) => client.cancel(&one.id).await?,
        OrderCommand::Extend(one) => client.extend(&one.id).await?,
        OrderCommand::List(list) => return show_list(&collect(&client, list).await?, endpoints.json),
    };
    if endpoints.json { output::json(&order) } else { show(&order) }
}

/// Shows one order to people.
pub(super) fn show(order: &Order) -> Result<(), Failure> {
    output::fields(&[
        ("order", order.id.clone()),
        ("status", order.status.to_string()),
        ("buyer", order.buyer.clone()),
        ("lines", lines(&order.lines)),
        ("created", order.created_at.to_string()),
        ("expires", output::or_dash(order.expires_at)),
        ("node", order.node.to_string()),
        ("index", order.index.to_string()),
    ])
}

/// Follows the pages until there are enough orders: one page may hold few although more follow.
async fn collect(client: &Client, list: ListArgs) -> Result<OrderList, Failure> {
    let mut found = OrderList { orders: Vec::new(), next: list.cursor };
    let mut left = list.limit;
    loop {
        let query = OrderQuery {
            sku: list.sku.clone(),
            buyer: list.buyer.clone(),
            status: list.status,
            cursor: found.next.take(),
            limit: Some(left.min(1_000)),
        };
        let page = client.orders(&query).await?;
        left = left.saturating_sub(u32::try_from(page.orders.len()).unwrap_or(u32::MAX));
        found.orders.extend(page.orders);
        found.next = page.next;
        if left == 0 || found.next.is_none() {
            return Ok(found);
        }
    }
}

fn show_list(list: &OrderList, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(list);
    }
    let row = |order: &Order| {
        let (id, status, buyer) = (order.id.clone(), order.status.to_string(), order.buyer.clone());
        [id, status, buyer, lines(&order.lines), order.created_at.to_string()]
    };
    let rows: Vec<_> = list.orders.iter().map(row).collect();
    output::table(["ORDER", "STATUS", "BUYER", "LINES", "CREATED"], &rows)?;
    match &list.next {
        Some(next) => output::line(&format!("more with --cursor {next}")),
        None => Ok(()),
    }
}

fn lines(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{}:{}", line.sku, line.quantity)).collect::<Vec<_>>().join(" ")
}

fn read_status(text: &str) -> Result<OrderStatus, String> {
    let all = [OrderStatus::Held, OrderStatus::Confirmed, OrderStatus::Released, OrderStatus::Expired, OrderStatus::Cancelled];
    let found = all.into_iter().find(|status| status.word() == text);
    found.ok_or_else(|| format!("an order is one of {}", all.map(OrderStatus::word).join(", ")))
}
