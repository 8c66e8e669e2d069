//! Chaos: a real cluster, many buyers, one fault after another, and a judgement of all that was heard.
//!
//! A run is a row of rounds. Each has a cluster of its own: three processes, every directed link between them through a
//! proxy, every data directory on a file system whose power can be cut. Buyers live the lives of orders while the nemesis
//! draws faults from the seed; then all is healed, every brief hold ends, and the oracle judges the history by the ledger.
//!
//! A fault counts only with a proof that it happened. What cannot be made on a machine is told as *not run*.
//!
//! The seed and the number of a round decide which faults are drawn and what buyers mean to do. Processes, networks and disks go on by themselves: a
//! seed makes a run alike, and not the same.
//!
//! | module | holds |
//! |---|---|
//! | `fault`, `faults` | the kinds; how each is made and what proves it |
//! | `machine` | what can be done here |
//! | `site`, `links`, `proxy` | nodes, disks, and what lies between |
//! | `shop`, `stops`, `crowd`, `buyer`, `life` | what is on sale, who buys, and how |
//! | `recorder` | every call as the oracle wants it |
//! | `nemesis`, `probe` | one fault after another; how soon it sells again |
//! | `round` | one round |
//! | `buyout`, `revisit`, `closing` | when it is over: the last units, a second look at what was acknowledged, the judgement |
//! | `tally` | the table at the end |

pub mod buyer;
mod buyout;
mod closing;
pub mod crowd;
pub mod fault;
pub mod faults;
pub mod life;
pub mod limits;
pub mod links;
pub mod machine;
pub mod nemesis;
pub mod probe;
pub mod proxy;
pub mod recorder;
mod revisit;
pub mod round;
pub mod shop;
pub mod site;
pub mod stops;
pub mod tally;

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use self::fault::{FaultKind, Made};
use self::machine::Machine;
use self::nemesis::Nemesis;
use self::round::Round;
use self::tally::Tally;
use crate::turn::Turn;

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// The program under test.
    pub program: String,
    /// How long faults are made, all rounds together.
    pub lasting: Duration,
    /// Which.
    pub kinds: Vec<FaultKind>,
    /// What is drawn is drawn from it and the number of the round.
    pub seed: u64,
    /// The number of the first round.
    pub first_round: u64,
}

impl Chaos {
    /// Plays one round after another.
    pub async fn run(&self) -> Result<Tally> {
        let turn = Turn::take().await?;
        let machine = Machine::look().await;
        let mut tally = Tally::default();
        let (can, cannot) = round::possible(&self.kinds, &machine);
        for (kind, reason) in cannot {
            tally.made(kind, &Made::not_run(reason));
        }
        let until = Instant::now() + self.lasting;
        for number in self.first_round.. {
            let lasting = until.saturating_duration_since(Instant::now()).min(limits::ROUND);
            if lasting.is_zero() {
                break;
            }
            println!("round {number}, seed {}", self.seed);
            let round = Round { turn: &turn, program: &self.program, machine: &machine, lasting, seed: self.seed.wrapping_add(number) };
            let known = tally.violations.len();
            round.play(&mut Nemesis::new(can.clone(), self.seed, number), &mut tally).await?;
            if tally.violations.len() > known {
                println!("again: {}", self.command(number, lasting));
            }
        }
        Ok(tally)
    }

    /// What plays one round with the same draws.
    fn command(&self, round: u64, lasting: Duration) -> String {
        let kinds = self.kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let only = if self.kinds == FaultKind::ALL { String::new() } else { format!(" --only {kinds}") };
        let features = if cfg!(feature = "abort-points") { " --features abort-points" } else { "" };
        let minutes = lasting.as_secs_f64() / 60.0;
        format!(
            "cargo run --release -p holdfast-tests{features} --bin chaos -- --minutes {minutes:.2}{only} --seed {} --round {round}",
            self.seed
        )
    }
}
