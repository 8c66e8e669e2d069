//! One connection: reads answers, and is opened again when it is lost.

use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Sleep, sleep, sleep_until, timeout};

use super::answer::{Parsed, parse};
use super::crew::Crew;
use super::limits::{ANSWER_WITHIN, CONNECT_PAUSE, CONNECT_WITHIN, MAX_ANSWER_BYTES};
use super::target::Target;

/// What happened on a connection.
enum Next {
    /// An answer came and was counted.
    Answered,
    /// An answer came behind which the connection ends.
    Ended,
    /// It is gone, or of no use any more.
    Lost { is_nonsense: bool },
}

/// Connects once.
pub(super) async fn connect(target: &Target) -> std::io::Result<TcpStream> {
    let stream = timeout(CONNECT_WITHIN, TcpStream::connect(target.address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Serves the connection for as long as requests may leave or wait for answers.
pub(super) async fn run(crew: Rc<Crew>, lane: usize, read: OwnedReadHalf) {
    let mut reader = Reader { crew: &crew, lane, read, part: Vec::new(), needed: 0, alarm: Box::pin(sleep(ANSWER_WITHIN)) };
    loop {
        match poll_fn(|cx| reader.poll_next(cx)).await {
            Next::Answered => {
                crew.go_on(lane);
                continue;
            }
            Next::Ended => crew.lost(lane, false),
            Next::Lost { is_nonsense } => crew.lost(lane, is_nonsense),
        }
        let Some(stream) = reconnect(&crew, lane).await else { return };
        let (read, write) = stream.into_split();
        crew.connected(lane, write);
        (reader.read, reader.part, reader.needed) = (read, Vec::new(), 0);
        crew.go_on(lane);
    }
}

async fn reconnect(crew: &Crew, lane: usize) -> Option<TcpStream> {
    while !crew.is_over(Instant::now()) {
        if let Ok(stream) = connect(&crew.lanes[lane].target).await {
            return Some(stream);
        }
        crew.note_unconnected();
        sleep(CONNECT_PAUSE).await;
    }
    None
}

struct Reader<'a> {
    crew: &'a Crew,
    lane: usize,
    read: OwnedReadHalf,
    /// What came of an answer that is not whole.
    part: Vec<u8>,
    /// No look at `part` before it has so many bytes.
    needed: usize,
    /// Rings some time after the request on this connection should have been answered: set anew only when it rings, since
    /// setting it for each request would cost more than all else here.
    alarm: Pin<Box<Sleep>>,
}

impl Reader<'_> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        loop {
            let crew = self.crew;
            let mut shared = crew.read.borrow_mut();
            let mut buffer = ReadBuf::new(&mut shared);
            match Pin::new(&mut self.read).poll_read(cx, &mut buffer) {
                Poll::Pending => {
                    drop(shared);
                    ready!(self.poll_alarm(cx));
                    return Poll::Ready(Next::Lost { is_nonsense: false });
                }
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    if let Some(next) = self.take(buffer.filled()) {
                        return Poll::Ready(next);
                    }
                }
                Poll::Ready(_) => return Poll::Ready(Next::Lost { is_nonsense: false }),
            }
        }
    }

    /// Ready when the request has waited too long.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            let now = Instant::now();
            let deadline = self.crew.began(self.lane).unwrap_or(now) + ANSWER_WITHIN;
            if deadline <= now {
                return Poll::Ready(());
            }
            self.alarm.set(sleep_until(deadline.into()));
        }
    }

    /// Bytes came.
    fn take(&mut self, bytes: &[u8]) -> Option<Next> {
        if self.part.is_empty() {
            return match parse(bytes) {
                Parsed::Part(needed) => {
                    self.part.extend_from_slice(bytes);
                    self.needed = needed.unwrap_or(0);
                    None
                }
                parsed => Some(self.judge(&parsed)),
            };
        }
        self.part.extend_from_slice(bytes);
        if self.part.len() < self.needed && self.part.len() < MAX_ANSWER_BYTES {
            return None;
        }
        let part = std::mem::take(&mut self.part);
        match parse(&part) {
            Parsed::Part(needed) => {
                self.needed = needed.unwrap_or(0);
                self.part = part;
                None
            }
            parsed => Some(self.judge(&parsed)),
        }
    }

    fn judge(&mut self, parsed: &Parsed<'_>) -> Next {
        match parsed {
            // An answer that nobody asked for, such as a refusal before the first request, belongs to no request.
            Parsed::Whole(answer) if self.crew.began(self.lane).is_some() => {
                self.crew.heard(self.lane, Some(*answer), false);
                if answer.last { Next::Ended } else { Next::Answered }
            }
            _ => Next::Lost { is_nonsense: true },
        }
    }
}
