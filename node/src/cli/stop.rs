//! How a long-running subcommand is told to stop.

use std::io::{self, Read};
use std::process;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::log;

/// A token that SIGINT or SIGTERM cancels; a second signal ends the process without waiting for anything but the lines
/// that it has logged.
pub(super) fn on_signal() -> io::Result<CancellationToken> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        told.cancel();
        either(&mut interrupt, &mut terminate).await;
        log::written_out();
        process::exit(Exit::Failed as i32);
    });
    Ok(stop)
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        biased;
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// Cancels `stop` when standard input ends, so that a node does not outlive the process that started it.
pub(super) fn on_input_end(stop: CancellationToken) -> io::Result<()> {
    // A thread of its own: a blocking read can't be given up, and the process must be able to end before it does.
    let wait = move || {
        let mut byte = [0];
        while matches!(io::stdin().lock().read(&mut byte), Ok(read) if read > 0) {}
        stop.cancel();
    };
    thread::Builder::new().name("input-end".into()).spawn(wait).map(drop)
}
