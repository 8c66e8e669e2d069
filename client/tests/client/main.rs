//! The client against scripted nodes: what it sends, how often, where to, and what it makes of the answers.

#![expect(clippy::unwrap_used, reason = "a test may end in a panic")]

mod feed;
mod many;
mod operators;
mod orders;
mod script;

use std::time::Duration;

use holdfast_client::{Client, ClientConfig, OrderDraft};

use crate::script::Node;

/// Longest attempt, in milliseconds: long enough for a busy machine.
const ATTEMPT_MS: u64 = 600;

/// Patient enough to tell, quick enough to wait for.
fn config(nodes: &[&Node]) -> ClientConfig {
    let urls: Vec<_> = nodes.iter().map(|node| node.url.clone()).collect();
    ClientConfig {
        attempt_timeout: Duration::from_millis(ATTEMPT_MS),
        retry_for: Duration::from_millis(1_500),
        pause_first: Duration::from_millis(5),
        pause_longest: Duration::from_millis(50),
        ..ClientConfig::with_api(urls.clone()).and_admin(urls)
    }
}

fn client(nodes: &[&Node]) -> Client {
    Client::new(config(nodes)).unwrap()
}

fn draft() -> OrderDraft {
    OrderDraft::new("b").line("tee-m", 1)
}
