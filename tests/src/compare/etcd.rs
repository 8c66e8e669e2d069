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
        let name = |member| if member == leader { "leader" } else { "follower" };
        let watched = members.process_ids().into_iter().enumerate().map(|(member, id)| (name(member).to_owned(), id)).collect();
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
