//! What writes the stores: a thread for each, or in a simulation a task.

#[cfg(not(feature = "simulation"))]
use std::{io, sync::Arc, thread::JoinHandle};

#[cfg(not(feature = "simulation"))]
use crate::{
    log_writer::{self, LogCore, Resume},
    order_log::OrderCore,
    page_writer,
};

/// Wakes a writer.
#[cfg(not(feature = "simulation"))]
pub(crate) type Bell = std::sync::Condvar;

#[cfg(feature = "simulation")]
pub(crate) use crate::simulated::{Bell, start_log_writer, start_page_writer};

/// Starts the thread that writes a log; none is given where there is no thread to wait for.
#[cfg(not(feature = "simulation"))]
pub(crate) fn start_log_writer(core: &Arc<LogCore>, resume: Resume) -> io::Result<Option<JoinHandle<()>>> {
    let core = Arc::clone(core);
    let run = move || log_writer::run_to_the_end(&core, resume);
    std::thread::Builder::new().name("log-writer".into()).spawn(run).map(Some)
}

/// Starts the thread that writes an order log.
#[cfg(not(feature = "simulation"))]
pub(crate) fn start_page_writer(core: &Arc<OrderCore>) -> io::Result<Option<JoinHandle<()>>> {
    let core = Arc::clone(core);
    std::thread::Builder::new().name("order-writer".into()).spawn(move || page_writer::run_to_the_end(&core)).map(Some)
}
