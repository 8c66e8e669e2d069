//! Letting time pass in a quiet cluster, so that holds expire and old records go.

use crate::reconcile::{Action, Reconciler, Stock};
use crate::{Command, Moment, Stamp};

impl Reconciler {
    /// A tick when a hold has passed its deadline, now and then while anything is held, and seldom otherwise.
    pub(super) fn tick(&mut self, now: Moment, stamp: Stamp, stock: &impl Stock, actions: &mut Vec<Action>) {
        let config = &self.config;
        let pause = match stock.next_deadline() {
            Some(deadline) if deadline <= stamp => config.tick_at_least,
            Some(_) => config.tick_while_held,
            None => config.tick_idle,
        };
        if self.last_tick.is_none_or(|last| now >= last.after(pause)) {
            self.last_tick = Some(now);
            actions.push(Action::Propose(Command::Tick));
        }
    }
}
