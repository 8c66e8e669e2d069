//! How long nothing is acknowledged after the leader was killed, beside etcd on the same machine.
//!
//! Sixteen writers, each with one connection to every node, write without pause to whichever node answers; an attempt that is
//! not answered within 100 ms goes to another. A round kills the leader with SIGKILL once writes flow, waits until
//! they flow again, starts the node anew and waits until it follows. Its gap is the longest time without an acknowledgement from the
//! kill on. Both systems are measured in the same way, alternating, with the same writers: the ratio says more than either figure.

mod etcd;
mod holdfast;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use tokio::time::sleep;

pub use self::etcd::Etcd;
pub use self::holdfast::Holdfast;
use crate::http::{Call, Connection};
use crate::wait;

const WRITERS: usize = 16;

/// One attempt; short, so that the writers come back to a node that lives soon after it can answer.
const ATTEMPT_WITHIN: Duration = Duration::from_millis(100);

/// Before the next attempt at a node that refused or is down.
const PAUSE: Duration = Duration::from_millis(2);

/// Writes flow for so long before the kill.
const WARM: Duration = Duration::from_millis(700);

/// Until writes flow again.
const AGAIN_WITHIN: Duration = Duration::from_secs(20);

/// Acknowledgements after the kill that show that they do.
const FLOWING: usize = 20;

/// A replicated store under test: three processes, one of which leads.
#[allow(async_fn_in_trait, reason = "asked and awaited in one task")]
pub trait System: 'static {
    /// Its name in the table.
    fn name(&self) -> String;
    /// Where writers call each node.
    fn nodes(&self) -> Vec<SocketAddr>;
    /// A write, another for each number.
    fn write(number: u64) -> Call;
    /// The node that leads now, counted from 0; asks the nodes.
    async fn leader(&self) -> Result<usize>;
    /// SIGKILL; gone when it returns.
    async fn kill(&mut self, node: usize) -> Result<()>;
    /// Starts it again and waits until it takes part.
    async fn restart(&mut self, node: usize) -> Result<()>;
    /// Ends all of it.
    async fn end(self) -> Result<()>;
}

/// Gaps of one system, in the order of the kills.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps(pub Vec<Duration>);

impl Gaps {
    /// The middle one; of an even number the upper. Zero if there is none.
    pub fn median(&self) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    /// The longest; zero if there is none.
    pub fn longest(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }
}

impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shortest = self.0.iter().min().copied().unwrap_or_default();
        write!(f, "median {:.0?}, {shortest:.0?} to {:.0?}, {} kills", self.median(), self.longest(), self.0.len())
    }
}

/// Kills the leader once; the longest time without an acknowledgement. `round` is another each time.
pub async fn kill_leader<S: System>(system: &mut S, round: u64) -> Result<Duration> {
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(write::<S>(system.nodes(), writer, round, Arc::clone(&acknowledged)));
    }
    flow(&acknowledged, Instant::now() + WARM).await?;
    let leader = system.leader().await?;
    let killed = Instant::now();
    system.kill(leader).await?;
    flow(&acknowledged, killed).await?;
    sleep(WARM).await;
    writers.shutdown().await;
    system.restart(leader).await?;
    let times = acknowledged.lock().map(|times| times.clone()).unwrap_or_default();
    longest_gap(times, killed)
}

/// Waits until writes are acknowledged after `from`.
async fn flow(acknowledged: &Mutex<Vec<Instant>>, from: Instant) -> Result<()> {
    wait::until("acknowledgements", AGAIN_WITHIN, async || {
        let times = acknowledged.lock().ok()?;
        (times.iter().rev().take_while(|at| **at > from).count() >= FLOWING).then_some(())
    })
    .await
}

async fn write<S: System>(nodes: Vec<SocketAddr>, writer: usize, round: u64, acknowledged: Arc<Mutex<Vec<Instant>>>) {
    let mut connections: Vec<Connection> = nodes.into_iter().map(Connection::to).collect();
    let mut node = writer % connections.len();
    for turn in 0.. {
        let call = S::write(round << 40 | (writer as u64) << 32 | turn);
        // A write that is tried again is the same write.
        while !connections[node].send(&call, ATTEMPT_WITHIN).await.is_ok_and(|answer| answer.status < 300) {
            node = (node + 1) % connections.len();
            sleep(PAUSE).await;
        }
        if let Ok(mut times) = acknowledged.lock() {
            times.push(Instant::now());
        }
    }
}

fn longest_gap(mut times: Vec<Instant>, killed: Instant) -> Result<Duration> {
    times.sort_unstable();
    times.retain(|at| *at >= killed);
    ensure!(!times.is_empty(), "nothing was acknowledged after the kill");
    let before = std::iter::once(&killed).chain(&times);
    Ok(before.zip(&times).map(|(before, at)| *at - *before).max().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_the_longest_silence_after_the_kill() {
        let killed = Instant::now();
        let at = |ms| killed + Duration::from_millis(ms);
        assert_eq!(longest_gap(vec![at(3), at(250), at(251), at(300)], killed).unwrap(), Duration::from_millis(247));
        assert_eq!(longest_gap(vec![at(40), at(45)], killed).unwrap(), Duration::from_millis(40));
        assert!(longest_gap(Vec::new(), killed).is_err());
    }

    #[test]
    fn gaps_tell_their_middle_and_their_longest() {
        let gaps = Gaps([30, 10, 20].map(Duration::from_millis).to_vec());
        assert_eq!((gaps.median(), gaps.longest()), (Duration::from_millis(20), Duration::from_millis(30)));
        assert_eq!(gaps.to_string(), "median 20ms, 10ms to 30ms, 3 kills");
    }
}
