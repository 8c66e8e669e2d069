//! The answering half of the peer network: accepts, checks the hello, then serves the connection's one purpose.

mod append;
mod calls;
mod control;
mod snapshot;

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use holdfast_inventory::NodeId;
use holdfast_storage::{OrderLog, Snapshots};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::alarm::Alarm;
use crate::net::{Listener, Stream, tune};
use crate::types::Consensus;
use crate::wire::{self, BootstrapWord, Connection, Gate, HandshakeError, Peer, Purpose, WireError};
use crate::{Service, limits};

/// What connections are answered from.
pub(crate) struct Host {
    pub(crate) gate: Arc<Gate>,
    pub(crate) service: Arc<dyn Service>,
    pub(crate) orders: OrderLog,
    pub(crate) snapshots: Snapshots,
    pub(crate) alarm: Alarm,
    /// Cancelled when no peer is answered any more.
    pub(crate) stopping: CancellationToken,
    /// Absent until consensus runs; only bootstrap hellos are answered before.
    consensus: OnceLock<Consensus>,
    word: RwLock<BootstrapWord>,
}

impl Host {
    pub(crate) fn new(
        gate: Arc<Gate>,
        service: Arc<dyn Service>,
        stores: (OrderLog, Snapshots),
        alarm: Alarm,
        word: BootstrapWord,
    ) -> Self {
        let (orders, snapshots) = stores;
        let stopping = CancellationToken::new();
        Self { gate, service, orders, snapshots, alarm, stopping, consensus: OnceLock::new(), word: RwLock::new(word) }
    }

    /// Everything is answered from here on.
    pub(crate) fn open(&self, consensus: Consensus) {
        self.consensus.get_or_init(|| consensus);
    }

    pub(crate) fn word(&self) -> BootstrapWord {
        self.word.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_word(&self, word: BootstrapWord) {
        *self.word.write().unwrap_or_else(PoisonError::into_inner) = word;
    }
}

/// Accepts connections until the host stops, and returns when none is left: consensus is asked nothing more then. Dropping
/// it ends them all.
pub(crate) async fn serve(listener: Listener, host: Arc<Host>) {
    let mut connections = JoinSet::new();
    host.stopping.run_until_cancelled(accept(listener, &host, &mut connections)).await;
    let answered = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_millis(limits::STOP_ANSWERS_MS), answered).await.is_err() {
        connections.shutdown().await;
    }
}

async fn accept(listener: Listener, host: &Arc<Host>, connections: &mut JoinSet<()>) {
    let permits = Arc::new(Semaphore::new(limits::MAX_CONNECTIONS));
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let host = Arc::clone(host);
                connections.spawn(async move {
                    if let Err(error) = attend(stream, &host).await {
                        tracing::debug!(%error, "peer connection ended");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: others are given back meanwhile.
                tracing::warn!(%error, "cannot accept a peer");
                tokio::time::sleep(Duration::from_millis(limits::ACCEPT_PAUSE_MS)).await;
            }
        }
    }
}

async fn attend(stream: Stream, host: &Arc<Host>) -> Result<(), HandshakeError> {
    tune(&stream).map_err(WireError::Io)?;
    let mut connection = wire::connection(stream);
    let limit = Duration::from_millis(limits::CONNECT_MS);
    let answering = tokio::time::timeout(limit, wire::answer(&mut connection, &host.gate, host.consensus.get().is_some()));
    let Some(answered) = host.stopping.run_until_cancelled(answering).await else { return Ok(()) };
    let peer = answered.map_err(|_| WireError::Io(std::io::ErrorKind::TimedOut.into()))??;
    Ok(dispatch(connection, peer, host).await?)
}

async fn dispatch(mut connection: Connection, peer: Peer, host: &Arc<Host>) -> Result<(), WireError> {
    if peer.purpose == Purpose::Bootstrap {
        let _theirs: BootstrapWord = wire::receive(&mut connection).await?;
        return wire::send(&mut connection, &host.word()).await;
    }
    if peer.purpose == Purpose::Inquiry {
        return Ok(());
    }
    let Some(consensus) = host.consensus.get() else { return Err(WireError::Closed) };
    let stopping = &host.stopping;
    match peer.purpose {
        // These two ask consensus in many small steps, and end between two of them.
        Purpose::Append => append::serve(connection, consensus, stopping).await,
        Purpose::Control => control::serve(connection, consensus, stopping).await,
        Purpose::Snapshot => {
            let served = stopping.run_until_cancelled(snapshot::serve(connection, consensus, &host.snapshots)).await;
            served.unwrap_or(Ok(()))
        }
        Purpose::Forward => stopping.run_until_cancelled(calls::serve(connection, NodeId(peer.node), host)).await.unwrap_or(Ok(())),
        Purpose::Bootstrap | Purpose::Inquiry => Ok(()),
    }
}
