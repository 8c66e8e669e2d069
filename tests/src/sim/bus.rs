//! The network between nodes: messages take their time, get lost, come twice, late, out of order, or not at all where a
//! link is cut, in one direction or both.

use bytes::Bytes;
use holdfast_inventory::{LogIndex, Millis, Moment, Report, SkuId};

use super::World;
use super::tally::{Fault, Seen};
use super::world::Event;

/// What is on its way.
#[derive(Clone, Debug)]
pub(super) enum Message {
    /// A batch, or the opening of a session, to whoever leads.
    Propose(Bytes),
    /// It was not taken.
    NotTaken,
    /// A question for a read index, asked at a moment of the asker's own time.
    Probe(Moment),
    /// The read index to that question.
    ReadIndex(Moment, LogIndex),
    /// How a node stands, and what it needs.
    Report(Box<Report>, Vec<(SkuId, u64, u64)>),
    /// Units are to be given back.
    Collect(SkuId, u64),
    /// Who leads, and what is committed.
    Leads { term: u64, leader: usize, committed: LogIndex },
}

/// A message with its addresses. An answer is for one life of the asking process; everything else for whoever is there.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) from: usize,
    pub(super) from_life: u64,
    pub(super) to: usize,
    pub(super) to_life: Option<u64>,
    pub(super) message: Message,
}

/// Which links are cut, and proposals that were seen on the wire.
#[derive(Debug)]
pub(super) struct Bus {
    nodes: usize,
    cut: Vec<bool>,
    pub(super) old: Vec<Bytes>,
}

/// Proposals that are kept to be played again.
const OLD_KEPT: usize = 12;

impl Bus {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes, cut: vec![false; nodes * nodes], old: Vec::new() }
    }

    pub(super) fn carries(&self, from: usize, to: usize) -> bool {
        from == to || !self.cut[from * self.nodes + to]
    }

    pub(super) fn cut(&mut self, from: usize, to: usize) {
        self.cut[from * self.nodes + to] = true;
    }

    pub(super) fn mend(&mut self) {
        self.cut.fill(false);
    }

    fn keep(&mut self, proposal: &Bytes, place: usize) {
        if self.old.len() < OLD_KEPT {
            self.old.push(proposal.clone());
        } else {
            self.old[place] = proposal.clone();
        }
    }
}

impl World {
    /// Sends to whoever runs there when it arrives.
    pub(super) fn send(&mut self, from: usize, to: usize, message: Message) {
        self.post(from, to, None, message);
    }

    /// Answers a process; a later one of the same node does not hear it.
    pub(super) fn answer(&mut self, from: usize, to: usize, to_life: u64, message: Message) {
        self.post(from, to, Some(to_life), message);
    }

    fn post(&mut self, from: usize, to: usize, to_life: Option<u64>, message: Message) {
        if let Message::Propose(bytes) = &message {
            let place = self.random.place(OLD_KEPT);
            self.bus.keep(bytes, place);
        }
        let envelope = Envelope { from, from_life: self.nodes[from].life, to, to_life, message };
        if from == to {
            // A node loses nothing on the way to itself.
            return self.at(Moment(self.now.0 + 20), Event::Deliver(envelope));
        }
        if self.random.chance(self.plan.lost) {
            self.tally.fired(Fault::Lost);
            return;
        }
        if self.random.chance(self.plan.doubled) {
            self.tally.fired(Fault::Doubled);
            let again = self.now.after(Millis(self.random.between(1, 200)));
            self.at(again, Event::Deliver(envelope.clone()));
        }
        let mut arrives = Moment(self.now.0 + self.random.between(100, 1_500));
        if self.random.chance(self.plan.late) {
            self.tally.fired(Fault::Slow);
            arrives = arrives.after(Millis(self.random.between(1, 150)));
        }
        self.at(arrives, Event::Deliver(envelope));
    }

    /// A message arrives, unless its link is cut or nobody is there; one that stands still reads it later.
    pub(super) fn deliver(&mut self, envelope: Envelope) {
        let to = &self.nodes[envelope.to];
        let is_for_another = envelope.to_life.is_some_and(|life| life != to.life);
        if !self.bus.carries(envelope.from, envelope.to) || !to.is_up || is_for_another {
            return;
        }
        if self.now < to.paused_until {
            return self.at(to.paused_until, Event::Deliver(envelope));
        }
        let Envelope { from, from_life, to, message, .. } = envelope;
        match message {
            Message::Propose(bytes) => self.proposed(from, from_life, to, &bytes),
            Message::NotTaken => {
                self.on_node(to, |desk, _, now, _| desk.proposal_refused(now));
            }
            Message::Probe(sent) => self.probed(from, from_life, to, sent),
            Message::ReadIndex(sent, index) => {
                self.on_node(to, |desk, records, now, out| desk.fresh(now, sent, index, records, out));
            }
            Message::Report(report, refills) => self.reported(to, *report, &refills),
            Message::Collect(sku, units) => {
                self.tally.saw(Seen::Collected);
                self.on_node(to, |desk, records, now, out| desk.give_back(now, sku, units, records, out));
            }
            Message::Leads { term, leader, committed } => self.hears_of(to, term, leader, committed),
        }
    }
}
