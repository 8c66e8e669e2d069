//! Batches of 8,192 orders without pause, to all nodes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use holdfast_api::URN_PREFIX;
use memchr::memmem::Finder;
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

/// What came of batches that were sent.
#[derive(Debug, Default)]
pub struct Sent {
    /// Orders in them.
    pub orders: u64,
    /// How long it took.
    pub seconds: f64,
    /// Orders that were answered with a problem, by its name.
    pub problems: BTreeMap<String, u64>,
}

/// Orders a second, counted by what the cluster says it sold meanwhile; of the answers only the problems are read.
pub async fn measure(holdfast: &Holdfast, subject: &Subject, lasting: Duration) -> Result<Measured> {
    let mut problems = BTreeMap::new();
    let measured = watch(&subject.watched, async {
        let sold = Audit::of(holdfast.admin(), SKU).await?.sold();
        let sent = send(&subject.targets, lasting, false).await?;
        let expected = Audit::of(holdfast.admin(), SKU).await?.sold() - sold;
        ensure!(expected > 0, "no batch was taken");
        problems = sent.problems;
        Ok(Told { expected, unexpected: sent.orders.saturating_sub(expected), seconds: sent.seconds, p50_ms: None, p99_ms: None })
    })
    .await?;
    let mut how = format!("{BATCHES_IN_FLIGHT} in flight at each node");
    for (name, count) in problems {
        _ = write!(how, "; {count} {name}");
    }
    Ok(Measured { how, ..measured })
}

/// Orders sent, held or confirmed at once, and answered.
pub async fn send(targets: &[SocketAddr], lasting: Duration, confirm: bool) -> Result<Sent> {
    let seed = rand::random::<u32>();
    let mut senders = JoinSet::new();
    let begin = Instant::now();
    for (number, target) in targets.iter().cycle().take(targets.len() * BATCHES_IN_FLIGHT).copied().enumerate() {
        let batch = Batch::new(&format!("{seed:08x}-{number}"), SKU, confirm);
        senders.spawn(keep_sending(target, batch, begin + lasting));
    }
    let (mut all, mut failed) = (Sent::default(), Vec::new());
    while let Some(ended) = senders.join_next().await {
        let sent = match ended? {
            Ok(sent) => sent,
            // Whether others fail too, and where, tells more than the first.
            Err(error) => {
                failed.push(format!("{error:#}"));
                continue;
            }
        };
        all.orders += sent.orders;
        for (name, count) in sent.problems {
            *all.problems.entry(name).or_default() += count;
        }
    }
    ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(Sent { seconds: begin.elapsed().as_secs_f64(), ..all })
}

async fn keep_sending(target: SocketAddr, mut batch: Batch, until: Instant) -> Result<Sent> {
    let (mut connection, mut sent) = (Connection::to(target), Sent::default());
    let urns = Finder::new(URN_PREFIX);
    while Instant::now() < until {
        let body = batch.numbered(sent.orders);
        let call = Call::new(hyper::Method::POST, "/v1/orders/batch").header("content-type", "application/json").body(body);
        let answer = connection.send(&call, CALL_WITHIN).await?;
        if answer.status != 200 {
            bail!("status {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        sent.orders += ORDERS as u64;
        for at in urns.find_iter(&answer.body) {
            *sent.problems.entry(problem_at(&answer.body, at)).or_default() += 1;
        }
    }
    Ok(sent)
}

/// The name of a problem whose URN begins there.
fn problem_at(body: &[u8], at: usize) -> String {
    let name = body[at + URN_PREFIX.len()..].split(|byte| *byte == b'"').next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_counted_by_name() {
        let body = br#"{"results":[{"order":{}},{"problem":{"type":"urn:holdfast:problem:refilling","status":503}},{"problem":{"type":"urn:holdfast:problem:stale"}}]}"#;
        let names: Vec<String> = Finder::new(URN_PREFIX).find_iter(body).map(|at| problem_at(body, at)).collect();
        assert_eq!(names, ["refilling", "stale"]);
    }
}
