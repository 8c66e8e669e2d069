//! What a user of the client chooses.

use std::time::Duration;

/// Where the nodes are and how patient the client is.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Nodes for buyers and shops, like `http://127.0.0.1:7110`; the first that answers is kept. Many clients
    /// should each list them in another order.
    pub api: Vec<String>,
    /// Nodes for operators, like `http://127.0.0.1:7111`; only for stock, cluster and unfiltered lists.
    pub admin: Vec<String>,
    /// Longest that one attempt may take; also how long it may take effect, in cluster time.
    pub attempt_timeout: Duration,
    /// Longest that opening a connection may take.
    pub connect_timeout: Duration,
    /// No attempt begins later than this after its call did. The last one may take `attempt_timeout` more: an attempt cut
    /// short would turn a certain failure into an unknown outcome.
    pub retry_for: Duration,
    /// Pause before the first retry, at most; doubled for each further one.
    pub pause_first: Duration,
    /// Pause before any retry, at most, unless the node names a longer one.
    pub pause_longest: Duration,
    /// Retries that the client may send at once, all calls together, before new calls earn more.
    pub retry_burst: u32,
    /// Retries that each hundred calls earn.
    pub retries_per_hundred_calls: u32,
    /// Attempts in flight at once, all calls together; further ones wait.
    pub max_in_flight: usize,
}

impl ClientConfig {
    /// The defaults, for these nodes' api listeners.
    pub fn with_api<I: IntoIterator<Item: Into<String>>>(endpoints: I) -> Self {
        Self { api: endpoints.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The same, with these nodes' admin listeners.
    #[must_use]
    pub fn and_admin<I: IntoIterator<Item: Into<String>>>(mut self, endpoints: I) -> Self {
        self.admin = endpoints.into_iter().map(Into::into).collect();
        self
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            api: Vec::new(),
            admin: Vec::new(),
            attempt_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(1),
            retry_for: Duration::from_secs(10),
            pause_first: Duration::from_millis(25),
            pause_longest: Duration::from_secs(1),
            retry_burst: 500,
            retries_per_hundred_calls: 20,
            max_in_flight: 1_024,
        }
    }
}
