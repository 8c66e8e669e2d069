//! The body of `POST /v1/orders/batch`, order by order.
//!
//! It is read in one go. Only if that fails, or an order is about a SKU that this node does not know, it is gone through once
//! more: what is wrong with one order is told at its place, and the others go on.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use holdfast_api::limits::MAX_BATCH_ORDERS;
use holdfast_api::{CreateOrders, KeyedOrder, ProblemType};
use holdfast_inventory::{Ask, Lines, Stamp, check_visible};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::ask;
use crate::http::limits::PARSE_INLINE_BYTES;
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::{App, json, order_body};

/// What is remembered of an order between its parse and its answer.
pub(super) struct Draft {
    /// Who buys; a part of the body where it can be.
    pub(super) buyer: Bytes,
    pub(super) lines: Lines,
}

/// Each order's own fate before the Desk, in the body's order: asked, or refused.
pub(super) type Drafts = Vec<Result<(Draft, Ask), Reply>>;

/// Parses and checks. Like that of a single order, "unknown SKU" is told only with a proof that this node knows enough;
/// one is asked for the whole batch.
pub(super) async fn read<P: Port>(app: &Arc<App<P>>, bytes: Bytes, apply_before: Stamp) -> Result<Drafts, Reply> {
    let mut drafts = parse(app, bytes.clone(), apply_before).await?;
    if !drafts.iter().any(names_no_sku) {
        return Ok(drafts);
    }
    match app.prove_fresh().await {
        Ok(proven) => {
            drafts = parse(app, bytes, apply_before).await?;
            Ok(drafts.into_iter().map(|draft| draft.map_err(|reply| proven.tell(reply))).collect())
        }
        Err(stale) => {
            drafts.iter_mut().filter(|draft| names_no_sku(draft)).for_each(|draft| *draft = Err(stale.clone()));
            Ok(drafts)
        }
    }
}

fn names_no_sku(draft: &Result<(Draft, Ask), Reply>) -> bool {
    matches!(draft, Err(reply) if reply.kind == ProblemType::UnknownSku)
}

/// A big body is parsed on a blocking thread, so that nobody else's request waits for it.
async fn parse<P: Port>(app: &Arc<App<P>>, bytes: Bytes, apply_before: Stamp) -> Result<Drafts, Reply> {
    if bytes.len() <= PARSE_INLINE_BYTES {
        return drafts(app, &bytes, apply_before);
    }
    let app = Arc::clone(app);
    holdfast_raft::blocking(move || drafts(&app, &bytes, apply_before)).await.unwrap_or_else(|_| Err(Reply::internal()))
}

fn drafts<P: Port>(app: &App<P>, bytes: &Bytes, apply_before: Stamp) -> Result<Drafts, Reply> {
    let at = |place: usize| format!("/orders/{place}");
    match json::parse::<CreateOrders<'_>>(bytes) {
        Ok(batch) => {
            check_count(batch.orders.len())?;
            app.seal()?;
            let orders = batch.orders.iter().enumerate();
            Ok(orders.map(|(place, order)| draft(app, bytes, &at(place), order, apply_before)).collect())
        }
        Err(whole) => {
            let pieces = pieces(bytes).ok_or(whole)?;
            check_count(pieces.len())?;
            app.seal()?;
            let read = |(place, piece): (usize, &&RawValue)| {
                let at = at(place);
                let order = json::parse_at(&at, piece.get().as_bytes())?;
                draft(app, bytes, &at, &order, apply_before)
            };
            Ok(pieces.iter().enumerate().map(read).collect())
        }
    }
}

/// The orders of a body whose fault may be in one of them; none if it is a fault of the body.
fn pieces(bytes: &[u8]) -> Option<Vec<&RawValue>> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pieces<'a> {
        #[serde(borrow)]
        orders: Vec<&'a RawValue>,
    }
    // A list would be taken for the struct.
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    serde_json::from_slice(bytes).ok().filter(|_| is_object).map(|pieces: Pieces<'_>| pieces.orders)
}

fn check_count(orders: usize) -> Result<(), Reply> {
    if (1..=MAX_BATCH_ORDERS).contains(&orders) {
        return Ok(());
    }
    let detail = format!("A batch has 1 to {MAX_BATCH_ORDERS} orders and this one has {orders}; split it.");
    Err(Reply::malformed_at("/orders", detail))
}

fn draft<P: Port>(app: &App<P>, bytes: &Bytes, at: &str, order: &KeyedOrder<'_>, apply_before: Stamp) -> Result<(Draft, Ask), Reply> {
    let key = &order.idempotency_key;
    check_visible(key).map_err(|error| Reply::malformed_at(format!("{at}/idempotency_key"), format!("The idempotency key {error}.")))?;
    let lines = order_body::check(&order_body::Written { at, buyer: &order.buyer, lines: &order.lines }, app.order_bounds(), |name| {
        app.names.id(name, || app.port.inventory())
    })?;
    let ask = ask::order(app, key, &order.buyer, lines.clone(), order.confirm, apply_before)?;
    let buyer = match &order.buyer {
        Cow::Borrowed(buyer) => bytes.slice_ref(buyer.as_bytes()),
        Cow::Owned(buyer) => Bytes::copy_from_slice(buyer.as_bytes()),
    };
    Ok((Draft { buyer, lines }, ask))
}
