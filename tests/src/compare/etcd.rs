//! Three members of etcd, its leader asked through the JSON gateway.

use anyhow::Result;

use super::cell::{Load, Measured, System};
use super::limits::LADDER;
use super::peer::Peer;
use super::subject::Subject;
use crate::failover;
use crate::failover::System as _;

/// Three members, and which of them leads.
#[derive(Debug)]
pub struct Etcd {
    members: failover::Etcd,
    subject: Subject,
}

impl Peer for Etcd {
    const SYSTEM: System = System::Etcd;
    const LADDER: &'static [u32] = &LADDER;

    async fn why_not() -> Option<String> {
        failover::Etcd::why_not().await
    }

    async fn start(_program: &str) -> Result<Etcd> {
        let members = failover::Etcd::start().await?;
        let leader = members.leader().await?;
        let watched = roles(leader).into_iter().map(str::to_owned).zip(members.process_ids()).collect();
        let subject = Subject { system: System::Etcd, targets: vec![members.nodes()[leader]], watched };
        Ok(Etcd { members, subject })
    }

    async fn measure(&self, clients: u32, seconds: u32) -> Result<Measured> {
        self.subject.measure(Load::Plateau, clients, seconds).await
    }

    async fn end(self) -> Result<()> {
        self.members.end().await
    }
}

/// Of each member a name of its own, as Holdfast's nodes have: what stands under one name is added up.
fn roles(leader: usize) -> [&'static str; 3] {
    let mut roles = ["leader", "follower", "other follower"];
    roles.rotate_right(leader);
    roles
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_member_has_a_name_of_its_own() {
        for leader in 0..3 {
            let roles = roles(leader);
            assert_eq!((roles[leader], BTreeSet::from(roles).len()), ("leader", 3));
        }
    }
}
