//! What the order log of a stopped node adds up to, told apart from the state: the two must come to the same.

use std::collections::BTreeMap;
use std::io;

use holdfast_inventory::{EventKind, Inventory, LogIndex, Order, Sku, SkuId, Status};
use holdfast_storage::OrderLog;

use crate::limits::REPLAY_BYTES;

/// Orders by the word of their latest status.
pub type OrdersByStatus = BTreeMap<&'static str, u64>;

/// All of history, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Every order there ever was, once.
    pub orders: OrdersByStatus,
    /// What was sold and changed of each SKU that has history.
    pub skus: BTreeMap<SkuId, SkuLedger>,
}

/// What history says of one SKU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SkuLedger {
    /// Orders with a line of it.
    pub orders: OrdersByStatus,
    /// Units in held orders.
    pub held: u64,
    /// Units in confirmed orders.
    pub confirmed: u64,
    /// How often its stock was adjusted since it was created.
    pub adjustments: u64,
    /// Units that the adjustments added, less those they took.
    pub adjusted: i64,
    /// Stock after the latest adjustment.
    stock: Option<u64>,
}

impl Ledger {
    /// Reads everything. Blocks; memory grows with the SKUs only. The error is a sentence: what is damaged, or does not add up.
    pub(crate) fn read(orders: &OrderLog) -> Result<Self, String> {
        let told = |error: io::Error| error.to_string();
        let (mut ledger, mut from, mut changes) = (Self::default(), (LogIndex(0), 0_u16), orders.changes());
        loop {
            let events = orders.events(from, REPLAY_BYTES).map_err(told)?;
            let Some((index, _, last)) = events.last() else { return Ok(ledger) };
            from = last.position.checked_add(1).map_or((LogIndex(index.0 + 1), 0), |position| (*index, position));
            for (index, _, event) in events {
                match event.kind {
                    EventKind::Accepted { order, status } => {
                        let now = changes.of(order.at).map_err(told)?;
                        ledger.count(&order, now.map_or(status, |now| now.status))
                    }
                    EventKind::Adjusted { sku, delta, stock, .. } => ledger.skus.entry(sku).or_default().adjust(delta, stock),
                    _ => Some(()),
                }
                .ok_or_else(|| format!("the events of index {index} do not follow from those before"))?;
            }
        }
    }

    /// None if a sum leaves its range: no true history does.
    fn count(&mut self, order: &Order, status: Status) -> Option<()> {
        *self.orders.entry(status.word()).or_default() += 1;
        for line in &order.lines {
            let sku = self.skus.entry(line.sku).or_default();
            *sku.orders.entry(status.word()).or_default() += 1;
            let units = match status {
                Status::Held { .. } => &mut sku.held,
                Status::Confirmed => &mut sku.confirmed,
                Status::Released | Status::Expired | Status::Cancelled => continue,
            };
            *units = units.checked_add(u64::from(line.units))?;
        }
        Some(())
    }

    /// Whether history comes to the numbers of the state; the error is a sentence.
    pub(crate) fn agrees_with(&self, inventory: &Inventory) -> Result<(), String> {
        let none = SkuLedger::default();
        if let Some(ghost) = self.skus.keys().find(|id| inventory.sku(**id).is_none()) {
            return Err(format!("it knows a SKU number {}, the state does not", ghost.0));
        }
        inventory.skus().try_for_each(|sku| self.skus.get(&sku.id).unwrap_or(&none).agrees_with(sku))
    }
}

impl SkuLedger {
    /// None if the stock told is not the stock before and the units that came.
    fn adjust(&mut self, delta: i64, stock: u64) -> Option<()> {
        let follows = self.stock.is_none_or(|before| before.checked_add_signed(delta) == Some(stock));
        self.adjustments += 1;
        self.adjusted = self.adjusted.checked_add(delta)?;
        self.stock = Some(stock);
        follows.then_some(())
    }

    fn agrees_with(&self, sku: &Sku) -> Result<(), String> {
        let name = sku.name.as_str();
        if (self.held, self.confirmed) != (sku.held, sku.confirmed) {
            let (told, counted) = (self.held, self.confirmed);
            return Err(format!(
                "its orders hold {told} units of {name} and have bought {counted}, the state says {} and {}",
                sku.held, sku.confirmed
            ));
        }
        match self.stock.filter(|stock| *stock != sku.stock) {
            Some(stock) => Err(format!("its adjustments leave {stock} units of {name}, the state has {}", sku.stock)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use holdfast_inventory::Applied;
    use holdfast_storage::{DataDir, OpenMode};

    use super::*;
    use crate::testing::history;

    /// The ledger of an order log that was told this.
    fn ledger_of(told: &[Applied]) -> Result<Ledger, String> {
        let dir = tempfile::tempdir().unwrap();
        let orders = DataDir::open(&dir.path().join("data"), OpenMode::Create).unwrap().orders().unwrap();
        for applied in told {
            orders.append(applied.index, applied.stamp, &applied.events).unwrap();
        }
        Ledger::read(&orders)
    }

    #[test]
    fn history_comes_to_the_numbers_of_the_state() {
        let (state, _, told) = history();
        let ledger = ledger_of(&told).unwrap();
        ledger.agrees_with(&state).unwrap();
        let counts = OrdersByStatus::from([("confirmed", 1), ("held", 1)]);
        let tee = SkuLedger { orders: counts.clone(), held: 3, confirmed: 2, adjustments: 2, adjusted: 1, stock: Some(11) };
        assert_eq!(ledger, Ledger { orders: counts, skus: [(SkuId(0), tee)].into() });
    }

    #[test]
    fn each_lie_in_history_is_told() {
        type Lie = fn(&mut Vec<Applied>);
        let lies: [(&str, Lie); 6] = [
            ("have bought 0", |told| told[6].events.retain(|event| !matches!(event.kind, EventKind::Changed { .. }))),
            ("hold 0 units", |told| drop(told[4].events.pop())),
            ("have bought 1", |told| {
                let EventKind::Accepted { order, .. } = &mut told[4].events[0].kind else { panic!("not an order") };
                order.lines[0].units = 1;
            }),
            ("leave 15 units", |told| told[7].events.clear()),
            ("do not follow", |told| {
                let EventKind::Adjusted { delta, .. } = &mut told[7].events[0].kind else { panic!("not an adjustment") };
                *delta = -3;
            }),
            ("a SKU number 9", |told| {
                let mut ghost = told[7].events[0].clone();
                let EventKind::Adjusted { sku, .. } = &mut ghost.kind else { panic!("not an adjustment") };
                (*sku, ghost.position) = (SkuId(9), 1);
                told[7].events.push(ghost);
            }),
        ];
        for (wanted, lie) in lies {
            let (state, _, mut told) = history();
            lie(&mut told);
            let said = ledger_of(&told).and_then(|ledger| ledger.agrees_with(&state)).unwrap_err();
            assert!(said.contains(wanted), "wanted {wanted:?}: {said}");
        }
    }
}
