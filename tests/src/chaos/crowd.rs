//! All buyers of a round, at a pace.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::buyer::{Buyer, Question};
use super::life::{self, Memory};
use super::limits::{BURST_BUYERS, BURST_TICK, BUYERS, PERSISTENT};
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
    /// Since when no fault is on; none while one is.
    calm_since: Mutex<Option<Instant>>,
    unanswered: Mutex<Vec<Unanswered>>,
    seed: u64,
}

/// What a buyer gave up without having heard anything definite.
#[derive(Debug)]
pub struct Unanswered {
    /// What was asked.
    pub question: Question,
    /// Whether no fault was on all the time.
    pub was_calm: bool,
}

/// How a burst went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Burst {
    /// Lives that were to begin.
    pub due: u64,
    /// Of those, begun: for the others, everybody who can wait at once was waiting.
    pub begun: u64,
}

impl Crowd {
    /// Of these nodes, by id; what buyers do is drawn from `seed`.
    pub fn new(recorder: Arc<Recorder>, apis: Vec<SocketAddr>, seed: u64) -> Arc<Crowd> {
        let nodes = Nodes::new(apis.clone());
        let (impatient, calm_since) = (AtomicBool::new(false), Mutex::new(Some(Instant::now())));
        Arc::new(Crowd { recorder, apis, nodes, impatient, calm_since, unanswered: Mutex::default(), seed })
    }

    /// Whether buyers give up early now.
    pub fn is_impatient(&self) -> bool {
        self.impatient.load(Ordering::Relaxed)
    }

    /// Makes buyers give up early, or patient again.
    pub fn set_impatient(&self, impatient: bool) {
        self.impatient.store(impatient, Ordering::Relaxed);
    }

    /// Says that no fault is on, or that one is.
    pub fn set_calm(&self, calm: bool) {
        *lock(&self.calm_since) = calm.then(Instant::now);
    }

    /// Nobody answered this definitely, from `began` until now.
    pub fn give_up(&self, question: Question, began: Instant) {
        let was_calm = lock(&self.calm_since).is_some_and(|since| since <= began);
        lock(&self.unanswered).push(Unanswered { question, was_calm });
    }

    /// When all is healed: asks once more for everything that was given up. What nobody answers although no fault is on.
    pub async fn ask_again(self: &Arc<Crowd>) -> Result<Vec<String>> {
        let (told_in_calm, mut open) = self.take_unanswered();
        println!("{} questions without an answer are asked again", open.len());
        let mut persistent = JoinSet::new();
        let each = open.len().div_ceil(PERSISTENT).max(1);
        for number in 0.. {
            if open.is_empty() {
                break;
            }
            let part = open.split_off(open.len().saturating_sub(each));
            let mut buyer = self.buyer(format!("u{number}"), u64::MAX / 3 - number);
            persistent.spawn(async move {
                for question in &part {
                    buyer.ask_again(question).await;
                }
            });
        }
        while let Some(asked) = persistent.join_next().await {
            asked.context("who asks again panicked")?;
        }
        let (told, _) = self.take_unanswered();
        Ok(told_in_calm.into_iter().chain(told).collect())
    }

    fn take_unanswered(&self) -> (Vec<String>, Vec<Question>) {
        let unanswered = std::mem::take(&mut *lock(&self.unanswered));
        let (calm, _): (Vec<_>, Vec<_>) = unanswered.iter().partition(|open| open.was_calm);
        let told = calm.into_iter().map(|open| format!("I20: nobody answers, and no fault is on: {:?}", open.question)).collect();
        (told, unanswered.into_iter().map(|open| open.question).collect())
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
                    drop(tokio::time::timeout_at(turn, stop.wait_for(|stop| *stop)).await);
                }
            });
        }
        buyers.join_all().await;
    }

    /// `per_second` more lives for a while, each begun when it is due whether those before it have heard or not. Ends when all
    /// have heard. Fails if one panics.
    pub async fn burst(self: &Arc<Crowd>, burst: u64, per_second: u32, lasting: Duration) -> Result<Burst> {
        let began = Instant::now();
        let (mut told, mut idle, mut busy) = (Burst::default(), Vec::new(), JoinSet::new());
        while began.elapsed() < lasting {
            while let Some(back) = busy.try_join_next() {
                idle.push(back.context("one of a burst panicked")?);
            }
            let due = u64::try_from(began.elapsed().as_micros())? * u64::from(per_second) / 1_000_000;
            for _ in told.due..due {
                let number = (idle.len() + busy.len()) as u64;
                if idle.is_empty() && number < BURST_BUYERS {
                    let buyer = self.buyer(format!("x{burst}-{number}"), (burst + 1) * 100_000 + number);
                    idle.push((buyer, Memory::default()));
                }
                let Some((mut buyer, mut memory)) = idle.pop() else { break };
                told.begun += 1;
                busy.spawn(async move {
                    life::live(&mut buyer, &mut memory).await;
                    (buyer, memory)
                });
            }
            told.due = due;
            tokio::time::sleep(BURST_TICK).await;
        }
        while let Some(back) = busy.join_next().await {
            back.context("one of a burst panicked")?;
        }
        Ok(told)
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Call;

    #[tokio::test]
    async fn what_nobody_answers_is_a_violation_only_if_no_fault_was_on() {
        let crowd = Crowd::new(Arc::default(), Vec::new(), 1);
        let question = || Question::Call(Call::get("/"), holdfast_client::oracle::Asked::Look { sku: crowd.recorder.name("a") });
        let began = Instant::now();
        crowd.give_up(question(), began);
        assert_eq!(crowd.take_unanswered().0.len(), 1);
        crowd.set_calm(false);
        crowd.give_up(question(), began);
        crowd.set_calm(true);
        crowd.give_up(question(), began - Duration::from_millis(1));
        let (told, open) = crowd.take_unanswered();
        assert_eq!((told.len(), open.len()), (0, 2));
    }
}
