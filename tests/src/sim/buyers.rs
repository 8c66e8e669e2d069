//! Buyers, who ask, hang up, ask again elsewhere with the same key, and change their minds; and the shop's operator.

use holdfast_inventory::{
    AdjustStock, Answer, ClusterTime, Command, LateConfirm, Line, Lines, Millis, Moment, OrderRef, PatchSku, SettingsPatch, SkuId, Stamp,
    codec,
};

use super::World;
use super::bus::Message;
use super::history::{Wish, is_worth_repeating};
use super::tally::{Fault, Operation};
use super::world::Event;

/// An order that a buyer wants, with its key; asked for until it is had or given up.
#[derive(Clone, Debug)]
pub(super) struct Intent {
    pub(super) wish: Wish,
    tries: u32,
}

/// A buyer gives up after so many tries.
const MOST_TRIES: u32 = 6;

impl World {
    pub(super) fn operate(&mut self) {
        if self.is_healed {
            return;
        }
        let pause = self.random.between(0, self.plan.operate_every.0 * 2_000);
        self.at(Moment(self.now.0 + pause), Event::Operate);
        let Some(operation) = self.random.pick(&self.plan.operations) else { return };
        match operation {
            Operation::Order => self.order(),
            Operation::Repeat => {
                if !self.intents.is_empty() {
                    let intent = self.random.place(self.intents.len());
                    self.tally.did(Operation::Repeat);
                    self.try_order(intent);
                }
            }
            Operation::OtherBody => self.other_body(),
            Operation::Confirm | Operation::Release | Operation::Cancel | Operation::Extend => self.step_on(operation),
            Operation::Adjust => self.adjust(),
            Operation::Settings => self.patch(),
            Operation::StopSale => {
                let open = self.random.chance(600);
                let sku = self.any_sku();
                self.command(operation, &Command::SetSale { sku, open });
            }
        }
    }

    fn any_sku(&mut self) -> SkuId {
        SkuId(u32::try_from(self.random.below(self.plan.skus.len() as u64)).unwrap_or_default())
    }

    /// A new order, sometimes at two nodes at once.
    fn order(&mut self) {
        let buyer = format!("buyer-{}", self.random.below(self.plan.buyers));
        let key = format!("key-{}", self.intents.len());
        let lines = self.some_lines();
        let confirm = self.random.chance(300);
        self.intents.push(Intent { wish: Wish::Order { key, buyer, lines, confirm }, tries: 0 });
        let intent = self.intents.len() - 1;
        self.tally.did(Operation::Order);
        self.try_order(intent);
        if self.random.chance(100) {
            self.try_order(intent);
        }
    }

    fn some_lines(&mut self) -> Lines {
        let first = self.any_sku();
        let units = |world: &mut Self| u32::try_from(world.random.between(1, world.plan.most_units)).unwrap_or(1);
        let mut lines = Lines::from_slice(&[Line { sku: first, units: units(self) }]);
        let second = self.any_sku();
        if second != first && self.random.chance(400) {
            lines.push(Line { sku: second, units: units(self) });
        }
        lines
    }

    /// The key of an order once more, for something else.
    fn other_body(&mut self) {
        if self.intents.is_empty() {
            return;
        }
        let intent = self.random.place(self.intents.len());
        let Wish::Order { key, buyer, confirm, .. } = self.intents[intent].wish.clone() else { return };
        let wish = Wish::Order { key, buyer, lines: self.some_lines(), confirm };
        self.tally.did(Operation::OtherBody);
        let node = self.random.place(self.nodes.len());
        self.ask(node, wish);
    }

    fn step_on(&mut self, step: Operation) {
        // The latest orders are the ones that still have a life before them.
        let latest: Vec<OrderRef> = self.ledger.orders.keys().rev().take(8).copied().collect();
        let Some(order) = self.random.pick(&latest) else { return };
        self.tally.did(step);
        let node = self.random.place(self.nodes.len());
        self.ask(node, Wish::Step { step, order });
    }

    fn try_order(&mut self, intent: usize) {
        let node = self.random.place(self.nodes.len());
        let wish = self.intents[intent].wish.clone();
        self.ask(node, wish);
    }

    pub(super) fn again(&mut self, intent: usize) {
        self.try_order(intent);
    }

    /// A call at a node; none if nobody answers there. Gives the attempt.
    pub(super) fn ask(&mut self, at: usize, wish: Wish) -> Option<usize> {
        if !self.nodes[at].is_running(self.now) {
            return None;
        }
        let sold = match &wish {
            Wish::Order { .. } => None,
            // A node that has not applied the order says so at once, without its Desk.
            Wish::Step { order, .. } if order.index > self.nodes[at].inventory.last_index() => return None,
            Wish::Step { order, .. } => self.ledger.orders.get(order).cloned(),
        };
        let time = self.time_at(at);
        let ttl = self.plan.desk.request_ttl;
        let asked_for = if self.random.chance(200) { Millis(self.random.between(1, ttl.0)) } else { ttl };
        let life = self.nodes[at].life;
        let attempt = self.history.begin(wish, (at, life), self.now, time.now, time.now + asked_for, ttl);
        let ask = self.history.ask(attempt, sold.as_ref());
        self.trace.note(self.now, || format!("attempt {attempt} at node {}: {:?}", at + 1, self.history.attempts[attempt].wish));
        self.on_node(at, |desk, records, now, out| desk.admit(now, time, ask, attempt, records, out));
        Some(attempt)
    }

    /// Cluster time as a node believes it to be, with an honest bound on how wrong it is.
    fn time_at(&self, at: usize) -> ClusterTime {
        let own = self.nodes[at].clock.at(self.now);
        let error = match self.log.leader.map(|leader| self.nodes[leader].clock.at(self.now)) {
            Some(leader) => Millis(own.0.abs_diff(leader.0) + 2),
            None => Millis(3_600_000),
        };
        ClusterTime { now: own, error }
    }

    /// A buyer hears an answer, or has hung up; who has not got what he wants may try again.
    pub(super) fn hears(&mut self, attempt: usize, answer: &Answer) {
        match answer {
            Answer::Accepted { .. } | Answer::Replayed { .. } | Answer::Transitioned { .. } => self.tally.acknowledged += 1,
            Answer::OutcomeUnknown => self.tally.unknown += 1,
            _ => self.tally.refused += 1,
        }
        let hung_up = self.random.chance(self.plan.hang_up) && !self.is_healed;
        if hung_up {
            self.tally.fired(Fault::HangUp);
        }
        if hung_up || is_worth_repeating(answer) {
            self.tries_again(attempt);
        }
    }

    /// The buyer of an attempt asks once more in a moment, somewhere.
    pub(super) fn tries_again(&mut self, attempt: usize) {
        let wish = &self.history.attempts[attempt].wish;
        let Some(intent) = self.intents.iter().position(|intent| intent.wish == *wish) else { return };
        self.intents[intent].tries += 1;
        if self.intents[intent].tries < MOST_TRIES && !self.is_healed {
            let soon = self.now.after(Millis(self.random.between(1, 40)));
            self.at(soon, Event::Again(intent));
        }
    }

    /// One buyer, one unit, one order.
    pub(super) fn ask_one(&mut self, at: usize, sku: SkuId, key: &str) -> Option<usize> {
        let lines = Lines::from_slice(&[Line { sku, units: 1 }]);
        self.ask(at, Wish::Order { key: key.into(), buyer: format!("buyer-of-{key}"), lines, confirm: true })
    }

    fn command(&mut self, operation: Operation, command: &Command<'_>) {
        self.tally.did(operation);
        let at = self.random.place(self.nodes.len());
        if self.nodes[at].is_running(self.now) {
            self.tell_leader(at, Message::Propose(codec::encode(command).into()));
        }
    }

    fn adjust(&mut self) {
        let sku = self.any_sku();
        let delta = self.random.one([-2, -1, 1, 1, 2]);
        let key = format!("delivery-{}", self.random.below(12));
        let reference = format!("{key} of {delta} {sku}");
        self.record.adjustments.push((self.now, sku, delta, reference.clone()));
        let adjust = AdjustStock { sku, delta, reason: "counted".into(), reference: Some(reference.into()), key: key.into() };
        self.command(Operation::Adjust, &Command::AdjustStock(adjust));
    }

    fn patch(&mut self) {
        let sku = self.any_sku();
        let Some(if_version) = self.head.sku(sku).map(|sku| sku.version) else { return };
        let mut settings = SettingsPatch::default();
        match self.random.below(4) {
            0 => settings.per_buyer_limit = Some(self.random.one([None, Some(1), Some(2)])),
            1 => settings.hold_ttl = Some(Millis(self.random.one([0, 1, 50]))),
            2 => settings.late_confirm = Some(self.random.one([LateConfirm::Refuse, LateConfirm::Reacquire])),
            _ => {
                let closes = Stamp(self.head.clock().0 + self.random.between(1, 100));
                settings.closes_at = Some(self.random.one([None, Some(closes)]));
            }
        }
        self.command(Operation::Settings, &Command::PatchSku(PatchSku { sku, if_version, settings }));
    }
}
