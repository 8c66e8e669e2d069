//! Who leads, what is committed, who hears of it: Raft as far as it matters to what stands above it.

use holdfast_inventory::{Command, LogIndex, Millis, Moment, codec};

use super::World;
use super::bus::Message;
use super::log::Slot;
use super::node;
use super::tally::{Fault, Seen};
use super::world::Event;

impl World {
    /// Whether a node runs and hears, and is heard by, a majority.
    pub(super) fn has_majority(&self, at: usize) -> bool {
        let reaches =
            |other: &usize| self.nodes[*other].is_running(self.now) && self.bus.carries(at, *other) && self.bus.carries(*other, at);
        self.nodes[at].is_running(self.now) && (0..self.nodes.len()).filter(reaches).count() * 2 > self.nodes.len()
    }

    /// A proposal arrives. A node that was deposed and does not know takes it, and loses it.
    pub(super) fn proposed(&mut self, from: usize, from_life: u64, to: usize, bytes: &[u8]) {
        if self.leads(to) {
            self.append(to, bytes);
        } else if self.nodes[to].leads {
            self.tally.saw(Seen::StaleLeader);
        } else {
            self.answer(to, from, from_life, Message::NotTaken);
        }
    }

    /// Whether a node is the rightful leader and knows it.
    pub(super) fn leads(&self, at: usize) -> bool {
        self.log.leader == Some(at) && self.nodes[at].leads
    }

    /// The leader stamps a command and appends it.
    pub(super) fn append(&mut self, leader: usize, command: &[u8]) -> LogIndex {
        let stamp = self.nodes[leader].clock.at(self.now);
        let index = self.log.append(Slot::Command(codec::stamp_entry(stamp, command)));
        self.will_commit();
        index
    }

    /// A majority will have the next entry in a moment.
    fn will_commit(&mut self) {
        let mut at = Moment(self.now.0 + self.random.between(200, 2_000));
        if self.random.chance(self.plan.slow_disk) {
            self.tally.fired(Fault::SlowDisk);
            at = at.after(Millis(self.random.between(5, 120)));
        }
        self.at(at, Event::Commit { term: self.log.term });
    }

    /// A majority has the next entry: it is committed, and the account of the log goes on. Without a majority it waits.
    pub(super) fn commit(&mut self, term: u64) {
        let Some(leader) = self.log.leader.filter(|_| term == self.log.term) else { return };
        if !self.has_majority(leader) {
            let later = self.now.after(Millis(self.plan.election_timeout.0 / 2));
            return self.at(later, Event::Commit { term });
        }
        let Some(index) = self.log.commit_next(self.now) else { return };
        self.account_for(index);
        for at in 0..self.nodes.len() {
            let hears = self.bus.carries(leader, at) && self.nodes[at].is_up;
            if hears && !self.random.chance(self.plan.lost) {
                self.knows(at, index);
            }
        }
    }

    /// Applies a committed entry to the state that all others are compared with, and to the ledger.
    fn account_for(&mut self, index: LogIndex) {
        let slot = self.log.slot(index).clone();
        let applied = node::apply(&mut self.head, index, &slot);
        self.digests.push(self.head.digest());
        self.tally.entries += 1;
        let command = match &slot {
            Slot::Command(bytes) => codec::read_entry(bytes).ok(),
            Slot::Blank => None,
        };
        let command = command.as_ref().map(|(stamp, command)| (*stamp, command));
        self.trace.note(self.now, || match &command {
            Some((stamp, command)) => format!("committed {index} at {stamp}: {command:?} → {:?}", applied.outcome),
            None => format!("committed {index}: blank"),
        });
        self.record.feed.push((index, applied.stamp, applied.events.clone()));
        self.see(command.map(|(_, command)| command), &applied);
        let checked = self.ledger.note(command, &applied, &self.head, &self.history, &mut self.tally);
        self.check(checked);
    }

    /// Notes what an entry came to.
    fn see(&mut self, command: Option<&Command<'_>>, applied: &holdfast_inventory::Applied) {
        match command {
            Some(Command::SetMode { mode, .. }) if !applied.touched.is_empty() => self.tally.saw(match mode {
                holdfast_inventory::Mode::Pooled => Seen::PooledMidway,
                holdfast_inventory::Mode::Sliced => Seen::SlicedAgain,
            }),
            Some(Command::Grant(_)) if applied.touched.is_empty() => self.tally.saw(Seen::GrantRefused),
            _ => {}
        }
    }

    /// A node learns how much is committed.
    pub(super) fn knows(&mut self, at: usize, committed: LogIndex) {
        let node = &mut self.nodes[at];
        node.known = node.known.max(committed);
        if !node.will_apply && node.known > node.inventory.last_index() {
            node.will_apply = true;
            let life = node.life;
            let soon = Moment(self.now.0 + self.random.between(50, 1_000));
            self.at(soon, Event::Apply { at, life });
        }
    }

    /// The leader tells everyone that it leads; a leader that nobody hears is replaced.
    pub(super) fn heartbeat(&mut self) {
        let again = self.now.after(Millis(self.plan.election_timeout.0 / 2));
        self.at(again, Event::Heartbeat);
        let healthy = self.log.leader.filter(|&leader| self.leads(leader) && self.has_majority(leader));
        if let Some(leader) = healthy {
            self.led_at = self.now;
            self.announce(leader);
            self.run_policy(leader);
        } else if self.now > self.led_at.after(self.plan.election_timeout) {
            self.elect();
        }
        self.run_stale_policies();
    }

    fn announce(&mut self, leader: usize) {
        let committed = self.log.committed();
        for to in 0..self.nodes.len() {
            self.send(leader, to, Message::Leads { term: self.log.term, leader, committed });
        }
    }

    /// Any node that a majority follows may be elected; what the one before had not committed may be in its log or not.
    pub(super) fn elect(&mut self) {
        let able: Vec<usize> = (0..self.nodes.len()).filter(|&at| Some(at) != self.log.leader && self.has_majority(at)).collect();
        let Some(leader) = self.random.pick(&able) else {
            let may_go_on = self.log.leader.filter(|&leader| self.has_majority(leader));
            match may_go_on {
                Some(leader) => self.crown(leader),
                None => self.tally.saw(Seen::NoMajority),
            }
            return;
        };
        self.crown(leader);
    }

    fn crown(&mut self, leader: usize) {
        let had = self.log.uncommitted();
        let keep = self.random.place(had + 1);
        let dropped = self.log.elect(leader, keep);
        if dropped > 0 {
            self.tally.saw(Seen::DroppedSuffix);
        }
        if keep > 0 {
            self.tally.saw(Seen::KeptSuffix);
        }
        self.trace.note(self.now, || format!("node {} leads term {}; {keep} entries kept, {dropped} dropped", leader + 1, self.log.term));
        self.led_at = self.now;
        let node = &mut self.nodes[leader];
        node.leads = true;
        node.policy_waits_for = LogIndex(0);
        let now = node.moment(self.now);
        node.reconciler.elected(now, &node.inventory);
        for _ in 0..self.log.uncommitted() {
            self.will_commit();
        }
        self.announce(leader);
    }

    /// A node hears who leads, unless it knows better.
    pub(super) fn hears_of(&mut self, at: usize, term: u64, leader: usize, committed: LogIndex) {
        if term < self.nodes[at].term {
            return;
        }
        let node = &mut self.nodes[at];
        let is_news = term > node.term || node.leader != Some(leader);
        node.term = term;
        if node.leads && leader != at {
            node.leads = false;
            node.reconciler.deposed();
        }
        node.leader = Some(leader);
        if is_news {
            let id = self.nodes[leader].id;
            self.on_node(at, |desk, _, now, out| desk.leader_changed(now, Some(id), out));
        }
        self.knows(at, committed);
    }

    /// A read index is told once a majority has confirmed that its leader still leads.
    pub(super) fn probed(&mut self, from: usize, from_life: u64, to: usize, sent: Moment) {
        if self.leads(to) && self.log.answers_reads() {
            let (term, index) = (self.log.term, self.log.committed());
            let confirmed = Moment(self.now.0 + self.random.between(50, 1_500));
            self.at(confirmed, Event::Confirmed { term, to: from, to_life: from_life, sent, index });
        }
    }

    pub(super) fn confirmed(&mut self, term: u64, to: (usize, u64), sent: Moment, index: LogIndex) {
        if let Some(leader) = self.log.leader.filter(|_| term == self.log.term)
            && self.has_majority(leader)
        {
            self.answer(leader, to.0, to.1, Message::ReadIndex(sent, index));
        }
    }
}
