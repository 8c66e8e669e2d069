//! Plain requests of one kind, served without the HTTP library; everything else is handed over to it.
//!
//! The library keeps about 20 KiB for each connection and touches much of it twice for each request: once when the request
//! is read, and again, milliseconds later, when its answer is written and all of that has left the processor's caches. Here
//! a request is read into a buffer that all connections of a thread share, becomes what it means at once, and its answer is
//! put together in another shared buffer; between the two only the meaning is kept.
//!
//! What a [`FastPath`] takes is up to it, and it takes only what is beyond doubt: whatever is unusual, wrong or late is given
//! to the library with every byte read so far, and so is judged in one place. A connection that was handed over stays there.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::signal::Heard;
use super::{ListenConfig, linger};
use crate::limits::{FAST_PATH_BYTES, FAST_PATH_PATIENCE, MAX_UNSERVED_BYTES};

/// The requests that are served without the HTTP library.
pub trait FastPath: Clone + Send + Sync + 'static {
    /// What a request asks for.
    type Asked: Send;
    /// What it is answered.
    type Answer: Send;

    /// Looks at the bytes at which a request begins. Without effect: a request that is not taken is read again elsewhere.
    fn take(&self, bytes: &[u8]) -> Take<Self::Asked>;

    /// Does what was asked, to the end: whether the client is still there shows when the answer is written. Dropped only if a stop
    /// waits for it in vain.
    fn answer(&self, asked: Self::Asked) -> impl Future<Output = Self::Answer> + Send;

    /// Appends the whole answer, head and body; with `connection: close` if `last`.
    fn write(&self, answer: Self::Answer, last: bool, out: &mut Vec<u8>);
}

/// What the beginning of a request is.
#[derive(Debug, PartialEq, Eq)]
pub enum Take<T> {
    /// It may be taken when more of it is there.
    More,
    /// It is not for the fast path.
    Other,
    /// It is taken, and ends after so many bytes.
    Taken(T, usize),
}

impl<T> Take<T> {
    /// Bytes that were taken.
    fn bytes(&self) -> usize {
        match self {
            Self::Taken(_, end) => *end,
            Self::More | Self::Other => 0,
        }
    }
}

/// Why the fast path is left.
#[derive(Debug)]
pub(super) enum Left {
    /// The connection is at its end.
    Closed,
    /// The library goes on, with these bytes first, of a request that began then.
    HandOver(Vec<u8>, Instant),
}

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; FAST_PATH_BYTES].into());
    static WRITE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Serves requests until one is not for the fast path, or the connection ends: after the request in progress, once `finish`
/// is heard.
pub(super) async fn run<F: FastPath>(stream: &mut TcpStream, fast: &F, config: &ListenConfig, finish: &mut Heard) -> Left {
    let mut requests = Requests {
        stream,
        fast,
        rest: BytesMut::new(),
        rest_is_new: false,
        begun: None,
        waits: Waits { finish, alarm: None, served: 0, seen: 0, first: config.header_timeout, idle: config.idle_timeout },
    };
    loop {
        let asked = match poll_fn(|cx| requests.poll_next(cx)).await {
            Next::Asked(asked) => asked,
            Next::Left(left) => return left,
        };
        let answer = fast.answer(asked).await;
        requests.waits.served += 1;
        let last = requests.waits.finish.is_given();
        if let Err(error) = requests.write(answer, last).await {
            tracing::debug!(%error, "a connection ended early");
            return Left::Closed;
        }
        if last {
            if let Err(error) = linger::close(requests.stream, MAX_UNSERVED_BYTES).await {
                tracing::debug!(%error, "a connection ended early");
            }
            return Left::Closed;
        }
    }
}

/// What comes next on a connection.
enum Next<T> {
    Asked(T),
    Left(Left),
}

/// A connection's requests, one after the other.
struct Requests<'a, F> {
    stream: &'a mut TcpStream,
    fast: &'a F,
    /// What was read of a request that is not complete, or after the one that was taken: many requests, from a client that does
    /// not wait for answers, of which each is taken off without moving those behind it.
    rest: BytesMut,
    /// Whether `rest` was not looked at yet.
    rest_is_new: bool,
    /// When the first bytes came of a request that is not complete.
    begun: Option<Instant>,
    waits: Waits<'a>,
}

impl<F: FastPath> Requests<'_, F> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next<F::Asked>> {
        if std::mem::take(&mut self.rest_is_new)
            && let Some(next) = self.take_rest()
        {
            return Poll::Ready(next);
        }
        loop {
            let next = READ.with_borrow_mut(|shared| {
                let mut read = ReadBuf::new(shared);
                match Pin::new(&mut *self.stream).poll_read(cx, &mut read) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Ok(())) => Poll::Ready(self.take_read(read.filled())),
                    Poll::Ready(Err(error)) => {
                        tracing::debug!(%error, "a connection ended early");
                        Poll::Ready(Some(Next::Left(Left::Closed)))
                    }
                }
            });
            match next {
                Poll::Ready(Some(next)) => return Poll::Ready(next),
                Poll::Ready(None) => {}
                Poll::Pending => {
                    return self.waits.poll(self.begun, cx).map(|why| Next::Left(self.left(why)));
                }
            }
        }
    }

    fn take_read(&mut self, read: &[u8]) -> Option<Next<F::Asked>> {
        if read.is_empty() {
            // A client may end its side in the middle of a request: the library says what it thinks of that.
            let rest = std::mem::take(&mut self.rest);
            return Some(Next::Left(if rest.is_empty() { Left::Closed } else { self.hand_over(rest) }));
        }
        if !self.rest.is_empty() {
            self.rest.extend_from_slice(read);
            return self.take_rest();
        }
        let taken = self.fast.take(read);
        self.rest.extend_from_slice(&read[taken.bytes()..]);
        self.next(taken)
    }

    /// Looks at what was read and not taken.
    fn take_rest(&mut self) -> Option<Next<F::Asked>> {
        let taken = self.fast.take(&self.rest);
        self.rest.advance(taken.bytes());
        if self.rest.is_empty() {
            // A connection that waits keeps no memory.
            self.rest = BytesMut::new();
        }
        self.next(taken)
    }

    /// What comes of a look at the bytes before `rest`, or at `rest` if nothing was taken.
    fn next(&mut self, taken: Take<F::Asked>) -> Option<Next<F::Asked>> {
        match taken {
            Take::Taken(asked, _) => {
                self.rest_is_new = !self.rest.is_empty();
                self.begun = None;
                Some(Next::Asked(asked))
            }
            Take::More if self.rest.len() < FAST_PATH_BYTES => {
                self.begun.get_or_insert_with(Instant::now);
                None
            }
            Take::More | Take::Other => {
                let rest = std::mem::take(&mut self.rest);
                Some(Next::Left(self.hand_over(rest)))
            }
        }
    }

    fn hand_over(&self, bytes: BytesMut) -> Left {
        Left::HandOver(bytes.into(), self.begun.unwrap_or_else(Instant::now))
    }

    fn left(&mut self, why: Why) -> Left {
        let rest = std::mem::take(&mut self.rest);
        match why {
            // The rest of a request is still on its way: the library times it, and answers it when it comes.
            Why::Late | Why::Stopping if !rest.is_empty() => self.hand_over(rest),
            Why::Late | Why::Stopping => Left::Closed,
        }
    }

    async fn write(&mut self, answer: F::Answer, last: bool) -> io::Result<()> {
        let mut answer = Some(answer);
        let mut unsent: Option<(Vec<u8>, usize)> = None;
        poll_fn(|cx| {
            if let Some(answer) = answer.take() {
                let sent = WRITE.with_borrow_mut(|shared| {
                    shared.clear();
                    self.fast.write(answer, last, shared);
                    let sent = match Pin::new(&mut *self.stream).poll_write(cx, shared) {
                        Poll::Ready(sent) => sent?,
                        Poll::Pending => 0,
                    };
                    if sent < shared.len() {
                        unsent = Some((shared[sent..].to_vec(), 0));
                    }
                    Ok::<_, io::Error>(sent)
                });
                if let Err(error) = sent {
                    return Poll::Ready(Err(error));
                }
            }
            poll_rest(self.stream, &mut unsent, cx)
        })
        .await
    }
}

/// Writes what the kernel did not take at once; its write timeout ends a client that takes nothing.
fn poll_rest(stream: &mut TcpStream, unsent: &mut Option<(Vec<u8>, usize)>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    let Some((bytes, from)) = unsent else { return Poll::Ready(Ok(())) };
    while *from < bytes.len() {
        match Pin::new(&mut *stream).poll_write(cx, &bytes[*from..]) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(sent)) => *from += sent,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(Ok(()))
}

/// Why a wait for bytes ended without any.
#[derive(Clone, Copy, Debug)]
enum Why {
    Late,
    Stopping,
}

/// What else ends a wait for bytes: a stop, or too long a silence.
struct Waits<'a> {
    finish: &'a mut Heard,
    alarm: Option<Pin<Box<Sleep>>>,
    /// Requests answered so far, and how many there were when the alarm was set.
    served: u64,
    seen: u64,
    first: Duration,
    idle: Duration,
}

impl Waits<'_> {
    fn poll(&mut self, begun: Option<Instant>, cx: &mut Context<'_>) -> Poll<Why> {
        if self.finish.poll(cx).is_ready() {
            return Poll::Ready(Why::Stopping);
        }
        match begun {
            Some(begun) => self.poll_until(begun + self.first.min(FAST_PATH_PATIENCE), cx),
            None => self.poll_silence(cx),
        }
    }

    /// A request that has begun ends its wait at a moment, however often the alarm was moved before.
    fn poll_until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<Why> {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        while alarm.as_mut().poll(cx).is_ready() {
            if alarm.deadline() >= deadline {
                return Poll::Ready(Why::Late);
            }
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// One timer for the connection, moved only when it fires or a request has begun: a silent connection ends after one to
    /// two idle times.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Why> {
        let limit = if self.served == 0 { self.first } else { self.idle };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        while alarm.as_mut().poll(cx).is_ready() {
            if self.seen == self.served {
                return Poll::Ready(Why::Late);
            }
            self.seen = self.served;
            alarm.as_mut().reset(Instant::now() + limit);
        }
        Poll::Pending
    }
}

/// Takes nothing: every request is the library's.
#[derive(Clone, Copy, Debug)]
pub struct NoFastPath;

impl FastPath for NoFastPath {
    type Asked = std::convert::Infallible;
    type Answer = std::convert::Infallible;

    fn take(&self, _: &[u8]) -> Take<Self::Asked> {
        Take::Other
    }

    async fn answer(&self, asked: Self::Asked) -> Self::Answer {
        asked
    }

    fn write(&self, answer: Self::Answer, _: bool, _: &mut Vec<u8>) {
        match answer {}
    }
}
