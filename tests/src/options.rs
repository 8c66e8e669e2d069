//! What a test wants its cluster to be, and the `cluster.toml` that says so.

use std::net::SocketAddr;
use std::path::PathBuf;

use toml::{Table, Value};

/// Addresses of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id, from 1.
    pub id: u64,
    /// Where buyers call.
    pub api: SocketAddr,
    /// Where operators call.
    pub admin: SocketAddr,
    /// Where the other nodes call.
    pub peer: SocketAddr,
    /// Its share of the load, for slices.
    pub weight: u32,
}

/// What a test wants its cluster to be.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// The program under test: [`program!`](crate::program).
    pub program: PathBuf,
    /// How many nodes.
    pub nodes: u64,
    /// Weight of node *n*, at n − 1; absent: 1.
    pub weights: Vec<u32>,
    /// Name of the cluster.
    pub name: String,
    /// Whether [`Cluster::hang_disk`](crate::cluster::Cluster::hang_disk) works, and a disk that hangs for 5 s is given up.
    pub disks_can_hang: bool,
    /// Parent of node *n*'s data directory, at n − 1; absent: the cluster's own temporary directory.
    pub data_roots: Vec<PathBuf>,
    settings: Table,
}

impl ClusterOptions {
    /// Three nodes with the settings of the product.
    pub fn new(program: &str) -> Self {
        Self {
            program: program.into(),
            nodes: 3,
            weights: Vec::new(),
            name: "under-test".into(),
            disks_can_hang: false,
            data_roots: Vec::new(),
            settings: Table::new(),
        }
    }

    /// That many nodes.
    #[must_use]
    pub fn nodes(mut self, nodes: u64) -> Self {
        self.nodes = nodes;
        self
    }

    /// The weight of node `id`.
    pub(crate) fn weight(&self, id: u64) -> u32 {
        usize::try_from(id).ok().and_then(|id| self.weights.get(id - 1)).copied().unwrap_or(1)
    }

    /// Sets `key` in `[section]` of `cluster.toml`; everything else keeps the product's default.
    #[must_use]
    pub fn set(mut self, section: &str, key: &str, value: impl Into<Value>) -> Self {
        let entry = self.settings.entry(section).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(table) = entry {
            table.insert(key.into(), value.into());
        }
        self
    }

    /// The text of `cluster.toml` for these members.
    pub fn cluster_file(&self, members: &[Member]) -> String {
        let mut file = self.settings.clone();
        let cluster = file.entry("cluster").or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(cluster) = cluster {
            cluster.insert("name".into(), self.name.clone().into());
            cluster.entry("secret").or_insert_with(|| "a secret for one test run only".into());
        }
        file.insert("members".into(), Value::Array(members.iter().map(|m| Value::Table(member_table(m))).collect()));
        file.to_string()
    }
}

fn member_table(member: &Member) -> Table {
    Table::from_iter([
        ("id".to_owned(), Value::Integer(i64::try_from(member.id).unwrap_or(i64::MAX))),
        ("api".to_owned(), member.api.to_string().into()),
        ("admin".to_owned(), member.admin.to_string().into()),
        ("peer".to_owned(), member.peer.to_string().into()),
        ("weight".to_owned(), Value::Integer(member.weight.into())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_file_names_every_member_and_every_setting() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let members = [Member { id: 1, api: at(1), admin: at(2), peer: at(3), weight: 7 }];
        let text = ClusterOptions::new("x").set("raft", "heartbeat_ms", 40).cluster_file(&members);
        let read: Table = text.parse().unwrap();
        assert_eq!(read["raft"]["heartbeat_ms"].as_integer(), Some(40));
        assert_eq!(read["cluster"]["name"].as_str(), Some("under-test"));
        assert_eq!(read["members"][0]["peer"].as_str(), Some("127.0.0.1:3"));
        assert_eq!(read["members"][0]["weight"].as_integer(), Some(7));
    }
}
