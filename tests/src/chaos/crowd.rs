//! All buyers of a round, at a pace.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::buyer::Buyer;
use super::life::{self, Memory};
use super::limits::{BURST_BUYERS, BUYERS};
use super::recorder::Recorder;
use crate::buyer::Nodes;

/// What all buyers share.
#[derive(Debug)]
pub struct Crowd {
    /// Keeps their calls.
    pub recorder: Arc<Recorder>,
    /// Where they call.
    pub apis: Vec<SocketAddr>,
    /// Which nodes answer.
    pub nodes: Arc<Nodes>,
    impatient: AtomicBool,
    unpaced: AtomicBool,
    seed: u64,
}

impl Crowd {
    /// Of these nodes, by id; what buyers do is drawn from `seed`.
    pub fn new(recorder: Arc<Recorder>, apis: Vec<SocketAddr>, seed: u64) -> Arc<Crowd> {
        let nodes = Nodes::new(apis.clone());
        Arc::new(Crowd { recorder, apis, nodes, impatient: AtomicBool::new(false), unpaced: AtomicBool::new(false), seed })
    }

    /// Whether buyers give up early now.
    pub fn is_impatient(&self) -> bool {
        self.impatient.load(Ordering::Relaxed)
    }

    /// Makes buyers give up early, or patient again.
    pub fn set_impatient(&self, impatient: bool) {
        self.impatient.store(impatient, Ordering::Relaxed);
    }

    /// Makes buyers come as fast as they are answered, or at their pace again.
    pub fn set_unpaced(&self, unpaced: bool) {
        self.unpaced.store(unpaced, Ordering::Relaxed);
    }

    /// A buyer of this crowd who draws from the seed and `number`.
    pub fn buyer(self: &Arc<Crowd>, name: String, number: u64) -> Buyer {
        Buyer::new(self, name, self.seed.wrapping_mul(1_000_003).wrapping_add(number))
    }

    /// Lets buyers come, about `per_second` orders of all together, until `stop` says so and what they began is done.
    pub async fn come(self: Arc<Crowd>, per_second: u32, stop: watch::Receiver<bool>) {
        let every = Duration::from_secs_f64(BUYERS as f64 / f64::from(per_second.max(1)));
        let mut buyers = JoinSet::new();
        for number in 0..BUYERS as u64 {
            let (crowd, mut stop) = (Arc::clone(&self), stop.clone());
            buyers.spawn(async move {
                let (mut buyer, mut memory) = (crowd.buyer(format!("b{number}"), number), Memory::default());
                let mut turn = Instant::now() + every.mul_f64(rand::random());
                while !*stop.borrow() {
                    life::live(&mut buyer, &mut memory).await;
                    // Who is late does not catch up: a cluster that comes back is not met by all that waited.
                    turn = (turn + every).max(Instant::now());
                    if !crowd.unpaced.load(Ordering::Relaxed) {
                        drop(tokio::time::timeout_at(turn, stop.wait_for(|stop| *stop)).await);
                    }
                }
            });
        }
        buyers.join_all().await;
    }

    /// Many more buyers for a while, as fast as they are answered; how often they asked. Ends when all have heard.
    pub async fn burst(self: &Arc<Crowd>, burst: u64, lasting: Duration) -> u64 {
        let until = Instant::now() + lasting;
        let mut buyers = JoinSet::new();
        for number in 0..BURST_BUYERS as u64 {
            let mut buyer = self.buyer(format!("x{burst}-{number}"), (burst + 1) * 100_000 + number);
            buyers.spawn(async move {
                let (mut memory, mut times) = (Memory::default(), 0);
                while Instant::now() < until {
                    life::live(&mut buyer, &mut memory).await;
                    times += 1;
                }
                times
            });
        }
        buyers.join_all().await.into_iter().sum()
    }
}
