//! What an operator chooses for all modes.

use std::time::Duration;

use crate::ClientConfig;

/// Where the nodes are, and how they are loaded.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The nodes: load is spread evenly over the api listeners; SKUs are made through the admin listeners.
    pub nodes: ClientConfig,
    /// Threads of the generator, at least one.
    pub threads: usize,
    /// How long each point is measured.
    pub measured: Duration,
    /// Process ids of the nodes, if they run on this machine and are not found by what they listen on.
    pub pids: Vec<u32>,
    /// How long orders are held, in ms; 0: bought at once; none: as the cluster is configured.
    pub hold_ttl_ms: Option<u64>,
    /// Every call is recorded and judged by the oracle.
    pub check: bool,
}

/// Is told how far a run is.
pub trait Watcher: Send + Sync {
    /// Told several times a second while something is measured.
    fn measures(&self, progress: &Progress<'_>);
    /// Told once of everything that was done.
    fn did(&self, what: &str);
}

/// How far a measurement is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What is measured.
    pub what: &'a str,
    /// Share of its time that is over, 0 to 1.
    pub done: f64,
    /// Requests answered so far.
    pub answered: u64,
}
