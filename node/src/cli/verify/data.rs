//! A stopped node's directory, replayed.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use holdfast_inventory::NodeId;
use holdfast_raft::{History, Replay, ReplayError, SkuLedger, replay};
use holdfast_storage::DataDir;

use super::report::{Adjusted, Report, SkuReport, by_status};
use super::room::Room;
use crate::cli::failure::Failure;
use crate::server::ServeError;

/// Replays a copy of a stopped node's directory: every entry passes the state's own assertions and joins the digest chain. The
/// directory itself is only read.
pub(super) fn verify(data: &Path) -> Result<Report, Failure> {
    let panicked = keep_first_panic(|| true);
    let room = Room::for_copy_of(data)?;
    let copy = room.copy();
    let of_the_original = |error: ServeError| {
        let names = |text: String| {
            let text = text.replace(&copy.display().to_string(), &data.display().to_string());
            panicked.get().map_or_else(|| text.clone(), |panic| format!("{text} ({panic})"))
        };
        Failure::Serve(match error {
            ServeError::Disk(text) => ServeError::Disk(names(text)),
            ServeError::DataDirectory(text) => ServeError::DataDirectory(names(text)),
            ServeError::Failed(text) => ServeError::Failed(names(text)),
        })
    };
    let checked = catch_unwind(AssertUnwindSafe(|| replay_copy(data, &copy)));
    let damaged = |_| Err(ServeError::Disk(format!("{} is damaged: its database does not read back", data.display())));
    let (node, replay) = checked.unwrap_or_else(damaged).map_err(|error| {
        let failure = of_the_original(error);
        room.explains(&failure).unwrap_or(failure)
    })?;
    Ok(report(node, &replay))
}

/// Keeps the text and the place of the first panic that is of interest, instead of printing each. A damaged database may make its
/// engine panic, on threads of its own too: that is damage, told in a sentence.
fn keep_first_panic(is_of_interest: impl Fn() -> bool + Send + Sync + 'static) -> Arc<OnceLock<String>> {
    let first = Arc::new(OnceLock::new());
    let kept = Arc::clone(&first);
    std::panic::set_hook(Box::new(move |panic| {
        if is_of_interest() {
            kept.get_or_init(|| in_words(panic));
        }
    }));
    first
}

/// A panic in one line.
fn in_words(panic: &PanicHookInfo<'_>) -> String {
    let text = panic.payload_as_str().unwrap_or("no text").split_whitespace().collect::<Vec<_>>().join(" ");
    panic.location().map_or_else(|| format!("panic: {text}"), |place| format!("panic at {place}: {text}"))
}

fn replay_copy(data: &Path, copy: &Path) -> Result<(Option<NodeId>, Replay), ServeError> {
    let directory = DataDir::copy(data, copy)?;
    let node = directory.peek()?.map(|identity| identity.node);
    let replay = replay(&directory).map_err(|error| match error {
        ReplayError::Open(error) => error.into(),
        ReplayError::Start(error) => error.into(),
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
        History::Missing { from, through } => unsummed(format!(
            "history is not all here, and a node that runs fetches what is missing of index {from} to {through} from a peer"
        )),
        History::Behind { reached, snapshot } => {
            let ends = reached.map_or_else(|| "history is empty".to_owned(), |reached| format!("history ends at index {reached}"));
            let why = "the snapshot came from a peer, or the order log lost its end";
            unsummed(format!("{ends} and the snapshot is of index {snapshot} ({why}): a start fetches what is between from a peer"))
        }
        History::Ahead(index) => unsummed(format!("history reaches on to index {index}, and the log does not")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_panic_is_kept_with_its_place() {
        let before = std::panic::take_hook();
        let here = std::thread::current().id();
        let first = keep_first_panic(move || std::thread::current().id() == here);
        for text in ["the page\nis torn", "another"] {
            assert!(catch_unwind(|| panic!("{text}")).is_err());
        }
        std::panic::set_hook(before);
        let told = first.get().unwrap();
        assert!(told.starts_with("panic at ") && told.contains("data.rs:") && told.ends_with(": the page is torn"), "{told}");
    }
}
