//! A node whose disk stands still does what needs no disk: the thread that runs it waits for nothing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use bytes::Bytes;
use harness::held_disk::{HeldDisk, Hold, LOG_WRITER, ORDER_WRITER};
use harness::{Cluster, DEADLINE};
use holdfast_inventory::*;
use holdfast_raft::RaftNode;
use tokio::runtime::Runtime;

/// Nothing that waits for the disk comes in this time; what does not wait comes in a hundredth of it.
const QUIET: Duration = Duration::from_millis(1_500);
/// More entries than a store keeps in memory for its writer.
const MANY: u64 = 100;
/// Orders in an entry, each with this many bytes of buyer: a mebibyte.
const ORDERS: usize = 1_024;
const BUYER_BYTES: usize = 1_024;

/// One thread, as a node has on one core, and none that could stand in for it.
fn one_thread() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// What comes of it, heard by a thread that is not the runtime's: it hears also that nothing comes.
fn spawned<T: Send + 'static>(runtime: &Runtime, work: impl Future<Output = T> + Send + 'static) -> Receiver<T> {
    let (tell, heard) = mpsc::channel();
    runtime.spawn(async move { drop(tell.send(work.await)) });
    heard
}

fn ensure_the_thread_is_free(runtime: &Runtime) {
    spawned(runtime, async {}).recv_timeout(QUIET).expect("the thread that runs the node waits for its disk");
}

/// A batch of orders, a mebibyte in all.
fn orders(session: SessionId, seq: u64) -> Bytes {
    let order = |n: usize| {
        let key = format!("{seq}-{n}");
        let buyer = format!("{key:-<BUYER_BYTES$}");
        let lines = [Line { sku: SkuId(0), units: 1 }].into_iter().collect();
        let (key, buyer) = (Cow::Owned(key), Cow::Owned(buyer));
        Request::Order(OrderRequest { caller: "".into(), key, buyer, lines, confirm: true, apply_before: Stamp(u64::MAX) })
    };
    codec::encode(&Command::Batch(Batch { session, seq: Seq(seq), requests: (0..ORDERS).map(order).collect() })).into()
}

/// Gives the node batches, one after the other, until one is not answered: the answer that is still to come, and how many came.
fn until_one_waits(runtime: &Runtime, node: &RaftNode, session: SessionId) -> (Receiver<BatchResult>, u64) {
    for seq in 1..=MANY {
        let (node, batch) = (node.clone(), orders(session, seq));
        let answer = spawned(runtime, async move {
            match node.propose(batch).await.unwrap() {
                (_, _, CommandOutcome::Batch(applied)) => applied.result,
                (_, _, other) => panic!("{other:?}"),
            }
        });
        match answer.recv_timeout(QUIET) {
            Ok(result) => ensure_accepted(&result),
            Err(_) => return (answer, seq),
        }
    }
    panic!("{MANY} MiB were taken without a disk");
}

fn ensure_accepted(result: &BatchResult) {
    let BatchResult::Judged(outcomes) = result else { panic!("{result:?}") };
    assert!(outcomes.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted { .. })));
}

/// A node of one, a session of it, and the index that its history has reached.
async fn founded(disk: &Arc<HeldDisk>) -> (Cluster, RaftNode, SessionId, LogIndex) {
    let mut cluster = Cluster::new(1);
    cluster.disk = disk.as_disk();
    cluster.start_all(true).await;
    cluster.founded().await;
    cluster.create_sku("ticket").await;
    let node = cluster.node(1).clone();
    let open = OpenSession { node: NodeId(1), incarnation: Incarnation(1), attempt: Attempt(1) };
    let (index, _, outcome) = node.propose(codec::encode(&Command::OpenSession(open)).into()).await.unwrap();
    let CommandOutcome::SessionOpened(SessionOpened::Opened { session, .. }) = outcome else { panic!("{outcome:?}") };
    (cluster, node, session, index)
}

#[test]
fn a_node_whose_order_log_waits_for_its_disk_answers_what_needs_none() {
    let (runtime, disk) = (one_thread(), HeldDisk::under(ORDER_WRITER));
    let (cluster, node, session, index) = runtime.block_on(founded(&disk));
    let hold = Hold::of(&disk);
    let orders = node.orders().clone();
    let syncing = std::thread::spawn(move || orders.sync_through(index));

    let (answer, taken) = until_one_waits(&runtime, &node, session);
    ensure_the_thread_is_free(&runtime);
    assert!(taken > 16, "it waits after {taken} MiB");

    drop(hold);
    ensure_accepted(&answer.recv_timeout(DEADLINE).unwrap());
    syncing.join().unwrap().unwrap();
    drop(cluster);
}

#[test]
fn a_node_whose_log_waits_for_its_disk_answers_what_needs_none() {
    let (runtime, disk) = (one_thread(), HeldDisk::under(LOG_WRITER));
    let (cluster, node, session, _) = runtime.block_on(founded(&disk));
    let hold = Hold::of(&disk);

    let batches: Vec<_> = (1..=MANY).map(|seq| orders(session, seq)).collect();
    let answers: Vec<_> = batches
        .into_iter()
        .map(|batch| {
            let node = node.clone();
            spawned(&runtime, async move { node.propose(batch).await.map(drop) })
        })
        .collect();
    let early = answers[0].recv_timeout(QUIET);
    assert!(early.is_err(), "answered before it is durable: {early:?}");
    ensure_the_thread_is_free(&runtime);
    let taken = node.status().last_log.0;
    assert!((16..MANY).contains(&taken), "it waits after {taken} MiB");

    drop(hold);
    for answer in answers {
        answer.recv_timeout(DEADLINE).unwrap().unwrap();
    }
    drop(cluster);
}
