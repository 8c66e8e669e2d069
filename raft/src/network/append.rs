//! The stream of log entries to one follower: a connection for each stream, answers in the order of the requests.
//!
//! One task writes and reads: requests are taken only while the stream of answers is polled, as many as fit into one write, and that
//! half is closed at the end of the input, so that the follower sees that nothing more comes. An end of answers before that means
//! a broken connection, never success.
//!
//! openraft keeps the requests that are under way by the last entry that each carries, and takes an answer for all of them up to
//! that entry. A request without entries, which only tells what is committed, ends with the same entry as the one before it: the answer to
//! that one would count for it too, and a leader that stood still, was replaced meanwhile and finds such an answer
//! waiting would believe a quorum to have confirmed it just now. So an answer is passed over while a request is under way that it
//! would count for: the follower's answer to that one says the same, and says it later.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, Stream, StreamExt};
use openraft::base::BoxStream;
use openraft::errors::{RPCError, Unreachable};
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use tokio::time::{Instant, Sleep};

use crate::limits;
use crate::types::{LogId, TypeConfig};
use crate::wire::{Append, Appended, Connection, WireError, pack, unpack};

/// What the stream yields.
type Item = Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>;

/// Sends `input` and yields an answer for what was sent, ending after the first that is not a success.
pub(crate) fn stream<S>(connection: Connection, input: S) -> BoxStream<'static, Item>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Send + Unpin + 'static,
{
    Box::pin(Exchange {
        connection,
        input: Some(input),
        writing: Writing::Open,
        under_way: VecDeque::new(),
        answer_by: Instant::now(),
        alarm: None,
        is_over: false,
    })
}

/// How far the leader's half is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Open,
    /// The input has ended, and what was taken of it is being sent.
    Closing,
    Closed,
}

struct Exchange<S> {
    connection: Connection,
    /// None once it has ended.
    input: Option<S>,
    writing: Writing,
    /// Last entries of the requests that are not answered yet, in their order.
    under_way: VecDeque<Option<LogId>>,
    /// When the next answer must be there, while one is awaited.
    answer_by: Instant,
    /// Looks at `answer_by` now and then.
    alarm: Option<Pin<Box<Sleep>>>,
    is_over: bool,
}

impl<S> Stream for Exchange<S>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin,
{
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        let written = this.poll_write(cx);
        let answer = match (written, this.poll_answer(cx)) {
            // What was answered before the connection broke is told first.
            (_, Poll::Ready(Ok(answer))) => answer.map(Ok),
            (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => Some(Err(unreachable(&error))),
            (_, Poll::Pending) => return Poll::Pending,
        };
        this.is_over = !matches!(answer, Some(Ok(Ok(_))));
        Poll::Ready(answer)
    }
}

impl<S> Exchange<S>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin,
{
    /// Takes what is ready of the input and sends it. Never says `Ready` but for an error or once all of it is sent.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        let mut connection = Pin::new(&mut self.connection);
        while let Some(input) = &mut self.input {
            ready!(connection.as_mut().poll_ready(cx))?;
            match input.poll_next_unpin(cx) {
                Poll::Ready(Some(request)) => {
                    if self.under_way.is_empty() {
                        self.answer_by = Instant::now() + ANSWER_WITHIN;
                    }
                    self.under_way.push_back(last_entry(&request));
                    connection.as_mut().start_send(pack(&Append::from(&request)))?;
                }
                Poll::Ready(None) => {
                    self.input = None;
                    self.writing = Writing::Closing;
                }
                Poll::Pending => break,
            }
        }
        match self.writing {
            Writing::Open => {
                ready!(connection.poll_flush(cx))?;
                Poll::Pending
            }
            Writing::Closing => {
                ready!(connection.poll_close(cx))?;
                self.writing = Writing::Closed;
                Poll::Ready(Ok(()))
            }
            Writing::Closed => Poll::Ready(Ok(())),
        }
    }

    /// The next answer that counts for its own request and for none after it; none once everything was answered.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<StreamAppendResult<TypeConfig>>, WireError>> {
        loop {
            let Poll::Ready(frame) = self.connection.poll_next_unpin(cx) else { break };
            let Some(frame) = frame else {
                let is_complete = self.writing == Writing::Closed && self.under_way.is_empty();
                return Poll::Ready(if is_complete { Ok(None) } else { Err(WireError::Closed) });
            };
            let answer = StreamAppendResult::<TypeConfig>::from(unpack::<Appended>(&frame?)?);
            if self.under_way.pop_front().is_none() {
                return Poll::Ready(Err(WireError::Malformed("an answer without a request".into())));
            }
            self.answer_by = Instant::now() + ANSWER_WITHIN;
            match (&answer, self.under_way.front()) {
                (Ok(matching), Some(next)) if next <= matching => {}
                _ => return Poll::Ready(Ok(Some(answer))),
            }
        }
        self.poll_alarm(cx)
    }

    /// Nothing to answer is no reason to end: the leader may have nothing to say for a while.
    fn poll_alarm<T>(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, WireError>> {
        loop {
            let now = Instant::now();
            let is_awaited = !self.under_way.is_empty();
            if is_awaited && now >= self.answer_by {
                return Poll::Ready(Err(WireError::Io(io::ErrorKind::TimedOut.into())));
            }
            let until = if is_awaited { self.answer_by } else { now + ANSWER_WITHIN };
            // It may ring early, for an answer that has come; never later than the one that is awaited.
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            ready!(alarm.as_mut().poll(cx));
            alarm.as_mut().reset(until);
        }
    }
}

const ANSWER_WITHIN: Duration = Duration::from_millis(limits::APPEND_ANSWER_MS);

/// The last entry that the follower has if it accepts the request.
fn last_entry(request: &AppendEntriesRequest<TypeConfig>) -> Option<LogId> {
    request.entries.last().map(|entry| entry.log_id).or(request.prev_log_id)
}

/// Every fault of a connection: openraft backs off and tries again.
pub(crate) fn unreachable(error: &(impl std::error::Error + 'static)) -> RPCError<TypeConfig> {
    Unreachable::new(error).into()
}

#[cfg(test)]
mod tests {
    use openraft::EntryPayload;
    use openraft::raft::StreamAppendError;
    use openraft::vote::RaftLeaderId;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;

    use super::*;
    use crate::types::{LogEntry, Vote};
    use crate::wire;

    fn id(index: u64) -> LogId {
        LogId::new(RaftLeaderId::new(1, 1), index)
    }

    /// Carries the entries after `prev` up to and with `last`.
    fn request(prev: u64, last: u64) -> AppendEntriesRequest<TypeConfig> {
        let entries = (prev + 1..=last).map(|index| LogEntry { log_id: id(index), payload: EntryPayload::Blank }).collect();
        AppendEntriesRequest { vote: Vote::new_committed(1, 1), prev_log_id: Some(id(prev)), entries, leader_commit: None }
    }

    /// A stream that is polled all the time, what it takes and gives, and the follower's end.
    struct Rig {
        input: Option<mpsc::UnboundedSender<AppendEntriesRequest<TypeConfig>>>,
        answers: mpsc::UnboundedReceiver<Item>,
        follower: Connection,
    }

    impl Rig {
        async fn new() -> Rig {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
            let [near, follower] = [near.unwrap(), far.unwrap().0].map(wire::connection);
            let (input, mut requests) = mpsc::unbounded_channel();
            let (told, answers) = mpsc::unbounded_channel();
            let mut stream = stream(near, futures_util::stream::poll_fn(move |cx| requests.poll_recv(cx)));
            tokio::spawn(async move {
                while let Some(answer) = stream.next().await {
                    told.send(answer).unwrap();
                }
            });
            Rig { input: Some(input), answers, follower }
        }

        /// Lets the leader send, until the follower has it.
        async fn send(&mut self, request: AppendEntriesRequest<TypeConfig>) {
            let expected = pack(&Append::from(&request));
            self.input.as_ref().unwrap().send(request).unwrap();
            assert_eq!(self.follower.next().await.unwrap().unwrap(), expected[..]);
        }

        async fn answer(&mut self, answer: StreamAppendResult<TypeConfig>) {
            wire::send(&mut self.follower, &Appended::from(&answer)).await.unwrap();
        }

        async fn heard(&mut self) -> Option<Item> {
            self.answers.recv().await
        }
    }

    #[tokio::test]
    async fn no_answer_counts_for_a_request_after_its_own() {
        let mut rig = Rig::new().await;
        rig.send(request(0, 3)).await;
        // Tells only what is committed: openraft would take the first answer for this one's too.
        rig.send(request(3, 3)).await;
        rig.answer(Ok(Some(id(3)))).await;
        let other = Vote::new_committed(2, 2);
        rig.answer(Err(StreamAppendError::HigherVote(other))).await;
        assert_eq!(rig.heard().await.unwrap().unwrap(), Err(StreamAppendError::HigherVote(other)));
        assert!(rig.heard().await.is_none());
    }

    #[tokio::test]
    async fn an_answer_is_told_though_more_entries_are_under_way() {
        let mut rig = Rig::new().await;
        rig.send(request(0, 3)).await;
        rig.send(request(3, 5)).await;
        rig.answer(Ok(Some(id(3)))).await;
        assert_eq!(rig.heard().await.unwrap().unwrap(), Ok(Some(id(3))));
        rig.send(request(5, 5)).await;
        rig.answer(Ok(Some(id(5)))).await;
        rig.answer(Ok(Some(id(5)))).await;
        assert_eq!(rig.heard().await.unwrap().unwrap(), Ok(Some(id(5))));
        // What was heard was the later of the two: nothing is under way any more.
        rig.input = None;
        assert!(rig.follower.next().await.is_none(), "the leader closes its half");
        drop(rig.follower);
        assert!(rig.answers.recv().await.is_none());
    }

    #[tokio::test]
    async fn an_end_before_the_last_answer_is_an_error() {
        let mut rig = Rig::new().await;
        rig.send(request(0, 1)).await;
        let Rig { mut answers, follower, .. } = rig;
        drop(follower);
        assert!(answers.recv().await.unwrap().is_err());
        assert!(answers.recv().await.is_none());
    }

    #[tokio::test]
    async fn an_answer_without_a_request_is_an_error() {
        let mut rig = Rig::new().await;
        rig.answer(Ok(None)).await;
        assert!(rig.heard().await.unwrap().is_err());
    }
}
