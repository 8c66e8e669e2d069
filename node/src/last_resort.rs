//! The way out after a fault when nothing else goes on.
//!
//! A disk that hangs may hold every worker of the runtime, and the end of a clean stop too. So a thread of its own, which
//! touches no disk, waits for the fault as well, and ends the process if the ordered way has not done so in time.

use std::io::{self, Write};
use std::process;
use std::sync::mpsc;
use std::thread;

use holdfast_raft::Fatal;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::exit::Exit;
use crate::limits::{LAST_WORD_WITHIN, LEAVE_WITHIN};
use crate::log;
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
            leave(format!("error: {error}"), error.exit());
        }
    };
    thread::Builder::new().name("last-resort".into()).spawn(leave).map(drop)
}

/// Says why the process ends, and ends it: no thread of it is waited for, and nothing is closed. What is logged comes before the last
/// sentence, or not at all. A standard error that takes nothing is given up, after a second each for the lines and the sentence.
pub(crate) fn leave(sentence: String, exit: Exit) -> ! {
    log::written_out();
    let (tell, told) = mpsc::channel();
    let speak = move || {
        // Never given back.
        let mut stream = io::stderr().lock();
        // Nobody is left to tell of an error, nor of a leaving that no longer waits.
        _ = writeln!(stream, "{sentence}");
        _ = tell.send(());
        loop {
            thread::park();
        }
    };
    if thread::Builder::new().name("last-word".into()).spawn(speak).is_ok() {
        _ = told.recv_timeout(LAST_WORD_WITHIN);
    }
    process::exit(exit as i32)
}
