//! An account of its own of what the log did, made from outcomes and events alone and held against the state after every
//! entry: who has which order, how many units there are, what each key owns, which session may still apply.

use std::collections::BTreeMap;

use holdfast_inventory::{
    AdjustStock, Applied, BatchResult, Command, CommandOutcome, EventKind, Inventory, KeyHash, Lines, LogIndex, NodeId, OrderRef, Outcome,
    Params, SessionId, SessionOpened, SkuId, SkuView, Stamp, Status,
};

use super::history::History;
use super::tally::{Seen, Tally};
use super::violation::{Checked, hold};

/// An order as history tells it.
#[derive(Clone, Debug)]
pub(super) struct Sold {
    pub(super) attempt: usize,
    pub(super) key: KeyHash,
    pub(super) buyer: String,
    pub(super) lines: Lines,
    pub(super) created: Stamp,
    pub(super) node: NodeId,
    /// Every status it had, with the entry that gave it.
    pub(super) statuses: Vec<(LogIndex, Status)>,
    /// Stamp of the last one.
    pub(super) since: Stamp,
    /// Until when its key was promised to be kept before the entry of the last status.
    promised_before: Stamp,
}

impl Sold {
    pub(super) fn status(&self) -> Status {
        self.statuses[self.statuses.len() - 1].1
    }

    /// Every status that the order had at an entry, before, in and after it.
    pub(super) fn statuses_at(&self, index: LogIndex) -> &[(LogIndex, Status)] {
        values_at(&self.statuses, index, |(at, _)| *at)
    }

    /// First stamp at which its key may be forgotten by an entry. What time has undone is swept before a command that would
    /// have prolonged it.
    pub(super) fn key_kept_until(&self, index: LogIndex, params: &Params) -> Stamp {
        let is_of_this_entry = self.statuses.last().is_some_and(|(at, _)| *at == index);
        if is_of_this_entry { self.promised_before } else { self.key_promised_until(params) }
    }

    /// The same, by its status: as the guarantees promise.
    fn key_promised_until(&self, params: &Params) -> Stamp {
        let after_end = self.since + params.idempotency_after_end;
        match self.status() {
            Status::Held { .. } => Stamp(u64::MAX),
            Status::Released | Status::Expired => after_end,
            Status::Confirmed | Status::Cancelled => after_end.max(self.created + params.idempotency_ttl),
        }
    }
}

/// Units of one SKU after a part of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) index: LogIndex,
    pub(super) stock: u64,
    pub(super) held: u64,
    pub(super) confirmed: u64,
}

impl Numbers {
    pub(super) fn available(&self) -> u64 {
        self.stock.saturating_sub(self.held + self.confirmed)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Track {
    node: NodeId,
    pub(super) open: bool,
    last_seq: u64,
}

/// The account.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) orders: BTreeMap<OrderRef, Sold>,
    /// Keys that the state must still know.
    pub(super) owners: BTreeMap<KeyHash, OrderRef>,
    /// The entries that forgot the keys of orders.
    pub(super) forgotten: BTreeMap<OrderRef, LogIndex>,
    pub(super) numbers: Vec<Vec<Numbers>>,
    /// Units of a SKU that a buyer had after each entry that changed them.
    pub(super) bought: BTreeMap<(String, SkuId), Vec<(LogIndex, u32)>>,
    /// What apply said to each attempt, and where.
    pub(super) judged: BTreeMap<usize, Vec<(LogIndex, Outcome)>>,
    /// Settings of every SKU from the entry on that changed them.
    pub(super) settings: Vec<Vec<(LogIndex, SkuView)>>,
    /// Stamp of every entry.
    pub(super) stamps: Vec<Stamp>,
    /// How many orders counted towards the bound on remembered ones after every entry.
    pub(super) remembered: Vec<u64>,
    pub(super) sessions: BTreeMap<SessionId, Track>,
    adjusted: BTreeMap<Box<str>, Stamp>,
    last_order: Option<OrderRef>,
    /// Buyers whose units this entry changed, and what they have now.
    pub(super) recounted: Vec<(String, SkuId, u32)>,
}

impl Ledger {
    /// Begins with the state that the world was founded with.
    pub(super) fn new(head: &Inventory) -> Self {
        let index = head.last_index();
        let numbers = head.skus().map(|sku| vec![Numbers { index, stock: sku.stock, held: 0, confirmed: 0 }]).collect();
        let settings = head.skus().map(|sku| vec![(index, sku.view(None))]).collect();
        Self {
            settings,
            orders: BTreeMap::new(),
            owners: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            numbers,
            bought: BTreeMap::new(),
            judged: BTreeMap::new(),
            stamps: vec![head.clock(); usize::try_from(index.0).unwrap_or_default()],
            remembered: vec![0; usize::try_from(index.0).unwrap_or_default()],
            sessions: BTreeMap::new(),
            adjusted: BTreeMap::new(),
            last_order: None,
            recounted: Vec::new(),
        }
    }

    pub(super) fn stamp(&self, index: LogIndex) -> Option<Stamp> {
        self.stamps.get(usize::try_from(index.0).ok()?.checked_sub(1)?).copied()
    }

    /// Every value that a SKU's numbers had at an entry, before, in and after it.
    pub(super) fn numbers_at(&self, sku: SkuId, index: LogIndex) -> &[Numbers] {
        self.numbers.get(sku.0 as usize).map_or(&[], |numbers| values_at(numbers, index, |numbers| numbers.index))
    }

    /// The settings that a SKU had at an entry.
    pub(super) fn settings_at(&self, sku: SkuId, index: LogIndex) -> Option<&SkuView> {
        let settings = self.settings.get(sku.0 as usize)?;
        settings[..settings.partition_point(|(at, _)| *at <= index)].last().map(|(_, view)| view)
    }

    /// The orders that owned a key at an entry, before, in and after it.
    pub(super) fn owners_at(&self, key: KeyHash, index: LogIndex) -> impl Iterator<Item = &Sold> {
        let lasted = move |order: &OrderRef| self.forgotten.get(order).is_none_or(|forgotten| *forgotten >= index);
        let owned = move |(order, sold): &(&OrderRef, &Sold)| sold.key == key && order.index <= index && lasted(order);
        self.orders.iter().filter(owned).map(|(_, sold)| sold)
    }

    /// Takes an entry that was applied to the state `head`.
    pub(super) fn note(
        &mut self,
        command: Option<(Stamp, &Command<'_>)>,
        applied: &Applied,
        head: &Inventory,
        history: &History,
        tally: &mut Tally,
    ) -> Checked {
        self.note_time(command, applied)?;
        self.note_session(applied, tally)?;
        let mut makers = BTreeMap::new();
        if let Some((_, Command::Batch(batch))) = command
            && let CommandOutcome::Batch(taken) = &applied.outcome
            && let BatchResult::Judged(outcomes) = &taken.result
        {
            for (request, outcome) in batch.requests.iter().zip(&outcomes.outcomes) {
                self.note_outcome(history.attempt_of(request), applied, outcome, history, &mut makers)?;
            }
        }
        match command {
            Some((_, Command::AdjustStock(adjust))) => self.note_adjustment(adjust, applied, head.params())?,
            Some((_, Command::PatchSku(_) | Command::SetSale { .. })) => self.note_settings(applied, head),
            _ => {}
        }
        for event in &applied.events {
            if let EventKind::Accepted { order, .. } = &event.kind {
                hold!(IdsGrow, order.at.index == applied.index && order.at.position == event.position, "{order:?} in {}", applied.index);
            }
            self.note_event(&event.kind, applied, head, history, &makers, tally)?;
        }
        self.compare(applied, head, history, tally)?;
        self.remembered.push(self.remembered(head));
        Ok(())
    }

    fn note_time(&mut self, command: Option<(Stamp, &Command<'_>)>, applied: &Applied) -> Checked {
        let before = self.stamps.last().copied().unwrap_or_default();
        let expected = command.map_or(before, |(stamp, _)| stamp.max(before));
        hold!(LogTime, applied.stamp == expected, "entry {} has the stamp {} and not {expected}", applied.index, applied.stamp);
        self.stamps.push(applied.stamp);
        Ok(())
    }

    fn note_session(&mut self, applied: &Applied, tally: &mut Tally) -> Checked {
        match &applied.outcome {
            CommandOutcome::SessionOpened(SessionOpened::Opened { node, session, fresh: true, .. }) => {
                self.sessions.values_mut().filter(|track| track.node == *node).for_each(|track| track.open = false);
                self.sessions.insert(*session, Track { node: *node, open: true, last_seq: 0 });
            }
            CommandOutcome::SessionClosed { session, .. } => {
                if let Some(track) = self.sessions.get_mut(session) {
                    track.open = false;
                }
            }
            CommandOutcome::Batch(batch) => match &batch.result {
                BatchResult::Judged(_) => {
                    let track = self.sessions.get_mut(&batch.session);
                    hold!(Fencing, track.is_some(), "entry {} applies a batch of {}, which never opened", applied.index, batch.session);
                    let Some(track) = track else { return Ok(()) };
                    hold!(Fencing, track.open, "entry {} applies a batch of {}, which is closed", applied.index, batch.session);
                    let last = std::mem::replace(&mut track.last_seq, batch.seq.0);
                    hold!(
                        Fencing,
                        batch.seq.0 == last + 1,
                        "entry {}: batch {} of {} after {last}",
                        applied.index,
                        batch.seq,
                        batch.session
                    );
                }
                BatchResult::Repeated(_) => tally.saw(Seen::RepeatedBatch),
                BatchResult::Outdated => tally.saw(Seen::OutdatedBatch),
                BatchResult::Closed => tally.saw(Seen::ClosedBatch),
                BatchResult::Gap => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn note_outcome(
        &mut self,
        attempt: Option<usize>,
        applied: &Applied,
        outcome: &Outcome,
        history: &History,
        makers: &mut BTreeMap<OrderRef, usize>,
    ) -> Checked {
        let Some(attempt) = attempt else {
            hold!(NoPhantom, matches!(outcome, Outcome::Returned { .. }), "entry {} carries what nobody asked: {outcome:?}", applied.index);
            return Ok(());
        };
        let has_effect = match outcome {
            Outcome::Accepted { order, .. } => {
                makers.insert(*order, attempt);
                true
            }
            Outcome::Transitioned(step) => step.changed,
            _ => false,
        };
        if has_effect {
            let asked = &history.attempts[attempt];
            hold!(
                NoPhantom,
                applied.stamp < asked.apply_before,
                "attempt {attempt} applies at {} and was to by {}",
                applied.stamp,
                asked.apply_before
            );
            hold!(NoPhantom, !asked.is_without_effect(), "attempt {attempt} was told {:?} and applies at {}", asked.answer, applied.index);
        }
        self.judged.entry(attempt).or_default().push((applied.index, *outcome));
        Ok(())
    }

    fn note_adjustment(&mut self, adjust: &AdjustStock, applied: &Applied, params: &Params) -> Checked {
        let CommandOutcome::Sku(Ok(done)) = &applied.outcome else { return Ok(()) };
        if done.replayed {
            return Ok(());
        }
        if let Some(made) = self.adjusted.insert(adjust.key.clone(), applied.stamp) {
            let may_be_new = made + params.idempotency_ttl <= applied.stamp;
            hold!(KeysKept, may_be_new, "the adjustment {} of {made} is made again at {}", adjust.key, applied.stamp);
        }
        Ok(())
    }

    fn note_settings(&mut self, applied: &Applied, head: &Inventory) {
        for (sku, settings) in head.skus().zip(&mut self.settings) {
            settings.push((applied.index, sku.view(None)));
        }
    }

    fn note_event(
        &mut self,
        event: &EventKind,
        applied: &Applied,
        head: &Inventory,
        history: &History,
        makers: &BTreeMap<OrderRef, usize>,
        tally: &mut Tally,
    ) -> Checked {
        match event {
            EventKind::Accepted { order, status } => {
                let Some(&attempt) = makers.get(&order.at) else {
                    hold!(NoPhantom, false, "{order:?} is nobody's");
                    return Ok(());
                };
                hold!(IdsGrow, self.last_order.is_none_or(|last| last < order.at), "{} after {:?}", order.at, self.last_order);
                self.last_order = Some(order.at);
                let sold = Sold {
                    attempt,
                    key: order.key,
                    buyer: order.buyer.to_string(),
                    lines: order.lines.clone(),
                    created: order.created,
                    node: order.node,
                    statuses: vec![(applied.index, *status)],
                    since: applied.stamp,
                    promised_before: Stamp(u64::MAX),
                };
                super::life::is_as_asked(&sold, *status, &history.attempts[attempt], history)?;
                if let Some(before) = self.owners.insert(order.key, order.at) {
                    let kept = self.orders[&before].key_kept_until(applied.index, head.params());
                    hold!(OneOrderPerKey, kept <= applied.stamp, "the key of {before} owns {} too, at {}", order.at, applied.stamp);
                    self.forgotten.insert(before, applied.index);
                }
                self.count(applied, head, None, *status, &sold)?;
                self.orders.insert(order.at, sold);
                Ok(())
            }
            EventKind::Changed { order, status, .. } => {
                let Some(mut sold) = self.orders.remove(order) else {
                    hold!(NoPhantom, false, "{order} changes and was never accepted");
                    return Ok(());
                };
                super::life::is_an_arrow(*order, &sold, *status, applied.stamp, head, tally)?;
                self.count(applied, head, Some(sold.status()), *status, &sold)?;
                if sold.statuses.last().is_some_and(|(at, _)| *at < applied.index) {
                    sold.promised_before = sold.key_promised_until(head.params());
                }
                sold.statuses.push((applied.index, *status));
                sold.since = applied.stamp;
                self.orders.insert(*order, sold);
                Ok(())
            }
            EventKind::Adjusted { sku, delta, .. } => {
                let last = self.numbers[sku.0 as usize][self.numbers[sku.0 as usize].len() - 1];
                let stock = last.stock.checked_add_signed(*delta);
                hold!(Conservation, stock.is_some(), "{sku} loses more than it has");
                self.numbers[sku.0 as usize].push(Numbers { index: applied.index, stock: stock.unwrap_or_default(), ..last });
                Ok(())
            }
            EventKind::SoldOut { .. } | EventKind::BackInStock { .. } | EventKind::BuyerForgotten { .. } => Ok(()),
        }
    }

    /// Moves an order's units from one status to the next, of its SKUs and of its buyer.
    fn count(&mut self, applied: &Applied, head: &Inventory, from: Option<Status>, to: Status, sold: &Sold) -> Checked {
        for line in &sold.lines {
            let units = u64::from(line.units);
            let numbers = &mut self.numbers[line.sku.0 as usize];
            let mut now = numbers[numbers.len() - 1];
            now.index = applied.index;
            let is_held = |status: Status| matches!(status, Status::Held { .. });
            if let Some(from) = from.filter(|from| from.is_live()) {
                let place = if is_held(from) { &mut now.held } else { &mut now.confirmed };
                *place -= units;
            }
            if to.is_live() {
                let place = if is_held(to) { &mut now.held } else { &mut now.confirmed };
                *place += units;
            }
            numbers.push(now);
            hold!(NoOversell, now.held + now.confirmed <= now.stock, "{} is sold {} of {}", line.sku, now.held + now.confirmed, now.stock);
            let was_live = from.is_some_and(Status::is_live);
            if was_live != to.is_live() {
                let bought = self.bought.entry((sold.buyer.clone(), line.sku)).or_insert_with(|| vec![(LogIndex(0), 0)]);
                let before = bought[bought.len() - 1].1;
                let after = if to.is_live() { before + line.units } else { before - line.units };
                bought.push((applied.index, after));
                let limit = head.sku(line.sku).and_then(|sku| sku.settings.per_buyer_limit);
                let is_within = !to.is_live() || limit.is_none_or(|limit| after <= limit);
                hold!(BuyerLimit, is_within, "{} has {after} of {}, more than {limit:?}", sold.buyer, line.sku);
                self.recounted.push((sold.buyer.clone(), line.sku, after));
            }
        }
        Ok(())
    }
}

/// The values of a growing list that stand for an entry: the last one before it, and those made in it.
fn values_at<T>(values: &[T], index: LogIndex, at: impl Fn(&T) -> LogIndex) -> &[T] {
    let from = values.partition_point(|value| at(value) < index);
    let to = values.partition_point(|value| at(value) <= index);
    &values[from.saturating_sub(1)..to]
}
