//! Conditions with deadlines.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::limits::POLL_EVERY;

/// Asks `condition` again and again until it gives a value; after `within` fails, saying `what` was waited for.
pub async fn until<T>(what: &str, within: Duration, mut condition: impl AsyncFnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(value) = condition().await {
            return Ok(value);
        }
        if Instant::now() >= deadline {
            bail!("waited {within:?} in vain: {what}");
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_condition_that_comes_true_ends_the_wait_with_its_value() {
        let mut looks = 0;
        let value = until("three looks", Duration::from_secs(5), async || {
            looks += 1;
            (looks == 3).then_some(looks)
        })
        .await;
        assert_eq!(value.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_condition_that_never_comes_true_fails_and_says_which() {
        let failed = until::<()>("snow in August", Duration::ZERO, async || None).await.unwrap_err();
        assert!(failed.to_string().contains("snow in August"));
    }
}
