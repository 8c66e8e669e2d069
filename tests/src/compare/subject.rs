//! One system that runs and is measured.

use std::future::Future;
use std::net::SocketAddr;

use anyhow::Result;
use tokio::time::sleep;

use super::bare::SOLD_OUT;
use super::cell::{Load, Measured, System};
use super::holdfast::SKU;
use super::limits::SETTLES_WITHIN;
use super::processor::{self, Watched};
use super::row::USUAL_CONNECTIONS;
use super::wrk::{Told, Wrk};

/// Where a running system is asked, and which processes do its work.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Who it is.
    pub system: System,
    /// Asked all at once.
    pub targets: Vec<SocketAddr>,
    /// Whose processor time counts.
    pub watched: Watched,
}

impl Subject {
    /// Asks it for `load` over HTTP, by `wrk`, with so many connections at the plateau.
    pub async fn measure(&self, load: Load, plateau: u32, seconds: u32) -> Result<Measured> {
        let wrk = self.wrk(load, plateau, seconds);
        let mut measured = self.watch_wrk(&wrk, wrk.run()).await?;
        // A pair is two requests.
        if load == Load::Pairs {
            measured = per_pair(measured);
        }
        if load == Load::Plateau {
            measured.how = format!("{} connections", wrk.connections);
        }
        Ok(measured)
    }

    /// The run of `wrk` that asks it so.
    pub(super) fn wrk(&self, load: Load, plateau: u32, seconds: u32) -> Wrk {
        let (script, words) = script(self.system, load);
        Wrk { script, connections: connections(load, plateau), seconds, targets: self.targets.clone(), words }
    }

    /// Measures it while `load` runs this `wrk`.
    pub(super) async fn watch_wrk(&self, wrk: &Wrk, load: impl Future<Output = Result<Told>>) -> Result<Measured> {
        Ok(Measured { wrk_threads: Some(wrk.threads()), ..watch(&self.watched, load).await? })
    }
}

/// Script and what it is told.
fn script(system: System, load: Load) -> (&'static str, Vec<String>) {
    let (script, words) = match (system, load) {
        (System::Etcd, _) => ("etcd", String::new()),
        (_, Load::SoldOut) => ("sold-out", SOLD_OUT.to_owned()),
        (_, Load::Availability) => ("availability", SKU.to_owned()),
        (_, Load::Pairs) => ("pairs", SKU.to_owned()),
        (_, Load::ReadOrders) => ("pairs", format!("{SKU} read")),
        (_, Load::ManySkus(skus)) => ("orders", format!("{SKU} {skus}")),
        _ => ("orders", SKU.to_owned()),
    };
    (script, words.split_whitespace().map(str::to_owned).collect())
}

fn connections(load: Load, plateau: u32) -> u32 {
    match load {
        Load::Orders(connections) => connections,
        Load::Plateau => plateau,
        Load::Single => 1,
        _ => USUAL_CONNECTIONS,
    }
}

fn per_pair(mut measured: Measured) -> Measured {
    measured.per_second /= 2.0;
    measured.processor_us.values_mut().for_each(|each| *each *= 2.0);
    measured
}

/// Runs a load and shares the processor time that it took among the answers; nothing else of this program runs meanwhile.
pub async fn watch(watched: &Watched, load: impl Future<Output = Result<Told>>) -> Result<Measured> {
    settle().await;
    let before = processor::spent(watched);
    let told = load.await?;
    let after = processor::spent(watched);
    Ok(Measured {
        per_second: told.expected as f64 / told.seconds,
        p50_ms: told.p50_ms,
        p99_ms: told.p99_ms,
        unexpected: told.unexpected,
        processor_us: processor::each(&before, &after, told.expected),
        how: String::new(),
        wrk_threads: None,
    })
}

/// Not synchronisation: background work of the load before has no end that could be waited for.
async fn settle() {
    sleep(SETTLES_WITHIN).await;
}
