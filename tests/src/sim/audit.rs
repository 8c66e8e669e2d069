//! The ledger held against the state, after every entry.

use holdfast_inventory::{Applied, Inventory, Mode, Stamp};

use super::ledger::Ledger;
use super::tally::{Seen, Tally};
use super::violation::{Checked, hold};

impl Ledger {
    /// Whether the state says the same.
    pub(super) fn compare(&mut self, applied: &Applied, head: &Inventory, tally: &mut Tally) -> Checked {
        for &id in &applied.touched {
            let Some(sku) = head.sku(id) else { continue };
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
        self.compare_keys(applied.stamp, head, tally)
    }

    fn compare_keys(&mut self, clock: Stamp, head: &Inventory, tally: &mut Tally) -> Checked {
        let gauges = head.gauges();
        hold!(Bounded, gauges.keys + gauges.keyless_orders <= head.params().max_orders, "{gauges:?}");
        if gauges.keys == self.owners.len() as u64 {
            return Ok(());
        }
        let owners = std::mem::take(&mut self.owners);
        for (key, order) in owners {
            let promised = self.orders[&order].key_kept_until(head.last_index(), head.params());
            if let Some(record) = head.find_key(key) {
                hold!(OneOrderPerKey, record.order == order, "the key of {order} owns {}", record.order);
                self.owners.insert(key, order);
            } else {
                hold!(KeysKept, promised <= clock, "the key of {order} is forgotten at {clock}, promised until {promised}");
                tally.saw(Seen::KeyForgotten);
            }
        }
        Ok(())
    }
}
