//! Whether millions of orders, and many SKUs, make an order dearer; what they take of memory and disk; how soon a cluster is back.

use std::time::Instant;

use anyhow::{Context, Result};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::bares::Bares;
use super::batch::{Batch, ORDERS};
use super::batches;
use super::cell::{Load, System};
use super::extra::Extra;
use super::holdfast::{Holdfast, SKU};
use super::limits::{CREATED_AT_ONCE, FILL_FOR, STOCK};
use super::part::Part;
use super::row::{BARE, Target, USUAL_CONNECTIONS};
use super::space;
use crate::operator::{self, Audit};
use crate::turn::Turn;

/// How much it grows.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// Orders stored.
    pub orders: u64,
    /// SKUs on sale.
    pub skus: u64,
    /// How long each cell is.
    pub seconds: u32,
}

impl Growth {
    /// Everything, once.
    pub async fn measure(self, turn: &Turn, program: &str, bares: &Bares) -> Result<Vec<Extra>> {
        let holdfast = Holdfast::start(turn, program).await?;
        let extra = |name: String, value, target| Extra::once(name, Part::Growth, value, target);
        let (empty, before) = (self.ratio(bares, &holdfast, Load::Orders(USUAL_CONNECTIONS)).await?, space::memory(&holdfast)?);
        let stored = self.fill(&holdfast).await?;
        let (grown, after) = (self.ratio(bares, &holdfast, Load::Orders(USUAL_CONNECTIONS)).await?, space::memory(&holdfast)?);
        let (each, disk) = ((after - before) / stored, space::disk(holdfast.data())? / f64::from(Holdfast::NODES) / stored);
        let again = Instant::now();
        let holdfast = holdfast.restart(turn, program).await?;
        let again = again.elapsed().as_secs_f64();
        holdfast.end().await?;
        let skus = self.many_skus(turn, program).await?;
        let million = stored / 1e6;
        Ok(vec![
            extra(format!("orders ÷ bare with {million:.1} M stored ÷ empty"), grown / empty, Some(Target::AtLeast(0.95))),
            extra(format!("orders of {} SKUs ÷ of one", self.skus), skus, Some(Target::AtLeast(0.9))),
            extra(format!("bytes of memory per confirmed order and node, {million:.1} M stored, buyer and key each"), each, None),
            extra("bytes of disk per order and node ÷ bytes of the order's JSON".into(), disk / payload(), Some(Target::AtMost(3.0))),
            extra(format!("seconds from a kill of all nodes to ready, {million:.1} M stored"), again, Some(Target::AtMost(10.0))),
        ])
    }

    /// Orders on the leader ÷ bare, now.
    async fn ratio(self, bares: &Bares, holdfast: &Holdfast, load: Load) -> Result<f64> {
        let bare = bares.subject(BARE).context("no such handler")?.measure(load, 0, self.seconds).await?;
        Ok(holdfast.subject(System::Leader)?.measure(load, 0, self.seconds).await?.per_second / bare.per_second)
    }

    /// Batches until so many are stored; how many are.
    async fn fill(self, holdfast: &Holdfast) -> Result<f64> {
        let targets = holdfast.subject(System::Spread)?.targets;
        loop {
            let stored = Audit::of(holdfast.admin(), SKU).await?.sold();
            eprintln!("  {stored} orders stored");
            if stored >= self.orders {
                return Ok(stored as f64);
            }
            batches::send(&targets, FILL_FOR, true).await?;
        }
    }

    /// On a new cluster: orders of many SKUs in turn ÷ orders of one.
    async fn many_skus(self, turn: &Turn, program: &str) -> Result<f64> {
        let holdfast = Holdfast::start(turn, program).await?;
        let admin = holdfast.admin();
        let each = |n: u64| async move { operator::create_sku(admin, &format!("{SKU}-{n}"), STOCK / 1_000_000).await };
        stream::iter((0..self.skus).map(each)).buffer_unordered(CREATED_AT_ONCE).try_collect::<()>().await?;
        let leader = holdfast.subject(System::Leader)?;
        let load = Load::Orders(USUAL_CONNECTIONS);
        let one = leader.measure(load, 0, self.seconds).await?.per_second;
        let many = leader.measure(Load::ManySkus(self.skus), 0, self.seconds).await?.per_second;
        holdfast.end().await?;
        Ok(many / one)
    }
}

/// Bytes of one order of a batch.
fn payload() -> f64 {
    Batch::new("00000000-0", SKU, true).length() as f64 / ORDERS as f64
}
