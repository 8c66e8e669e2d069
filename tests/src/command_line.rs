//! The program's subcommands, run as an operator runs them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::limits::REFUSED_WITHIN;

/// What a subcommand did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Said {
    /// Its output as JSON; fails unless it ended well.
    pub fn json(&self) -> Result<Value> {
        if self.code != Some(0) {
            bail!("exit code {:?}: {}{}", self.code, self.stdout, self.stderr);
        }
        serde_json::from_str(&self.stdout).with_context(|| format!("not JSON: {}", self.stdout))
    }
}

/// Runs a command that ends by itself and keeps what it said.
pub async fn run(command: Command) -> Result<Said> {
    run_within(command, REFUSED_WITHIN).await
}

/// The same for one that may take as long as `within`.
pub async fn run_within(mut command: Command, within: Duration) -> Result<Said> {
    command.kill_on_drop(true);
    let output = tokio::time::timeout(within, command.output()).await.context("it does not end")??;
    Ok(Said {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// `holdfast ARGS` with nothing around it.
pub fn holdfast(program: impl AsRef<Path>, args: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    command.args(args);
    command
}

/// A subcommand that asks node `id` of `cluster`.
pub async fn ask(cluster: &Cluster, id: u64, args: &[&str]) -> Result<Said> {
    let mut command = holdfast(&cluster.options().program, args);
    command.env("HOLDFAST_API", format!("http://{}", cluster.api(id))).env("HOLDFAST_ADMIN", format!("http://{}", cluster.admin(id)));
    run(command).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn exit_code_and_both_outputs_are_kept() {
        let said = run(holdfast("sh", &["-c", "echo '{}'; echo no >&2; exit 4"])).await.unwrap();
        assert_eq!((said.code, said.stdout.as_str(), said.stderr.as_str()), (Some(4), "{}\n", "no\n"));
        assert!(said.json().unwrap_err().to_string().contains("no"));
    }
}
