//! `CreateSku`: puts a SKU on sale, all of its stock in the pool. A small one starts pooled.

use std::sync::Arc;

use smallvec::SmallVec;

use super::entry::{EntryContext, Touched};
use super::patch_sku::{patched, settings_in_bounds};
use super::{Inventory, Sku};
use crate::{CreateSku, LateConfirm, LogIndex, Mode, Settings, SkuDone, SkuId, SkuRefusal, Version};

impl Inventory {
    pub(super) fn create_sku(&mut self, cx: &mut EntryContext, create: &CreateSku) -> Result<SkuDone, SkuRefusal> {
        let sku = self.judge_create(cx.index, create)?;
        // Carry out.
        let id = sku.id;
        let done = SkuDone { sku: id, version: sku.version, replayed: false, index: cx.index };
        let pushed = self.skus.push(sku);
        assert!(pushed, "a SKU that was judged new is new");
        cx.touched.push(Touched { sku: id, available_before: None });
        Ok(done)
    }

    fn judge_create(&self, index: LogIndex, create: &CreateSku) -> Result<Sku, SkuRefusal> {
        if self.skus.id(create.name.as_str()).is_some() {
            return Err(SkuRefusal::Exists);
        }
        let params = self.params();
        let unset = Settings {
            title: None,
            opens_at: None,
            closes_at: None,
            per_buyer_limit: None,
            hold_ttl: params.default_hold_ttl,
            late_confirm: LateConfirm::default(),
        };
        let settings = patched(&unset, &create.settings);
        let id = u32::try_from(self.skus.len()).map_err(|_| SkuRefusal::OutOfBounds)?;
        if id >= params.max_skus || create.stock > params.max_stock || !settings_in_bounds(params, &settings) {
            return Err(SkuRefusal::OutOfBounds);
        }
        let few = params.pooled_below_per_node.saturating_mul(self.members.len().max(1) as u64);
        Ok(Sku {
            id: SkuId(id),
            name: Arc::new(create.name.clone()),
            settings: Arc::new(settings),
            version: Version(1),
            mode: if create.stock < few { Mode::Pooled } else { Mode::Sliced },
            stopped: None,
            stock: create.stock,
            pool: create.stock,
            held: 0,
            confirmed: 0,
            slices: SmallVec::new(),
            changed_at: index,
            sliced: 0,
        })
    }
}
