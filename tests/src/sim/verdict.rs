//! Whether an answer may be given: judged the moment a Desk gives it, against everything that is known by then.
//!
//! That acknowledged orders stay in the log, and that those without effect never get into it, the ledger sees afterwards.

use holdfast_inventory::{Answer, LogIndex, Millis, Moment, OrderRef, Outcome, Params, Refusal, SaleState, SkuId, Stamp, Status};

use super::history::{Attempt, History, Wish};
use super::ledger::{Ledger, Sold};
use super::log::Log;
use super::tally::{Seen, Tally};
use super::violation::{Checked, Violation, hold};

/// What an answer is judged by.
pub(super) struct Court<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) history: &'a History,
    pub(super) log: &'a Log,
    pub(super) now: Moment,
    pub(super) fresh_for: Millis,
    /// What the leader would stamp now, if there is one.
    pub(super) stamp_now: Option<Stamp>,
    pub(super) params: &'a Params,
}

impl Court<'_> {
    /// Judges the answer to an attempt. `applied` is how far its node's state is.
    pub(super) fn judge(&self, at: usize, answer: &Answer, applied: LogIndex, tally: &mut Tally) -> Checked {
        let attempt = &self.history.attempts[at];
        hold!(Live, attempt.answer.is_none() && !attempt.is_lost, "attempt {at} is answered twice: {:?}, {answer:?}", attempt.answer);
        match *answer {
            Answer::Accepted { order, status, index, stamp } => {
                self.is_later(attempt, index, applied)?;
                let sold = self.ledger.orders.get(&order);
                hold!(Acknowledged, sold.is_some_and(|sold| sold.attempt == at), "attempt {at} was given {order}, which is {sold:?}");
                let judged = self.was_judged(at, index, |outcome| *outcome == Outcome::Accepted { order, status });
                hold!(Acknowledged, judged && order.index == index, "attempt {at} was given {order} as {status:?} at {index}");
                self.is_stamped(index, stamp)
            }
            Answer::Replayed { order } => {
                tally.saw(Seen::Replayed);
                self.is_own_order(at, order)
            }
            Answer::Transitioned { step, index, stamp } => {
                self.is_later(attempt, index, applied)?;
                let judged = self.was_judged(at, index, |outcome| *outcome == Outcome::Transitioned(step));
                hold!(Acknowledged, judged, "attempt {at} was told {step:?} at {index}");
                self.is_stamped(index, stamp)
            }
            Answer::Refused { refusal, index, stamp } => self.judge_refusal(at, refusal, index, stamp, tally),
            Answer::KeyInProgress => {
                tally.saw(Seen::KeyInProgress);
                self.had_no_effect(at, answer)
            }
            Answer::OutcomeUnknown => {
                tally.saw(Seen::Unknown);
                Ok(())
            }
            Answer::Overloaded | Answer::Draining | Answer::Stale | Answer::NoLeader => {
                tally.saw(Seen::WithoutEffect);
                self.had_no_effect(at, answer)
            }
        }
    }

    fn was_judged(&self, at: usize, index: LogIndex, is: impl Fn(&Outcome) -> bool) -> bool {
        self.ledger.judged.get(&at).is_some_and(|judged| judged.iter().any(|(judged_at, outcome)| *judged_at == index && is(outcome)))
    }

    /// What is told now was committed after it was asked for, and is applied where it is told.
    fn is_later(&self, attempt: &Attempt, index: LogIndex, applied: LogIndex) -> Checked {
        hold!(Acknowledged, index <= applied, "acknowledged at {index}, applied up to {applied}");
        let committed = self.log.committed_at(index);
        hold!(Acknowledged, committed.is_some(), "acknowledged at {index}, which is not committed");
        hold!(RealTime, committed >= Some(attempt.invoked), "{index} was committed at {committed:?}, asked for at {:?}", attempt.invoked);
        Ok(())
    }

    fn is_stamped(&self, index: LogIndex, stamp: Stamp) -> Checked {
        hold!(HonestRefusal, self.ledger.stamp(index) == Some(stamp), "{index} is told with the stamp {stamp}");
        Ok(())
    }

    /// A replayed order is the key's and says what was asked.
    fn is_own_order(&self, at: usize, order: OrderRef) -> Checked {
        let Wish::Order { key, buyer, lines, .. } = &self.history.attempts[at].wish else {
            hold!(OneOrderPerKey, false, "attempt {at} has no key and was replayed {order}");
            return Ok(());
        };
        let key = self.history.key(buyer, key);
        let same = self.ledger.orders.get(&order).is_some_and(|sold| sold.key == key && sold.lines == *lines);
        hold!(OneOrderPerKey, same, "attempt {at} was replayed {order}, which is {:?}", self.ledger.orders.get(&order));
        Ok(())
    }

    fn had_no_effect(&self, at: usize, answer: &Answer) -> Checked {
        let is_effect = |outcome: &Outcome| match outcome {
            Outcome::Accepted { .. } => true,
            Outcome::Transitioned(step) => step.changed,
            _ => false,
        };
        let effect = self.ledger.judged.get(&at).and_then(|judged| judged.iter().find(|(_, outcome)| is_effect(outcome)));
        hold!(NoPhantom, effect.is_none(), "attempt {at} came to {effect:?} and hears {answer:?}");
        Ok(())
    }

    fn judge_refusal(&self, at: usize, refusal: Refusal, index: LogIndex, stamp: Stamp, tally: &mut Tally) -> Checked {
        let attempt = &self.history.attempts[at];
        self.had_no_effect(at, &Answer::Refused { refusal, index, stamp })?;
        self.is_stamped(index, stamp)?;
        let judged = self.was_judged(at, index, |outcome| *outcome == Outcome::Refused(refusal));
        tally.saw(seen(&refusal, judged));
        self.owns_nothing(attempt, refusal, index)?;
        match refusal {
            Refusal::SoldOut { sku, is_final } => {
                let is_true = |at: &super::ledger::Numbers| at.available() == 0 && is_final == (at.held == 0);
                let numbers = self.ledger.numbers_at(sku, index);
                self.wanted(at, sku)?;
                hold!(HonestRefusal, numbers.iter().any(is_true), "{sku} is told sold out (final: {is_final}) at {index}: {numbers:?}");
                self.is_fresh(attempt, sku, index)
            }
            Refusal::InsufficientStock { sku, available } => {
                let numbers = self.ledger.numbers_at(sku, index);
                let wanted = self.wanted(at, sku)?;
                let is_true = available > 0 && available < wanted && numbers.iter().any(|at| at.available() == available);
                hold!(HonestRefusal, is_true, "{available} of {sku} are told to one who wants {wanted} at {index}: {numbers:?}");
                self.is_fresh(attempt, sku, index)
            }
            Refusal::Refilling { sku } => {
                let (wanted, numbers) = (self.wanted(at, sku)?, self.ledger.numbers_at(sku, index));
                let is_true = numbers.iter().any(|at| at.available() >= wanted);
                hold!(HonestRefusal, is_true, "a refill of {sku} is told to one who wants {wanted} at {index}: {numbers:?}");
                Ok(())
            }
            Refusal::BuyerLimit { sku, bought, limit } => {
                self.is_fresh(attempt, sku, index)?;
                let set = self.ledger.settings_at(sku, index).and_then(|settings| settings.per_buyer_limit);
                hold!(HonestRefusal, set == Some(limit), "a limit of {limit} of {sku} is told at {index}, it is {set:?}");
                let wanted = self.wanted(at, sku)?;
                let passes = u64::from(bought) + wanted > u64::from(limit);
                hold!(HonestRefusal, passes, "{wanted} of {sku} are refused to one who has {bought} and may have {limit}");
                self.has_bought(attempt, sku, bought, index)
            }
            Refusal::NotOpen { sku, .. } | Refusal::Closed { sku } => {
                self.is_fresh(attempt, sku, index)?;
                self.is_not_on_sale(sku, index, stamp, matches!(refusal, Refusal::Closed { .. }))
            }
            Refusal::UnknownSku { sku } => {
                hold!(HonestRefusal, self.ledger.settings_at(sku, index).is_none(), "{sku} is told unknown at {index}");
                Ok(())
            }
            Refusal::UnknownOrder => self.is_forgotten(attempt, index, stamp),
            Refusal::TooLate => {
                hold!(HonestRefusal, stamp >= attempt.apply_before, "attempt {at} is told too late at {stamp}");
                Ok(())
            }
            Refusal::HoldExpired { .. } => self.had_status(attempt, index, |status| status == Status::Expired),
            Refusal::OrderState { status } => self.had_status(attempt, index, |had| had == status),
            Refusal::KeyReused => self.is_reused(attempt, index),
            // Of what apply said the ledger saw at the entry whether the bound was reached.
            Refusal::Capacity { .. } if judged => Ok(()),
            Refusal::Capacity { of_buyer } => self.has_no_room(attempt, of_buyer, index),
        }
    }

    /// Units of a SKU that an attempt is about.
    fn wanted(&self, at: usize, sku: SkuId) -> Result<u64, Violation> {
        let lines = match &self.history.attempts[at].wish {
            Wish::Order { lines, .. } => Some(lines),
            Wish::Step { order, .. } => self.ledger.orders.get(order).map(|sold| &sold.lines),
        };
        let line = lines.and_then(|lines| lines.iter().find(|line| line.sku == sku));
        hold!(HonestRefusal, line.is_some(), "attempt {at} is told of {sku}, which it is not about: {lines:?}");
        Ok(line.map_or(0, |line| u64::from(line.units)))
    }

    /// The key owned an order at the index, for something else.
    fn is_reused(&self, attempt: &Attempt, index: LogIndex) -> Checked {
        let Wish::Order { key, buyer, lines, confirm } = &attempt.wish else {
            hold!(HonestRefusal, false, "a step has no key and is told that it was used");
            return Ok(());
        };
        let asked = |sold: &Sold| match &self.history.attempts[sold.attempt].wish {
            Wish::Order { confirm, .. } => Some(*confirm),
            Wish::Step { .. } => None,
        };
        let differs = |sold: &Sold| sold.lines != *lines || asked(sold) != Some(*confirm);
        let is_true = self.ledger.owners_at(self.history.key(buyer, key), index).any(differs);
        hold!(HonestRefusal, is_true, "{buyer}'s {key} is told used for another order at {index}, and owns none");
        Ok(())
    }

    /// A key that owns an order never hears a refusal, but for another order.
    fn owns_nothing(&self, attempt: &Attempt, refusal: Refusal, index: LogIndex) -> Checked {
        let Wish::Order { key, buyer, lines, confirm } = &attempt.wish else { return Ok(()) };
        let owner = self.ledger.owners.get(&self.history.key(buyer, key)).filter(|order| order.index <= index);
        let Some(sold) = owner.and_then(|order| self.ledger.orders.get(order)) else { return Ok(()) };
        let Wish::Order { confirm: at_once, .. } = &self.history.attempts[sold.attempt].wish else { return Ok(()) };
        let same = sold.lines == *lines && at_once == confirm;
        hold!(OneOrderPerKey, !same, "{buyer}'s {key} owns an order at {index} and hears {refusal:?}");
        hold!(OneOrderPerKey, refusal == Refusal::KeyReused, "{buyer}'s {key} owns another order and hears {refusal:?}");
        Ok(())
    }

    /// The first entry that the answer does not know of is younger than the bound on staleness, or than the question.
    fn is_fresh(&self, attempt: &Attempt, sku: SkuId, index: LogIndex) -> Checked {
        let Some(next) = self.log.committed_at(LogIndex(index.0 + 1)) else { return Ok(()) };
        let is_fresh = self.now <= next.after(self.fresh_for) || next >= attempt.invoked;
        hold!(HonestRefusal, is_fresh, "what is told of {sku} at {index} is {} old", self.now.since(next));
        Ok(())
    }

    /// By the settings at the index the sale is not open, or is closed, at the stamp of the index or by the leader's clock.
    fn is_not_on_sale(&self, sku: SkuId, index: LogIndex, stamp: Stamp, closed: bool) -> Checked {
        let settings = self.ledger.settings_at(sku, index);
        let says = |at: Stamp| match settings.map(|settings| settings.sale_state(at)) {
            Some(SaleState::Closed) => closed,
            Some(SaleState::NotOpen { .. }) => !closed,
            _ => false,
        };
        let is_true = says(stamp) || self.stamp_now.is_none_or(says);
        hold!(HonestRefusal, is_true, "{sku} is told {} at {stamp}: {settings:?}", if closed { "closed" } else { "not open" });
        Ok(())
    }

    /// Only an order that no step can change any more may be unknown.
    fn is_forgotten(&self, attempt: &Attempt, index: LogIndex, stamp: Stamp) -> Checked {
        let Wish::Step { order, .. } = &attempt.wish else { return Ok(()) };
        let Some(sold) = self.ledger.orders.get(order) else { return Ok(()) };
        let (since_entry, status) = sold.statuses_at(index).last().copied().unwrap_or((LogIndex(0), Status::Expired));
        let since = self.ledger.stamp(since_entry).unwrap_or_default();
        let may_change = match status {
            Status::Held { .. } => true,
            Status::Confirmed => stamp < since + self.params.cancel_window,
            _ => false,
        };
        hold!(HonestRefusal, !may_change, "{order} is {status:?} since {since} and told unknown at {stamp}");
        Ok(())
    }

    fn has_bought(&self, attempt: &Attempt, sku: SkuId, bought: u32, index: LogIndex) -> Checked {
        let buyer = match &attempt.wish {
            Wish::Order { buyer, .. } => buyer,
            Wish::Step { .. } => return Ok(()),
        };
        let history = self.ledger.bought.get(&(buyer.clone(), sku));
        let had = history.map_or(bought == 0, |history| {
            let from = history.partition_point(|(at, _)| *at < index).saturating_sub(1);
            history[from..].iter().take_while(|(at, _)| *at <= index).any(|(_, units)| *units == bought)
        });
        hold!(HonestRefusal, had, "{buyer} is told to have {bought} of {sku} at {index}: {history:?}");
        Ok(())
    }

    /// The bound on remembered orders was reached after that entry, by the buyer's or by all.
    fn has_no_room(&self, attempt: &Attempt, of_buyer: bool, index: LogIndex) -> Checked {
        let Wish::Order { buyer, lines, .. } = &attempt.wish else {
            hold!(HonestRefusal, false, "a step is refused for capacity");
            return Ok(());
        };
        self.is_fresh(attempt, lines[0].sku, index)?;
        let (has, most) = if of_buyer {
            (Some(self.ledger.keys_of(buyer, index)), u64::from(self.params.max_orders_per_buyer))
        } else {
            (self.ledger.remembered_after(index), self.params.max_orders)
        };
        hold!(
            HonestRefusal,
            has.is_some_and(|has| has >= most),
            "{buyer} is told capacity (his: {of_buyer}) at {index}: {has:?} of {most}"
        );
        Ok(())
    }

    fn had_status(&self, attempt: &Attempt, index: LogIndex, is: impl Fn(Status) -> bool) -> Checked {
        let Wish::Step { order, .. } = &attempt.wish else { return Ok(()) };
        let statuses = self.ledger.orders.get(order).map(|sold| sold.statuses_at(index)).unwrap_or_default();
        hold!(HonestRefusal, statuses.iter().any(|(_, status)| is(*status)), "{order} is refused a step at {index}: {statuses:?}");
        Ok(())
    }
}

fn seen(refusal: &Refusal, judged: bool) -> Seen {
    match refusal {
        Refusal::KeyReused => Seen::KeyReused,
        Refusal::TooLate => Seen::TooLate,
        Refusal::Capacity { .. } => Seen::Capacity,
        Refusal::NotOpen { .. } | Refusal::Closed { .. } | Refusal::UnknownSku { .. } => Seen::NotOnSale,
        Refusal::BuyerLimit { .. } => Seen::BuyerLimit,
        Refusal::Refilling { .. } => Seen::Refilling,
        Refusal::InsufficientStock { .. } => Seen::Insufficient,
        Refusal::SoldOut { .. } if judged => Seen::SoldOutJudged,
        Refusal::SoldOut { .. } => Seen::SoldOutProven,
        Refusal::UnknownOrder | Refusal::OrderState { .. } => Seen::WrongState,
        Refusal::HoldExpired { .. } => Seen::HoldExpired,
    }
}
