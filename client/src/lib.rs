//! Typed client of Holdfast: failover, safe retries, unknown outcomes told as such.
//!
//! Promises: an order is placed at most once per [`OrderDraft`], however often it is sent. A caller hears one of
//! five things ([`ClientError`]), and [`ClientError::Refused`] only when no earlier attempt can still take effect:
//! every attempt names the cluster time at which it dies (`Apply-Before`), and a refusal counts once its stamp is
//! past the deaths of all earlier attempts whose fate is open. Retries are paced (exponential, full jitter,
//! `Retry-After` honoured), bounded in time per call and in number per client.
//!
//! *Architecture invariant:* knows the contract (`holdfast-api`) and nothing of the server. Reads no wall clock:
//! cluster time is learned from answers and carried on by the monotonic clock. Every call is cancel safe: a dropped
//! call leaves its draft knowing that its fate is open.
//!
//! Map:
//!
//! | module | holds |
//! |---|---|
//! | `config`, `limits` | what a user chooses; what is fixed |
//! | `client`, `orders`, `place`, `place_many`, `skus`, `cluster`, `events` | the calls |
//! | `call`, `verdict`, `fate`, `pace` | one call over many attempts: judge, remember, wait |
//! | `transport`, `endpoints`, `cluster_clock` | one attempt: connection, node, time |
//! | `sse` | the text of the change feed |
//! | [`bench`](mod@bench) | a load generator, and what it finds |
//! | [`oracle`] | whether what clients heard and what the cluster says it did are true |
//!
//! ```no_run
//! # async fn buy() -> Result<(), holdfast_client::ClientError> {
//! use holdfast_client::{Client, ClientConfig, OrderDraft};
//! let client = Client::new(ClientConfig::with_api(["http://127.0.0.1:7110", "http://127.0.0.1:7120"]))?;
//! let mut draft = OrderDraft::new("buyer-17").line("tee-m", 1);
//! let placed = client.place(&mut draft).await?;
//! client.confirm(&placed.order.id).await?;
//! # Ok(())
//! # }
//! ```

pub mod bench;
mod call;
mod client;
mod cluster;
mod cluster_clock;
mod config;
mod draft;
mod endpoints;
mod error;
mod events;
mod fate;
pub mod limits;
pub mod oracle;
mod orders;
mod pace;
mod place;
mod place_many;
mod skus;
mod sse;
mod transport;
mod verdict;

pub use client::Client;
pub use config::ClientConfig;
pub use draft::{BadKey, IdempotencyKey, OrderDraft};
pub use error::ClientError;
pub use events::EventStream;
pub use place::Placed;

pub use holdfast_api as api;
