//! Whether what the nodes say is what the buyers heard.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};

use crate::cluster::Cluster;
use crate::http::{self, Connection};
use crate::ledger::{self, Entry};
use crate::limits::{AGREED_WITHIN, CHECKS_AT_ONCE};
use crate::operator::{Audit, digest};
use crate::report::{Bought, Fate, SaleReport};
use crate::wait;

/// Every check after a sale of `sku`, on every node that runs. Gives the audit they agree on.
pub async fn all(cluster: &Cluster, sku: &str, report: &SaleReport) -> Result<Audit> {
    let admins: Vec<SocketAddr> = cluster.up().iter().map(|&id| cluster.admin(id)).collect();
    let apis: Vec<SocketAddr> = cluster.up().iter().map(|&id| cluster.api(id)).collect();
    replicas_agree(&admins).await?;
    let mut agreed: Option<Audit> = None;
    for &admin in &admins {
        let audit = Audit::of(admin, sku).await?;
        audit.ensure_conserved()?;
        let entries = ledger::read(admin, sku).await?;
        ledger_is_what_buyers_heard(&entries, sku, &audit, report).with_context(|| format!("ledger of {admin}"))?;
        if let Some(other) = &agreed {
            ensure!((audit.stock, audit.sold()) == (other.stock, other.sold()), "nodes differ: {other:?} and {audit:?}");
        }
        agreed = Some(audit);
    }
    every_order_is_found(&apis, report).await?;
    agreed.context("no node runs")
}

/// Waits until the nodes were seen at one log index, and fails at the first index at which two digests differ.
pub async fn replicas_agree(admins: &[SocketAddr]) -> Result<()> {
    // What was seen is kept between looks: nodes pass the same index at different times.
    let mut seen = Seen::new();
    wait::until("all nodes at one index", AGREED_WITHIN, async || {
        for &admin in admins {
            if let Ok((index, digest)) = digest(admin).await {
                seen.entry(index).or_default().insert(admin, digest);
            }
        }
        verdict(&seen, admins.len())
    })
    .await?
}

/// Digest that each node told, by log index.
type Seen = BTreeMap<u64, BTreeMap<SocketAddr, String>>;

/// None: not seen together yet.
fn verdict(seen: &Seen, nodes: usize) -> Option<Result<()>> {
    for (index, digests) in seen {
        let different: BTreeSet<&String> = digests.values().collect();
        if different.len() > 1 {
            return Some(Err(anyhow::anyhow!("digests differ at index {index}: {digests:?}")));
        }
    }
    seen.values().any(|digests| digests.len() == nodes).then_some(Ok(()))
}

/// Every acknowledged order is listed with the content that was asked for; what is listed and live is what the audit
/// counts; nothing is listed that nobody asked for.
fn ledger_is_what_buyers_heard(entries: &[Entry], sku: &str, audit: &Audit, report: &SaleReport) -> Result<()> {
    let listed: BTreeMap<&str, &Entry> = entries.iter().map(|entry| (entry.id.as_str(), entry)).collect();
    let mut bought = BTreeSet::new();
    for order in report.acknowledged() {
        let Fate::Acknowledged { id, .. } = &order.fate else { continue };
        let entry = listed.get(id.as_str()).with_context(|| format!("acknowledged and not listed: {order:?}"))?;
        ensure!(is_the_same(entry, order), "listed otherwise than asked: {entry:?} for {order:?}");
        ensure!(bought.insert(id.as_str()), "two buyers were given the order {id}");
    }
    let live: u64 = entries.iter().filter(|entry| entry.is_live()).map(|entry| entry.units(sku)).sum();
    ensure!(live == audit.sold(), "{live} units in live orders, {} in {audit:?}", audit.sold());
    let asked: BTreeSet<&str> = report.orders.iter().map(|order| order.buyer.as_str()).collect();
    if let Some(phantom) = entries.iter().find(|entry| !asked.contains(entry.buyer.as_str())) {
        bail!("nobody asked for {phantom:?}");
    }
    Ok(())
}

fn is_the_same(entry: &Entry, order: &Bought) -> bool {
    entry.buyer == order.buyer && entry.lines == [(order.sku.clone(), order.quantity)]
}

/// Asks every node for every acknowledged order by its id.
pub async fn every_order_is_found(apis: &[SocketAddr], report: &SaleReport) -> Result<()> {
    let orders: Vec<&Bought> = report.acknowledged().collect();
    let share = orders.len().div_ceil(CHECKS_AT_ONCE).max(1);
    let shares = apis.iter().flat_map(|&api| orders.chunks(share).map(move |orders| each_is_found(api, orders)));
    futures_util::future::try_join_all(shares).await?;
    Ok(())
}

async fn each_is_found(api: SocketAddr, orders: &[&Bought]) -> Result<()> {
    let mut connection = Connection::to(api);
    for order in orders {
        let Fate::Acknowledged { id, .. } = &order.fate else { continue };
        let told = http::read(&mut connection, &format!("/v1/orders/{id}")).await;
        let entry = told.and_then(|body| Entry::read(&body)).with_context(|| format!("{api} does not tell {order:?}"))?;
        ensure!(entry.id == *id && is_the_same(&entry, order), "{api} tells {entry:?} for {order:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn bought(buyer: &str, id: &str) -> Bought {
        let fate = Fate::Acknowledged { id: id.into(), index: 1 };
        Bought {
            buyer: buyer.into(),
            key: "k".into(),
            sku: "x".into(),
            quantity: 1,
            fate,
            at: Duration::ZERO,
            attempts: 1,
            ambiguous: false,
        }
    }

    fn entry(buyer: &str, id: &str, status: &str) -> Entry {
        Entry { id: id.into(), buyer: buyer.into(), lines: vec![("x".into(), 1)], status: status.into() }
    }

    fn audit(confirmed: u64) -> Audit {
        Audit { stock: 9, pool: 9 - confirmed, slices: Vec::new(), held: 0, confirmed, conserved: true, index: 1, digest: "d".into() }
    }

    #[test]
    fn a_ledger_that_lost_an_order_or_invented_one_is_found_out() {
        let report = SaleReport { orders: vec![bought("a", "1"), bought("b", "2")] };
        let good = [entry("a", "1", "confirmed"), entry("b", "2", "confirmed")];
        ledger_is_what_buyers_heard(&good, "x", &audit(2), &report).unwrap();
        assert!(ledger_is_what_buyers_heard(&good[..1], "x", &audit(1), &report).is_err(), "lost");
        assert!(ledger_is_what_buyers_heard(&good, "x", &audit(3), &report).is_err(), "counted wrong");
        let phantom = [good[0].clone(), good[1].clone(), entry("nobody", "3", "confirmed")];
        assert!(ledger_is_what_buyers_heard(&phantom, "x", &audit(3), &report).is_err(), "invented");
        let swapped = [entry("b", "1", "confirmed"), entry("a", "2", "confirmed")];
        assert!(ledger_is_what_buyers_heard(&swapped, "x", &audit(2), &report).is_err(), "other content");
    }

    #[test]
    fn one_order_for_two_buyers_is_found_out() {
        let report = SaleReport { orders: vec![bought("a", "1"), bought("a", "1")] };
        assert!(ledger_is_what_buyers_heard(&[entry("a", "1", "confirmed")], "x", &audit(1), &report).is_err());
    }

    #[test]
    fn digests_are_compared_at_equal_indices_only() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let mut seen = BTreeMap::from([(4, BTreeMap::from([(at(1), "a".to_owned())])), (5, BTreeMap::from([(at(2), "b".to_owned())]))]);
        assert!(verdict(&seen, 2).is_none());
        seen.entry(5).or_default().insert(at(1), "b".into());
        assert!(verdict(&seen, 2).unwrap().is_ok());
        seen.entry(4).or_default().insert(at(2), "other".into());
        assert!(verdict(&seen, 2).unwrap().is_err());
    }
}
