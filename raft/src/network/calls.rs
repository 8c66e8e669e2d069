//! Calls to other nodes' services: one connection for each peer, many calls on it, answers in any order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::dial::Dialer;
use crate::wire::{Connection, ForwardAnswer, ForwardAsk, ForwardBody, Purpose, WireError, pack, unpack};
use crate::{CallError, limits};

/// An answer; none if the other side cannot give one.
type Answer = Result<Option<Bytes>, CallError>;

struct Call {
    body: ForwardBody,
    answer: oneshot::Sender<Answer>,
}

struct Line {
    queue: mpsc::Sender<Call>,
    permits: Arc<Semaphore>,
    _task: AbortOnDropHandle<()>,
}

/// The calls of this node, by peer. Dropping it ends them.
pub(crate) struct Calls {
    dialer: Dialer,
    lines: Mutex<BTreeMap<u64, Line>>,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl Calls {
    pub(crate) fn new(dialer: Dialer) -> Self {
        Self { dialer, lines: Mutex::default() }
    }

    /// Asks `peer`, `timeout` at most. Dropping the future leaves open whether it was handled.
    pub(crate) async fn call(&self, peer: u64, body: ForwardBody, timeout: Duration) -> Answer {
        let (queue, permits) = self.line(peer);
        let _permit = permits.try_acquire_owned().map_err(|_| CallError::Overloaded)?;
        let (answer, answered) = oneshot::channel();
        // The queue is as long as there are permits.
        queue.try_send(Call { body, answer }).map_err(|_| CallError::Overloaded)?;
        match tokio::time::timeout(timeout, answered).await {
            Ok(answer) => answer.unwrap_or(Err(CallError::Broken)),
            Err(_) => Err(CallError::Timeout),
        }
    }

    fn line(&self, peer: u64) -> (mpsc::Sender<Call>, Arc<Semaphore>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(peer).or_insert_with(|| {
            let (queue, calls) = mpsc::channel(limits::CALLS_IN_FLIGHT);
            let task = AbortOnDropHandle::new(tokio::spawn(run(self.dialer.clone(), peer, calls)));
            Line { queue, permits: Arc::new(Semaphore::new(limits::CALLS_IN_FLIGHT)), _task: task }
        });
        (line.queue.clone(), Arc::clone(&line.permits))
    }
}

/// Connects when there is something to ask, and again after the connection broke.
async fn run(dialer: Dialer, peer: u64, mut calls: mpsc::Receiver<Call>) {
    while let Some(first) = calls.recv().await {
        if let Ok((connection, _)) = dialer.dial(peer, "", Purpose::Forward).await {
            exchange(connection, first, &mut calls).await;
        } else {
            refuse(first);
            while let Ok(call) = calls.try_recv() {
                refuse(call);
            }
        }
    }
}

fn refuse(call: Call) {
    // A caller that is gone needs no answer.
    drop(call.answer.send(Err(CallError::Unreachable)));
}

/// Calls that wait for their answer. Dropped with the connection, they hear that it broke.
type Pending = Mutex<BTreeMap<u64, oneshot::Sender<Answer>>>;

async fn exchange(connection: Connection, first: Call, calls: &mut mpsc::Receiver<Call>) {
    let (sink, stream) = connection.split();
    let pending = Pending::default();
    // Reading and writing never wait for each other: two nodes that both wait to write would wait for ever.
    let ended = tokio::select! {
        ended = write(sink, first, calls, &pending) => ended,
        ended = read(stream, &pending) => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "forward connection ended");
    }
}

async fn write(
    mut sink: SplitSink<Connection, Bytes>,
    first: Call,
    calls: &mut mpsc::Receiver<Call>,
    pending: &Pending,
) -> Result<(), WireError> {
    let mut id = 0;
    let mut next = Some(first);
    while let Some(call) = next {
        if !call.answer.is_closed() {
            id += 1;
            register(pending, id, call.answer);
            sink.feed(pack(&ForwardAsk { id, body: call.body })).await?;
        }
        next = calls.try_recv().ok();
        if next.is_none() {
            sink.flush().await?;
            next = calls.recv().await;
        }
    }
    Ok(())
}

fn register(pending: &Pending, id: u64, answer: oneshot::Sender<Answer>) {
    let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
    // Callers that stopped waiting leave their entry behind; the map stays in proportion to those that wait.
    if pending.len() >= 2 * limits::CALLS_IN_FLIGHT {
        pending.retain(|_, answer| !answer.is_closed());
    }
    pending.insert(id, answer);
}

async fn read(mut stream: SplitStream<Connection>, pending: &Pending) -> Result<(), WireError> {
    while let Some(frame) = stream.next().await {
        let answer: ForwardAnswer = unpack(&frame?)?;
        let waiting = pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&answer.id);
        if let Some(waiting) = waiting {
            drop(waiting.send(Ok(answer.body)));
        }
    }
    Err(WireError::Closed)
}
