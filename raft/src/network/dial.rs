//! Making a connection: TCP, then the hello.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limits;
use crate::net::{self, tune};
use crate::wire::{self, Connection, Gate, HandshakeError, Peer, Purpose, Refusal, WireError};

/// Makes connections; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    gate: Arc<Gate>,
    addresses: Arc<BTreeMap<u64, String>>,
    troubles: Arc<Mutex<BTreeMap<u64, Trouble>>>,
}

/// A peer that could not be connected to, last time.
#[derive(Debug)]
struct Trouble {
    since: Instant,
    complained: Instant,
}

impl Dialer {
    /// `addresses` are the configured ones; they win over those in the log, which may be from before a move.
    pub(crate) fn new(gate: Arc<Gate>, addresses: BTreeMap<u64, String>) -> Self {
        Self { gate, addresses: Arc::new(addresses), troubles: Arc::default() }
    }

    /// A connection to `to` that both sides have accepted, within [`limits::CONNECT_MS`].
    pub(crate) async fn dial(&self, to: u64, fallback: &str, purpose: Purpose) -> Result<(Connection, Peer), HandshakeError> {
        let limit = Duration::from_millis(limits::CONNECT_MS);
        let result = match tokio::time::timeout(limit, self.connect(to, fallback, purpose)).await {
            Ok(result) => result,
            Err(_) => Err(WireError::Io(io::ErrorKind::TimedOut.into()).into()),
        };
        match &result {
            Ok(_) => self.praise(to),
            Err(error) => self.complain(to, error),
        }
        result
    }

    async fn connect(&self, to: u64, fallback: &str, purpose: Purpose) -> Result<(Connection, Peer), HandshakeError> {
        let address = self.addresses.get(&to).map_or(fallback, String::as_str);
        let stream = net::connect(address).await.map_err(WireError::Io)?;
        tune(&stream).map_err(WireError::Io)?;
        let mut connection = wire::connection(stream);
        let peer = wire::greet(&mut connection, &self.gate, to, purpose).await?;
        Ok((connection, peer))
    }

    fn troubles(&self) -> MutexGuard<'_, BTreeMap<u64, Trouble>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Told once in a while: dials go on twenty times a second.
    fn complain(&self, to: u64, error: &HandshakeError) {
        // A peer that is starting says so itself.
        if matches!(error, HandshakeError::Refused(Refusal::NotReady) | HandshakeError::Rejected(Refusal::NotReady)) {
            tracing::debug!(peer = to, %error, "no connection");
            return;
        }
        let now = Instant::now();
        let is_due = match self.troubles().entry(to) {
            Entry::Vacant(place) => {
                place.insert(Trouble { since: now, complained: now });
                true
            }
            Entry::Occupied(mut known) => {
                let is_due = now - known.get().complained > Duration::from_millis(limits::COMPLAIN_EVERY_MS);
                if is_due {
                    known.get_mut().complained = now;
                }
                is_due
            }
        };
        // A peer that is down is everyday; one that refuses needs an operator.
        if is_due {
            tracing::warn!(peer = to, %error, "no connection to a peer");
        }
    }

    fn praise(&self, to: u64) {
        if let Some(trouble) = self.troubles().remove(&to) {
            tracing::info!(peer = to, after_ms = trouble.since.elapsed().as_millis(), "a peer is connected again");
        }
    }
}
