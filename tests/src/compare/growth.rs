//! Whether millions of orders, and many SKUs, make an order dearer; what they take of memory and disk; how soon a cluster is back.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;

use super::bares::Bares;
use super::batch::{Batch, ORDERS};
use super::batches;
use super::cell::{Load, System};
use super::extra::Extra;
use super::holdfast::{Holdfast, SKU};
use super::limits::{CREATED_AT_ONCE, FILL_FOR};
use super::part::Part;
use super::row::{BARE, Target, USUAL_CONNECTIONS};
use super::space;
use super::spread::Spread;
use crate::operator::{self, Audit};
use crate::turn::Turn;

/// Stock of each of many SKUs: more than a cell sells of it.
const UNITS_EACH: u64 = 1_000_000;

/// How much it grows.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// Orders stored.
    pub orders: u64,
    /// SKUs on sale.
    pub skus: u64,
    /// How often orders are counted, before it grows and after.
    pub rounds: u32,
    /// How long each cell is.
    pub seconds: u32,
}

impl Growth {
    /// Everything, on one cluster that grows and on another.
    pub async fn measure(self, turn: &Turn, program: &str, bares: &Bares) -> Result<Vec<Extra>> {
        let mut extra = self.many_orders(turn, program, bares).await?;
        let name = format!("orders of {} SKUs ÷ of one", self.skus);
        extra.push(some(name, self.many_skus(turn, program).await?, Some(Target::AtLeast(0.9))));
        Ok(extra)
    }

    async fn many_orders(self, turn: &Turn, program: &str, bares: &Bares) -> Result<Vec<Extra>> {
        let holdfast = Holdfast::start(turn, program).await?;
        let empty = Spread::of(&self.ratios(bares, &holdfast).await?).context("nothing was measured")?.median;
        let (begun, before) = (stored(&holdfast).await?, space::memory(&holdfast)?);
        holdfast.with_testimony(self.fill(&holdfast).await).await?;
        let (filled, after) = (stored(&holdfast).await?, space::memory(&holdfast)?);
        let grown = self.ratios(bares, &holdfast).await?.into_iter().map(|ratio| ratio / empty).collect();
        let all = stored(&holdfast).await?;
        let disk = space::disk(holdfast.data())? / f64::from(Holdfast::NODES) / all;
        let killed = Instant::now();
        let holdfast = holdfast.restart(turn, program).await?;
        let again = killed.elapsed().as_secs_f64();
        holdfast.end().await?;
        let million = format!("{:.1} M stored", all / 1e6);
        let mut rows = vec![
            some(format!("orders ÷ bare, {million} ÷ the same, empty"), grown, Some(Target::AtLeast(0.95))),
            one("bytes of disk per order ÷ bytes of its JSON".into(), disk / payload(), Some(Target::AtMost(3.0))),
            one(format!("seconds from a kill of all nodes to ready, {million}"), again, Some(Target::AtMost(10.0))),
        ];
        // Not told if no more were to be stored than the first cell sold.
        if filled > begun {
            let bytes = (after - before) / (filled - begun);
            rows.push(one(format!("bytes of memory per confirmed order, buyer and key each, {million}"), bytes, None));
        }
        Ok(rows)
    }

    /// Orders on the leader ÷ bare, now, once for each round.
    async fn ratios(self, bares: &Bares, holdfast: &Holdfast) -> Result<Vec<f64>> {
        let load = Load::Orders(USUAL_CONNECTIONS);
        let (bare, leader) = (bares.subject(BARE).context("no such handler")?, holdfast.subject(System::Leader)?);
        let mut ratios = Vec::new();
        for _ in 0..self.rounds {
            let bare = bare.measure(load, 0, self.seconds).await?.per_second;
            let orders = leader.measure(load, 0, self.seconds).await?.per_second;
            eprintln!("  bare {bare:.0}/s, leader {orders:.0}/s");
            ratios.push(orders / bare);
        }
        Ok(ratios)
    }

    /// Batches until so many are stored. Fails when some stored nothing: it would never end.
    async fn fill(self, holdfast: &Holdfast) -> Result<()> {
        let targets = holdfast.subject(System::Spread)?.targets;
        let mut held = stored(holdfast).await?;
        while held < self.orders as f64 {
            let sent = batches::send(&targets, FILL_FOR, true).await?;
            let now = stored(holdfast).await?;
            eprintln!("  {now} orders stored");
            ensure!(now > held, "of {} orders sent none was stored: {:?}", sent.orders, sent.problems);
            held = now;
        }
        Ok(())
    }

    /// On a new cluster: orders of many SKUs in turn ÷ orders of one, once for each round.
    async fn many_skus(self, turn: &Turn, program: &str) -> Result<Vec<f64>> {
        let holdfast = Holdfast::start(turn, program).await?;
        let admin = holdfast.admin();
        let name = |n: u64| format!("{SKU}-{n}");
        let each = |n: u64| async move { operator::create_sku_with(admin, &json!({ "sku": name(n), "stock": UNITS_EACH })).await };
        stream::iter((0..self.skus).map(each)).buffer_unordered(CREATED_AT_ONCE).try_collect::<()>().await?;
        // Each node has its part of the last, and so of all before.
        operator::granted(admin, &name(self.skus - 1), Holdfast::NODES.into()).await?;
        let leader = holdfast.subject(System::Leader)?;
        let mut ratios = Vec::new();
        for _ in 0..self.rounds {
            let one = leader.measure(Load::Orders(USUAL_CONNECTIONS), 0, self.seconds).await?.per_second;
            let many = leader.measure(Load::ManySkus(self.skus), 0, self.seconds).await?.per_second;
            eprintln!("  one SKU {one:.0}/s, {} {many:.0}/s", self.skus);
            ratios.push(many / one);
        }
        holdfast.end().await?;
        Ok(ratios)
    }
}

fn one(name: String, value: f64, target: Option<Target>) -> Extra {
    some(name, vec![value], target)
}

fn some(name: String, values: Vec<f64>, target: Option<Target>) -> Extra {
    Extra { name, part: Part::Growth, values, target }
}

/// Orders that the cluster holds, of the SKU that is sold.
async fn stored(holdfast: &Holdfast) -> Result<f64> {
    Ok(Audit::of(holdfast.admin(), SKU).await?.sold() as f64)
}

/// Bytes of one order of a batch.
fn payload() -> f64 {
    Batch::new("00000000-0", SKU, true).length() as f64 / ORDERS as f64
}
