//! What consensus acts on is durable first: entries, votes, and history behind a snapshot.
//!
//! With the feature `planted-bugs` the same is asked of nodes with one bug at a time, each of which must be caught by the promise
//! that it breaks.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use harness::held_disk::{HeldDisk, Hold, LOG_WRITER};
use harness::{CALM, Cluster, DEADLINE, eventually, opened, sku};
use holdfast_inventory::{LogIndex, NodeId};
use holdfast_raft::{SnapshotPolicy, Timing};
use tokio::time::timeout;

/// Nothing that must wait for the disk comes in this time; what does not wait comes in a hundredth of it.
const QUIET: Duration = Duration::from_millis(1_500);
const QUICK: Timing = Timing { heartbeat_ms: 50, election_min_ms: 200, election_max_ms: 400 };

fn on_a_runtime(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test);
}

/// A cluster of one that has a leader, and its disk.
async fn node_of_one(timing: Timing, snapshots: SnapshotPolicy) -> (Cluster, Arc<HeldDisk>) {
    let (mut cluster, disk) = (Cluster::new(1), HeldDisk::under(LOG_WRITER));
    (cluster.timing, cluster.snapshots, cluster.disk) = (timing, snapshots, disk.as_disk());
    cluster.start_all(true).await;
    cluster.founded().await;
    (cluster, disk)
}

fn nothing_is_answered_before_its_entry_is_durable() {
    on_a_runtime(async {
        let (cluster, disk) = node_of_one(CALM, SnapshotPolicy::default()).await;
        let hold = Hold::of(&disk);
        let mut answer = pin!(cluster.node(1).propose(sku("ticket")));
        let early = timeout(QUIET, &mut answer).await;
        assert!(early.is_err(), "answered while the log waits for its sync: {early:?}");
        drop(hold);
        answer.await.unwrap();
    });
}

fn no_node_leads_before_its_vote_is_durable() {
    on_a_runtime(async {
        let (mut cluster, disk) = node_of_one(QUICK, SnapshotPolicy::default()).await;
        cluster.stop(NodeId(1)).await;
        // The last thread of a stopped node still writes a mark: held in that sync, it would keep the directory.
        drop(opened(cluster.dirs[&NodeId(1)].path()).await);
        let hold = Hold::of(&disk);
        let mut view = cluster.try_start(NodeId(1), false).await.unwrap().node.leader();
        let early = timeout(QUIET, view.wait_for(|view| view.leader.is_some())).await.map(|view| *view.unwrap());
        assert!(early.is_err(), "it leads while its vote waits for the sync: {early:?}");
        drop(hold);
        timeout(DEADLINE, view.wait_for(|view| view.is_self)).await.unwrap().unwrap();
    });
}

fn a_snapshot_comes_after_the_history_before_it() {
    on_a_runtime(async {
        let often = SnapshotPolicy { every_entries: 20, keep_entries: 1, lag_entries: 40, ..SnapshotPolicy::default() };
        let (cluster, _disk) = node_of_one(CALM, often).await;
        for n in 0..30 {
            cluster.create_sku(&format!("sku-{n}")).await;
        }
        let made = || Some(cluster.node(1).status().snapshot_index).filter(|made| *made > LogIndex(0));
        let made = eventually("a snapshot", made).await;
        let durable = cluster.node(1).orders().durable_index();
        assert!(durable >= Some(made), "a snapshot of {made}, and history is durable up to {durable:?}");
    });
}

#[cfg(not(feature = "planted-bugs"))]
#[test]
fn what_is_acted_on_is_durable_first() {
    nothing_is_answered_before_its_entry_is_durable();
    no_node_leads_before_its_vote_is_durable();
    a_snapshot_comes_after_the_history_before_it();
}

#[cfg(feature = "planted-bugs")]
#[test]
fn every_planted_bug_is_caught_by_the_promise_that_it_breaks() {
    use holdfast_inventory::planted::not_caught;
    use holdfast_raft::planted::{Planted, plant};

    let promises: [(Planted, fn()); 3] = [
        (Planted::CallBackBeforeSync, nothing_is_answered_before_its_entry_is_durable),
        (Planted::VoteNotAwaited, no_node_leads_before_its_vote_is_durable),
        (Planted::SnapshotBeforeOrders, a_snapshot_comes_after_the_history_before_it),
    ];
    assert_eq!(not_caught(plant, &promises), []);
}
