//! The answering half of the peer network: accepts, checks the hello, then serves the connection's one purpose.

mod append;
mod calls;
mod control;
mod snapshot;

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use holdfast_inventory::NodeId;
use holdfast_storage::{OrderLog, Snapshots};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::alarm::Alarm;
use crate::network::tune;
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
        Self { gate, service, orders, snapshots, alarm, consensus: OnceLock::new(), word: RwLock::new(word) }
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

/// Accepts connections until dropped; dropping ends them all.
pub(crate) async fn serve(listener: TcpListener, host: Arc<Host>) {
    let permits = Arc::new(Semaphore::new(limits::MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let host = Arc::clone(&host);
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

async fn attend(stream: TcpStream, host: &Arc<Host>) -> Result<(), HandshakeError> {
    tune(&stream).map_err(WireError::Io)?;
    let mut connection = wire::connection(stream);
    let limit = Duration::from_millis(limits::CONNECT_MS);
    let answered = tokio::time::timeout(limit, wire::answer(&mut connection, &host.gate, host.consensus.get().is_some())).await;
    let peer = answered.map_err(|_| WireError::Io(std::io::ErrorKind::TimedOut.into()))??;
    Ok(dispatch(connection, peer, host).await?)
}

async fn dispatch(mut connection: Connection, peer: Peer, host: &Arc<Host>) -> Result<(), WireError> {
    if peer.purpose == Purpose::Bootstrap {
        let _theirs: BootstrapWord = wire::receive(&mut connection).await?;
        return wire::send(&mut connection, &host.word()).await;
    }
    let Some(consensus) = host.consensus.get() else { return Err(WireError::Closed) };
    match peer.purpose {
        Purpose::Append => append::serve(connection, consensus).await,
        Purpose::Control => control::serve(connection, consensus).await,
        Purpose::Snapshot => snapshot::serve(connection, consensus, &host.snapshots).await,
        Purpose::Forward => calls::serve(connection, NodeId(peer.node), host).await,
        Purpose::Bootstrap => Ok(()),
    }
}
