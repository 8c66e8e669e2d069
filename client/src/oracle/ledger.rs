//! What the cluster says it did: the change feed from its beginning, in log order.

use std::collections::HashMap;

use holdfast_api::{Change as Told, Event, Order, OrderStatus};

use super::call::Content;
use super::history::Line;
use super::judgement::{Invariant, Judgement};
use super::names::{Name, Names};

/// A place in the log: index, and position in the entry.
pub type Place = (u64, u16);

/// An order of the ledger, as it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerOrder {
    /// Its id.
    pub id: Name,
    /// Log index of acceptance.
    pub index: u64,
    /// Stamp of acceptance, ms of cluster time.
    pub at_ms: u64,
    /// Its first deadline, ms of cluster time; none if it was bought at once.
    pub expires_at_ms: Option<u64>,
    /// Who.
    pub buyer: Name,
    /// What, every SKU once, in the buyer's order.
    pub lines: Box<[Line]>,
    /// Node that admitted it.
    pub node: u64,
    /// Its key, if the ledger tells it.
    pub key: Option<Name>,
    /// For comparison with what clients were told; none if the ledger was not read from a feed.
    pub content: Option<Content>,
}

/// What an entry of the ledger tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An order, by its number in [`Ledger::orders`], has this status from here on.
    Order(u32, OrderStatus),
    /// Stock was adjusted.
    Adjusted {
        /// Of which SKU.
        sku: Name,
        /// Units.
        delta: i64,
        /// Stock after it.
        stock: u64,
        /// The operator's reference.
        reference: Option<Name>,
    },
    /// Nothing of a SKU can be sold any more.
    SoldOut(Name),
}

/// One entry of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub place: Place,
    /// Stamp, ms of cluster time.
    pub at_ms: u64,
    /// What.
    pub change: Change,
}

/// Every change, in log order. About 300 bytes an order.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    orders: Vec<LedgerOrder>,
    entries: Vec<Entry>,
    by_id: HashMap<Name, u32>,
    /// What no entry shows: an order that changed its content, an event that cannot be read.
    flaws: Vec<String>,
}

impl Ledger {
    /// Adds the next event of the feed.
    pub fn push(&mut self, event: &Event, names: &mut Names) {
        let place = (event.index, event.position);
        let change = match &event.change {
            Told::OrderHeld { order }
            | Told::OrderConfirmed { order }
            | Told::OrderReleased { order }
            | Told::OrderExpired { order }
            | Told::OrderCancelled { order } => self.push_order(event, order, names),
            Told::StockAdjusted { sku, delta, stock, reference, .. } => Change::Adjusted {
                sku: names.number(sku),
                delta: *delta,
                stock: *stock,
                reference: reference.as_ref().map(|reference| names.number(reference)),
            },
            Told::SoldOut { sku } => Change::SoldOut(names.number(sku)),
            Told::BackInStock { .. } => return,
            Told::Unknown => {
                self.flaws.push(format!("an event of a kind that is not known at index {}, position {}", event.index, event.position));
                return;
            }
        };
        self.entries.push(Entry { place, at_ms: event.at.0, change });
    }

    fn push_order(&mut self, event: &Event, told: &Order, names: &mut Names) -> Change {
        let status = match event.change {
            Told::OrderConfirmed { .. } => OrderStatus::Confirmed,
            Told::OrderReleased { .. } => OrderStatus::Released,
            Told::OrderExpired { .. } => OrderStatus::Expired,
            Told::OrderCancelled { .. } => OrderStatus::Cancelled,
            _ => OrderStatus::Held,
        };
        let lines: Box<[Line]> = told.lines.iter().map(|line| Line { sku: names.number(&line.sku), units: line.quantity }).collect();
        let order = LedgerOrder {
            id: names.number(&told.id),
            index: event.index,
            at_ms: told.created_at.0,
            expires_at_ms: told.expires_at.map(|at| at.0),
            buyer: names.number(&told.buyer),
            lines,
            node: told.node,
            key: None,
            content: Some(Content::of(told)),
        };
        if told.status != status {
            self.flaws.push(format!("{} is told as {} in an event that makes it {status}, at index {}", told.id, told.status, event.index));
        }
        if let Some(&number) = self.by_id.get(&order.id) {
            let known = &self.orders[number as usize];
            if (known.buyer, &known.lines, known.at_ms, known.node) != (order.buyer, &order.lines, order.at_ms, order.node) {
                self.flaws.push(format!("{} is told with another content at index {}", told.id, event.index));
            }
            return Change::Order(number, status);
        }
        Change::Order(self.accept(order), status)
    }

    /// Adds an order that the next [`enter`](Self::enter) accepts, for a caller who has more than the feed; its number.
    ///
    /// # Panics
    /// When there are more than 2^32 orders, long after memory ended.
    #[allow(clippy::expect_used, reason = "2^32 orders are 400 GB")]
    pub fn accept(&mut self, order: LedgerOrder) -> u32 {
        let number = u32::try_from(self.orders.len()).expect("fewer than 2^32 orders");
        if self.by_id.insert(order.id, number).is_some() {
            self.flaws.push(format!("an order id is given twice, again at index {}", order.index));
        }
        self.orders.push(order);
        number
    }

    /// Adds the next entry, for a caller who has more than the feed.
    pub fn enter(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// All orders, in order of acceptance.
    pub fn orders(&self) -> &[LedgerOrder] {
        &self.orders
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The number of the order called `id`.
    pub fn number(&self, id: Name) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// An entry in one readable line.
    pub fn tell(&self, entry: &Entry, names: &Names) -> String {
        let Entry { place: (index, position), at_ms, change } = entry;
        let told = match change {
            Change::Order(number, status) => {
                let order = self.orders.get(*number as usize);
                let [id, buyer] =
                    [order.map(|order| order.id), order.map(|order| order.buyer)].map(|name| name.map_or("?", |name| names.text(name)));
                format!("{id} of {buyer} {status}")
            }
            Change::Adjusted { sku, delta, stock, .. } => format!("{} adjusted by {delta} to {stock}", names.text(*sku)),
            Change::SoldOut(sku) => format!("{} sold out", names.text(*sku)),
        };
        format!("{index}-{position} at {at_ms}: {told}")
    }

    /// Where this ledger and another node's first differ, in words; both must have been read with the same names.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let at = self.entries.iter().zip(&other.entries).position(|(one, two)| one != two);
        if let Some(at) = at {
            return Some(format!("{:?} against {:?}", self.entries[at], other.entries[at]));
        }
        if self.entries.len() != other.entries.len() {
            return Some(format!("{} entries against {}", self.entries.len(), other.entries.len()));
        }
        let differs = self.orders.iter().zip(&other.orders).find(|(one, two)| one != two);
        if let Some((one, two)) = differs {
            return Some(format!("{one:?} against {two:?}"));
        }
        (self.flaws != other.flaws).then(|| format!("flaws {:?} against {:?}", self.flaws, other.flaws))
    }

    /// What was found wrong as it was read.
    pub(super) fn tell_flaws(&self, judgement: &mut Judgement) {
        for flaw in &self.flaws {
            judgement.violation(Invariant::I10, || flaw.clone());
        }
    }
}
