//! openraft's own suite, on the log on sled and on the state machine with its snapshot files.

use std::sync::{Arc, RwLock};

use holdfast_inventory::{Applied, Inventory, LogIndex, NodeId};
use holdfast_storage::{DataDir, OpenMode};
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tokio::sync::watch;

use crate::Observer;
use crate::alarm::Alarm;
use crate::log::Log;
use crate::machine::{Machine, Parts};
use crate::types::TypeConfig;

struct Deaf;

impl Observer for Deaf {
    fn applied(&self, _batch: Vec<Applied>) {}
    fn installed(&self) {}
}

struct Builder;

impl StoreBuilder<TypeConfig, Log, Machine, tempfile::TempDir> for Builder {
    async fn build(&self) -> Result<(tempfile::TempDir, Log, Machine), StorageError<TypeConfig>> {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::open(root.path(), OpenMode::Create).unwrap();
        data.start(NodeId(1)).unwrap();
        let log = Log::new(data.log().unwrap());
        let parts = Parts {
            inventory: Arc::new(RwLock::new(Inventory::new())),
            orders: data.orders().unwrap(),
            snapshots: data.snapshots().unwrap(),
            log: log.clone(),
            observer: Arc::new(Deaf),
            progress: watch::Sender::new(LogIndex(0)),
            alarm: Alarm::new(),
        };
        Ok((root, log, Machine::new(parts)))
    }
}

#[test]
fn the_stores_do_what_openraft_asks_of_them() {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        Suite::test_all(Builder).await.unwrap();
    });
}
