//! The way out after a fault when nothing else goes on.
//!
//! A disk that hangs may hold every worker of the runtime, and the end of a clean stop too. So a thread of its own, which
//! touches no disk, waits for the fault as well, and ends the process if the ordered way has not done so in time.

use std::io;
use std::process;
use std::thread;

use holdfast_raft::Fatal;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::exit::Exit;
use crate::limits::LEAVE_WITHIN;
use crate::server::ServeError;

/// Ends the process [`LEAVE_WITHIN`] after `fatal` names a reason, whatever the rest of it does. Call it within a runtime.
pub(crate) fn watch(mut fatal: watch::Receiver<Option<Fatal>>) -> io::Result<()> {
    let runtime = Handle::current();
    let leave = move || {
        let told = runtime.block_on(fatal.wait_for(Option::is_some)).ok().and_then(|why| why.clone());
        // Without a reason the node has ended in good order.
        if let Some(why) = told {
            thread::sleep(LEAVE_WITHIN);
            let error = ServeError::from(why);
            // Never given back: as where a command ends.
            let _last_word = io::stderr().lock();
            eprintln!("error: {error}");
            exit(error.exit());
        }
    };
    thread::Builder::new().name("last-resort".into()).spawn(leave).map(drop)
}

/// Ends the process at once: no thread is waited for, and nothing is closed.
pub(crate) fn exit(exit: Exit) -> ! {
    process::exit(exit as i32)
}
