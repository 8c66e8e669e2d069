//! A stopped node's directory, replayed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use holdfast_inventory::NodeId;
use holdfast_raft::{History, Replay, ReplayError, SkuLedger, replay};
use holdfast_storage::DataDir;

use super::report::{Adjusted, Report, SkuReport, by_status};
use crate::cli::failure::Failure;
use crate::server::ServeError;

/// Replays a copy of a stopped node's directory: every entry passes the state's own assertions and joins the digest chain. The
/// directory itself is only read.
pub(super) fn verify(data: &Path) -> Result<Report, Failure> {
    // A damaged database may make its engine panic, on threads of its own too: that is damage, told in a sentence.
    std::panic::set_hook(Box::new(|_| {}));
    let room = tempfile::tempdir()?;
    let copy = room.path().join("copy");
    let of_the_original = |error: ServeError| {
        let names = |text: String| text.replace(&copy.display().to_string(), &data.display().to_string());
        Failure::Serve(match error {
            ServeError::Disk(text) => ServeError::Disk(names(text)),
            ServeError::DataDirectory(text) => ServeError::DataDirectory(names(text)),
            ServeError::Failed(text) => ServeError::Failed(names(text)),
        })
    };
    let checked = catch_unwind(AssertUnwindSafe(|| replay_copy(data, &copy)));
    let damaged = |_| Err(ServeError::Disk(format!("{} is damaged: its database does not read back", data.display())));
    let (node, replay) = checked.unwrap_or_else(damaged).map_err(of_the_original)?;
    Ok(report(node, &replay))
}

fn replay_copy(data: &Path, copy: &Path) -> Result<(Option<NodeId>, Replay), ServeError> {
    let directory = DataDir::copy(data, copy)?;
    let node = directory.peek()?.map(|identity| identity.node);
    let replay = replay(&directory).map_err(|error| match error {
        ReplayError::Open(error) => error.into(),
        other => ServeError::Disk(other.to_string()),
    })?;
    Ok((node, replay))
}

fn report(node: Option<NodeId>, replay: &Replay) -> Report {
    let inventory = &replay.inventory;
    let index = inventory.last_index().0;
    let ledger = replay.history.ledger();
    let nothing = SkuLedger::default();
    let skus = inventory.skus().map(|sku| {
        let told = ledger.map(|ledger| ledger.skus.get(&sku.id).unwrap_or(&nothing));
        SkuReport {
            sku: sku.name.as_str().to_owned(),
            index,
            stock: sku.stock,
            confirmed: sku.confirmed,
            held: sku.held,
            available: sku.available(),
            pool: sku.pool,
            sliced: sku.sliced(),
            adjusted: told.map(|told| Adjusted { times: told.adjustments, units: told.adjusted }),
            orders: told.map(|told| by_status(&told.orders)),
        }
    });
    Report {
        nodes: node.map(|node| node.0).into_iter().collect(),
        checked: checked(replay),
        first: Some(replay.first.0),
        index,
        entries: Some(replay.entries),
        snapshot: replay.snapshot.map(|snapshot| snapshot.0),
        digest: format!("{:032x}", inventory.digest()),
        orders: ledger.map(|ledger| by_status(&ledger.orders)),
        skus: skus.collect(),
        result: result(replay),
    }
}

fn checked(replay: &Replay) -> String {
    let (entries, first, last) = (replay.entries, replay.first, replay.inventory.last_index());
    let replayed = match entries {
        0 => "no log entry after the snapshot".to_owned(),
        _ => format!("log entries {first} to {last}, replayed"),
    };
    match replay.snapshot {
        Some(snapshot) if replay.passed_snapshot => format!("{replayed} from the first; the snapshot of index {snapshot} agrees"),
        Some(snapshot) => format!("{replayed} on the snapshot of index {snapshot}"),
        None => format!("{replayed} from the first"),
    }
}

fn result(replay: &Replay) -> String {
    let (skus, last) = (replay.inventory.skus().count(), replay.inventory.last_index());
    let units = format!("every unit of {skus} SKUs is accounted for at index {last}");
    let unsummed = |why: String| format!("sound as far as it goes: {units}; {why}, so its orders were not added up");
    match &replay.history {
        History::Whole(ledger) => {
            format!("sound: {units}, by the state and by {} orders in history", ledger.orders.values().sum::<u64>())
        }
        History::Missing => unsummed("history is not all here".to_owned()),
        History::Ahead(index) => unsummed(format!("history reaches on to index {index}, and the log does not")),
    }
}
