//! What goes over a peer connection: a hello that both sides check, then frames.

mod frame;
mod handshake;
mod hello;
mod message;
mod proof;

pub(crate) use frame::{Connection, WireError, connection, pack, receive, send, unpack};
pub(crate) use handshake::{Gate, HandshakeError, Peer, answer, greet};
pub(crate) use hello::{Purpose, Refusal};
pub(crate) use message::*;
pub(crate) use proof::{ClusterKey, sha256_128};
