//! The protocol simulated: many Desks, a state for each node, a modelled log, a network that loses, doubles, delays and cuts,
//! processes that crash and stand still, clocks that are wrong, buyers who repeat, change their minds and hang up. One
//! thread, one seed, no clock: the same seed gives the same run, byte for byte.
//!
//! A run has two parts. While faults last, every step is held against an account of its own (`ledger`), every answer against
//! what is known by then (`verdict`), every node against its bounds (`invariants`). Then everything heals, and what is left
//! must be sold, at nodes drawn anew each time (`settle`).
//!
//! *Architecture invariant:* of the product it links the core, `holdfast-inventory`, and the oracle of `holdfast-client`, which links
//! nothing of the server.
//!
//! Map:
//!
//! | file | holds |
//! |---|---|
//! | `plan`, `random` | what a seed turns on |
//! | `world` | the events and their order; a node's Desk and what it wants done |
//! | `log`, `consensus` | Raft as far as it matters: terms, elections, commits, dropped suffixes |
//! | `bus`, `clock`, `faults` | what goes wrong |
//! | `node`, `leader` | a process; the leader's policy, and nonsense in its place |
//! | `buyers`, `history` | who asks what, and what each attempt was answered |
//! | `ledger`, `audit`, `life`, `verdict`, `invariants`, `settle` | what must be true |
//! | `oracle` | the judge of chaos and bench, on the runs that it can judge |
//! | `runner`, `regressions` | many seeds, on all cores; those that once found something |
//! | `tally`, `trace`, `violation` | what is told of a run |

mod audit;
mod bus;
mod buyers;
mod clock;
mod consensus;
mod faults;
mod history;
mod invariants;
mod leader;
mod ledger;
mod life;
mod log;
mod node;
mod oracle;
mod plan;
mod planting;
mod random;
pub mod regressions;
pub mod runner;
mod settle;
mod tally;
mod trace;
mod verdict;
mod violation;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use holdfast_client::oracle::Judgement;
use holdfast_inventory::{Answer, Moment, SkuId};

use plan::Plan;
#[cfg(feature = "planted-bugs")]
pub use planting::plant;
use random::Random;
pub use tally::{Fault, Operation, Seen, Tally};
pub use trace::Trace;
pub use violation::{Invariant, Violation};
use world::World;

/// What came of one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// What was wrong, if anything was.
    pub violation: Option<Violation>,
    /// What happened.
    pub tally: Tally,
    /// As lines, if they were asked for; empty otherwise.
    pub trace: Trace,
    /// The world at the end, as lines, if a trace was asked for.
    pub state: Vec<String>,
}

/// Runs one seed. A panic of the core is a violation like any other.
pub fn run(seed: u64, traced: bool) -> Run {
    let mut random = Random::new(seed);
    let plan = Plan::of(&mut random);
    let mut world = World::new(plan, random, Trace::new(traced));
    let lasts = Moment(world.plan.lasts.0 * 1000);
    guarded(&mut world, |world| {
        world.run_until(lasts);
        if world.violation.is_none() {
            world.settle();
        }
    });
    let state = if traced { world.state() } else { Vec::new() };
    Run { seed, violation: world.violation, tally: world.tally, trace: world.trace, state }
}

/// Runs one seed, made steady so that the oracle can judge it, up to its first rest after the faults. Nobody judges but the oracle; none
/// if the run does not get so far.
pub fn judged_by_oracle_alone(seed: u64) -> Option<Judgement> {
    let mut random = Random::new(seed);
    let plan = Plan::of(&mut random).steady();
    let mut world = World::new(plan, random, Trace::default());
    world.record.judges_alone = true;
    let lasts = Moment(world.plan.lasts.0 * 1000);
    guarded(&mut world, |world| {
        world.run_until(lasts);
        world.come_to_first_rest();
    });
    (world.violation.is_none() && world.suits_the_oracle()).then(|| world.judged_by_oracle())
}

fn guarded(world: &mut World, act: impl FnOnce(&mut World)) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| act(world))) {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.fail(Invariant::NoPanic, text.unwrap_or_else(|| "a panic without words".into()));
    }
}

/// A sale without faults: `orders` buyers ask for one unit each, at one node after another, `at_once` or as time passes.
/// Gives how many were accepted and how many heard that the SKU is sold out for good.
pub fn calm_sale(nodes: usize, stock: u64, orders: usize, at_once: bool) -> Result<(usize, usize), Violation> {
    let mut world = World::new(Plan::calm(nodes, stock), Random::new(77), Trace::default());
    world.run_until(Moment(300_000));
    let mut attempts = Vec::new();
    for order in 0..orders {
        attempts.extend(world.ask_one(order % nodes, SkuId(0), &format!("order-{order}")));
        if !at_once {
            world.run_until(Moment(world.now.0 + 500));
        }
    }
    world.settle();
    if let Some(violation) = world.violation {
        return Err(violation);
    }
    let count = |is: fn(&Answer) -> bool| {
        attempts.iter().filter(|&&attempt| world.history.attempts[attempt].answer.as_ref().is_some_and(|(_, answer)| is(answer))).count()
    };
    let sold_out =
        |answer: &Answer| matches!(answer, Answer::Refused { refusal: holdfast_inventory::Refusal::SoldOut { is_final: true, .. }, .. });
    Ok((count(|answer| matches!(answer, Answer::Accepted { .. })), count(sold_out)))
}
