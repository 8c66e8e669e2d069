//! A socket that ends with the start of the peer behind it.
//!
//! A machine that loses its power closes no connection. Who waits for an answer on one would wait until the system gives it up, ten
//! seconds and more, or for the whole time that a snapshot may be installed; meanwhile the peer is back and gets no entries. A hello of
//! a later start proves that nobody is left at the other end of what was open to an earlier one.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::net::Stream;

/// The latest start of each peer that was met.
#[derive(Debug, Default)]
pub(crate) struct Starts(Mutex<BTreeMap<u64, Start>>);

#[derive(Debug)]
struct Start {
    incarnation: u64,
    /// Cancelled when a later start is met.
    over: CancellationToken,
}

impl Starts {
    /// `node` has proved to be in its start `incarnation`: connections to earlier ones end. What is cancelled when this one is over.
    pub(crate) fn met(&self, node: u64, incarnation: u64) -> CancellationToken {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let start = known.entry(node).or_insert_with(|| Start { incarnation, over: CancellationToken::new() });
        if start.incarnation < incarnation {
            start.over.cancel();
            *start = Start { incarnation, over: CancellationToken::new() };
        }
        let over = if start.incarnation == incarnation { start.over.clone() } else { CancellationToken::new() };
        if start.incarnation > incarnation {
            // Two hellos were judged in one order and got here in the other.
            over.cancel();
        }
        over
    }
}

/// One end of a connection.
pub(crate) struct Link {
    stream: Stream,
    /// None before the peer has proved who it is.
    over: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Link {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, over: None }
    }

    /// Ends the connection, as the peer's system would if it still knew of it, once `over` is cancelled.
    pub(crate) fn end_with(&mut self, over: CancellationToken) {
        self.over = Some(Box::pin(over.cancelled_owned()));
    }

    fn poll_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.over.as_mut().is_some_and(|over| over.as_mut().poll(cx).is_ready())
    }
}

fn reset<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
}

impl AsyncRead for Link {
    /// What has arrived is read before the end.
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        if read.is_pending() && self.poll_over(cx) { reset() } else { read }
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if written.is_pending() && self.poll_over(cx) { reset() } else { written }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[cfg(not(feature = "simulation"))]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn pair() -> (Link, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (Link::new(near.unwrap()), far.unwrap().0)
    }

    #[tokio::test]
    async fn a_later_start_of_a_peer_ends_what_was_open_to_an_earlier_one() {
        let starts = Starts::default();
        let (mut old, mut silent) = pair().await;
        old.end_with(starts.met(2, 7));
        let (mut other, _open) = pair().await;
        other.end_with(starts.met(3, 1));
        silent.write_all(b"last").await.unwrap();

        let (mut new, mut answering) = pair().await;
        new.end_with(starts.met(2, 8));
        let mut last = [0; 4];
        old.read_exact(&mut last).await.unwrap();
        assert_eq!(old.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset, "its other end is open and silent");
        answering.write_all(b"a").await.unwrap();
        assert_eq!(new.read_u8().await.unwrap(), b'a');
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(20), other.read_u8());
        assert!(waiting.await.is_err(), "another peer's connection goes on");
    }

    #[tokio::test]
    async fn who_waits_to_write_hears_of_a_later_start() {
        let starts = Starts::default();
        let (mut old, _silent) = pair().await;
        old.end_with(starts.met(2, 7));
        let writing = tokio::spawn(async move {
            loop {
                if let Err(error) = old.write_all(&vec![0; 64 << 10]).await {
                    return error.kind();
                }
            }
        });
        starts.met(2, 8);
        assert_eq!(writing.await.unwrap(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn the_same_start_met_again_ends_nothing_and_an_earlier_one_is_over() {
        let starts = Starts::default();
        let over = starts.met(2, 7);
        assert!(!starts.met(2, 7).is_cancelled() && !over.is_cancelled());
        assert!(starts.met(2, 6).is_cancelled() && !over.is_cancelled());
    }
}
