//! Who may come in: bootstrap, and the disks, secrets and clusters that are refused.

mod harness;

use std::path::Path;
use std::time::Duration;

use harness::{Cluster, DEADLINE, eventually};
use holdfast_inventory::{LogIndex, NodeId};
use holdfast_raft::{Fatal, SnapshotPolicy, StartError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_directory_does_not_start_by_itself() {
    let mut cluster = Cluster::new(1);
    let refused = cluster.try_start(NodeId(1), false).await.err().unwrap();
    assert!(matches!(refused, StartError::EmptyDirectory) && refused.refused());
    assert!(std::fs::read_dir(cluster.dirs[&NodeId(1)].path().join("log")).is_err(), "it left something behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_cluster_waits_for_its_last_member() {
    let mut cluster = Cluster::new(3);
    let (first, second) = (cluster.config(NodeId(1), true), cluster.config(NodeId(2), true));
    let early = async {
        tokio::join!(harness::start(first, cluster.dirs[&NodeId(1)].path()), harness::start(second, cluster.dirs[&NodeId(2)].path()))
    };
    assert!(tokio::time::timeout(Duration::from_millis(800), early).await.is_err(), "two of three made a cluster");
    cluster.start_all(true).await;
    cluster.founded().await;
    let disks: Vec<_> = cluster.node(1).status().members.values().map(|member| member.node.disk).collect();
    assert!(disks.iter().all(|disk| *disk != 0), "{disks:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_disk_is_refused() {
    let mut cluster = Cluster::started(3).await;
    cluster.stop(NodeId(3)).await;
    cluster.dirs.insert(NodeId(3), tempfile::tempdir().unwrap());
    let silent = cluster.try_start(NodeId(3), false).await.err().unwrap();
    assert!(matches!(silent, StartError::EmptyDirectory), "{silent}");
    let refused = cluster.try_start(NodeId(3), true).await.err().unwrap();
    assert!(matches!(&refused, StartError::Refused { reason, .. } if reason.contains("wiped")), "{refused}");
    let index = cluster.create_sku("ticket").await;
    cluster.everyone_has(index).await;
}

/// Of a higher index than the log: behind it the log would be let go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_another_cluster_is_refused_before_anything_changes() {
    let (mut own, mut other) = (Cluster::new(1), Cluster::new(1));
    let snapshots = |cluster: &Cluster| cluster.dirs[&NodeId(1)].path().join("snapshots");
    for (cluster, skus) in [(&mut own, 25), (&mut other, 60)] {
        cluster.snapshots = SnapshotPolicy { every_entries: 20, keep_entries: 1, ..SnapshotPolicy::default() };
        cluster.start_all(true).await;
        cluster.founded().await;
        for n in 0..skus {
            cluster.create_sku(&format!("sku-{n}")).await;
        }
        eventually("a snapshot", || (cluster.node(1).status().snapshot_index > LogIndex(0)).then_some(())).await;
        cluster.stop(NodeId(1)).await;
    }
    let foreign = harness::newest_snapshot(&snapshots(&other)).unwrap();
    let copied = snapshots(&own).join(foreign.file_name().unwrap());
    assert!(!copied.exists());
    std::fs::copy(&foreign, &copied).unwrap();
    let refused = own.try_start(NodeId(1), false).await.err().unwrap();
    assert!(matches!(refused, StartError::ForeignSnapshot(_)) && refused.refused(), "{refused}");
    std::fs::remove_file(copied).unwrap();
    own.try_start(NodeId(1), false).await.unwrap();
    eventually("all SKUs", || (own.node(1).inventory().read().unwrap().skus().count() == 25).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_on_an_unknown_disk_is_refused_before_any_vote() {
    let mut cluster = Cluster::started(3).await;
    cluster.stop(NodeId(1)).await;
    cluster.stop(NodeId(3)).await;
    let forged = tempfile::tempdir().unwrap();
    {
        let roster = harness::opened(cluster.dirs[&NodeId(1)].path()).await.peek().unwrap().unwrap().cluster.unwrap();
        let data = harness::opened(forged.path()).await;
        let mut identity = data.start(NodeId(3)).unwrap();
        data.set_roster(&mut identity, roster).unwrap();
    }
    cluster.try_start(NodeId(1), false).await.unwrap();
    cluster.dirs.insert(NodeId(3), forged);
    let stranger = cluster.try_start(NodeId(3), false).await.unwrap();
    cluster.running.remove(&NodeId(3));
    let mut fatal = stranger.node.fatal();
    let reason = tokio::time::timeout(DEADLINE, fatal.wait_for(Option::is_some)).await.expect("no word of it").unwrap().clone().unwrap();
    assert!(matches!(&reason, Fatal::Refused(why) if why.contains("another disk")), "{reason}");
    let index = cluster.create_sku("ticket").await;
    cluster.everyone_has(index).await;
    assert_eq!(stranger.node.status().committed, LogIndex(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_of_a_disk_is_refused() {
    let mut cluster = Cluster::started(3).await;
    cluster.stop(NodeId(3)).await;
    let copy = tempfile::tempdir().unwrap();
    // The directory is free, and whole, once the node could start from it again.
    cluster.try_start(NodeId(3), false).await.unwrap();
    cluster.stop(NodeId(3)).await;
    let settled = cluster.try_start(NodeId(3), false).await.unwrap();
    let index = cluster.create_sku("first").await;
    cluster.everyone_has(index).await;
    drop(settled);
    cluster.stop(NodeId(3)).await;
    copy_dir(cluster.dirs[&NodeId(3)].path(), copy.path());
    cluster.try_start(NodeId(3), false).await.unwrap();
    let index = cluster.create_sku("ticket").await;
    cluster.everyone_has(index).await;
    cluster.stop(NodeId(3)).await;

    cluster.dirs.insert(NodeId(3), copy);
    // Started once more each time, its count passes the one that the others remember.
    for _ in 0..3 {
        let refused = cluster.try_start(NodeId(3), false).await.err().expect("an older copy started");
        assert!(matches!(&refused, StartError::Refused { reason, .. } if reason.contains("older copy")), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_that_was_started_alone_is_refused_and_the_disk_itself_is_not() {
    let mut cluster = Cluster::started(3).await;
    let index = cluster.create_sku("first").await;
    cluster.everyone_has(index).await;
    cluster.stop(NodeId(3)).await;
    let copy = tempfile::tempdir().unwrap();
    copy_dir(cluster.dirs[&NodeId(3)].path(), copy.path());
    cluster.try_start(NodeId(3), false).await.unwrap();
    let index = cluster.create_sku("ticket").await;
    cluster.everyone_has(index).await;
    cluster.stop(NodeId(3)).await;
    // Started while it reached nobody: more often than the disk ever was.
    for _ in 0..5 {
        harness::opened(copy.path()).await.start(NodeId(3)).unwrap();
    }
    let disk = cluster.dirs.insert(NodeId(3), copy).unwrap();
    let refused = cluster.try_start(NodeId(3), false).await.err().expect("an older copy started");
    assert!(matches!(&refused, StartError::Refused { reason, .. } if reason.contains("older copy")), "{refused}");

    cluster.dirs.insert(NodeId(3), disk);
    cluster.try_start(NodeId(3), false).await.unwrap();
    let index = cluster.create_sku("again").await;
    cluster.everyone_has(index).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_is_found_out_by_one_who_knows_before_another_believes_it() {
    let mut cluster = Cluster::started(3).await;
    let index = cluster.create_sku("first").await;
    cluster.everyone_has(index).await;
    cluster.stop(NodeId(3)).await;
    let copy = tempfile::tempdir().unwrap();
    copy_dir(cluster.dirs[&NodeId(3)].path(), copy.path());
    // Only node 1 meets the later start.
    cluster.stop(NodeId(2)).await;
    cluster.try_start(NodeId(3), false).await.unwrap();
    let index = cluster.create_sku("ticket").await;
    cluster.everyone_has(index).await;
    cluster.stop(NodeId(3)).await;
    cluster.try_start(NodeId(2), false).await.unwrap();
    let disk = cluster.dirs.insert(NodeId(3), copy).unwrap();
    for _ in 0..3 {
        let refused = cluster.try_start(NodeId(3), false).await.err().expect("an older copy started");
        assert!(matches!(&refused, StartError::Refused { reason, .. } if reason.contains("older copy")), "{refused}");
    }
    cluster.dirs.insert(NodeId(3), disk);
    cluster.try_start(NodeId(3), false).await.unwrap();
    let index = cluster.create_sku("again").await;
    cluster.everyone_has(index).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_another_secret_changes_nothing() {
    let mut cluster = Cluster::started(3).await;
    cluster.stop(NodeId(3)).await;
    let right = std::mem::replace(&mut cluster.secret, "another secret".into());
    let stranger = cluster.try_start(NodeId(3), false).await.unwrap();
    cluster.running.remove(&NodeId(3));
    let index = cluster.create_sku("ticket").await;
    cluster.everyone_has(index).await;
    let term = cluster.node(1).status().term;
    assert!(!stranger.node.await_applied(index, Duration::from_millis(1_500)).await, "it heard an entry");
    assert_eq!(cluster.node(1).status().term, term, "it forced an election");
    assert!(stranger.node.fatal().borrow().is_none(), "a stranger made it leave");
    stranger.node.shutdown().await;
    drop(stranger);

    cluster.secret = right;
    cluster.try_start(NodeId(3), false).await.unwrap();
    cluster.everyone_has(index).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_of_another_cluster_is_not_let_in() {
    let mut other = Cluster::started(3).await;
    let foreign = other.create_sku("foreign").await;
    other.everyone_has(foreign).await;
    for id in [1, 2, 3].map(NodeId) {
        other.stop(id).await;
    }
    let mut cluster = Cluster::started(3).await;
    cluster.stop(NodeId(3)).await;
    cluster.dirs.insert(NodeId(3), other.dirs.remove(&NodeId(3)).unwrap());
    let stranger = cluster.try_start(NodeId(3), false).await.unwrap();
    cluster.running.remove(&NodeId(3));
    let mut last = LogIndex(0);
    for n in 0..20 {
        last = cluster.create_sku(&format!("sku-{n}")).await;
    }
    assert!(!stranger.node.await_applied(last, Duration::from_millis(1_500)).await, "it heard another cluster's entries");
    assert!(!stranger.node.leader().borrow().is_self);
    cluster.everyone_has(last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bootstrap_flag_does_nothing_to_a_member() {
    let mut cluster = Cluster::started(1).await;
    let index = cluster.create_sku("ticket").await;
    cluster.stop(NodeId(1)).await;
    cluster.try_start(NodeId(1), true).await.unwrap();
    eventually("the old state", || cluster.node(1).inventory().read().unwrap().sku_id("ticket")).await;
    assert!(cluster.create_sku("later").await > index);
}

#[allow(clippy::unwrap_used)] // A helper of tests, which may.
fn copy_dir(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_dir(&entry.path(), &target);
        } else if entry.file_name() != "lock" {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}
