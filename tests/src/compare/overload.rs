//! Ten times more orders than the servers can take, which are held to a part of one core so that they can be offered.

use std::time::Duration;

use anyhow::Result;

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

/// Orders acknowledged under the flood ÷ at the plateau, once for each round.
pub async fn measure(turn: &Turn, program: &str, rounds: u32, seconds: u32) -> Result<Extra> {
    let holdfast = Holdfast::start(turn, program).await?;
    let leader = holdfast.subject(System::Leader)?;
    let nodes: Vec<u32> = leader.watched.iter().map(|(_, id)| *id).collect();
    let held = HeldBack::hold(&nodes, HELD_PER_CENT)?;
    let connections = best(System::Leader, &HELD_LADDER, async |c| leader.measure(Load::Plateau, c, LADDER_SECONDS).await).await?;
    let mut values = Vec::new();
    for _ in 0..rounds {
        let plateau = leader.measure(Load::Plateau, connections, seconds).await?.per_second;
        let offered = plateau * OVERLOAD;
        let flood = flood(leader.targets[0], offered, Duration::from_secs(seconds.into())).await?;
        let goodput = flood.taken as f64 / f64::from(seconds);
        eprintln!(
            "  plateau {plateau:.0}/s with {connections} connections; offered {offered:.0}/s, sent {:.0}/s, taken {goodput:.0}/s, {} other answers",
            flood.sent as f64 / f64::from(seconds),
            flood.refused
        );
        values.push(goodput / plateau);
    }
    drop(held);
    holdfast.end().await?;
    let name = format!("goodput at {OVERLOAD} × the plateau ÷ plateau, nodes held to {HELD_PER_CENT} % of a core");
    Ok(Extra { name, part: Part::Overload, values, target: Some(Target::AtLeast(0.85)) })
}
