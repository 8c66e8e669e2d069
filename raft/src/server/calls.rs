//! Another node's calls: handled side by side, answered as they are done.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use holdfast_inventory::{LogIndex, NodeId, codec};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::Host;
use crate::blocking::blocking;
use crate::limits;
use crate::wire::{Connection, ForwardAnswer, ForwardAsk, ForwardBody, WireError, pack, unpack};

/// Handles calls until the peer closes; what is under way then is dropped.
pub(crate) async fn serve(connection: Connection, from: NodeId, host: &Arc<Host>) -> Result<(), WireError> {
    let (sink, stream) = connection.split();
    let (answers, done) = mpsc::channel(limits::CALLS_HANDLED);
    // Reading and writing never wait for each other: two nodes that both wait to write would wait for ever.
    tokio::select! {
        ended = read(stream, from, host, answers) => ended,
        ended = write(sink, done) => ended,
    }
}

async fn read(
    mut stream: SplitStream<Connection>,
    from: NodeId,
    host: &Arc<Host>,
    answers: mpsc::Sender<ForwardAnswer>,
) -> Result<(), WireError> {
    let permits = Arc::new(Semaphore::new(limits::CALLS_HANDLED));
    let mut handled = JoinSet::new();
    while let Some(frame) = stream.next().await {
        let ask: ForwardAsk = unpack(&frame?)?;
        while handled.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return Ok(()) };
        let (host, answers) = (Arc::clone(host), answers.clone());
        handled.spawn(async move {
            let answer = ForwardAnswer { id: ask.id, body: handle(&host, from, ask.body).await };
            // Without a writer the connection is gone, and its caller knows.
            drop(answers.send(answer).await);
            drop(permit);
        });
    }
    Ok(())
}

async fn write(mut sink: SplitSink<Connection, Bytes>, mut done: mpsc::Receiver<ForwardAnswer>) -> Result<(), WireError> {
    while let Some(first) = done.recv().await {
        let mut next = Some(first);
        while let Some(answer) = next {
            sink.feed(pack(&answer)).await?;
            next = done.try_recv().ok();
        }
        sink.flush().await?;
    }
    Ok(())
}

async fn handle(host: &Arc<Host>, from: NodeId, body: ForwardBody) -> Option<Bytes> {
    match body {
        ForwardBody::Service(body) => Some(host.service.handle(from, body).await),
        ForwardBody::Pages { from, through, max_bytes } => {
            let orders = host.orders.clone();
            let max = max_bytes.min(limits::BACKFILL_BYTES) as usize;
            let place = (LogIndex(from.0), from.1);
            let pages = blocking(move || orders.pages(place, LogIndex(through), max)).await.ok()?;
            match pages {
                Ok(block) => block.map(|block| Bytes::from(codec::encode(&block))),
                Err(error) => {
                    host.alarm.fault(format!("order log: {error}"));
                    None
                }
            }
        }
    }
}
