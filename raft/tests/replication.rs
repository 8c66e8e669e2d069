//! Entries reach every node, also those that were away.

mod harness;

use std::sync::atomic::Ordering;
use std::time::Duration;

use harness::{CALM, Cluster, DEADLINE, eventually, rebound, sku};
use holdfast_inventory::{AdjustStock, Command, LogIndex, Mode, NodeId, SkuId, codec};
use holdfast_raft::{CallError, ProposeError, RaftRole, SnapshotPolicy, StartError, Timing};
use tokio::sync::oneshot;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_elect_one_leader_and_apply_the_same() {
    let cluster = Cluster::started(3).await;
    let index = cluster.create_sku("ticket").await;
    cluster.everyone_has(index).await;
    let digests: Vec<_> = cluster.running.values().map(|running| running.node.inventory().read().unwrap().digest()).collect();
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
    for running in cluster.running.values() {
        assert!(running.node.inventory().read().unwrap().sku_id("ticket").is_some());
        let told = running.told.applied.lock().unwrap().clone();
        let expected: Vec<_> = (1..=told.len() as u64).map(LogIndex).collect();
        assert_eq!(told, expected, "every entry once, in order");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_hears_of_a_commit_before_the_next_heartbeat() {
    let mut cluster = Cluster::new(3);
    cluster.timing = Timing { heartbeat_ms: 3_000, election_min_ms: 7_000, election_max_ms: 8_000 };
    cluster.start_all(true).await;
    cluster.founded().await;
    let index = cluster.create_sku("first").await;
    cluster.everyone_has(index).await;
    let index = cluster.create_sku("ticket").await;
    for running in cluster.running.values() {
        assert!(running.node.await_applied(index, Duration::from_secs(1)).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_leader_proposes_and_gives_read_indices() {
    let cluster = Cluster::started(3).await;
    let leader = cluster.leader().await;
    let index = cluster.create_sku("ticket").await;
    assert!(cluster.running[&leader].node.read_index().await.unwrap() >= index);
    for (id, running) in cluster.running.iter().filter(|(id, _)| **id != leader) {
        let refused = ProposeError::NotLeader { leader: Some(leader) };
        assert_eq!(running.node.propose(sku("other")).await.unwrap_err(), refused, "node {id}");
        assert_eq!(running.node.propose_unwatched(sku("other"), drop).await.unwrap_err(), refused);
        assert_eq!(running.node.read_index().await.unwrap_err(), refused);
    }
    let status = cluster.running[&leader].node.status();
    assert_eq!((status.state, status.leader, status.members.len()), (RaftRole::Leader, Some(leader), 3));
    assert!(status.committed >= index && status.applied >= index && status.last_quorum_ack_ms.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_lost_its_quorum_does_not_say_that_it_queued_what_is_dropped() {
    let mut cluster = Cluster::started(3).await;
    let leader = cluster.leader().await;
    let others: Vec<_> = cluster.members.keys().copied().filter(|id| *id != leader).collect();
    for other in &others {
        cluster.stop(*other).await;
    }
    let node = cluster.running[&leader].node.clone();
    let lease = CALM.election_max_ms;
    eventually("the end of the lease", || node.status().last_quorum_ack_ms.filter(|since| *since > lease)).await;
    assert_eq!(node.propose_unwatched(sku("dropped"), drop).await.unwrap_err(), ProposeError::NotLeader { leader: None });
    cluster.try_start(others[0], false).await.unwrap();
    let index = cluster.create_sku("ticket").await;
    cluster.everyone_has(index).await;
    assert!(node.inventory().read().unwrap().sku_id("dropped").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_is_down_is_not_dialled_without_pause() {
    let mut cluster = Cluster::started(3).await;
    let leader = cluster.leader().await;
    let down = cluster.members.keys().copied().find(|id| *id != leader).unwrap();
    cluster.stop(down).await;
    let closing = rebound(&cluster.members[&down].peer);
    closing.set_nonblocking(true).unwrap();
    let closing = tokio::net::TcpListener::from_std(closing).unwrap();
    let mut dials = 0;
    let counting = async {
        loop {
            drop(closing.accept().await.unwrap());
            dials += 1;
        }
    };
    cluster.create_sku("ticket").await;
    assert!(timeout(Duration::from_secs(1), counting).await.is_err());
    assert!((1..100).contains(&dials), "{dials} dials in a second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unwatched_proposal_is_applied() {
    let cluster = Cluster::started(1).await;
    cluster.leader().await;
    let (dropped, heard) = oneshot::channel();
    cluster.node(1).propose_unwatched(sku("ticket"), move |command| dropped.send(command).unwrap()).await.unwrap();
    eventually("the SKU", || cluster.node(1).inventory().read().unwrap().sku_id("ticket")).await;
    assert!(timeout(DEADLINE, heard).await.unwrap().is_err(), "it was told to be dropped");
}

/// On one thread, as a node of a small machine runs: the proposal is queued while a quorum is known, and nobody comes to it before the
/// lease is over.
#[tokio::test]
async fn a_proposal_that_was_queued_and_then_dropped_is_told() {
    let cluster = Cluster::started(3).await;
    let leader = cluster.leader().await;
    let node = &cluster.running[&leader].node;
    let (dropped, heard) = oneshot::channel();
    // Others may come in between on a busy machine, and the quorum be over: then nothing was queued.
    eventually("a quorum", || node.status().last_quorum_ack_ms.filter(|since| *since < CALM.heartbeat_ms)).await;
    node.propose_unwatched(sku("dropped"), move |command| dropped.send(command).unwrap()).await.unwrap();
    // The stall itself.
    std::thread::sleep(Duration::from_millis(CALM.election_max_ms));
    assert_eq!(timeout(DEADLINE, heard).await.unwrap().unwrap(), sku("dropped"));
    let index = cluster.create_sku("ticket").await;
    cluster.everyone_has(index).await;
    assert!(node.inventory().read().unwrap().sku_id("dropped").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_does_not_decode_stops_every_node_that_hears_of_it_at_the_same_place() {
    let cluster = Cluster::started(3).await;
    let before = cluster.create_sku("ticket").await;
    cluster.everyone_has(before).await;
    let leader = cluster.leader().await;
    let proposed = cluster.running[&leader].node.propose(bytes::Bytes::from_static(b"rubbish")).await;
    assert!(matches!(proposed, Err(ProposeError::Stopped | ProposeError::Unknown)), "{proposed:?}");
    // A leader may stop before it tells that the entry is committed. Two that are left elect one that finds it so; one that is left
    // alone never does, and serves nothing.
    eventually("a majority that leaves", || {
        let left = cluster.running.values().filter(|running| running.node.fatal().borrow().is_some()).count();
        (left >= 2).then_some(())
    })
    .await;
    for (id, running) in &cluster.running {
        assert_eq!(running.node.inventory().read().unwrap().last_index(), before, "node {id} applied nothing of it");
    }
    let digests: Vec<_> = cluster.running.values().map(|running| running.node.inventory().read().unwrap().digest()).collect();
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_alone_is_no_leader() {
    let mut cluster = Cluster::started(3).await;
    let leader = cluster.leader().await;
    for id in [1, 2, 3].map(NodeId).into_iter().filter(|id| *id != leader) {
        cluster.stop(id).await;
    }
    let node = &cluster.running[&leader].node;
    let refused = async {
        while node.read_index().await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, refused).await.expect("it goes on giving read indices");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_node_resumes_and_hears_what_it_missed() {
    let mut cluster = Cluster::started(3).await;
    cluster.create_sku("before").await;
    cluster.stop(NodeId(3)).await;
    let index = cluster.create_sku("meanwhile").await;
    cluster.try_start(NodeId(3), false).await.unwrap();
    cluster.everyone_has(index).await;
    assert!(cluster.node(3).inventory().read().unwrap().sku_id("meanwhile").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stops_is_replaced() {
    let mut cluster = Cluster::started(3).await;
    let old = cluster.leader().await;
    cluster.stop(old).await;
    let index = cluster.create_sku("after").await;
    assert_ne!(cluster.leader().await, old);
    cluster.try_start(old, false).await.unwrap();
    cluster.everyone_has(index).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_cluster_comes_back_with_everything() {
    let mut cluster = Cluster::started(3).await;
    let index = cluster.create_sku("ticket").await;
    for id in [1, 2, 3].map(NodeId) {
        cluster.stop(id).await;
    }
    cluster.start_all(false).await;
    let later = cluster.create_sku("later").await;
    assert!(later > index);
    cluster.everyone_has(later).await;
    assert!(cluster.running.values().all(|running| running.node.inventory().read().unwrap().sku_id("ticket").is_some()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_lags_behind_the_log_gets_a_snapshot() {
    let mut cluster = Cluster::new(3);
    cluster.snapshots = SnapshotPolicy { every_entries: 20, keep_entries: 1, lag_entries: 40, ..SnapshotPolicy::default() };
    cluster.timing = CALM;
    cluster.start_all(true).await;
    cluster.founded().await;
    cluster.stop(NodeId(3)).await;
    let mut last = LogIndex(0);
    for n in 0..100 {
        last = cluster.create_sku(&format!("sku-{n}")).await;
    }
    let leader = cluster.leader().await;
    eventually("a purged log", || (cluster.running[&leader].node.status().purged > LogIndex(60)).then_some(())).await;
    let back = cluster.try_start(NodeId(3), false).await.unwrap();
    cluster.everyone_has(last).await;
    assert!(back.told.installed.load(Ordering::SeqCst) > 0, "it came by the log");
    drop(back);
    let digest = |id| cluster.node(id).inventory().read().unwrap().digest();
    assert_eq!(digest(3), digest(leader.0));

    cluster.stop(NodeId(3)).await;
    cluster.try_start(NodeId(3), false).await.unwrap();
    cluster.everyone_has(last).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_snapshot_is_damaged_goes_on_with_that_of_another() {
    let mut cluster = Cluster::new(3);
    cluster.snapshots = SnapshotPolicy { every_entries: 20, keep_entries: 1, lag_entries: 40, ..SnapshotPolicy::default() };
    cluster.timing = CALM;
    cluster.start_all(true).await;
    cluster.founded().await;
    let mut last = LogIndex(0);
    for n in 0..100 {
        last = cluster.create_sku(&format!("sku-{n}")).await;
    }
    // No snapshot is being made any more, and the log begins with the last one.
    eventually("the last snapshot, and a log purged behind it", || {
        let status = cluster.node(3).status();
        let is_last = status.snapshot_index.0 + 20 > last.0 && status.applied >= last;
        (is_last && status.purged.0 + 2 >= status.snapshot_index.0).then_some(())
    })
    .await;
    let begins_after = cluster.node(3).status().purged;
    cluster.stop(NodeId(3)).await;
    let snapshots = |cluster: &Cluster, id| cluster.dirs[&NodeId(id)].path().join("snapshots");
    // All of them: the one before the newest may still reach the log.
    for file in std::fs::read_dir(snapshots(&cluster, 3)).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }

    let Err(refused) = cluster.try_start(NodeId(3), false).await else { panic!("it started without its state") };
    assert!(matches!(refused, StartError::SnapshotLost { .. }) && !refused.refused(), "{refused}");

    // Each node makes its own at its own time, so node 1's newest may end before node 3's log begins.
    for n in 100..1_000 {
        if cluster.node(1).status().snapshot_index >= begins_after {
            break;
        }
        last = cluster.create_sku(&format!("sku-{n}")).await;
    }
    let other = harness::newest_snapshot(&snapshots(&cluster, 1)).unwrap();
    std::fs::copy(&other, snapshots(&cluster, 3).join(other.file_name().unwrap())).unwrap();
    cluster.try_start(NodeId(3), false).await.unwrap();
    cluster.everyone_has(last).await;
    let digest = |id| cluster.node(id).inventory().read().unwrap().digest();
    assert_eq!(digest(3), digest(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_over_its_bytes_is_purged_however_few_its_entries_are() {
    let mut cluster = Cluster::new(1);
    cluster.snapshots = SnapshotPolicy { keep_bytes: 1 << 20, ..SnapshotPolicy::default() };
    cluster.start_all(true).await;
    cluster.founded().await;
    propose_large_entries(&cluster).await;
    eventually("a purged log", || (cluster.node(1).status().purged > LogIndex(4)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_holds_a_long_log_however_few_its_entries_are() {
    let mut cluster = Cluster::new(1);
    cluster.snapshots = SnapshotPolicy { tail_bytes: 1 << 20, ..SnapshotPolicy::default() };
    cluster.start_all(true).await;
    cluster.founded().await;
    propose_large_entries(&cluster).await;
    eventually("a snapshot", || (cluster.node(1).status().snapshot_index > LogIndex(4)).then_some(())).await;
    assert_eq!(cluster.node(1).status().purged, LogIndex(0), "the log itself is within its bytes");
}

/// Twelve of some hundreds of kilobytes each.
async fn propose_large_entries(cluster: &Cluster) {
    let large = Command::SetMode { skus: (0..150_000).map(SkuId).collect(), mode: Mode::Pooled };
    let large: bytes::Bytes = codec::encode(&large).into();
    for _ in 0..12 {
        cluster.node(1).propose(large.clone()).await.expect("it is proposed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_answered_in_any_order_and_end_in_time() {
    let mut cluster = Cluster::started(2).await;
    let node = cluster.node(1).clone();
    let stuck = tokio::spawn({
        let node = node.clone();
        async move { node.call(NodeId(2), "sleep".into(), Duration::from_millis(500)).await }
    });
    for own_or_other in [NodeId(1), NodeId(2)] {
        assert_eq!(node.call(own_or_other, "abc".into(), DEADLINE).await.unwrap(), "cba");
    }
    assert_eq!(stuck.await.unwrap().unwrap_err(), CallError::Timeout);
    cluster.stop(NodeId(2)).await;
    let gone = node.call(NodeId(2), "abc".into(), DEADLINE).await.unwrap_err();
    assert!(matches!(gone, CallError::Broken | CallError::Unreachable), "{gone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_that_a_snapshot_jumped_over_is_fetched_from_a_peer() {
    let mut cluster = Cluster::new(3);
    cluster.snapshots = SnapshotPolicy { every_entries: 20, keep_entries: 1, lag_entries: 40, ..SnapshotPolicy::default() };
    cluster.start_all(true).await;
    cluster.founded().await;
    cluster.stop(NodeId(3)).await;
    for n in 0..60 {
        cluster.create_sku(&format!("sku-{n}")).await;
    }
    let sku = cluster.node(cluster.leader().await.0).inventory().read().unwrap().sku_id("sku-7").unwrap();
    let adjust = AdjustStock { sku, delta: 5, reason: "delivery".into(), reference: None, key: "once".into() };
    let adjust: bytes::Bytes = codec::encode(&Command::AdjustStock(adjust)).into();
    let (adjusted, ..) = cluster.running[&cluster.leader().await].node.propose(adjust).await.unwrap();
    let mut last = adjusted;
    for n in 60..120 {
        last = cluster.create_sku(&format!("sku-{n}")).await;
    }
    let leader = cluster.leader().await;
    eventually("a purged log", || (cluster.running[&leader].node.status().purged > adjusted).then_some(())).await;
    cluster.try_start(NodeId(3), false).await.unwrap();
    cluster.everyone_has(last).await;
    let events = |id: u64| cluster.node(id).orders().events((LogIndex(1), 0), 1 << 20).unwrap();
    eventually("no page missing", || cluster.node(3).orders().missing().is_empty().then_some(())).await;
    assert!(events(3).iter().any(|(index, ..)| *index == adjusted));
    assert_eq!(events(3), events(leader.0));
}
