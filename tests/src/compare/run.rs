//! Rounds in which every system has its turn.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};

use super::bares::Bares;
use super::cell::{Cell, Load, Measured, Round, System};
use super::etcd::Etcd;
use super::growth::Growth;
use super::held_back::HeldBack;
use super::holdfast::Holdfast;
use super::limits::{HOLDFAST_LADDER, LADDER_SECONDS};
use super::part::Part;
use super::peer::{Peer, best};
use super::postgresql::PostgreSql;
use super::results::Results;
use super::row::{BARE, CONNECTIONS, USUAL_CONNECTIONS};
use super::stack::Redis;
use super::{batches, overload, refusals, syncs, wrk};
use crate::turn::Turn;

/// A comparison, as it was asked for.
#[derive(Clone, Debug)]
pub struct Compare {
    /// This program: it runs the servers too, so that none of them is stale.
    pub program: String,
    /// How often everything is measured.
    pub rounds: u32,
    /// How long each cell is.
    pub seconds: u32,
    /// How long batches are sent.
    pub batch_seconds: u32,
    /// What is measured.
    pub parts: Vec<Part>,
    /// How much is stored for growth.
    pub growth: Growth,
}

/// A comparison under way.
#[derive(Debug)]
pub struct Run<'a> {
    asked: &'a Compare,
    bares: Bares,
    turn: Turn,
    plateaus: BTreeMap<System, u32>,
    round: Round,
    /// Which round this is, from 0.
    number: usize,
    results: Results,
}

impl Compare {
    /// All rounds. Ends every process that it starts, also if it is dropped.
    pub async fn run(&self) -> Result<Results> {
        let results = Results::default();
        if let Some(reason) = wrk::why_not().await {
            return Ok(results.nothing_over_http(&reason));
        }
        let (turn, bares) = (Turn::take().await?, Bares::start(&self.program).await?);
        let mut run = Run { asked: self, bares, turn, plateaus: BTreeMap::new(), round: Round::new(), number: 0, results };
        let rounds = if self.parts.iter().any(|part| Part::USUAL.contains(part)) { self.rounds } else { 0 };
        for number in 0..rounds as usize {
            eprintln!("round {} of {}", number + 1, self.rounds);
            run.number = number;
            let whole = run.all().await;
            let round = std::mem::take(&mut run.round);
            run.results.rounds.push(round);
            // What was measured before is told all the same.
            if let Err(error) = whole {
                run.results.broken = Some(format!("in round {}: {error:#}", number + 1));
                return Ok(run.results);
            }
        }
        let (rest, ended) = (run.long_ones().await, run.bares.end().await);
        run.results.broken = rest.and(ended).err().map(|error| format!("after the rounds: {error:#}"));
        Ok(run.results)
    }
}

impl Run<'_> {
    async fn long_ones(&mut self) -> Result<()> {
        if self.wants(Part::Overload) {
            self.overload().await.context("overload")?;
        }
        if self.wants(Part::Growth) {
            let growth = self.asked.growth.measure(&self.turn, &self.asked.program, &self.bares).await.context("growth")?;
            self.results.extra.extend(growth);
        }
        Ok(())
    }

    async fn overload(&mut self) -> Result<()> {
        if let Some(reason) = HeldBack::why_not() {
            self.results.parts_not_run.push((Part::Overload, reason));
            return Ok(());
        }
        let measured = overload::measure(&self.turn, &self.asked.program, self.asked.rounds, self.asked.seconds).await?;
        self.results.extra.extend(measured);
        Ok(())
    }

    async fn all(&mut self) -> Result<()> {
        let holdfast = Holdfast::start(&self.turn, &self.asked.program).await?;
        let measured = self.product(&holdfast).await;
        let whole = holdfast.with_testimony(measured).await;
        // Of a round that breaks off too: a lead that moved may be why.
        let moved = holdfast.moved().await.unwrap_or_else(|error| Some(format!("who leads in the end is unknown: {error:#}")));
        if let Some(moved) = moved {
            self.results.leave_out(self.number, &mut self.round, &moved);
        }
        whole?;
        holdfast.end().await?;
        for part in in_turn(&[Part::Etcd, Part::Redis, Part::Postgresql], self.number) {
            match part {
                Part::Etcd => self.peer::<Etcd>(part).await?,
                Part::Redis => self.peer::<Redis>(part).await?,
                _ => self.peer::<PostgreSql>(part).await?,
            }
        }
        Ok(())
    }

    async fn product(&mut self, holdfast: &Holdfast) -> Result<()> {
        if self.wants(Part::Orders) {
            self.orders(holdfast).await?;
        }
        if self.wants(Part::SoldOut) {
            self.beside(holdfast, Load::SoldOut, &[BARE, System::Leader]).await?;
        }
        if self.wants(Part::Availability) {
            self.beside(holdfast, Load::Availability, &[BARE, System::Leader]).await?;
        }
        if self.wants(Part::Single) {
            self.single(holdfast).await?;
        }
        if self.wants(Part::Pairs) {
            self.beside(holdfast, Load::ReadOrders, &[System::Leader]).await?;
            self.beside(holdfast, Load::Pairs, &[System::Leader]).await?;
        }
        if self.asked.parts.iter().any(|part| part.is_peer()) {
            self.plateau(holdfast).await?;
        }
        if self.wants(Part::Batches) {
            self.batches(holdfast).await?;
        }
        Ok(())
    }

    fn wants(&self, part: Part) -> bool {
        self.asked.parts.contains(&part)
    }

    async fn orders(&mut self, holdfast: &Holdfast) -> Result<()> {
        for (connections, ..) in CONNECTIONS {
            let systems = [BARE, System::Leader, System::Follower, System::Spread];
            self.beside(holdfast, Load::Orders(connections), &systems).await?;
        }
        self.beside(holdfast, Load::Orders(USUAL_CONNECTIONS), &[System::Bare(1)]).await
    }

    /// One load, one system after the other; another begins in each round.
    async fn beside(&mut self, holdfast: &Holdfast, load: Load, systems: &[System]) -> Result<()> {
        for system in in_turn(systems, self.number) {
            let measured = match system {
                System::Bare(_) => self.bares.subject(system).context("no such handler")?.measure(load, 0, self.asked.seconds).await?,
                System::Leader if load == Load::SoldOut => refusals::measure(holdfast, self.asked.seconds).await?,
                _ => holdfast.subject(system)?.measure(load, 0, self.asked.seconds).await?,
            };
            self.keep(load, system, measured);
        }
        Ok(())
    }

    async fn single(&mut self, holdfast: &Holdfast) -> Result<()> {
        for writers in [1, 3] {
            let lasting = Duration::from_secs(self.asked.seconds.into()) / 2;
            let measured = syncs::measure(writers, lasting).await?;
            self.keep(Load::Syncs(writers), System::Disk, measured);
        }
        self.beside(holdfast, Load::Single, &[BARE, System::Leader, System::Follower]).await
    }

    async fn plateau(&mut self, holdfast: &Holdfast) -> Result<()> {
        let subject = holdfast.subject(System::Leader)?;
        let connections = match self.plateaus.get(&System::Leader) {
            Some(&connections) => connections,
            None => best(System::Leader, &HOLDFAST_LADDER, async |c| subject.measure(Load::Plateau, c, LADDER_SECONDS).await).await?,
        };
        self.plateaus.insert(System::Leader, connections);
        let measured = subject.measure(Load::Plateau, connections, self.asked.seconds).await?;
        self.keep(Load::Plateau, System::Leader, measured);
        Ok(())
    }

    /// Last of all on one cluster: it leaves millions of orders.
    async fn batches(&mut self, holdfast: &Holdfast) -> Result<()> {
        let bare = self.bares.subject(BARE).context("no such handler")?.measure(Load::Batches, 0, self.asked.seconds).await?;
        self.keep(Load::Batches, BARE, bare);
        let subject = holdfast.subject(System::Spread)?;
        let measured = batches::measure(holdfast, &subject, Duration::from_secs(self.asked.batch_seconds.into())).await?;
        self.keep(Load::Batches, System::Spread, measured);
        Ok(())
    }

    async fn peer<P: Peer>(&mut self, part: Part) -> Result<()> {
        if !self.wants(part) {
            return Ok(());
        }
        if let Some(reason) = P::why_not().await {
            self.results.not_run.insert(P::SYSTEM, reason);
            return Ok(());
        }
        let peer = P::start(&self.asked.program).await.with_context(|| format!("{} does not start", P::SYSTEM))?;
        let clients = match self.plateaus.get(&P::SYSTEM) {
            Some(&clients) => clients,
            None => peer.plateau().await?,
        };
        self.plateaus.insert(P::SYSTEM, clients);
        let measured = peer.measure(clients, self.asked.seconds).await?;
        self.keep(Load::Plateau, P::SYSTEM, measured);
        peer.end().await
    }

    fn keep(&mut self, load: Load, system: System, measured: Measured) {
        let p50 = measured.p50_ms.map(|p50| format!(", p50 {p50:.2} ms")).unwrap_or_default();
        let other = if measured.unexpected > 0 { format!(", {} other answers", measured.unexpected) } else { String::new() };
        eprintln!("  {load}: {system}: {:.0}/s{p50}{other}", measured.per_second);
        self.round.insert(Cell { load, system }, measured);
    }
}

/// All of them, in each round beginning with another: none is always the first.
fn in_turn<T: Copy>(all: &[T], round: usize) -> Vec<T> {
    let mut all = all.to_vec();
    let first = round % all.len();
    all.rotate_left(first);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_begins_with_another() {
        assert_eq!(in_turn(&[1, 2, 3], 0), [1, 2, 3]);
        assert_eq!(in_turn(&[1, 2, 3], 4), [2, 3, 1]);
    }
}
