//! `SetMode`: pooled, every slice of the SKU moves to the pool in this one entry; sliced, nodes may be granted again.
//! An unknown SKU, or one in that mode already, is left alone.

use super::Inventory;
use super::entry::EntryContext;
use crate::{CommandOutcome, Mode, SessionId, SkuId};

impl Inventory {
    pub(super) fn set_mode(&mut self, cx: &mut EntryContext, skus: &[SkuId], mode: Mode) -> CommandOutcome {
        for &id in skus {
            let Some(sku) = self.skus.get(id).filter(|sku| sku.mode != mode) else { continue };
            let sliced: Vec<SessionId> = sku.slices.iter().map(|slice| slice.session).collect();
            // Carry out.
            self.touch(cx, id, |sku| {
                sku.mode = mode;
                if mode == Mode::Pooled {
                    sku.pool_all();
                }
            });
            if mode == Mode::Pooled {
                for session in sliced {
                    self.sessions.note_slice(session, id, false);
                }
            }
        }
        CommandOutcome::Done
    }
}
