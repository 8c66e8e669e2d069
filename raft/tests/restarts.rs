//! Nodes that stop and start, in every order.

mod harness;

use harness::{Cluster, eventually};
use holdfast_inventory::{LogIndex, NodeId};

const ORDERS: [[u64; 3]; 6] = [[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [3, 1, 2], [3, 2, 1]];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_restarted_one_after_the_other_in_every_order_have_everything() {
    let mut cluster = Cluster::started(3).await;
    let mut created = Vec::new();
    for order in ORDERS {
        for id in order.map(NodeId) {
            cluster.stop(id).await;
            create(&cluster, &mut created).await;
            cluster.try_start(id, false).await.unwrap();
            everyone_has(&cluster, &created).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_stopped_and_started_in_every_order_has_everything() {
    let mut cluster = Cluster::started(3).await;
    let mut created = Vec::new();
    for (stops, starts) in ORDERS.iter().zip(ORDERS.iter().rev()) {
        create(&cluster, &mut created).await;
        for id in stops.map(NodeId) {
            cluster.stop(id).await;
        }
        let [first, second, last] = starts.map(NodeId);
        cluster.try_start(first, false).await.unwrap();
        cluster.try_start(second, false).await.unwrap();
        create(&cluster, &mut created).await;
        cluster.try_start(last, false).await.unwrap();
        everyone_has(&cluster, &created).await;
    }
}

/// One more SKU, named by its number.
async fn create(cluster: &Cluster, created: &mut Vec<LogIndex>) {
    let index = cluster.create_sku(&format!("sku-{}", created.len())).await;
    created.push(index);
}

/// Every node that runs has every SKU, and all are in the same state.
async fn everyone_has(cluster: &Cluster, created: &[LogIndex]) {
    cluster.everyone_has(created[created.len() - 1]).await;
    for (id, running) in &cluster.running {
        let state = running.node.inventory().read().expect("no holder panicked");
        let lacks = (0..created.len()).find(|number| state.sku_id(&format!("sku-{number}")).is_none());
        assert_eq!(lacks, None, "node {id} lacks a SKU");
    }
    eventually("one state on all nodes", || {
        let states = cluster.running.values().map(|running| running.node.inventory().read().expect("no holder panicked"));
        let told: Vec<_> = states.map(|state| (state.last_index(), state.digest())).collect();
        told.windows(2).all(|pair| pair[0] == pair[1]).then_some(())
    })
    .await;
}
