//! Batches of 8,192 orders without pause, to all nodes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use tokio::task::JoinSet;

use super::batch::{Batch, ORDERS};
use super::cell::Measured;
use super::holdfast::{Holdfast, SKU};
use super::limits::BATCHES_IN_FLIGHT;
use super::subject::{Subject, watch};
use super::wrk::Told;
use crate::http::{Call, Connection};
use crate::limits::CALL_WITHIN;
use crate::operator::Audit;

/// Orders a second, counted by what the cluster says it sold meanwhile and not by answers: those are not read.
pub async fn measure(holdfast: &Holdfast, subject: &Subject, lasting: Duration) -> Result<Measured> {
    let measured = watch(&subject.watched, send_and_count(holdfast, &subject.targets, lasting)).await?;
    Ok(Measured { how: format!("{BATCHES_IN_FLIGHT} in flight at each node"), ..measured })
}

async fn send_and_count(holdfast: &Holdfast, targets: &[SocketAddr], lasting: Duration) -> Result<Told> {
    let sold = Audit::of(holdfast.admin(), SKU).await?.sold();
    let (sent, seconds) = send(targets, lasting, false).await?;
    let expected = Audit::of(holdfast.admin(), SKU).await?.sold() - sold;
    ensure!(expected > 0, "no batch was taken");
    Ok(Told { expected, unexpected: sent.saturating_sub(expected), seconds, p50_ms: None, p99_ms: None })
}

/// Orders sent, held or confirmed at once, and answered, in so many seconds.
pub async fn send(targets: &[SocketAddr], lasting: Duration, confirm: bool) -> Result<(u64, f64)> {
    let seed = rand::random::<u32>();
    let mut senders = JoinSet::new();
    let begin = Instant::now();
    for (number, target) in targets.iter().cycle().take(targets.len() * BATCHES_IN_FLIGHT).copied().enumerate() {
        let batch = Batch::new(&format!("{seed:08x}-{number}"), SKU, confirm);
        senders.spawn(keep_sending(target, batch, begin + lasting));
    }
    let mut sent = 0;
    while let Some(ended) = senders.join_next().await {
        sent += ended??;
    }
    Ok((sent, begin.elapsed().as_secs_f64()))
}

async fn keep_sending(target: SocketAddr, mut batch: Batch, until: Instant) -> Result<u64> {
    let (mut connection, mut sent) = (Connection::to(target), 0);
    while Instant::now() < until {
        let call = Call::new(hyper::Method::POST, "/v1/orders/batch").header("content-type", "application/json").body(batch.numbered(sent));
        let answer = connection.send(&call, CALL_WITHIN).await?;
        if answer.status != 200 {
            bail!("status {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        sent += ORDERS as u64;
    }
    Ok(sent)
}
