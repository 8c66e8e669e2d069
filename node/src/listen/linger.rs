//! Closing a connection that its client may still write to.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits::CLOSE_LINGER;

/// Says that nothing more will come, and reads what the client still sends, up to `most_bytes` and for [`CLOSE_LINGER`]: closing
/// with unread bytes would reset the connection and could take the last answer back out of the client's hands. Cancel safe: the
/// connection is closed either way.
pub(super) async fn close(stream: &mut TcpStream, most_bytes: usize) -> io::Result<()> {
    stream.shutdown().await?;
    // Out of time, the client has been waited for long enough.
    // Boxed: its buffer would stand in the task of every connection, and few linger.
    Box::pin(timeout(CLOSE_LINGER, read_out(stream, most_bytes))).await.unwrap_or(Ok(()))
}

async fn read_out(stream: &mut TcpStream, most_bytes: usize) -> io::Result<()> {
    let mut rest = [0; 2_048];
    let mut left = most_bytes;
    while left > 0 {
        match stream.read(&mut rest).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}
