//! More orders than can be served, sent when they are due whether or not those before were answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use super::holdfast::SKU;
use super::limits::{FLOOD_CONNECTIONS, FLOOD_FULL_AFTER, READ_BYTES};

/// What was sent and heard.
#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
}

impl Counts {
    fn now(&self) -> Flood {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Flood { sent: of(&self.sent), taken: of(&self.taken), refused: of(&self.refused) }
    }
}

/// The same, within a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flood {
    /// Orders whose sending was begun.
    pub sent: u64,
    /// Answered 201.
    pub taken: u64,
    /// Answered otherwise.
    pub refused: u64,
}

/// Offers so many orders a second over a thousand connections, each of which sends in turn; what came of it from the time on at
/// which the servers were full.
pub async fn flood(to: SocketAddr, per_second: f64, lasting: Duration) -> Result<Flood> {
    let (counts, seed) = (Arc::new(Counts::default()), rand::random::<u32>());
    let every = Duration::from_secs_f64(FLOOD_CONNECTIONS as f64 / per_second);
    let mut connections = JoinSet::new();
    let mut streams = Vec::new();
    for _ in 0..FLOOD_CONNECTIONS {
        streams.push(TcpStream::connect(to).await?);
    }
    let begin = Instant::now();
    for (number, stream) in streams.into_iter().enumerate() {
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        connections.spawn(count(reader, Arc::clone(&counts)));
        let first = begin + every.mul_f64(number as f64 / FLOOD_CONNECTIONS as f64);
        connections.spawn(send(writer, format!("{seed:x}-{number}"), first, every, Arc::clone(&counts)));
    }
    sleep_until(begin + FLOOD_FULL_AFTER).await;
    let before = counts.now();
    sleep_until(begin + FLOOD_FULL_AFTER + lasting).await;
    let Flood { sent, taken, refused } = counts.now();
    connections.shutdown().await;
    Ok(Flood { sent: sent - before.sent, taken: taken - before.taken, refused: refused - before.refused })
}

/// One connection's orders, one each `every`. Where the server takes no more bytes, what was due meanwhile is not sent:
/// buyers who cannot even ask.
async fn send(mut to: OwnedWriteHalf, seed: String, first: Instant, every: Duration, counts: Arc<Counts>) {
    let mut due = interval_at(first, every);
    due.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for number in 0_u64.. {
        due.tick().await;
        counts.sent.fetch_add(1, Ordering::Relaxed);
        if to.write_all(&order(&format!("{seed}-{number}"))).await.is_err() {
            return;
        }
    }
}

fn order(id: &str) -> Vec<u8> {
    let body = format!("{{\"buyer\":\"b{id}\",\"lines\":[{{\"sku\":\"{SKU}\",\"quantity\":1}}]}}");
    let head = format!("POST /v1/orders HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nIdempotency-Key: k{id}\r\n");
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn count(mut from: OwnedReadHalf, counts: Arc<Counts>) {
    let (mut buffer, mut kept) = (vec![0; READ_BYTES], 0);
    while let Ok(read @ 1..) = from.read(&mut buffer[kept..]).await {
        let all = &buffer[..kept + read];
        let (taken, refused) = answers(all);
        counts.taken.fetch_add(taken, Ordering::Relaxed);
        counts.refused.fetch_add(refused, Ordering::Relaxed);
        // A status line that is not all there is looked at again.
        let from = all.len().saturating_sub(STATUS.len() + 2);
        let end = kept + read;
        buffer.copy_within(from..end, 0);
        kept = end - from;
    }
}

const STATUS: &[u8] = b"HTTP/1.1 ";

/// Status lines of 201, and others. No body of these answers holds what such a line begins with.
fn answers(bytes: &[u8]) -> (u64, u64) {
    let lines = bytes.windows(STATUS.len() + 3).filter(|window| window.starts_with(STATUS));
    lines.fold((0, 0), |(taken, refused), line| if line.ends_with(b"201") { (taken + 1, refused) } else { (taken, refused + 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_are_counted_once_however_they_are_cut() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let counts = Arc::new(Counts::default());
        let counting = tokio::spawn(count(stream.into_split().0, Arc::clone(&counts)));
        for byte in b"HTTP/1.1 201 Created\r\n\r\n{}HTTP/1.1 503 No\r\n\r\nHTTP/1.1 201 Created\r\n\r\n" {
            server.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        drop(server);
        counting.await.unwrap();
        assert_eq!((counts.taken.load(Ordering::Relaxed), counts.refused.load(Ordering::Relaxed)), (2, 1));
    }

    #[test]
    fn an_order_says_how_long_it_is() {
        let text = String::from_utf8(order("1")).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
    }
}
