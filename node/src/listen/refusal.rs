//! What a connection over the bound is told.

use std::io;

use rand::RngExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits::{MAX_REFUSED_BYTES, REFUSAL_LINGER};

/// Answers `503 overloaded` and closes, within [`REFUSAL_LINGER`].
pub(super) async fn tell(stream: TcpStream) {
    match timeout(REFUSAL_LINGER, write(stream)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a refused connection ended early"),
        Err(_) => tracing::debug!("a refused connection was closed on its client"),
    }
}

async fn write(mut stream: TcpStream) -> io::Result<()> {
    let answer = answer(rand::rng().random(), rand::rng().random_range(1..=3));
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing with unread bytes would reset the connection and could take the answer back out of the client's hands.
    let mut rest = [0; 2_048];
    let mut left = MAX_REFUSED_BYTES;
    while left > 0 {
        match stream.read(&mut rest).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
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
