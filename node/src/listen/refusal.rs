//! What a connection over the bound is told.

use std::io;

use rand::RngExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::linger;
use crate::limits::{CLOSE_LINGER, MAX_REFUSED_BYTES};

/// Answers `503 overloaded` and closes, within [`CLOSE_LINGER`].
pub(super) async fn tell(stream: TcpStream) {
    match timeout(CLOSE_LINGER, write(stream)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a refused connection ended early"),
        Err(_) => tracing::debug!("a refused connection was closed on its client"),
    }
}

async fn write(mut stream: TcpStream) -> io::Result<()> {
    let answer = answer(rand::rng().random(), rand::rng().random_range(1..=3));
    stream.write_all(answer.as_bytes()).await?;
    linger::close(&mut stream, MAX_REFUSED_BYTES).await
}

fn answer(request_id: u64, retry_after: u8) -> String {
    let body = format!(
        "{{\"type\":\"urn:holdfast:problem:overloaded\",\"title\":\"Overloaded\",\"status\":503,\
         \"detail\":\"This node has as many connections as it may: repeat the request with the same key, here or at another node.\",\
         \"request_id\":\"{request_id:016x}\"}}"
    );
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: {retry_after}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
