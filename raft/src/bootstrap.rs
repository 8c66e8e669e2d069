//! The making of a cluster.
//!
//! Every member asks every other who it is, without Raft. Only when **all** configured members have answered, all without
//! a roster, does each write the roster (member → disk) down; the cluster's id is its hash, so all write the same. No
//! vote and no append is sent or answered before a node's own roster is durable.
//!
//! A member that already has a roster tells it. If this node's disk is in it, that member had heard this node before:
//! the roster is taken over, and nothing was ever voted on another. If this node is in it with another disk, the disk was
//! wiped: it must not come back under this id.

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_inventory::{NodeId, codec};
use holdfast_storage::{ClusterId, DiskId, Roster};

use crate::network::Dialer;
use crate::wire::{self, BootstrapWord, HandshakeError, Purpose, Refusal};
use crate::{PeerNode, StartError, limits};

/// Who makes a cluster.
pub(crate) struct Founders<'a> {
    pub(crate) name: &'a str,
    pub(crate) own: u64,
    pub(crate) disk: u128,
    pub(crate) members: &'a BTreeMap<NodeId, PeerNode>,
}

/// Waits for all members and gives the roster, not yet durable. However long it takes; dropping it leaves no trace.
pub(crate) async fn gather(founders: &Founders<'_>, dialer: &Dialer) -> Result<Roster, StartError> {
    let mut disks = BTreeMap::from([(founders.own, founders.disk)]);
    let word = BootstrapWord { members: founders.members.keys().map(|id| id.0).collect(), roster: None };
    while disks.len() < founders.members.len() {
        for peer in founders.members.keys().map(|id| id.0) {
            if disks.contains_key(&peer) {
                continue;
            }
            if let Ok((theirs, disk)) = ask(peer, &word, dialer).await {
                if let Some(roster) = judge(founders, peer, &word, &theirs)? {
                    return Ok(roster);
                }
                if theirs.members == word.members {
                    disks.insert(peer, disk);
                }
            }
        }
        if disks.len() < founders.members.len() {
            tracing::info!(answered = disks.len(), of = founders.members.len(), "waiting for all members of the new cluster");
            tokio::time::sleep(Duration::from_millis(limits::BOOTSTRAP_RETRY_MS)).await;
        }
    }
    Ok(roster_of(founders.name, &disks))
}

/// What a peer says, and the disk that it proved to have.
async fn ask(peer: u64, word: &BootstrapWord, dialer: &Dialer) -> Result<(BootstrapWord, u128), HandshakeError> {
    let (mut connection, who) = dialer.dial(peer, "", Purpose::Bootstrap).await?;
    let exchange = async {
        wire::send(&mut connection, word).await?;
        wire::receive(&mut connection).await
    };
    let limit = Duration::from_millis(limits::CONNECT_MS);
    let theirs = tokio::time::timeout(limit, exchange).await.unwrap_or(Err(wire::WireError::Closed))?;
    Ok((theirs, who.disk))
}

/// A roster that this node takes over, none if the peer has none, or a refusal.
fn judge(founders: &Founders<'_>, peer: u64, own: &BootstrapWord, theirs: &BootstrapWord) -> Result<Option<Roster>, StartError> {
    if theirs.members != own.members {
        tracing::warn!(peer, own = ?own.members, theirs = ?theirs.members, "the members are configured differently there");
    }
    let Some((cluster, disks)) = &theirs.roster else { return Ok(None) };
    let refusal = match disks.get(&founders.own) {
        Some(disk) if *disk == founders.disk => {
            let roster = roster_of(founders.name, disks);
            if roster.cluster.0 != *cluster {
                return Err(StartError::Config(format!("node {peer} has a roster whose cluster id does not follow from it")));
            }
            return Ok(Some(roster));
        }
        Some(_) => Refusal::UnknownDisk,
        None => Refusal::NotMember,
    };
    Err(StartError::Refused { by: NodeId(peer), reason: refusal.to_string() })
}

/// Whether `roster` was made for a cluster of this name: its id follows from name and disks.
pub(crate) fn is_named(roster: &Roster, name: &str) -> bool {
    roster_of(name, &told(roster).1).cluster == roster.cluster
}

fn roster_of(name: &str, disks: &BTreeMap<u64, u128>) -> Roster {
    let cluster = ClusterId(wire::sha256_128(&codec::encode(&(name, disks))));
    Roster { cluster, members: disks.iter().map(|(node, disk)| (NodeId(*node), DiskId(*disk))).collect() }
}

/// The roster as it is told to others.
pub(crate) fn told(roster: &Roster) -> (u128, BTreeMap<u64, u128>) {
    (roster.cluster.0, roster.members.iter().map(|(node, disk)| (node.0, disk.0)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERS: [u64; 3] = [1, 2, 3];

    fn members() -> BTreeMap<NodeId, PeerNode> {
        MEMBERS.iter().map(|id| (NodeId(*id), PeerNode::default())).collect()
    }

    fn word(roster: Option<&Roster>) -> BootstrapWord {
        BootstrapWord { members: MEMBERS.into(), roster: roster.map(told) }
    }

    #[test]
    fn equal_disks_make_equal_clusters_and_other_disks_another() {
        let one = roster_of("shop", &[(1, 10), (2, 20)].into());
        assert_eq!(one, roster_of("shop", &[(2, 20), (1, 10)].into()));
        assert_ne!(one.cluster, roster_of("shop", &[(1, 10), (2, 21)].into()).cluster);
    }

    #[test]
    fn a_roster_knows_the_name_of_its_cluster() {
        let roster = roster_of("shop", &[(1, 10)].into());
        assert!(is_named(&roster, "shop") && !is_named(&roster, "other"));
    }

    #[test]
    fn a_roster_with_this_disk_is_taken_over_and_with_another_refused() {
        let members = members();
        let roster = roster_of("shop", &[(1, 10), (2, 20), (3, 30)].into());
        let judge_as = |disk| judge(&Founders { name: "shop", own: 2, disk, members: &members }, 1, &word(None), &word(Some(&roster)));
        assert_eq!(judge_as(20).unwrap(), Some(roster.clone()));
        let wiped = judge_as(99).unwrap_err();
        assert!(wiped.refused() && wiped.to_string().contains("wiped"), "{wiped}");
        assert!(judge(&Founders { name: "shop", own: 2, disk: 20, members: &members }, 1, &word(None), &word(None)).unwrap().is_none());
    }
}
