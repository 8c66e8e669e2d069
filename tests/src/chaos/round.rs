//! One round: a new cluster, a crowd, faults, and the judgement.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use holdfast_client::oracle::{Judgement, Ledger, judge};
use tokio::sync::watch;
use tokio::time::Instant;

use super::buyout;
use super::closing;
use super::crowd::Crowd;
use super::fault::FaultKind;
use super::faults::Surroundings;
use super::limits::ORDERS_PER_SECOND;
use super::machine::Machine;
use super::nemesis::Nemesis;
use super::recorder::{Book, Recorder};
use super::revisit;
use super::shop::{self, SHUT};
use super::site::Site;
use super::stops::{self, Doorkeeper};
use super::tally::{Tally, silence};
use crate::turn::Turn;

/// What a round is made of.
#[derive(Debug)]
pub struct Round<'a> {
    /// The right to run a cluster on this machine.
    pub turn: &'a Turn,
    /// The program under test.
    pub program: &'a str,
    /// What this machine lets us do.
    pub machine: &'a Machine,
    /// How long faults are made.
    pub lasting: Duration,
    /// What the buyers do is drawn from it.
    pub seed: u64,
}

impl Round<'_> {
    /// Plays it. What must not be is in the tally afterwards, and then everything that can explain it is kept.
    pub async fn play(&self, nemesis: &mut Nemesis, tally: &mut Tally) -> Result<()> {
        let (mut site, links) = Site::start(self.turn, self.program, self.machine.no_disks.is_none()).await?;
        let known = tally.violations.len();
        let played = self.play_at(&mut site, links, nemesis, tally).await;
        if let Err(error) = &played {
            tally.violations.push(format!("the round ended early: {error:#}"));
        }
        tally.violations.extend(panics(&site));
        let is_killed = played.is_err() || self.seed % 2 == 1;
        tally.violations.extend(ended(&mut site, is_killed).await);
        if tally.violations.len() > known {
            println!("kept: {}", site.keep());
        } else {
            site.cluster.end().await?;
        }
        Ok(())
    }

    async fn play_at(&self, site: &mut Site, links: super::links::Links, nemesis: &mut Nemesis, tally: &mut Tally) -> Result<()> {
        let recorder = Arc::new(Recorder::default());
        shop::open(&site.cluster).await?;
        let crowd = Crowd::new(Arc::clone(&recorder), site.cluster.apis(), self.seed);
        let admins = site.ids().into_iter().map(|id| site.cluster.admin(id)).collect::<Vec<_>>();
        let began: Vec<_> = site.ids().into_iter().map(|id| (id, site.cluster.process_id(id))).collect();
        let stop = watch::Sender::new(false);
        let buyers = tokio::spawn(Arc::clone(&crowd).come(ORDERS_PER_SECOND, stop.subscribe()));
        let keeper = tokio::spawn(shop::keep(Arc::clone(&recorder), admins.clone(), stop.subscribe()));
        let doorkeeper = tokio::spawn(Doorkeeper::new(&admins).keep(stop.subscribe()));
        let around = Surroundings { links, crowd, admins };

        let until = Instant::now() + self.lasting;
        let raged = nemesis.rage(site, &around, until, tally).await;
        stop.send_replace(true);
        buyers.await.context("a buyer panicked")?;
        keeper.await.context("the operator panicked")?;
        let stops = doorkeeper.await.context("the doorkeeper panicked")?;
        note_silences(&recorder.book(), nemesis, tally);
        raged?;

        let whole: BTreeSet<u64> =
            began.into_iter().filter(|(id, process)| site.cluster.process_id(*id) == *process).map(|(id, _)| id).collect();
        let stops = stops?;
        tally.violations.extend(around.crowd.ask_again().await?);
        tally.violations.extend(buyout::resumed(&around.crowd).await);
        closing::holds_end(&around.admins).await?;
        tally.violations.extend(buyout::buy_out(&around.crowd).await?);
        tally.violations.extend(revisit::look_again(&recorder, &around.crowd.apis, self.seed).await?);
        let (ledgers, closing) = closing::close(site, &recorder, &whole).await?;
        let terms = shop::terms(&recorder);
        let ledger = ledgers.first().context("no ledger")?;
        for (id, other) in (1..).zip(&ledgers) {
            if let Some(difference) = ledger.difference(other) {
                tally.violations.push(format!("I14: the ledger of node {id} is another than that of node 1: {difference}"));
            }
        }
        let sold = stops::sold_meanwhile(&stops, ledger, recorder.name(SHUT.sku));
        println!("{} stops of a sale, {} orders meanwhile", stops.len(), sold.len());
        tally.violations.extend(sold);
        let book = recorder.book();
        let judged = Instant::now();
        let judgement = judge(&book.history, ledger, &terms, Some(&closing));
        println!("{} calls and {} orders judged in {:.2?}", judgement.counts.calls, judgement.counts.orders, judged.elapsed());
        tally.add(&judgement.counts);
        tally.violations.extend(book.oddities.iter().map(|(told, count)| format!("{count} odd answers: {told}")));
        tally.violations.extend(judgement.violations.iter().map(|violation| format!("{:?}: {}", violation.invariant, violation.told)));
        if !judgement.holds() {
            write_down(site.cluster.dir(), &book, ledger, &judgement)?;
        }
        Ok(())
    }
}

fn note_silences(book: &Book, nemesis: &mut Nemesis, tally: &mut Tally) {
    let mut acknowledged = book.acknowledged_us.clone();
    acknowledged.sort_unstable();
    let (Some(first), Some(last)) = (acknowledged.first(), acknowledged.last()) else { return };
    tally.lasted += Duration::from_micros(last - first);
    for when in nemesis.take_made() {
        let lasted = silence(&acknowledged, when.from_us, when.to_us);
        tally.silent(lasted, &when.told);
        if when.killed_leader {
            tally.after_leader.push(lasted);
        }
    }
}

/// Panics that the nodes logged.
fn panics(site: &Site) -> Vec<String> {
    let told = |id: u64| {
        let log = std::fs::read(site.cluster.log(id)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        log.lines().filter(|line| line.contains("panicked at")).map(|line| format!("node {id}: {line}")).collect::<Vec<_>>()
    };
    site.ids().into_iter().flat_map(told).collect()
}

/// Ends all nodes, at once or cleanly, and has what each left on its disk replayed (I15) and added up (I6); what is wrong with it.
async fn ended(site: &mut Site, is_killed: bool) -> Vec<String> {
    let ended = if is_killed { site.cluster.kill_all().await } else { site.cluster.stop_all().await };
    let mut wrong: Vec<String> = ended.err().map(|error| format!("the nodes did not end: {error:#}")).into_iter().collect();
    for id in site.ids() {
        if let Err(error) = site.verify(id).await {
            wrong.push(format!("I15/I6: the directory of node {id}: {error:#}"));
        }
    }
    wrong
}

/// Everything that the oracle saw, in words.
fn write_down(dir: &Path, book: &Book, ledger: &Ledger, judgement: &Judgement) -> Result<()> {
    let mut calls = String::new();
    for call in book.history.calls() {
        writeln!(calls, "{}", book.history.tell(call))?;
    }
    let mut entries = String::new();
    for entry in ledger.entries() {
        writeln!(entries, "{}", ledger.tell(entry, &book.history.names))?;
    }
    std::fs::write(dir.join("history.txt"), calls)?;
    std::fs::write(dir.join("ledger.txt"), entries)?;
    std::fs::write(dir.join("judgement.txt"), judgement.to_string())?;
    Ok(())
}

/// Kinds that this machine and this build can make, and why not the others.
pub fn possible(asked: &[FaultKind], machine: &Machine) -> (Vec<FaultKind>, Vec<(FaultKind, String)>) {
    let (mut can, mut cannot) = (Vec::new(), Vec::new());
    for &kind in asked {
        match super::faults::why_not(kind, machine) {
            None => can.push(kind),
            Some(reason) => cannot.push((kind, reason)),
        }
    }
    (can, cannot)
}
