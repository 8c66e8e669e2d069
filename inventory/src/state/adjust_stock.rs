//! `AdjustStock`: adds or takes stock, all or nothing; what is taken comes from the pool. The same key makes the same
//! adjustment once: it is remembered for `idempotency_ttl`. At most `max_skus` adjustments are remembered at a time:
//! beyond that they are refused, never made twice.

use super::Inventory;
use super::entry::EntryContext;
use super::hashing::{Domain, Keyed};
use super::limits::MAX_TEXT_CHARS;
use super::records::Adjustment;
use crate::{AdjustStock, EventKind, Fingerprint, KeyHash, SkuDone, SkuRefusal};

/// What an adjustment will do.
struct Plan {
    key: KeyHash,
    fingerprint: Fingerprint,
    pool: u64,
    stock: u64,
    done: SkuDone,
}

impl Inventory {
    pub(super) fn adjust_stock(&mut self, cx: &mut EntryContext, adjust: &AdjustStock) -> Result<SkuDone, SkuRefusal> {
        let plan = self.judge_adjustment(cx, adjust)?;
        if plan.done.replayed {
            return Ok(plan.done);
        }
        // Carry out.
        self.touch(cx, adjust.sku, |sku| {
            sku.pool = plan.pool;
            sku.stock = plan.stock;
        });
        let record = Adjustment { fingerprint: plan.fingerprint, done: plan.done, made: cx.clock };
        self.adjustments.insert(plan.key, record);
        self.adjustment_deadlines.push(record.kept_until(self.params().idempotency_ttl), plan.key);
        cx.tell(EventKind::Adjusted {
            sku: adjust.sku,
            delta: adjust.delta,
            stock: plan.stock,
            reason: adjust.reason.clone(),
            reference: adjust.reference.clone(),
        });
        Ok(plan.done)
    }

    fn judge_adjustment(&self, cx: &EntryContext, adjust: &AdjustStock) -> Result<Plan, SkuRefusal> {
        let sku = self.skus.get(adjust.sku).ok_or(SkuRefusal::Unknown)?;
        let key = KeyHash(Keyed::new(self.secret(), Domain::AdjustmentKey).bytes(adjust.key.as_bytes()).wide());
        let fingerprint = self.adjustment_fingerprint(adjust);
        let known = self.adjustments.get(key);
        if let Some(same) = known.filter(|known| known.fingerprint == fingerprint) {
            let done = SkuDone { replayed: true, ..same.done };
            return Ok(Plan { key, fingerprint, pool: sku.pool, stock: sku.stock, done });
        }
        let stock = sku.stock.checked_add_signed(adjust.delta);
        let too_much = adjust.delta > 0 && stock.is_none_or(|stock| stock > self.params().max_stock);
        let no_room = self.adjustments.len() as u64 >= u64::from(self.params().max_skus);
        if adjust.delta == 0 || too_much || !texts_in_bounds(adjust) {
            return Err(SkuRefusal::OutOfBounds);
        }
        if no_room {
            return Err(SkuRefusal::Capacity);
        }
        if known.is_some() {
            return Err(SkuRefusal::KeyReused);
        }
        let Some((pool, stock)) = sku.pool.checked_add_signed(adjust.delta).zip(stock) else {
            return Err(SkuRefusal::AdjustmentRefused { takeable: sku.pool });
        };
        let done = SkuDone { sku: adjust.sku, version: sku.version, replayed: false, index: cx.index };
        Ok(Plan { key, fingerprint, pool, stock, done })
    }

    fn adjustment_fingerprint(&self, adjust: &AdjustStock) -> Fingerprint {
        let mut hash = Keyed::new(self.secret(), Domain::Adjustment);
        hash.u64(u64::from(adjust.sku.0)).u64(adjust.delta.cast_unsigned()).bytes(adjust.reason.as_bytes());
        hash.u64(u64::from(adjust.reference.is_some())).bytes(adjust.reference.as_deref().unwrap_or_default().as_bytes());
        Fingerprint(hash.narrow())
    }
}

fn texts_in_bounds(adjust: &AdjustStock) -> bool {
    let reference = adjust.reference.as_ref().is_none_or(|reference| reference.chars().count() <= MAX_TEXT_CHARS);
    reference && (1..=MAX_TEXT_CHARS).contains(&adjust.reason.chars().count())
}
