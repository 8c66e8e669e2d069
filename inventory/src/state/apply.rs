//! What every entry does: the clock, the sweep, the command, the notices, the digest. The command itself is
//! dispatched, nothing more.

use super::Inventory;
use super::entry::{EntryContext, Touched};
use super::limits::MAX_SWEPT;
use super::sku::Sku;
use crate::planted::{self, Planted};
use crate::{Applied, BatchApplied, BatchResult, Command, CommandOutcome, Entry, EventKind, LogIndex, SessionOpened, SkuId, SkuRefusal};

impl Inventory {
    /// Applies the entry at `index`. Total: any command that decodes gives an outcome.
    ///
    /// # Panics
    /// If `index` is not above the last one, or if conservation is broken: going on would sell what is not there.
    pub fn apply(&mut self, index: LogIndex, entry: &Entry<'_>) -> Applied {
        assert!(index > self.last_index, "entries are applied in order: {index} after {}", self.last_index);
        let stamp = match entry {
            Entry::Command(stamp, _) => *stamp,
            Entry::Blank | Entry::Members(_) => self.clock,
        };
        self.clock = self.clock.max(stamp);
        let mut cx = EntryContext::new(index, self.clock);
        let outcome = match entry {
            Entry::Blank => CommandOutcome::Done,
            Entry::Members(members) => {
                self.set_members(&mut cx, members);
                CommandOutcome::MembersSet
            }
            Entry::Command(_, command) => {
                self.sweep(&mut cx);
                self.dispatch(&mut cx, command)
            }
        };
        self.conclude(cx, outcome)
    }

    fn dispatch(&mut self, cx: &mut EntryContext, command: &Command<'_>) -> CommandOutcome {
        if !self.is_bootstrapped {
            return self.dispatch_unfounded(command);
        }
        match command {
            Command::Bootstrap(_) => CommandOutcome::Done,
            Command::CreateSku(create) => CommandOutcome::Sku(self.create_sku(cx, create)),
            Command::PatchSku(patch) => CommandOutcome::Sku(self.patch_sku(cx, patch)),
            Command::AdjustStock(adjust) => CommandOutcome::Sku(self.adjust_stock(cx, adjust)),
            Command::SetSale { sku, open } => CommandOutcome::Sku(self.set_sale(cx, *sku, *open)),
            Command::OpenSession(open) => CommandOutcome::SessionOpened(self.open_session(cx, *open)),
            Command::CloseSession { session } => self.close_session(cx, *session),
            Command::Batch(batch) => CommandOutcome::Batch(self.batch(cx, batch)),
            Command::Grant(grants) => self.grant(cx, grants),
            Command::SetMode { skus, mode } => self.set_mode(cx, skus, *mode),
            Command::Tick => self.tick(cx),
        }
    }

    /// Before the bootstrap nothing has an effect but the bootstrap.
    fn dispatch_unfounded(&mut self, command: &Command<'_>) -> CommandOutcome {
        match command {
            Command::Bootstrap(bootstrap) => self.bootstrap(bootstrap),
            Command::CreateSku(_) | Command::PatchSku(_) | Command::AdjustStock(_) | Command::SetSale { .. } => {
                CommandOutcome::Sku(Err(SkuRefusal::NotBootstrapped))
            }
            Command::OpenSession(_) => CommandOutcome::SessionOpened(SessionOpened::NotMember),
            Command::CloseSession { session } => CommandOutcome::SessionClosed { session: *session, node: None, was_open: false },
            Command::Batch(batch) => {
                CommandOutcome::Batch(BatchApplied { session: batch.session, node: None, seq: batch.seq, result: BatchResult::Closed })
            }
            Command::Grant(_) | Command::SetMode { .. } | Command::Tick => CommandOutcome::Done,
        }
    }

    /// What time has done since the last entry, bounded; before the command, so that it finds the units.
    fn sweep(&mut self, cx: &mut EntryContext) {
        let most = self.params().sweep_per_entry.clamp(1, MAX_SWEPT);
        self.expire_holds(cx, most);
        self.forget_keys(cx, most);
        self.forget_orders(cx, most);
        self.forget_adjustments(cx, most);
    }

    fn tick(&mut self, cx: &mut EntryContext) -> CommandOutcome {
        self.forget_buyers(cx);
        CommandOutcome::Done
    }

    /// Changes a SKU and notes that this entry did. The only way to change one after its creation.
    pub(super) fn touch<R>(&mut self, cx: &mut EntryContext, id: SkuId, change: impl FnOnce(&mut Sku) -> R) -> Option<R> {
        let sku = self.skus.get_mut(id)?;
        if sku.changed_at != cx.index {
            sku.changed_at = cx.index;
            cx.touched.push(Touched { sku: id, available_before: Some(sku.available()) });
        }
        Some(change(sku))
    }

    fn conclude(&mut self, mut cx: EntryContext, outcome: CommandOutcome) -> Applied {
        cx.touched.sort_unstable_by_key(|touched| touched.sku);
        if planted::is(Planted::HashOrder) && cx.touched.len() > 1 {
            let by = planted::order() % cx.touched.len();
            cx.touched.rotate_left(by);
        }
        let touched = std::mem::take(&mut cx.touched);
        for Touched { sku: id, available_before } in &touched {
            let Some(sku) = self.skus.get(*id) else { continue };
            assert!(sku.is_conserved(), "conservation of SKU {id} is broken at {}: {sku:?}", cx.index);
            match (*available_before, sku.available()) {
                (Some(1..), 0) => cx.notice(EventKind::SoldOut { sku: *id }),
                (Some(0), 1..) => cx.notice(EventKind::BackInStock { sku: *id }),
                _ => {}
            }
        }
        self.last_index = cx.index;
        let touched: Vec<SkuId> = touched.iter().map(|touched| touched.sku).collect();
        self.chain_digest(&cx, &outcome, &touched);
        Applied { index: cx.index, stamp: self.clock, outcome, events: cx.events, touched }
    }
}
