//! A bug planted in real processes: chaos finds it by itself, from the buyers' calls to its exit code.

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// A bug, the faults that bring it out, and the invariant that tells of it.
const BUGS: [(&str, &str, &str); 2] = [("LimitOffByOne", "F24", "I11: "), ("SoldOutWhileCutOff", "F6", "I17: ")];

#[tokio::test]
async fn planted_bugs_of_real_processes_are_found_by_chaos() -> Result<()> {
    for (bug, faults, told) in BUGS {
        let mut chaos = Command::new(env!("CARGO_BIN_EXE_chaos"));
        chaos.args(["--minutes", "0.5", "--seed", "1", "--only", faults]).env("HOLDFAST_PLANT", bug).kill_on_drop(true);
        let output = chaos.output().await.context("chaos starts")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.code() == Some(1), "{bug}: {}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr));
        ensure!(said.contains(told), "{bug} is found, but not as {told}\n{said}");
    }
    Ok(())
}
