//! F26: clients that mean no good. None of them may be given an order, and nobody else may suffer.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::chaos::fault::Made;
use crate::http::{self, Call};

const LASTING: Duration = Duration::from_secs(4);

/// Connections that say nothing, and such as say one byte now and then.
const IDLE: usize = 10_000;
const DAWDLERS: usize = 50;
const DAWDLE_EVERY: Duration = Duration::from_millis(200);

/// Longer than any body that is read.
const HUGE_BYTES: usize = 1 << 20;

/// Deeper than any order.
const DEPTH: usize = 20_000;

/// All at once, at one node.
pub(super) async fn come(apis: &[SocketAddr], random: &mut StdRng) -> Result<Made> {
    let api = apis[random.random_range(0..apis.len())];
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        idle.extend(TcpStream::connect(api).await);
    }
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
                ensure!((400..500).contains(&answer.status), "a hostile body is answered {}", answer.status);
                refused += 1;
            }
        }
    }
    let dawdled: usize = dawdlers.join_all().await.into_iter().sum();
    if refused == 0 && idle.is_empty() {
        return Ok(Made::not_run(format!("{api} was down")));
    }
    Ok(Made::fired("", format!("{} idle connections, {dawdled} bytes one by one, {refused} bodies refused", idle.len())))
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
