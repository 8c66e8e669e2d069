//! The end of a round: when all is quiet, what every node says, for the oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use holdfast_client::api::{Audit, ClusterStatus};
use holdfast_client::oracle::{Closing, Counters, Ledger, SkuCounters};

use super::limits::{LEDGER_WITHIN, QUIET_WITHIN};
use super::recorder::Recorder;
use super::shop::{self, BRIEF, HOT, Ware};
use super::site::Site;
use crate::checks;
use crate::feed;
use crate::http::{self, Call, Connection};
use crate::wait;

/// The reference of the adjustment that ends a round's ledger.
const THE_END: &str = "the-end";

/// Waits until no brief hold is left.
pub(super) async fn holds_end(admins: &[SocketAddr]) -> Result<()> {
    wait::until("brief holds to end", QUIET_WITHIN, async || {
        for ware in shop::small().into_iter().chain([BRIEF]) {
            if audit(*admins.first()?, &ware).await.ok()?.held > 0 {
                return None;
            }
        }
        Some(())
    })
    .await
}

/// The ledger of every node, and what the nodes say besides. `whole` are the nodes that ran through all of the round.
pub(super) async fn close(site: &Site, recorder: &Arc<Recorder>, whole: &BTreeSet<u64>) -> Result<(Vec<Ledger>, Closing)> {
    let admins: Vec<SocketAddr> = site.ids().into_iter().map(|id| site.cluster.admin(id)).collect();
    let mut connections: Vec<Connection> = admins.iter().map(|&admin| Connection::to(admin)).collect();
    anyhow::ensure!(shop::adjust(recorder, &mut connections, HOT.sku, 1, THE_END).await, "the last adjustment was not made");
    checks::replicas_agree(&admins).await?;
    let mut ledgers = Vec::new();
    for &admin in &admins {
        ledgers.push(ledger(admin, recorder).await?);
    }
    let mut closing =
        wait::until("audits under the same sessions", QUIET_WITHIN, async || books(&admins, &site.ids(), recorder).await).await?;
    for (id, &admin) in site.ids().into_iter().zip(&admins) {
        closing.counters.push(counters(id, admin, recorder, whole.contains(&id)).await?);
    }
    Ok((ledgers, closing))
}

async fn audit(admin: SocketAddr, ware: &Ware) -> Result<Audit> {
    let told = http::call(admin, &Call::get(format!("/v1/skus/{}/audit", ware.sku))).await?.expect(200)?;
    Ok(serde_json::from_value(told)?)
}

async fn ledger(admin: SocketAddr, recorder: &Recorder) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    let reading = feed::read_until(admin, THE_END, |event| ledger.push(event, &mut recorder.book().history.names));
    tokio::time::timeout(LEDGER_WITHIN, reading).await.with_context(|| format!("the ledger of {admin} does not end"))??;
    Ok(ledger)
}

/// The sessions of all nodes and every node's audits, if none was opened or closed while they were asked: a slice is judged by
/// the session that it belongs to.
async fn books(admins: &[SocketAddr], ids: &[u64], recorder: &Recorder) -> Option<Closing> {
    let mut closing = Closing { sessions: sessions(admins, ids).await?, ..Closing::default() };
    for &admin in admins {
        for ware in shop::wares() {
            closing.audits.push((recorder.name(ware.sku), audit(admin, &ware).await.ok()?));
        }
    }
    (sessions(admins, ids).await? == closing.sessions).then_some(closing)
}

/// The session of every node, once every node has one.
async fn sessions(admins: &[SocketAddr], ids: &[u64]) -> Option<BTreeMap<u64, u64>> {
    for &admin in admins {
        let told = http::call(admin, &Call::get("/v1/cluster")).await.ok()?.json().ok()?;
        let status: ClusterStatus = serde_json::from_value(told).ok()?;
        if status.leader == Some(status.node) {
            let sessions: BTreeMap<u64, u64> = status.members.iter().filter_map(|member| Some((member.id, member.session?))).collect();
            return (sessions.len() == ids.len()).then_some(sessions);
        }
    }
    None
}

/// A node's metrics.
async fn counters(node: u64, admin: SocketAddr, recorder: &Recorder, is_whole: bool) -> Result<Counters> {
    let answer = http::call(admin, &Call::get("/metrics")).await?;
    let accepted = answer.sample("holdfast_orders_total{outcome=\"accepted\"}").unwrap_or(0);
    let mut skus = Vec::new();
    for ware in shop::wares() {
        let units = |name: &str| {
            let series = format!("holdfast_{name}_units{{sku=\"{}\"}}", ware.sku);
            answer.sample(&series).with_context(|| format!("node {node} does not tell {series}"))
        };
        let (stock, available) = (units("stock")?, units("pool")? + units("slice")?);
        skus.push(SkuCounters { sku: recorder.name(ware.sku), stock, available, held: units("held")?, confirmed: units("confirmed")? });
    }
    Ok(Counters { node, accepted, is_whole, skus })
}
