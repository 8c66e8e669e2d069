//! Load by `wrk`, with the scripts of `tests/bench`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use tokio::time::timeout;

use super::limits::LOAD_OVERTIME;

/// One run of it.
#[derive(Clone, Debug)]
pub struct Wrk {
    /// Name of the script, without its end.
    pub script: &'static str,
    /// Open connections in all.
    pub connections: u32,
    /// How long.
    pub seconds: u32,
    /// Whom; of several each gets its part of the connections and a thread of its own.
    pub targets: Vec<SocketAddr>,
    /// What the script is told behind its seed.
    pub words: Vec<String>,
}

/// What it told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// Answers as they should be.
    pub expected: u64,
    /// Other answers, and none.
    pub unexpected: u64,
    /// How long it really took.
    pub seconds: f64,
    /// Median latency, if it is known.
    pub p50_ms: Option<f64>,
    /// 99 of 100 answers came within this.
    pub p99_ms: Option<f64>,
}

/// Why it cannot be run; none if it can.
pub async fn why_not() -> Option<String> {
    // Without a target it tells how it is used, and fails.
    Command::new("wrk").output().await.err().map(|error| format!("wrk is not installed (Debian: wrk): {error}"))
}

impl Wrk {
    /// Runs it to its end. Cancel safe: it is killed.
    pub async fn run(&self) -> Result<Told> {
        let limit = Duration::from_secs(u64::from(self.seconds)) + LOAD_OVERTIME;
        let output = timeout(limit, self.command()?.output()).await.context("wrk does not end")?.context("cannot run wrk")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "wrk fails: {text}{}", String::from_utf8_lossy(&output.stderr));
        read(&text).with_context(|| format!("wrk told nothing that can be read: {text}"))
    }

    /// How many threads it asks with.
    pub fn threads(&self) -> usize {
        self.targets.len()
    }

    fn command(&self) -> Result<Command> {
        let targets: Vec<String> = self.targets.iter().map(SocketAddr::to_string).collect();
        let mut command = Command::new("wrk");
        command.arg(format!("-t{}", self.threads())).arg(format!("-c{}", self.connections)).arg(format!("-d{}s", self.seconds));
        command.arg("--latency").arg("-s").arg(script(self.script)).arg(format!("http://{}", targets.first().context("no target")?));
        command.arg("--").arg(rand::random::<u32>().to_string()).args(&self.words);
        if targets.len() > 1 {
            command.env("HOLDFAST_BENCH_TARGETS", targets.join(","));
        }
        command.kill_on_drop(true);
        Ok(command)
    }
}

/// A file of `tests/bench`.
pub fn bench_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("bench").join(name)
}

fn script(name: &str) -> PathBuf {
    bench_file(&format!("{name}.lua"))
}

/// The line of `told.lua`.
fn read(text: &str) -> Option<Told> {
    let line = text.lines().find(|line| line.starts_with("requests "))?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let told: BTreeMap<&str, &str> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let count = |name| told.get(name)?.parse::<u64>().ok();
    let number = |name| told.get(name)?.parse::<f64>().ok();
    let (requests, expected) = (count("requests")?, count("expected")?);
    let unexpected = requests.saturating_sub(expected) + count("lost")?;
    Some(Told { expected, unexpected, seconds: number("seconds")?, p50_ms: number("p50_ms"), p99_ms: number("p99_ms") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_script_is_read() {
        let text =
            "Running 3s test\nrequests 900  seconds 3.001  per_second 300  expected 890  non_2xx 10  lost 2  p50_ms 1.250  p99_ms 9.500\n";
        assert_eq!(read(text), Some(Told { expected: 890, unexpected: 12, seconds: 3.001, p50_ms: Some(1.25), p99_ms: Some(9.5) }));
        assert_eq!(read("Running 3s test\n"), None);
        assert_eq!(read("requests 900  seconds x"), None);
    }
}
