//! Pauses between the attempts of a call, and the bounds on them: the call's time and the client's retry budget.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::ClientConfig;

/// A retry costs this much of the budget; a call earns `retries_per_hundred_calls`.
const RETRY_COST: u64 = 100;

/// Retries that all calls of a client share, so that a cluster in trouble is not drowned in them.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    left: Mutex<u64>,
    most: u64,
    per_call: u64,
}

impl RetryBudget {
    pub(crate) fn new(config: &ClientConfig) -> Self {
        let most = u64::from(config.retry_burst) * RETRY_COST;
        Self { left: Mutex::new(most), most, per_call: u64::from(config.retries_per_hundred_calls) }
    }

    /// A call begins.
    pub(crate) fn earn(&self) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.saturating_add(self.per_call).min(self.most);
    }

    /// Takes one retry out, if one is left.
    pub(crate) fn try_spend(&self) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        match left.checked_sub(RETRY_COST) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }
}

/// The course of one call: until when attempts may begin and how often it paused.
#[derive(Debug)]
pub(crate) struct Pace<'a> {
    config: &'a ClientConfig,
    budget: &'a RetryBudget,
    last_begin: Instant,
    retries: u32,
}

impl<'a> Pace<'a> {
    pub(crate) fn start(config: &'a ClientConfig, budget: &'a RetryBudget) -> Self {
        budget.earn();
        Self { config, budget, last_begin: Instant::now() + config.retry_for, retries: 0 }
    }

    /// When an attempt that begins now must end.
    pub(crate) fn attempt_deadline(&self) -> Instant {
        Instant::now() + self.config.attempt_timeout
    }

    /// Waits before the next attempt: at least `wait`, plus a random share of the growing pause, so that callers who
    /// failed together do not come back together. False, at once, if the call's time or the budget does not allow it.
    pub(crate) async fn pause(&mut self, wait: Option<Duration>) -> bool {
        let most = self.config.pause_first.saturating_mul(1 << self.retries.min(20)).min(self.config.pause_longest);
        let until = Instant::now() + wait.unwrap_or_default() + most.mul_f64(rand::random::<f64>());
        if until >= self.last_begin || !self.budget.try_spend() {
            return false;
        }
        self.retries += 1;
        tokio::time::sleep_until(until).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_runs_dry_and_calls_earn_it_back() {
        let budget = RetryBudget::new(&ClientConfig { retry_burst: 2, retries_per_hundred_calls: 50, ..ClientConfig::default() });
        assert!(budget.try_spend() && budget.try_spend());
        assert!(!budget.try_spend());
        budget.earn();
        assert!(!budget.try_spend(), "half a retry is none");
        budget.earn();
        assert!(budget.try_spend());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_lasts_as_asked_and_never_past_the_deadline() {
        let config = ClientConfig::default();
        let budget = RetryBudget::new(&config);
        let mut pace = Pace::start(&config, &budget);
        let begun = Instant::now();
        assert!(pace.pause(Some(Duration::from_secs(3))).await);
        assert!(begun.elapsed() >= Duration::from_secs(3));
        assert!(begun.elapsed() <= Duration::from_secs(3) + config.pause_first + Duration::from_millis(2));
        let before = Instant::now();
        assert!(!pace.pause(Some(Duration::from_secs(8))).await);
        assert_eq!(before.elapsed(), Duration::ZERO, "gives up without waiting");
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_a_bound() {
        let config = ClientConfig { retry_for: Duration::from_secs(1_000), ..ClientConfig::default() };
        let budget = RetryBudget::new(&config);
        let mut pace = Pace::start(&config, &budget);
        for retry in 0..100_u32 {
            let before = Instant::now();
            assert!(pace.pause(None).await);
            let most = config.pause_first.saturating_mul(1 << retry.min(20)).min(config.pause_longest);
            assert!(before.elapsed() <= most + Duration::from_millis(2), "retry {retry}");
        }
    }
}
