//! The accept loop of the two HTTP listeners.
//!
//! What it promises: a client that is slow, silent or greedy costs a bounded time and memory and one connection of a bounded
//! number; a stop finishes what was begun, within a deadline. It knows no path and no problem type but `overloaded`.

mod accept;
mod bind;
mod body;
mod config;
mod connection;
mod fast_path;
#[cfg(test)]
mod fast_path_tests;
mod linger;
mod phase;
mod refusal;
mod signal;
mod stream;
#[cfg(test)]
mod tests;

pub use accept::serve;
pub use bind::{BindError, bind};
pub use body::BodyTimedOut;
pub use config::ListenConfig;
pub use fast_path::{FastPath, NoFastPath, Take};
