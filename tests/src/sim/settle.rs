//! The end of a run: the faults are over, everyone is answered, everything that is left is sold, at any node.

use holdfast_inventory::{Answer, Command, Line, Lines, Millis, Moment, PatchSku, Refusal, SettingsPatch, SkuId, codec};

use super::World;
use super::history::Wish;
use super::node;
use super::tally::Seen;
use super::violation::{Checked, Invariant, hold};

/// A buyer of the end gives up after so many tries: then a unit is stranded.
const MOST_TRIES: u32 = 12;

impl World {
    /// Heals everything, and looks whether the cluster comes to rest and sells.
    pub(super) fn settle(&mut self) {
        self.come_to_first_rest();
        self.ask_oracle();
        if self.violation.is_some() {
            return;
        }
        for sku in 0..self.plan.skus.len() {
            self.sell_out(SkuId(u32::try_from(sku).unwrap_or_default()));
        }
        self.come_to_rest();
        let checked = self.is_at_rest();
        self.check(checked);
    }

    /// Heals everything and waits until everyone is answered.
    pub(super) fn come_to_first_rest(&mut self) {
        self.heal();
        self.answers_again();
        self.come_to_rest();
    }

    fn heal(&mut self) {
        self.is_healed = true;
        // One of a minority may never come back: nothing may be stranded with it.
        self.absent = (self.nodes.len() > 2 && self.random.chance(300)).then(|| self.random.place(self.nodes.len()));
        if let Some(absent) = self.absent {
            self.tally.saw(Seen::NeverBack);
            self.trace.note(self.now, || format!("node {} never comes back", absent + 1));
            self.crash(absent);
        }
        self.trace.note(self.now, || "everything heals".into());
        self.bus.mend();
        (self.plan.lost, self.plan.doubled, self.plan.late, self.plan.slow_disk) = (0, 0, 0, 0);
        let stamp = self.nodes.iter().map(|node| node.clock.at(self.now)).chain([self.head.clock()]).max().unwrap_or_default();
        for at in self.present() {
            self.nodes[at].paused_until = self.nodes[at].paused_until.min(self.now);
            self.nodes[at].applies_late_until = self.now;
            self.nodes[at].clock.set(stamp, self.now);
            if self.nodes[at].is_draining || !self.nodes[at].is_up {
                self.start(at);
            }
            if !self.nodes[at].is_up {
                self.start(at);
            }
        }
    }

    /// Nodes that are there in the end.
    fn present(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|at| Some(*at) != self.absent).collect()
    }

    /// Soon after the faults every node gives a definite answer again.
    fn answers_again(&mut self) {
        let desk = &self.plan.desk;
        let waits = desk.resend_at_most.0 + desk.refill_wait.0 + desk.outcome_grace.0 + 3 * self.plan.election_timeout.0;
        let until = self.now.after(Millis(waits + 50));
        let mut silent = self.present();
        let (mut asked, mut round) = (Vec::new(), 0);
        while !silent.is_empty() && self.violation.is_none() {
            if self.now > until {
                self.fail(Invariant::Live, format!("node {} gives no definite answer {waits} ms after the faults", silent[0] + 1));
                return;
            }
            for &at in &silent {
                asked.extend(self.ask_one(at, SkuId(0), &format!("first-{at}-{round}")));
            }
            round += 1;
            let patience = self.now.after(Millis(20));
            self.run_until(patience);
            for attempt in asked.iter().map(|&attempt: &usize| &self.history.attempts[attempt]) {
                if let Some((_, Answer::Accepted { .. } | Answer::Refused { .. })) = attempt.answer {
                    silent.retain(|at| *at != attempt.node);
                }
            }
        }
    }

    /// Long enough for a leader, sessions, reclaim, and for everyone who waits to be answered.
    fn come_to_rest(&mut self) {
        let desk = &self.plan.desk;
        let waits = desk.request_ttl.0 + desk.outcome_grace.0 + desk.resend_at_most.0;
        let until = self.now.after(Millis(waits + 3 * self.plan.election_timeout.0 + self.plan.reconcile.reclaim_after.0 + 100));
        self.run_until(until);
        if let Some(open) = (0..self.history.attempts.len()).find(|&at| self.is_open(at)) {
            self.fail(Invariant::Live, format!("attempt {open} is never answered"));
        }
    }

    fn is_open(&self, attempt: usize) -> bool {
        let attempt = &self.history.attempts[attempt];
        attempt.answer.is_none() && !attempt.is_lost
    }

    /// Asks for everything that is left of a SKU until it is gone and every node says so. Each round sells a unit or ends: units
    /// come back only from the holds of the run, of which there are so many.
    fn sell_out(&mut self, sku: SkuId) {
        self.open_sale(sku);
        while self.sell_rest(sku) && !self.ask_for_none(sku) {}
    }

    /// Asks at random nodes until nothing is left. False if no more can be bought: of a full state, or something is wrong.
    fn sell_rest(&mut self, sku: SkuId) -> bool {
        let mut tries = 0;
        loop {
            let left = self.left(sku);
            if left == 0 || self.violation.is_some() {
                break;
            }
            let answer = self.buy(sku, left, &format!("rest-{sku}-{}", self.history.attempts.len()));
            match answer {
                Some(Answer::Accepted { .. }) => {
                    tries = 0;
                    continue;
                }
                Some(Answer::Refused { refusal: Refusal::Capacity { of_buyer: false }, .. }) if self.is_full() => return false,
                // Such a refusal may rest on a proof, and be as old as that.
                Some(Answer::Refused { .. }) => self.run_until(self.now.after(self.plan.desk.fresh_for)),
                _ => {}
            }
            tries += 1;
            if tries > MOST_TRIES {
                self.fail(Invariant::NothingStranded, format!("{left} of {sku} can't be bought: {answer:?}"));
            }
        }
        self.violation.is_none()
    }

    fn left(&self, sku: SkuId) -> u64 {
        self.head.sku(sku).map_or(0, holdfast_inventory::Sku::available)
    }

    /// The bound on remembered orders is reached, which is nobody's fault.
    fn is_full(&self) -> bool {
        self.ledger.remembered(&self.head) >= self.plan.params.max_orders
    }

    /// Everybody hears that nothing is left, at every node. False if units came back meanwhile.
    fn ask_for_none(&mut self, sku: SkuId) -> bool {
        for at in self.present() {
            let (mut answer, mut is_told) = (None, false);
            for round in 0..MOST_TRIES {
                if self.left(sku) > 0 {
                    return false;
                }
                answer = self.buy_at(at, sku, 1, &format!("none-{sku}-{at}-{round}-{}", self.history.attempts.len()));
                is_told = match answer {
                    Some(Answer::Refused { refusal: Refusal::SoldOut { .. }, .. }) => true,
                    Some(Answer::Refused { refusal: Refusal::Capacity { of_buyer: false }, .. }) => self.is_full(),
                    _ => false,
                };
                if is_told || self.violation.is_some() {
                    break;
                }
            }
            if !is_told && self.left(sku) == 0 {
                self.fail(Invariant::Live, format!("{sku} is sold out and node {} says {answer:?}", at + 1));
            }
        }
        self.left(sku) == 0 || self.violation.is_some()
    }

    /// The operator lets everybody buy everything.
    fn open_sale(&mut self, sku: SkuId) {
        let Some(if_version) = self.head.sku(sku).map(|sku| sku.version) else { return };
        let settings =
            SettingsPatch { opens_at: Some(None), closes_at: Some(None), per_buyer_limit: Some(None), ..SettingsPatch::default() };
        let Some(leader) = self.log.leader else { return };
        self.append(leader, &codec::encode(&Command::SetSale { sku, open: true }));
        self.append(leader, &codec::encode(&Command::PatchSku(PatchSku { sku, if_version, settings })));
        self.run_until(self.now.after(Millis(20)));
    }

    fn buy(&mut self, sku: SkuId, units: u64, key: &str) -> Option<Answer> {
        let present = self.present();
        let at = present[self.random.place(present.len())];
        self.buy_at(at, sku, units, key)
    }

    /// One order, bought at once, and its answer; none if it was given none in time.
    pub(super) fn buy_at(&mut self, at: usize, sku: SkuId, units: u64, key: &str) -> Option<Answer> {
        let units = u32::try_from(units.min(u64::from(self.plan.params.max_line_units))).unwrap_or(u32::MAX);
        let lines = Lines::from_slice(&[Line { sku, units }]);
        let attempt = self.ask(at, Wish::Order { key: key.into(), buyer: format!("buyer-of-{key}"), lines, confirm: true })?;
        let until = self.history.attempts[attempt].deadline.after(self.plan.desk.outcome_grace).after(Millis(50));
        while self.is_open(attempt) && self.now < until && self.violation.is_none() {
            self.run_until(Moment(self.now.0 + 5_000));
        }
        self.history.attempts[attempt].answer.map(|(_, answer)| answer)
    }

    /// Nothing waits, nothing flies, all replicas hold the same bytes, and every acknowledged order is there.
    fn is_at_rest(&self) -> Checked {
        let committed = self.log.committed();
        if let Some(gone) = self.absent {
            let session = self.head.session_of(self.nodes[gone].id);
            hold!(NothingStranded, session.is_none_or(|session| !session.open), "node {} is gone and keeps {session:?}", gone + 1);
        }
        for (at, node) in self.present().into_iter().map(|at| (at, &self.nodes[at])) {
            let (queued, flying, keys) = (node.desk.queued(), node.desk.in_flight(), node.desk.keys_in_progress());
            hold!(Live, queued + flying + keys == 0, "node {} at rest: {queued} queued, {flying} in flight, {keys} keys", at + 1);
            let behind = committed.0 - node.inventory.last_index().0;
            hold!(Live, behind < 8, "node {} is {behind} entries behind at rest", at + 1);
            hold!(Live, node.desk.session().is_some(), "node {} has no session at rest", at + 1);
        }
        let present = self.present();
        self.ledger.compare_all_keys(&self.head)?;
        let node = &self.nodes[present[self.history.attempts.len() % present.len()]];
        if node.inventory.last_index() == committed {
            let same = node::bytes(&node.inventory) == node::bytes(&self.head);
            hold!(SnapshotIsReplay, same, "the snapshot of node {} is not that of the whole log", node.id);
        }
        self.orders_are_there()
    }

    fn orders_are_there(&self) -> Checked {
        for (order, sold) in &self.ledger.orders {
            let Some(now) = self.head.order(*order) else { continue };
            let same = now.status.status == sold.status() || sold.status().is_live() && !now.status.status.is_live();
            hold!(OneLife, same, "{order} is {:?}, history tells {:?}", now.status.status, sold.status());
        }
        for attempt in &self.history.attempts {
            if let Some((_, Answer::Accepted { order, .. } | Answer::Replayed { order })) = attempt.answer {
                hold!(Acknowledged, self.ledger.orders.contains_key(&order), "{order} was acknowledged and is not there");
            }
        }
        Ok(())
    }
}
