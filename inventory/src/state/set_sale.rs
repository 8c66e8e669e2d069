//! `SetSale`: stops or resumes the sale of a SKU at once. Repeated, it changes nothing; the version of the settings
//! stays, since no setting changes.

use super::Inventory;
use super::entry::EntryContext;
use crate::{SkuDone, SkuId, SkuRefusal};

impl Inventory {
    pub(super) fn set_sale(&mut self, cx: &mut EntryContext, id: SkuId, open: bool) -> Result<SkuDone, SkuRefusal> {
        let sku = self.skus.get(id).ok_or(SkuRefusal::Unknown)?;
        let done = SkuDone { sku: id, version: sku.version, replayed: false, index: cx.index };
        let changes = sku.stopped.is_some() == open;
        // Carry out.
        if changes {
            let stopped = (!open).then_some(cx.clock);
            self.touch(cx, id, |sku| sku.stopped = stopped);
        }
        Ok(done)
    }
}
