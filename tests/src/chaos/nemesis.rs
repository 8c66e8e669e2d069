//! Draws faults, makes them, heals, and waits until the cluster sells again.

use std::time::Duration;

use anyhow::Result;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};

use super::fault::{FaultKind, Made};
use super::faults::{self, Surroundings, crash};
use super::limits::{BETWEEN_FAULTS_MS, LIVE_AGAIN_WITHIN};
use super::probe;
use super::site::Site;
use super::tally::Tally;

/// Draws faults of a round from the seed and its number, every kind once before any kind twice. Seldom are all made in one round:
/// rounds with even numbers begin with one half of the kinds, the others with the other.
#[derive(Debug)]
pub struct Nemesis {
    kinds: Vec<FaultKind>,
    deck: Vec<FaultKind>,
    random: StdRng,
    faults: u64,
    made: Vec<When>,
}

/// Between the numbers that rounds of neighbouring seeds are drawn from.
const ROUNDS_APART: u64 = 1_000_003;

/// When a fault was, from its making until every node served again; in microseconds of the recorder.
#[derive(Clone, Debug)]
pub struct When {
    /// Which, how, and which with it.
    pub told: String,
    /// Whether it was the SIGKILL of a leader.
    pub killed_leader: bool,
    /// From.
    pub from_us: u64,
    /// To.
    pub to_us: u64,
}

impl Nemesis {
    /// Of these kinds, for the round `round` of a run.
    pub fn new(mut kinds: Vec<FaultKind>, seed: u64, round: u64) -> Nemesis {
        kinds.shuffle(&mut StdRng::seed_from_u64(seed));
        let mut random = StdRng::seed_from_u64(seed.wrapping_mul(ROUNDS_APART).wrapping_add(round));
        let mut deck = kinds.clone();
        let (last, first) = deck.split_at_mut(kinds.len() / 2);
        first.shuffle(&mut random);
        last.shuffle(&mut random);
        if round % 2 == 1 {
            deck.rotate_left(kinds.len() / 2);
        }
        Nemesis { kinds, deck, random, faults: 0, made: Vec::new() }
    }

    /// The faults since the last call.
    pub fn take_made(&mut self) -> Vec<When> {
        std::mem::take(&mut self.made)
    }

    fn draw(&mut self) -> Option<FaultKind> {
        if self.deck.is_empty() {
            self.deck.clone_from(&self.kinds);
            self.deck.shuffle(&mut self.random);
        }
        self.deck.pop()
    }

    /// Sometimes a second one, of the surroundings, that does not get in the way of the first.
    fn draw_second(&mut self, first: FaultKind) -> Option<FaultKind> {
        if faults::is_around(first) || faults::needs_fair_links(first) || self.random.random_range(0..4) > 0 {
            return None;
        }
        let around: Vec<FaultKind> = self.kinds.iter().copied().filter(|kind| faults::is_around(*kind)).collect();
        (!around.is_empty()).then(|| around[self.random.random_range(0..around.len())])
    }

    /// One fault after another until `until`; when this returns everything is healed and every node serves.
    pub async fn rage(&mut self, site: &mut Site, around: &Surroundings, until: Instant, tally: &mut Tally) -> Result<()> {
        while Instant::now() < until {
            sleep(Duration::from_millis(self.random.random_range(BETWEEN_FAULTS_MS))).await;
            let Some(kind) = self.draw() else { return Ok(()) };
            let second = self.draw_second(kind);
            self.faults += 1;
            let mut random = StdRng::seed_from_u64(self.random.random());
            let mut other = StdRng::seed_from_u64(self.random.random());
            let from_us = around.crowd.recorder.now_us();
            around.crowd.set_calm(false);
            let ((made, left), made_second) = tokio::join!(
                async {
                    let made = one(kind, site, around, &mut random).await;
                    // Nodes come back when their fault is over; a burst may go on for as long as it is not answered.
                    let left = site.left_unasked();
                    (made, left.and_then(|left| site.start_down().map(|()| left)))
                },
                async {
                    match second {
                        Some(second) => Some(faults::make_around(second, around, &mut other).await),
                        None => None,
                    }
                }
            );
            for (id, status) in left? {
                tally.violations.push(format!("node {id} left by itself in {kind}: {status}"));
            }
            let killed_leader = kind == FaultKind::F1 && matches!(&made, Ok(Made::Fired { variant: crash::LEADER, .. }));
            let told = told(kind, &made);
            note(kind, made, tally);
            if let (Some(second), Some(made)) = (second, made_second) {
                note(second, made, tally);
            }
            self.heal(site, around, kind, tally).await?;
            let told = second.iter().fold(told, |told, second| format!("{told}, with {second}"));
            self.made.push(When { told, killed_leader, from_us, to_us: around.crowd.recorder.now_us() });
        }
        Ok(())
    }

    async fn heal(&self, site: &mut Site, around: &Surroundings, kind: FaultKind, tally: &mut Tally) -> Result<()> {
        around.links.heal();
        for (id, status) in site.left_unasked()? {
            tally.violations.push(format!("node {id} left by itself in {kind}: {status}"));
        }
        let healed = Instant::now();
        site.start_down()?;
        match probe::live_again(&around.crowd, self.faults, healed).await {
            Some(after) => {
                tally.live_again.push(after);
                if after > LIVE_AGAIN_WITHIN {
                    tally.violations.push(format!("I20: no new order for {after:.2?} after {kind}"));
                }
            }
            None => tally.violations.push(format!("I20: no new order at all after {kind}")),
        }
        for id in site.ids() {
            site.cluster.ready(id).await?;
        }
        for node in 0..around.crowd.apis.len() {
            if let Err(told) = probe::serves(&around.crowd, self.faults, node).await {
                tally.violations.push(format!("I20: after {kind} {told}"));
            }
        }
        around.crowd.set_calm(true);
        Ok(())
    }
}

async fn one(kind: FaultKind, site: &mut Site, around: &Surroundings, random: &mut StdRng) -> Result<Made> {
    if faults::is_around(kind) { faults::make_around(kind, around, random).await } else { faults::make(kind, site, random).await }
}

fn told(kind: FaultKind, made: &Result<Made>) -> String {
    match made {
        Ok(Made::Fired { proof, .. }) => format!("{kind}: {proof}"),
        Ok(Made::NotRun(_)) | Err(_) => kind.to_string(),
    }
}

/// A fault that could not be made as it must be is a violation: a node did something else than it must.
fn note(kind: FaultKind, made: Result<Made>, tally: &mut Tally) {
    match made {
        Ok(made) => {
            match &made {
                Made::Fired { proof, .. } => println!("{kind}: {proof}"),
                Made::NotRun(reason) => println!("{kind}: not run: {reason}"),
            }
            tally.made(kind, &made);
        }
        Err(error) => {
            println!("{kind}: {error:#}");
            tally.violations.push(format!("{kind}: {error:#}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_draws_and_every_kind_comes_once_before_any_comes_twice() {
        let draws = |seed| {
            let mut nemesis = Nemesis::new(FaultKind::ALL.to_vec(), seed, 5);
            std::iter::from_fn(|| nemesis.draw()).take(2 * FaultKind::ALL.len()).collect::<Vec<_>>()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
        for round in draws(3).chunks(FaultKind::ALL.len()) {
            let mut kinds = round.to_vec();
            kinds.sort_unstable();
            assert_eq!(kinds, FaultKind::ALL);
        }
    }

    #[test]
    fn two_rounds_begin_with_every_kind_once_and_a_round_is_the_same_alone() {
        let half = FaultKind::ALL.len() / 2;
        let draws = |round| {
            let mut nemesis = Nemesis::new(FaultKind::ALL.to_vec(), 7, round);
            std::iter::from_fn(|| nemesis.draw()).take(half).collect::<Vec<_>>()
        };
        let mut kinds = [draws(4), draws(5)].concat();
        kinds.sort_unstable();
        assert_eq!(kinds, FaultKind::ALL);
        assert_eq!(draws(4), draws(4));
        assert_ne!(draws(4), draws(6));
    }

    #[test]
    fn a_second_fault_is_one_of_the_surroundings_and_spares_what_needs_fair_links() {
        let mut nemesis = Nemesis::new(FaultKind::ALL.to_vec(), 1, 0);
        let mut seconds = |first| (0..200).filter_map(|_| nemesis.draw_second(first)).collect::<Vec<_>>();
        assert!(seconds(FaultKind::F6).is_empty());
        assert!(seconds(FaultKind::F18).is_empty());
        let with_a_kill = seconds(FaultKind::F1);
        assert!(!with_a_kill.is_empty() && with_a_kill.into_iter().all(faults::is_around));
    }
}
