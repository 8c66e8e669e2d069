//! What goes over a peer connection: a hello that both sides check, then frames.

mod frame;
mod handshake;
mod hello;
mod link;
mod message;
mod proof;
mod sequence;

#[cfg(test)]
pub(crate) use frame::framed;
pub(crate) use frame::{Connection, WireError, connection, pack, receive, send, unpack};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use frame::{Message, seal};
pub(crate) use handshake::{Gate, HandshakeError, Peer, answer, greet};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use hello::{Hello, Verdict, Welcome};
#[cfg(test)]
pub(crate) use hello::{MAGIC, MetStart, PROTOCOL, Who};
pub(crate) use hello::{Purpose, Refusal};
pub(crate) use message::*;
pub(crate) use proof::{ClusterKey, sha256_128};
