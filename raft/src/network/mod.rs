//! The sending half of the peer network: a connection for each use and peer, made when it is first needed.

mod append;
mod calls;
mod client;
mod control;
mod dial;
mod snapshot;

pub(crate) use calls::Calls;
pub(crate) use client::Network;
pub(crate) use dial::Dialer;
pub(crate) use snapshot::Sending;
