//! Making a connection: TCP, then the hello.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits;
use crate::net::{self, tune};
use crate::wire::{self, Connection, Gate, HandshakeError, Peer, Purpose, Refusal, WireError};

/// Makes connections; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    gate: Arc<Gate>,
    addresses: Arc<BTreeMap<u64, String>>,
    complained: Arc<Mutex<Option<Instant>>>,
}

impl Dialer {
    /// `addresses` are the configured ones; they win over those in the log, which may be from before a move.
    pub(crate) fn new(gate: Arc<Gate>, addresses: BTreeMap<u64, String>) -> Self {
        Self { gate, addresses: Arc::new(addresses), complained: Arc::default() }
    }

    /// A connection to `to` that both sides have accepted, within [`limits::CONNECT_MS`].
    pub(crate) async fn dial(&self, to: u64, fallback: &str, purpose: Purpose) -> Result<(Connection, Peer), HandshakeError> {
        let limit = Duration::from_millis(limits::CONNECT_MS);
        let result = match tokio::time::timeout(limit, self.connect(to, fallback, purpose)).await {
            Ok(result) => result,
            Err(_) => Err(WireError::Io(io::ErrorKind::TimedOut.into()).into()),
        };
        if let Err(error) = &result {
            self.complain(to, error);
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

    /// A peer that is down is everyday; one that refuses needs an operator, who need not read it twenty times a second.
    fn complain(&self, to: u64, error: &HandshakeError) {
        let refusal = match error {
            HandshakeError::Wire(_) | HandshakeError::Refused(Refusal::NotReady) | HandshakeError::Rejected(Refusal::NotReady) => {
                tracing::debug!(peer = to, %error, "no connection");
                return;
            }
            _ => error,
        };
        let mut last = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|at| at.elapsed() > Duration::from_secs(5)) {
            *last = Some(Instant::now());
            tracing::warn!(peer = to, error = %refusal, "peer connection refused");
        }
    }
}
