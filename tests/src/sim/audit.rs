//! The ledger held against the state, after every entry.

use holdfast_inventory::{Applied, BatchApplied, BatchResult, CommandOutcome, Inventory, LogIndex, Mode, OrderRef, Outcome, Refusal};

use super::history::{History, Wish};
use super::ledger::Ledger;
use super::tally::{Seen, Tally};
use super::violation::{Checked, hold};

impl Ledger {
    /// Whether the state says the same.
    pub(super) fn compare(&mut self, applied: &Applied, head: &Inventory, history: &History, tally: &mut Tally) -> Checked {
        hold!(Conservation, head.skus().count() == self.numbers.len(), "there are {} SKUs", head.skus().count());
        // All of them, whatever the entry says that it touched.
        for sku in head.skus() {
            let id = sku.id;
            let numbers = self.numbers[id.0 as usize][self.numbers[id.0 as usize].len() - 1];
            hold!(Conservation, sku.is_conserved(), "{sku:?}");
            let ours = (numbers.stock, numbers.held, numbers.confirmed);
            hold!(Conservation, sku.stock == ours.0, "{id} has a stock of {} and was given {}", sku.stock, ours.0);
            hold!(OneLife, (sku.held, sku.confirmed) == (ours.1, ours.2), "history tells {ours:?} of {sku:?}");
            for slice in &sku.slices {
                let open = self.sessions.get(&slice.session).is_some_and(|track| track.open);
                hold!(NothingStranded, open && sku.mode == Mode::Sliced, "{} of {id} lie with {}", slice.units, slice.session);
            }
        }
        let recounted = std::mem::take(&mut self.recounted);
        for (at, (buyer, sku, units)) in recounted.iter().enumerate() {
            let is_last = !recounted[at + 1..].iter().any(|(other, of, _)| (other, of) == (buyer, sku));
            let counted = head.buyer_units(head.buyer_hash(buyer), *sku);
            hold!(BuyerLimit, !is_last || counted == *units, "{buyer} has {units} of {sku}, the state counts {counted}");
        }
        self.compare_keys(applied, head, tally)?;
        self.is_at_bounds(applied, head, history)
    }

    /// Every key that is held by the account is held by the state, for the same order, and no other is.
    pub(super) fn compare_all_keys(&self, head: &Inventory) -> Checked {
        for (key, order) in &self.owners {
            let found = head.find_key(*key).map(|record| record.order);
            hold!(KeysKept, found.is_some(), "the key of {order} is not there, though as many are as should be");
            hold!(OneOrderPerKey, found == Some(*order), "the key of {order} owns {found:?}");
        }
        self.counts_keys(head)
    }

    fn counts_keys(&self, head: &Inventory) -> Checked {
        let (keys, owners) = (head.gauges().keys, self.owners.len() as u64);
        hold!(OneOrderPerKey, keys == owners, "the state has {keys} keys, and {owners} own an order");
        Ok(())
    }

    /// Orders that count towards the bound on remembered ones: those of a key, and those that can be cancelled without.
    pub(super) fn remembered(&self, head: &Inventory) -> u64 {
        self.owners.len() as u64 + head.gauges().keyless_orders
    }

    /// The same after an entry.
    pub(super) fn remembered_after(&self, index: LogIndex) -> Option<u64> {
        self.remembered.get(usize::try_from(index.0).ok()?.checked_sub(1)?).copied()
    }

    /// Keys that a buyer's orders owned after an entry.
    pub(super) fn keys_of(&self, buyer: &str, index: LogIndex) -> u64 {
        let is_kept = |order: &OrderRef| self.forgotten.get(order).is_none_or(|forgotten| *forgotten > index);
        let own = self.orders.iter().filter(|(order, sold)| sold.buyer == buyer && order.index <= index && is_kept(order));
        own.count() as u64
    }

    /// An order is refused for a bound on remembered orders only in an entry that ends at that bound: time is swept before
    /// the orders of an entry, which then only add.
    fn is_at_bounds(&self, applied: &Applied, head: &Inventory, history: &History) -> Checked {
        let CommandOutcome::Batch(BatchApplied { result: BatchResult::Judged(batch), .. }) = &applied.outcome else { return Ok(()) };
        let is_refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused(Refusal::Capacity { .. }));
        if !batch.outcomes.iter().any(is_refused) {
            return Ok(());
        }
        let (params, remembered) = (head.params(), self.remembered(head));
        for (attempt, judged) in &self.judged {
            let Some((_, Outcome::Refused(Refusal::Capacity { of_buyer }))) = judged.last().filter(|(at, _)| *at == applied.index) else {
                continue;
            };
            let Wish::Order { buyer, .. } = &history.attempts[*attempt].wish else {
                hold!(HonestRefusal, false, "attempt {attempt} is no order and refused for capacity");
                continue;
            };
            let (has, most) = if *of_buyer {
                let own = self.owners.values().filter(|order| self.orders[order].buyer == *buyer).count();
                (own as u64, u64::from(params.max_orders_per_buyer))
            } else {
                (remembered, params.max_orders)
            };
            hold!(HonestRefusal, has >= most, "attempt {attempt} is refused for capacity (of {buyer}: {of_buyer}) at {has} of {most}");
        }
        Ok(())
    }

    fn compare_keys(&mut self, applied: &Applied, head: &Inventory, tally: &mut Tally) -> Checked {
        let (clock, gauges) = (applied.stamp, head.gauges());
        hold!(Bounded, gauges.keys + gauges.keyless_orders <= head.params().max_orders, "{gauges:?}");
        if gauges.keys != self.owners.len() as u64 {
            let owners = std::mem::take(&mut self.owners);
            for (key, order) in owners {
                let promised = self.orders[&order].key_kept_until(head.last_index(), head.params());
                if let Some(record) = head.find_key(key) {
                    hold!(OneOrderPerKey, record.order == order, "the key of {order} owns {}", record.order);
                    self.owners.insert(key, order);
                } else {
                    hold!(KeysKept, promised <= clock, "the key of {order} is forgotten at {clock}, promised until {promised}");
                    self.forgotten.insert(order, applied.index);
                    tally.saw(Seen::KeyForgotten);
                }
            }
        }
        self.counts_keys(head)?;
        let (keyless, without) = (gauges.keyless_orders, (self.orders.len() - self.owners.len()) as u64);
        hold!(Bounded, keyless <= without, "the state has {keyless} orders without a key, history {without}");
        Ok(())
    }
}
