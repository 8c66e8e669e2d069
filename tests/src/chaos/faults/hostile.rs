//! F26: clients that mean no good. None of them may be given an order, and nobody else may suffer.

use std::net::{SocketAddr, TcpStream as Idle};
use std::time::Duration;

use anyhow::{Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::chaos::crowd::Crowd;
use crate::chaos::fault::Made;
use crate::http::{self, Call};

const LASTING: Duration = Duration::from_secs(4);

/// Connections that say nothing, and such as say one byte now and then.
const IDLE: usize = 10_000;

/// Of those, enough; where a process may have fewer than twice as many files open, half of what it may.
const ENOUGH: usize = 9_000;

/// Until they are there.
const CONNECTED_WITHIN: Duration = Duration::from_secs(30);

const DAWDLERS: usize = 50;
const DAWDLE_EVERY: Duration = Duration::from_millis(200);

/// Longer than any body that is read.
const HUGE_BYTES: usize = 1 << 20;

/// Deeper than any order.
const DEPTH: usize = 20_000;

/// All at once, at one node; fired if it had that many connections, refused bodies, and served its buyers meanwhile.
pub(super) async fn come(crowd: &Crowd, random: &mut StdRng) -> Result<Made> {
    let node = random.random_range(0..crowd.apis.len());
    let api = crowd.apis[node];
    let idle = tokio::task::spawn_blocking(move || connections(api)).await?;
    let had = idle.iter().filter(|stream| is_open(stream)).count();
    let from_us = crowd.recorder.now_us();
    let until = Instant::now() + LASTING;
    let mut dawdlers = JoinSet::new();
    for _ in 0..DAWDLERS {
        dawdlers.spawn(dawdle(api, until));
    }
    let mut refused = 0;
    while Instant::now() < until {
        for body in [vec![b'{'; HUGE_BYTES], [vec![b'['; DEPTH], vec![b']'; DEPTH]].concat()] {
            let call = Call::new(hyper::Method::POST, "/v1/orders").header("content-type", "application/json").body(body);
            if let Ok(answer) = http::call(api, &call.header("idempotency-key", "hostile")).await {
                let is_refused = (400..500).contains(&answer.status);
                // A node that F20 leaves few descriptors has no room for some of these connections, and says so unread.
                let is_unread = answer.problem().as_deref() == Some("overloaded");
                ensure!(is_refused || is_unread, "a hostile body is answered {answer:?}");
                refused += u32::from(is_refused);
            }
        }
    }
    let dawdled: usize = dawdlers.join_all().await.into_iter().sum();
    let served = crowd.recorder.orders_since(from_us, Some(node as u64 + 1)).acknowledged;
    let (limit, wanted) = wanted();
    let told = format!(
        "node {}: {had} idle connections of {IDLE} (this process may have {limit} files open), {dawdled} bytes one by one, {refused} bodies refused, {served} orders acknowledged meanwhile",
        node + 1
    );
    Ok(if had >= wanted && refused > 0 && served > 0 { Made::fired("", told) } else { Made::not_run(told) })
}

/// Files that this process may have open, and how many connections are enough.
fn wanted() -> (usize, usize) {
    let limit = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    (limit, ENOUGH.min(limit / 2))
}

/// As many connections as are to be had within some time.
fn connections(api: SocketAddr) -> Vec<Idle> {
    let until = std::time::Instant::now() + CONNECTED_WITHIN;
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        let left = until.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            break;
        }
        idle.extend(Idle::connect_timeout(&api, left));
    }
    idle
}

/// Whether the other side has closed nothing and said nothing.
fn is_open(stream: &Idle) -> bool {
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Says a request byte by byte, until it is cut off; how many bytes it said.
async fn dawdle(api: SocketAddr, until: Instant) -> usize {
    let Ok(mut stream) = TcpStream::connect(api).await else { return 0 };
    let mut said = 0;
    for byte in b"POST /v1/orders HTTP/1.1\r\nhost: x\r\nidempotency-key: dawdle\r\ncontent-length: 100\r\n\r\n{" {
        if Instant::now() >= until || stream.write_all(&[*byte]).await.is_err() {
            break;
        }
        said += 1;
        sleep(DAWDLE_EVERY).await;
    }
    // Whatever it says of that is fair.
    drop(tokio::time::timeout(Duration::from_millis(10), stream.read(&mut [0; 64])).await);
    said
}
