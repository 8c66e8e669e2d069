//! What buyers do: one order and its life, drawn at random.

use std::collections::VecDeque;
use std::time::Duration;

use holdfast_client::api::OrderStatus;
use holdfast_client::oracle::Step;
use rand::RngExt;
use tokio::time::Instant;

use super::buyer::{Bought, Buyer};
use super::limits::{BATCH_ORDERS, BRIEF_HOLD_MS};
use super::shop::{BRIEF, HELD, HOT, LIMITED, SHUT, SMALL, TINY};

/// Buyers who come again and again, of the SKU with a limit.
const REGULARS: u32 = 300;

/// Orders that one buyer means to come back to, at most.
const MEANT_TO: usize = 16;

/// Orders to confirm when their hold is over, and the last one bought.
#[derive(Debug, Default)]
pub struct Memory {
    late: VecDeque<(Instant, Bought)>,
    last: Option<Bought>,
}

/// Does one thing.
pub async fn live(buyer: &mut Buyer, memory: &mut Memory) {
    if memory.late.front().is_some_and(|(due, _)| *due <= Instant::now())
        && let Some((_, order)) = memory.late.pop_front()
    {
        // Expired by now: the units are taken again, if there are any.
        buyer.step(&order, Step::Confirm).await;
        return;
    }
    let bought = match buyer.random.random_range(0..100) {
        0..32 => at_once(buyer).await,
        32..35 => batch(buyer).await,
        35..38 => stopped(buyer).await,
        38..60 => held(buyer).await,
        60..68 => brief(buyer, memory).await,
        68..77 => {
            let name = format!("regular-{}", buyer.random.random_range(0..REGULARS));
            let gives_back = buyer.random.random_range(0..10) > 0;
            limited(buyer, &name, gives_back).await
        }
        77..89 => race(buyer).await,
        89..94 => basket(buyer).await,
        94..97 => {
            let sku = [HOT.sku, HELD.sku, TINY[1].sku, TINY[3].sku][buyer.random.random_range(0..4)];
            buyer.look(sku).await;
            None
        }
        _ => {
            if let Some(order) = memory.last.take() {
                buyer.read(&order).await;
            }
            None
        }
    };
    if bought.is_some() {
        memory.last = bought;
    }
}

async fn at_once(buyer: &mut Buyer) -> Option<Bought> {
    let units = buyer.random.random_range(1..4);
    let wish = buyer.wish(None, &[(HOT.sku, units)], false);
    match buyer.random.random_range(0..30) {
        0 => buyer.place_twice(&wish).await,
        1 => {
            let bought = buyer.place(&wish).await?;
            let other = buyer.other_wish(&wish, &[(HOT.sku, units + 1)]);
            buyer.place(&other).await;
            // And once more as it was: the same order again.
            buyer.place(&wish).await;
            buyer.step(&bought, Step::Cancel).await;
            return Some(bought);
        }
        _ => {}
    }
    buyer.place(&wish).await
}

/// Many orders in one call, of what is plenty and of what is not.
async fn batch(buyer: &mut Buyer) -> Option<Bought> {
    let mut wishes = Vec::new();
    for _ in 0..buyer.random.random_range(1..=BATCH_ORDERS) {
        let ware = [HOT, HELD, BRIEF, SHUT, SMALL, TINY[3]][buyer.random.random_range(0..6)];
        let (units, confirm) = (buyer.random.random_range(1..3), ware.is_kept && buyer.random.random());
        wishes.push(buyer.wish(None, &[(ware.sku, units)], confirm));
    }
    let twice = buyer.random.random_range(0..4) == 0;
    buyer.place_batch(&wishes, twice).await;
    None
}

/// Of the SKU whose sale is stopped now and then; who has an order of it has it whether it is stopped or not.
async fn stopped(buyer: &mut Buyer) -> Option<Bought> {
    let wish = buyer.wish(None, &[(SHUT.sku, 1)], false);
    let bought = buyer.place(&wish).await?;
    if buyer.random.random_range(0..3) == 0 {
        buyer.place(&wish).await;
    }
    Some(bought)
}

async fn held(buyer: &mut Buyer) -> Option<Bought> {
    let (units, confirm) = (buyer.random.random_range(1..3), buyer.random.random_range(0..10) == 0);
    let wish = buyer.wish(None, &[(HELD.sku, units)], confirm);
    let bought = buyer.place(&wish).await?;
    match buyer.random.random_range(0..10) {
        0..5 => {
            buyer.step(&bought, Step::Confirm).await;
            if buyer.random.random_range(0..4) == 0 {
                buyer.step(&bought, Step::Cancel).await;
                // Again, in the same state: 200 again.
                buyer.step(&bought, Step::Cancel).await;
            }
        }
        5..9 => {
            buyer.step(&bought, Step::Release).await;
            // Too late: refused.
            buyer.step(&bought, Step::Confirm).await;
        }
        _ => {
            buyer.step(&bought, Step::Extend).await;
        }
    }
    Some(bought)
}

async fn brief(buyer: &mut Buyer, memory: &mut Memory) -> Option<Bought> {
    let wish = buyer.wish(None, &[(BRIEF.sku, 1)], false);
    let bought = buyer.place(&wish).await?;
    if memory.late.len() < MEANT_TO && buyer.random.random_range(0..3) == 0 {
        memory.late.push_back((Instant::now() + Duration::from_millis(BRIEF_HOLD_MS + 500), bought.clone()));
    }
    Some(bought)
}

/// In the name of a buyer who has a limit.
pub async fn limited(buyer: &mut Buyer, name: &str, gives_back: bool) -> Option<Bought> {
    let units = buyer.random.random_range(1..3);
    let wish = buyer.wish(Some(name), &[(LIMITED.sku, units)], false);
    if buyer.random.random_range(0..8) == 0 {
        buyer.place_twice(&wish).await;
    }
    let bought = buyer.place(&wish).await?;
    if gives_back {
        buyer.step(&bought, Step::Cancel).await;
    }
    Some(bought)
}

/// For a SKU of which there is next to nothing; what was won is given back soon, and raced for again.
pub async fn race(buyer: &mut Buyer) -> Option<Bought> {
    let sku = if buyer.random.random_range(0..8) == 0 { SMALL.sku } else { TINY[buyer.random.random_range(0..TINY.len())].sku };
    let units = if buyer.random.random_range(0..6) == 0 { 2 } else { 1 };
    let confirm = buyer.random.random_range(0..3) == 0;
    let wish = buyer.wish(None, &[(sku, units)], confirm);
    give_back(buyer, wish).await
}

async fn basket(buyer: &mut Buyer) -> Option<Bought> {
    let tiny = TINY[buyer.random.random_range(1..TINY.len())].sku;
    let all = [(HOT.sku, 1), (HELD.sku, 2), (tiny, 1), (BRIEF.sku, 1), (HOT.sku, 1)];
    let (from, count) = (buyer.random.random_range(0..3), buyer.random.random_range(2..4));
    let confirm = buyer.random.random_range(0..4) == 0;
    let wish = buyer.wish(None, &all[from..(from + count).min(all.len())], confirm);
    give_back(buyer, wish).await
}

async fn give_back(buyer: &mut Buyer, wish: super::buyer::Wish) -> Option<Bought> {
    let bought = buyer.place(&wish).await?;
    let step = if bought.status == OrderStatus::Confirmed { Step::Cancel } else { Step::Release };
    buyer.step(&bought, step).await;
    Some(bought)
}
