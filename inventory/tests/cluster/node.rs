//! One node: its own copy of the state, its Desk, how far it has applied.

use holdfast_inventory::{
    ClusterTime, Desk, DeskConfig, Effect, Entry, Incarnation, Inventory, LogIndex, Millis, Moment, NodeId, NodeRecords, SkuId, codec,
};

use super::{Asked, Cluster, Message};

type Effects = Vec<Effect<u64>>;

pub struct Node {
    pub id: NodeId,
    pub inventory: Inventory,
    pub desk: Desk<u64>,
    pub paused_until: Moment,
}

impl Node {
    pub fn new(id: u64) -> Self {
        let id = NodeId(id);
        let desk = Desk::new(DeskConfig::new(id, Incarnation(1)));
        Self { id, inventory: Inventory::new(), desk, paused_until: Moment(0) }
    }

    pub fn apply_members(&mut self, members: &Entry<'_>) {
        self.inventory.apply(LogIndex(1), members);
    }

    pub fn fresh(&mut self, now: Moment, sent: Moment, index: LogIndex, out: &mut Effects) {
        self.desk.fresh(now, sent, index, &NodeRecords::new(&self.inventory, self.id), out);
    }

    pub fn give_back(&mut self, now: Moment, sku: SkuId, units: u64, out: &mut Effects) {
        self.desk.give_back(now, sku, units, &NodeRecords::new(&self.inventory, self.id), out);
    }

    pub fn wake(&mut self, now: Moment, out: &mut Effects) {
        self.desk.wake(now, &NodeRecords::new(&self.inventory, self.id), out);
    }

    pub fn drain(&mut self, now: Moment, out: &mut Effects) {
        self.desk.drain(now, &NodeRecords::new(&self.inventory, self.id), out);
    }

    /// Applies a few entries, then tells the Desk each one, as the state may be ahead of what it was told.
    fn apply(&mut self, now: Moment, entries: &[bytes::Bytes], out: &mut Effects) {
        let mut told = Vec::new();
        for entry in entries {
            let (stamp, command) = codec::read_entry(entry).unwrap();
            let index = LogIndex(self.inventory.last_index().0 + 1);
            told.push(self.inventory.apply(index, &Entry::Command(stamp, command)));
        }
        for applied in &told {
            self.desk.applied(now, applied, &NodeRecords::new(&self.inventory, self.id), out);
        }
    }

    fn jump_to(&mut self, now: Moment, state: &Inventory, out: &mut Effects) {
        self.inventory = state.clone();
        self.desk.snapshot_installed(now, &NodeRecords::new(&self.inventory, self.id), out);
    }
}

impl Cluster {
    /// A buyer asks at a node.
    pub fn ask(&mut self, at: usize, asked: &Asked) {
        let time = ClusterTime { now: self.stamp(), error: Millis(5) };
        let (now, waiter, ask) = (self.now, self.book.begin(self.now, asked.clone()), asked.ask(&self.head, time.now + Millis(2_000)));
        self.on_node(at, |node, _, out| {
            node.desk.admit(now, time, ask, waiter, &NodeRecords::new(&node.inventory, node.id), out);
        });
    }

    pub fn on_node(&mut self, at: usize, act: impl FnOnce(&mut Node, Moment, &mut Effects)) {
        let mut out = Vec::new();
        act(&mut self.nodes[at], self.now, &mut out);
        self.carry_out(at, out);
    }

    pub fn advance_node(&mut self, at: usize) {
        if self.now < self.nodes[at].paused_until {
            return;
        }
        let done = self.nodes[at].inventory.last_index().0 as usize;
        if done < self.log.len() && self.random.chance(700) {
            let upto = self.log.len().min(done + 1 + self.random.below(8) as usize);
            let entries = self.log[done..upto].to_vec();
            if self.random.chance(self.faults.snapshot_jump) {
                let head = self.head.clone();
                self.on_node(at, |node, now, out| node.jump_to(now, &head, out));
            } else {
                self.on_node(at, |node, now, out| node.apply(now, &entries, out));
            }
        }
        if self.nodes[at].desk.wake_at().is_some_and(|wake| wake <= self.now) {
            self.on_node(at, Node::wake);
        }
    }

    fn carry_out(&mut self, at: usize, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::Answer(waiter, answer) => self.book.answer(self.now, waiter, answer, &self.committed_at),
                Effect::Propose(bytes) => self.send(Message::Propose { from: at, bytes }),
                Effect::OpenSession(open) => {
                    let bytes = codec::encode(&holdfast_inventory::Command::OpenSession(open)).into();
                    self.send(Message::Propose { from: at, bytes });
                }
                Effect::AskRefill { sku, units, needed } => self.send(Message::Refill { from: at, sku, units, needed }),
                Effect::Probe => self.send(Message::Probe { from: at, sent: self.now }),
            }
        }
    }
}
