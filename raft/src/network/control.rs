//! Questions with one answer each, on a connection of their own: heartbeats, votes, leader transfer.

use std::io;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::dial::Dialer;
use crate::wire::{self, Connection, ControlAnswer, ControlAsk, HandshakeError, Purpose, WireError};

/// A control connection to one peer.
pub(crate) struct ControlLine {
    dialer: Dialer,
    to: u64,
    address: String,
    state: State,
}

enum State {
    Idle,
    /// A dial outlives the question that began it: a heartbeat's patience is shorter than a first connection may take,
    /// and would otherwise begin it anew for ever.
    Dialling(AbortOnDropHandle<Result<Connection, HandshakeError>>),
    Ready(Box<Connection>),
}

impl ControlLine {
    pub(crate) fn new(dialer: Dialer, to: u64, address: String) -> Self {
        Self { dialer, to, address, state: State::Idle }
    }

    /// Asks and waits, `limit` at most. May be dropped at any time: the connection is then given up if the answer is
    /// still out, so that it is never taken for the answer to the next question.
    pub(crate) async fn ask(&mut self, ask: &ControlAsk, limit: Duration) -> Result<ControlAnswer, HandshakeError> {
        let exchange = async {
            let mut connection = self.connection().await?;
            wire::send(&mut connection, ask).await?;
            let answer = wire::receive(&mut connection).await?;
            self.state = State::Ready(connection);
            Ok(answer)
        };
        match tokio::time::timeout(limit, exchange).await {
            Ok(result) => result,
            Err(_) => Err(WireError::Io(io::ErrorKind::TimedOut.into()).into()),
        }
    }

    async fn connection(&mut self) -> Result<Box<Connection>, HandshakeError> {
        loop {
            match std::mem::replace(&mut self.state, State::Idle) {
                State::Ready(connection) => return Ok(connection),
                State::Idle => {
                    let (dialer, to, address) = (self.dialer.clone(), self.to, self.address.clone());
                    let dial = async move { dialer.dial(to, &address, Purpose::Control).await.map(|(connection, _)| connection) };
                    self.state = State::Dialling(AbortOnDropHandle::new(tokio::spawn(dial)));
                }
                State::Dialling(dial) => {
                    self.state = State::Dialling(dial);
                    return self.dialled().await;
                }
            }
        }
    }

    async fn dialled(&mut self) -> Result<Box<Connection>, HandshakeError> {
        let State::Dialling(dial) = &mut self.state else { return Err(WireError::Closed.into()) };
        let result = dial.await;
        self.state = State::Idle;
        result.map_err(|error| WireError::Io(io::Error::other(error)))?.map(Box::new)
    }
}
