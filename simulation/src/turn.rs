//! One simulation at a time in a process, each from the same place in tokio's numbering of tasks.
//!
//! tokio numbers tasks over the whole process and divides those of a runtime by their number among a few lists, which it empties one
//! after the other when a host ends. In which order a process that is killed lets go of its connections would else follow from what
//! ran before it, or beside it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Among how many lists tokio divides the tasks of a runtime on one thread.
const LISTS: u64 = 4;

static TURN: Mutex<()> = Mutex::new(());

/// Waits for this simulation's turn, which lasts as long as what is given.
pub(crate) fn take() -> MutexGuard<'static, ()> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() {
        runtime.block_on(async { while tokio::spawn(async {}).id().to_string().parse::<u64>().is_ok_and(|id| id % LISTS != 0) {} });
    }
    turn
}
