//! For who walks along orders and asks what became of each.

use std::io;

use holdfast_inventory::{OrderRef, StatusAt};

use crate::OrderLog;
use crate::statuses::StatusReader;

/// What became of orders, as far as the log went when it was first asked about one or its neighbours.
pub struct Changes {
    log: OrderLog,
    statuses: StatusReader,
}

impl Changes {
    pub(crate) fn new(log: OrderLog) -> Self {
        Self { log, statuses: StatusReader::default() }
    }

    /// What became of an order after its acceptance; none while nothing did. Does not look whether there is such an order.
    pub fn of(&mut self, order: OrderRef) -> io::Result<Option<StatusAt>> {
        let status = self.statuses.status(self.log.core(), order);
        Ok(self.log.or_poison(status)?.map(|changed| changed.status))
    }
}
