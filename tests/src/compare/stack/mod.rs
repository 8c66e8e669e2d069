//! The usual stack: an axum service that sells from Redis by a script.

pub mod replies;
pub mod resp;
pub mod server;
pub mod shop;

pub use self::server::Redis;
pub use self::shop::serve;
