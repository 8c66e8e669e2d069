//! The stream of log entries to one follower: a connection for each stream, answers in the order of the requests.
//!
//! The writer gathers what is ready into one write and closes its half at the end of the input, so that the follower
//! sees that nothing more comes. An end of answers before that means a broken connection, never success.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, Stream, StreamExt};
use openraft::base::BoxStream;
use openraft::errors::{RPCError, Unreachable};
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use tokio_util::task::AbortOnDropHandle;

use crate::limits;
use crate::types::TypeConfig;
use crate::wire::{Append, Appended, Connection, WireError, pack, unpack};

/// What the stream yields.
type Item = Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>;

/// How far the writer is.
#[derive(Debug, Default)]
struct Written {
    requests: AtomicU64,
    finished: AtomicBool,
}

struct Answers {
    stream: SplitStream<Connection>,
    written: Arc<Written>,
    answered: u64,
    /// Ends the writer when the answers are no longer wanted.
    _writer: AbortOnDropHandle<()>,
}

/// Sends `input` and yields an answer for each request, ending after the first that is not a success.
pub(crate) fn stream<S>(connection: Connection, input: S) -> BoxStream<'static, Item>
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Send + Unpin + 'static,
{
    let (sink, stream) = connection.split();
    let written = Arc::new(Written::default());
    let writer = AbortOnDropHandle::new(tokio::spawn(write(input, sink, Arc::clone(&written))));
    let answers = Answers { stream, written, answered: 0, _writer: writer };
    Box::pin(futures_util::stream::unfold(Some(answers), |answers| async move {
        let mut answers = answers?;
        match answers.next().await {
            Ok(Some(appended)) => {
                let result = StreamAppendResult::<TypeConfig>::from(appended);
                let more = result.is_ok().then_some(answers);
                Some((Ok(result), more))
            }
            Ok(None) => None,
            Err(error) => Some((Err(unreachable(&error)), None)),
        }
    }))
}

async fn write<S>(input: S, mut sink: SplitSink<Connection, Bytes>, written: Arc<Written>)
where
    S: Stream<Item = AppendEntriesRequest<TypeConfig>> + Unpin,
{
    let mut chunks = input.ready_chunks(limits::COALESCED_FRAMES);
    while let Some(requests) = chunks.next().await {
        for request in &requests {
            // Counted before it is sent: an answer must never be ahead of the count.
            written.requests.fetch_add(1, Ordering::AcqRel);
            if sink.feed(pack(&Append::from(request))).await.is_err() {
                return;
            }
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
    written.finished.store(true, Ordering::Release);
    if let Err(error) = sink.close().await {
        tracing::debug!(%error, "append stream not closed");
    }
}

impl Answers {
    async fn next(&mut self) -> Result<Option<Appended>, WireError> {
        loop {
            let waiting = Duration::from_millis(limits::APPEND_ANSWER_MS);
            match tokio::time::timeout(waiting, self.stream.next()).await {
                Ok(Some(frame)) => {
                    self.answered += 1;
                    return unpack(&frame?).map(Some);
                }
                Ok(None) if self.is_complete() => return Ok(None),
                Ok(None) => return Err(WireError::Closed),
                // Nothing to answer is no reason to end: the leader may have nothing to say for a while.
                Err(_) if self.answered == self.written.requests.load(Ordering::Acquire) => {}
                Err(_) => return Err(WireError::Io(io::ErrorKind::TimedOut.into())),
            }
        }
    }

    fn is_complete(&self) -> bool {
        self.written.finished.load(Ordering::Acquire) && self.answered == self.written.requests.load(Ordering::Acquire)
    }
}

/// Every fault of a connection: openraft backs off and tries again.
pub(crate) fn unreachable(error: &(impl std::error::Error + 'static)) -> RPCError<TypeConfig> {
    Unreachable::new(error).into()
}
