//! The one place where a fault that ends the node is reported. The first one stays.

use std::sync::Arc;

use tokio::sync::watch;

use crate::Fatal;

/// Raised at most once; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Alarm(Arc<watch::Sender<Option<Fatal>>>);

impl Alarm {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// The node must leave because of this.
    pub(crate) fn raise(&self, fatal: Fatal) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                tracing::error!(reason = %fatal, "this node must leave");
                *current = Some(fatal);
            }
            first
        });
    }

    /// The node must leave because of a fault of disk, log or state.
    pub(crate) fn fault(&self, reason: impl Into<String>) {
        self.raise(Fatal::Fault(reason.into()));
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Option<Fatal>> {
        self.0.subscribe()
    }
}
