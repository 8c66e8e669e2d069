//! A minute and a half of chaos: kills, pauses, partitions and power cuts, judged by the oracle.

use std::time::Duration;

use anyhow::{Result, ensure};
use holdfast_tests::chaos::Chaos;
use holdfast_tests::chaos::fault::FaultKind;
use holdfast_tests::{disk, program};

const LASTING: Duration = Duration::from_secs(90);

/// Always the same draws; what comes of them is another matter each time.
const SEED: u64 = 20_261_121;

#[tokio::test(flavor = "multi_thread")]
async fn what_buyers_heard_holds_through_kills_pauses_partitions_and_power_cuts() -> Result<()> {
    let mut kinds = vec![FaultKind::F1, FaultKind::F5, FaultKind::F6, FaultKind::F13];
    let chaos = Chaos { program: program!().into(), lasting: LASTING, kinds: kinds.clone(), seed: SEED, first_round: 0 };
    let tally = chaos.run().await?;
    println!("{tally}");
    if let Some((_, reason)) = tally.not_run.get(&FaultKind::F13).filter(|_| !tally.fired.contains_key(&FaultKind::F13)) {
        disk::not_run(&format!("no power can be cut on this machine: {reason}"))?;
        kinds.retain(|kind| *kind != FaultKind::F13);
    }
    ensure!(tally.is_good(&kinds), "violations, or faults that did not happen: {:?}", tally.missing(&kinds));
    ensure!(tally.acknowledged > 1_000, "too little was sold to prove anything");
    Ok(())
}
