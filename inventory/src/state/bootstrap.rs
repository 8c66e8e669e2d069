//! `Bootstrap`: the first command of a cluster's life. Repeated, it changes nothing.

use super::{Founding, Inventory};
use crate::{Bootstrap, CommandOutcome, Epoch};

impl Inventory {
    pub(super) fn bootstrap(&mut self, bootstrap: &Bootstrap) -> CommandOutcome {
        let founding = Founding { params: bootstrap.params.clone(), secret: bootstrap.secret };
        // Maps are made anew: their hashes are keyed by the secret from here on. Nothing was in them.
        *self = Self {
            last_index: self.last_index,
            clock: self.clock,
            digest: self.digest,
            epoch: Epoch(1),
            is_bootstrapped: true,
            members: self.members.clone(),
            ..Self::founded(founding)
        };
        CommandOutcome::Done
    }
}
