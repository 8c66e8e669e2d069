//! A connection's bytes, with a limit on the time it may wait for them.
//!
//! The HTTP library's own limit counts a kept-alive connection's idle time against the next head, and registers and drops
//! a timer for each request. Here an idle connection has a limit of its own, and a connection has one timer, which is set
//! again only when it fires.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::ListenConfig;
use super::phase::{Phase, Waiting};

/// A stream whose reads fail with `TimedOut` when the client keeps the connection waiting for too long.
pub(super) struct TimedStream {
    stream: TcpStream,
    /// Read before, and to be read again first.
    first: Bytes,
    phase: Phase,
    header_timeout: Duration,
    idle_timeout: Duration,
    /// The change of phase seen last, and when it was first waited in.
    since: Option<(u64, Instant)>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl TimedStream {
    /// Watches `stream`, of which these first bytes were read already, beginning at that moment: from there on their head is timed.
    /// `phase` is told by its requests.
    pub(super) fn new(stream: TcpStream, (first, begun): (Vec<u8>, Instant), phase: Phase, config: &ListenConfig) -> Self {
        let (header_timeout, idle_timeout) = (config.header_timeout, config.idle_timeout);
        let since = Some((phase.now().1, begun));
        Self { stream, first: first.into(), phase, header_timeout, idle_timeout, since, alarm: None }
    }

    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (waiting, change) = self.phase.now();
        let since = match self.since {
            Some((seen, since)) if seen == change => since,
            _ => Instant::now(),
        };
        self.since = Some((change, since));
        match waiting {
            Waiting::Head => self.poll_alarm(since + self.header_timeout, cx),
            Waiting::NextRequest => self.poll_alarm(since + self.idle_timeout, cx),
            // Never due. The end of an answer wakes no read, so the alarm stands in for it: an idle connection is closed
            // after one to two idle times.
            Waiting::Busy => self.poll_alarm(Instant::now() + self.idle_timeout, cx),
        }
    }

    fn poll_alarm(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // An alarm set too early is left alone until it fires: moving it for each request would cost more than all else here.
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        while alarm.as_mut().poll(cx).is_ready() {
            if alarm.deadline() >= deadline {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let count = buffer.remaining().min(self.first.len());
            buffer.put_slice(&self.first.split_to(count));
            self.phase.head_began();
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match read {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => self.phase.head_began(),
            Poll::Ready(_) => {}
            Poll::Pending => return self.poll_late(cx),
        }
        read
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::HttpSection;

    #[tokio::test]
    async fn a_head_that_was_begun_elsewhere_is_late_when_its_time_is_over_and_not_later() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let config = ListenConfig { header_timeout: Duration::from_mins(1), ..ListenConfig::api(&HttpSection::default()) };
        let begun = Instant::now().checked_sub(config.header_timeout).unwrap();
        let mut timed = TimedStream::new(stream, (b"P".to_vec(), begun), Phase::new(), &config);
        assert_eq!(timed.read_u8().await.unwrap(), b'P');
        assert_eq!(timed.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
