//! The ledger by itself, replayed: stock (I2), identities (I10), limits (I11), order life (I12), log time (I13).

use std::collections::HashMap;

use holdfast_api::OrderStatus;

use super::Terms;
use super::history::History;
use super::judgement::{Invariant, Judgement};
use super::ledger::{Change, Entry, Ledger, LedgerOrder};
use super::names::Name;

/// A SKU's numbers after one entry of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) index: u64,
    pub(super) stock: u64,
    pub(super) held: u64,
    pub(super) confirmed: u64,
}

impl Moment {
    /// Units that can be sold: pool and slices.
    pub(super) fn available(&self) -> u64 {
        self.stock.saturating_sub(self.held + self.confirmed)
    }
}

/// A status of an order from an index on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Phase {
    pub(super) order: u32,
    pub(super) index: u64,
    pub(super) at_ms: u64,
    pub(super) status: OrderStatus,
}

/// What the ledger comes to.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// Every SKU's numbers, in log order; the first is that of its creation.
    pub(super) moments: HashMap<Name, Vec<Moment>>,
    /// Units of each buyer and SKU with a limit, each with the index from which on they are that many.
    bought: HashMap<(Name, Name), Vec<(u64, u64)>>,
    /// Every status, by order, in log order.
    phases: Vec<Phase>,
    /// Where each order's begin in `phases`, and the end.
    firsts: Vec<u32>,
}

impl Replay {
    /// The statuses of order `number`, in log order.
    pub(super) fn phases(&self, number: u32) -> &[Phase] {
        let at = |number: usize| self.firsts.get(number).map_or(0, |first| *first as usize);
        self.phases.get(at(number as usize)..at(number as usize + 1)).unwrap_or_default()
    }

    /// The moments of `sku` that an answer at `index` may show: all within the entry, and the last one before it.
    pub(super) fn moments_at(&self, sku: Name, index: u64) -> &[Moment] {
        let Some(all) = self.moments.get(&sku) else { return &[] };
        let end = all.partition_point(|moment| moment.index <= index);
        let first = all.partition_point(|moment| moment.index < index);
        &all[first.saturating_sub(1)..end]
    }

    /// The most units of `sku` that `buyer` had at `index`, within the entry or before it.
    pub(super) fn bought_at(&self, buyer: Name, sku: Name, index: u64) -> u64 {
        let all = self.bought.get(&(buyer, sku)).map_or(&[][..], Vec::as_slice);
        let first = all.partition_point(|(from, _)| *from < index);
        let shown = all[first.saturating_sub(1)..].iter().take_while(|(from, _)| *from <= index);
        shown.map(|(_, units)| *units).max().unwrap_or(0)
    }

    /// The statuses of order `number` that an answer at `index` may show.
    pub(super) fn phases_at(&self, number: u32, index: u64) -> &[Phase] {
        let all = self.phases(number);
        let end = all.partition_point(|phase| phase.index <= index);
        let first = all.partition_point(|phase| phase.index < index);
        &all[first.saturating_sub(1)..end]
    }
}

/// The ledger being replayed.
struct Replaying<'a> {
    history: &'a History,
    ledger: &'a Ledger,
    judgement: &'a mut Judgement,
    replay: Replay,
    now: Vec<Option<OrderStatus>>,
    limits: HashMap<Name, u32>,
}

/// Replays the ledger and tells what is wrong with it.
pub(super) fn replay(history: &History, ledger: &Ledger, terms: &[Terms], judgement: &mut Judgement) -> Replay {
    let mut moments = HashMap::new();
    for terms in terms {
        moments.insert(terms.sku, vec![Moment { index: 0, stock: terms.stock, held: 0, confirmed: 0 }]);
    }
    let mut replaying = Replaying {
        history,
        ledger,
        judgement,
        replay: Replay { moments, ..Replay::default() },
        now: vec![None; ledger.orders().len()],
        limits: terms.iter().filter_map(|terms| Some((terms.sku, terms.per_buyer_limit?))).collect(),
    };
    replaying.run();
    replaying.replay
}

impl Replaying<'_> {
    fn run(&mut self) {
        let (ledger, mut last) = (self.ledger, None::<Entry>);
        for entry in ledger.entries() {
            if let Some(last) = last {
                if entry.place <= last.place {
                    self.judgement.violation(Invariant::I10, || format!("two entries out of order: {last:?}, {entry:?}"));
                }
                if entry.at_ms < last.at_ms {
                    self.judgement.violation(Invariant::I13, || format!("log time goes back: {last:?}, {entry:?}"));
                }
            }
            match entry.change {
                Change::Order(number, status) => self.step(entry, number, status),
                Change::Adjusted { sku, delta, stock, .. } => self.adjust(entry, sku, delta, stock),
                Change::SoldOut(_) => {}
            }
            last = Some(*entry);
        }
        self.sort_phases();
    }

    fn step(&mut self, entry: &Entry, number: u32, to: OrderStatus) {
        use OrderStatus::{Cancelled, Confirmed, Expired, Held, Released};
        let order = &self.ledger.orders()[number as usize];
        let from = self.now[number as usize].replace(to);
        let legal = matches!(
            (from, to),
            (None, Held | Confirmed)
                | (Some(Held), Confirmed | Released | Expired)
                | (Some(Confirmed), Cancelled)
                | (Some(Expired), Confirmed)
        );
        if !legal {
            let (history, from) = (self.history, from.map_or("nothing", OrderStatus::word));
            self.judgement.violation(Invariant::I12, || format!("{} goes from {from} to {to} at {entry:?}", tell(history, order)));
        }
        if from.is_none() && (order.index, order.at_ms) != (entry.place.0, entry.at_ms) {
            self.judgement
                .violation(Invariant::I10, || format!("{} is accepted at another index or time: {entry:?}", tell(self.history, order)));
        }
        self.replay.phases.push(Phase { order: number, index: entry.place.0, at_ms: entry.at_ms, status: to });
        self.move_units(entry, order, from, to);
    }

    fn move_units(&mut self, entry: &Entry, order: &LedgerOrder, from: Option<OrderStatus>, to: OrderStatus) {
        for line in &order.lines {
            let units = u64::from(line.units);
            let had = from.is_some_and(is_live);
            let moments = self.replay.moments.entry(line.sku).or_default();
            let mut moment = moments.last().copied().unwrap_or(Moment { index: 0, stock: 0, held: 0, confirmed: 0 });
            moment.index = entry.place.0;
            match from {
                Some(OrderStatus::Held) => moment.held = moment.held.saturating_sub(units),
                Some(OrderStatus::Confirmed) => moment.confirmed = moment.confirmed.saturating_sub(units),
                _ => {}
            }
            match to {
                OrderStatus::Held => moment.held += units,
                OrderStatus::Confirmed => moment.confirmed += units,
                _ => {}
            }
            moments.push(moment);
            if moment.held + moment.confirmed > moment.stock {
                self.judgement.violation(Invariant::I2, || {
                    format!("oversold by {} at index {}: {moment:?}", tell(self.history, order), entry.place.0)
                });
            }
            self.count_buyer(entry, order, line.sku, units, had, is_live(to));
        }
    }

    fn count_buyer(&mut self, entry: &Entry, order: &LedgerOrder, sku: Name, units: u64, had: bool, has: bool) {
        let Some(&limit) = self.limits.get(&sku) else { return };
        let known = self.replay.bought.entry((order.buyer, sku)).or_default();
        let before = known.last().map_or(0, |(_, units)| *units);
        let bought = match (had, has) {
            (false, true) => before + units,
            (true, false) => before.saturating_sub(units),
            _ => return,
        };
        known.push((entry.place.0, bought));
        if has && bought > u64::from(limit) {
            self.judgement.violation(Invariant::I11, || {
                format!("{bought} units of one buyer with a limit of {limit} at index {}: {}", entry.place.0, tell(self.history, order))
            });
        }
    }

    fn adjust(&mut self, entry: &Entry, sku: Name, delta: i64, stock: u64) {
        let moments = self.replay.moments.entry(sku).or_default();
        let mut moment = moments.last().copied().unwrap_or(Moment { index: 0, stock: 0, held: 0, confirmed: 0 });
        moment.index = entry.place.0;
        moment.stock = moment.stock.saturating_add_signed(delta);
        moments.push(moment);
        if moment.stock != stock || moment.held + moment.confirmed > moment.stock {
            let name = self.history.names.text(sku);
            self.judgement.violation(Invariant::I2, || format!("stock of {name} does not follow: {moment:?}, {entry:?}"));
        }
    }

    /// By order, each in log order.
    fn sort_phases(&mut self) {
        self.replay.phases.sort_by_key(|phase| (phase.order, phase.index));
        self.replay.firsts = Vec::with_capacity(self.now.len() + 1);
        let mut at = 0;
        for number in 0..=self.now.len() {
            while self.replay.phases.get(at).is_some_and(|phase| (phase.order as usize) < number) {
                at += 1;
            }
            self.replay.firsts.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
    }
}

/// Whether the order's units are taken.
pub(super) fn is_live(status: OrderStatus) -> bool {
    matches!(status, OrderStatus::Held | OrderStatus::Confirmed)
}

/// An order of the ledger in words.
pub(super) fn tell(history: &History, order: &LedgerOrder) -> String {
    let text = |name| history.names.text(name);
    format!("order {} of {} by {} at index {}", text(order.id), history.tell_lines(&order.lines), text(order.buyer), order.index)
}
