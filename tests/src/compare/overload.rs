//! Ten times more orders than the servers can take, which are held to a part of one core so that they can be offered.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::cell::{Load, System};
use super::extra::Extra;
use super::flood::flood;
use super::held_back::HeldBack;
use super::holdfast::Holdfast;
use super::limits::{HELD_LADDER, HELD_PER_CENT, LADDER_SECONDS, OVERLOAD};
use super::part::Part;
use super::peer::best;
use super::row::Target;
use crate::turn::Turn;

/// Orders acknowledged under the flood ÷ at the plateau, and how much of the flood could be sent, once for each round.
pub async fn measure(turn: &Turn, program: &str, rounds: u32, seconds: u32) -> Result<[Extra; 2]> {
    let holdfast = Holdfast::start(turn, program).await?;
    let leader = holdfast.subject(System::Leader)?;
    let nodes: Vec<u32> = leader.watched.iter().map(|(_, id)| *id).collect();
    let held = HeldBack::hold(&nodes, HELD_PER_CENT)?;
    let connections = best(System::Leader, &HELD_LADDER, async |c| leader.measure(Load::Plateau, c, LADDER_SECONDS).await).await?;
    let (mut taken, mut sent) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let plateau = leader.measure(Load::Plateau, connections, seconds).await?.per_second;
        ensure!(plateau > 0.0, "no order was taken over {connections} connections in {seconds} s: ten times that is nothing");
        let flood = flood(leader.targets[0], plateau * OVERLOAD, Duration::from_secs(seconds.into())).await?;
        let times = |count: u64| count as f64 / f64::from(seconds) / plateau;
        eprintln!("  plateau {plateau:.0}/s with {connections} connections; in {seconds} s {flood:?}");
        taken.push(times(flood.taken));
        sent.push(times(flood.sent));
    }
    drop(held);
    holdfast.end().await?;
    let extra = |name: String, values, target| Extra { name, part: Part::Overload, values, target };
    Ok([
        extra(format!("goodput ÷ plateau, nodes held to {HELD_PER_CENT} % of a core"), taken, Some(Target::AtLeast(0.85))),
        extra(format!("sent ÷ plateau, where {OVERLOAD} were offered"), sent, None),
    ])
}
