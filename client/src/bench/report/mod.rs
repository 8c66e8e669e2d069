//! What a run tells: the same figures as JSON, as tables and as a page.

mod page;
mod plot;
mod point;
mod table;

use holdfast_api::ClusterStatus;
use serde::Serialize;

use super::target::Target;
pub use point::{Flash, Latency, Little, Nodes, Point, Quantiles};
pub use table::Table;

/// Everything that a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `ladder`, `rate`, `flash`, `mix` or `batch`.
    pub mode: &'static str,
    /// Version of the generator.
    pub version: &'static str,
    /// What was loaded.
    pub cluster: Cluster,
    /// When it began, as HTTP writes dates.
    pub began: String,
    /// Threads of the generator.
    pub threads: usize,
    /// Cores that the generator may use.
    pub cores: usize,
    /// The rate beyond which more connections gain nothing, found or given; none if nothing was measured.
    pub plateau: Option<Plateau>,
    /// What was measured, in order.
    pub points: Vec<Point>,
    /// What one must know to read the figures.
    pub notes: Vec<String>,
    /// SKUs that were made for it, and closed at the end.
    pub skus: Vec<String>,
    /// What the oracle found, if it was asked.
    pub check: Option<Checked>,
    /// Whether it was stopped before it was done.
    pub interrupted: bool,
    /// What must not be: units that do not add up, violations. The run failed if there are any.
    pub violations: Vec<String>,
}

/// The rate beyond which more connections gain nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Plateau {
    /// Orders a second.
    pub per_second: f64,
    /// Connections that reach it; none if the rate was given.
    pub connections: Option<usize>,
}

/// What was loaded.
#[derive(Clone, Debug, Serialize)]
pub struct Cluster {
    /// Its id.
    pub cluster_id: String,
    /// Its members.
    pub members: usize,
    /// Its leader when the run began.
    pub leader: u64,
    /// Version of the leader's program, if known.
    pub version: Option<String>,
    /// Listeners that were asked.
    pub asked: Vec<String>,
}

/// What the oracle found.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// Calls that it judged.
    pub calls: usize,
    /// Orders of the ledger.
    pub orders: usize,
    /// Calls whose outcome nobody heard and which did happen.
    pub settled_present: usize,
    /// And which did not.
    pub settled_absent: usize,
    /// Answers that break the contract.
    pub oddities: usize,
}

impl Cluster {
    pub(super) fn of(status: &ClusterStatus, leader: u64, targets: &[Target]) -> Self {
        let version = status.members.iter().find(|member| member.id == leader).and_then(|member| member.version.clone());
        Self {
            cluster_id: status.cluster_id.clone(),
            members: status.members.len(),
            leader,
            version,
            asked: targets.iter().map(|target| target.host.to_string()).collect(),
        }
    }
}

impl Report {
    /// Whether nothing was found that must not be.
    pub fn holds(&self) -> bool {
        self.violations.is_empty()
    }

    /// Its figures in tables, with a title each.
    pub fn tables(&self) -> Vec<(&'static str, Table)> {
        table::of(self)
    }

    /// One page of HTML with plots, which needs nothing beside it.
    pub fn page(&self) -> String {
        page::of(self)
    }
}
