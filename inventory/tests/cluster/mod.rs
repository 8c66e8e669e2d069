//! Desks, real states and one ordered log in a plain loop: a cluster without Raft, network or clock.
//!
//! Time advances in steps; messages take a random while, get lost and come twice; the log never loses what it took.
#![allow(dead_code, unreachable_pub)]

mod checks;
mod leader;
mod node;
mod random;

pub use checks::{Asked, Book};
pub use random::Random;

use std::borrow::Cow;

use bytes::Bytes;
use holdfast_inventory::{
    Action, Bootstrap, Command, CreateSku, Entry, Inventory, LogIndex, Millis, Moment, NodeId, Params, ReconcileConfig, Reconciler, Report,
    Secret, SettingsPatch, SkuId, SkuName, Stamp, codec,
};
use node::Node;

/// Cluster time at moment zero.
const BEGIN: u64 = 1_000_000;
/// Length of a step.
const STEP_MICROS: u64 = 500;

/// How often things go wrong, in chances per thousand of each message or step.
#[derive(Clone, Copy, Default)]
pub struct Faults {
    pub lost: u64,
    pub doubled: u64,
    pub leader_change: u64,
    pub close_session: u64,
    pub snapshot_jump: u64,
    pub pause: u64,
}

/// What is on its way.
pub enum Message {
    Propose { from: usize, bytes: Bytes },
    Refused { to: usize },
    Probe { from: usize, sent: Moment },
    Fresh { to: usize, sent: Moment, index: LogIndex },
    Refill { from: usize, sku: SkuId, units: u64, needed: u64 },
    Collect { to: usize, sku: SkuId, units: u64 },
    Report(Report),
    Leader { to: usize, leader: Option<NodeId> },
}

pub struct Cluster {
    pub random: Random,
    pub faults: Faults,
    pub now: Moment,
    /// Committed entries; the first has index 1.
    pub log: Vec<Bytes>,
    /// When each was committed.
    pub committed_at: Vec<Moment>,
    /// The state after all of them.
    pub head: Inventory,
    pub nodes: Vec<Node>,
    pub book: Book,
    leader: Option<usize>,
    leaderless_until: Moment,
    net: Vec<(Moment, Message)>,
    reconciler: Reconciler,
    policy_waits_for: LogIndex,
}

impl Cluster {
    /// `nodes` nodes that know nothing but each other, and SKUs with these stocks.
    pub fn new(seed: u64, nodes: u64, stocks: &[u64], settings: &SettingsPatch) -> Self {
        let mut cluster = Self {
            random: Random::new(seed),
            faults: Faults::default(),
            now: Moment(0),
            log: Vec::new(),
            committed_at: Vec::new(),
            head: Inventory::new(),
            nodes: (1..=nodes).map(Node::new).collect(),
            book: Book::default(),
            leader: None,
            leaderless_until: Moment(0),
            net: Vec::new(),
            reconciler: Reconciler::new(ReconcileConfig::default()),
            policy_waits_for: LogIndex(0),
        };
        let params = Params { pooled_below_per_node: 4, sliced_above_per_node: 8, ..Params::default() };
        cluster.commit(&Command::Bootstrap(Bootstrap { params, secret: Secret([9; 16]) }));
        for (at, stock) in stocks.iter().enumerate() {
            let name = SkuName::new(&format!("sku-{at}")).unwrap();
            cluster.commit(&Command::CreateSku(CreateSku { name, stock: *stock, settings: settings.clone() }));
        }
        cluster
    }

    pub fn stamp(&self) -> Stamp {
        Stamp(BEGIN + self.now.0 / 1000)
    }

    pub fn commit(&mut self, command: &Command<'_>) {
        self.commit_bytes(&codec::encode(command));
    }

    pub fn commit_bytes(&mut self, command: &[u8]) {
        let entry = codec::stamp_entry(self.stamp(), command);
        if self.log.is_empty() {
            // Members come with the first entry, as a bootstrap brings them.
            let members: Vec<NodeId> = self.nodes.iter().map(|node| node.id).collect();
            let members = Entry::Members(Cow::Owned(members));
            self.head.apply(LogIndex(1), &members);
            self.nodes.iter_mut().for_each(|node| node.apply_members(&members));
            self.log.push(Bytes::new());
            self.committed_at.push(self.now);
        }
        let index = LogIndex(self.log.len() as u64 + 1);
        let (stamp, decoded) = codec::read_entry(&entry).unwrap();
        let applied = self.head.apply(index, &Entry::Command(stamp, decoded));
        self.book.note(&self.head, &applied);
        self.log.push(entry);
        self.committed_at.push(self.now);
    }

    fn send(&mut self, message: Message) {
        if self.random.chance(self.faults.lost) {
            return;
        }
        if let Message::Propose { from, bytes } = &message
            && self.random.chance(self.faults.doubled)
        {
            let copy = Message::Propose { from: *from, bytes: bytes.clone() };
            let late = self.now.after(Millis(1 + self.random.below(800)));
            self.net.push((late, copy));
        }
        let at = Moment(self.now.0 + 200 + self.random.below(1_500));
        self.net.push((at, message));
    }

    /// One step of time.
    pub fn step(&mut self) {
        self.now.0 += STEP_MICROS;
        self.make_faults();
        self.elect();
        self.deliver();
        for at in 0..self.nodes.len() {
            self.advance_node(at);
        }
        self.lead();
    }

    /// Steps until `millis` have passed.
    pub fn run(&mut self, millis: u64) {
        let until = self.now.after(Millis(millis));
        while self.now < until {
            self.step();
        }
    }

    fn deliver(&mut self) {
        let mut at = 0;
        while at < self.net.len() {
            if self.net[at].0 > self.now {
                at += 1;
                continue;
            }
            let (_, message) = self.net.swap_remove(at);
            self.receive(message);
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Propose { from, bytes } => match self.leader {
                Some(_) => self.commit_bytes(&bytes),
                None => self.send(Message::Refused { to: from }),
            },
            Message::Refused { to } => self.nodes[to].desk.proposal_refused(self.now),
            Message::Probe { from, sent } => {
                if self.leader.is_some() {
                    let index = LogIndex(self.log.len() as u64);
                    self.send(Message::Fresh { to: from, sent, index });
                }
            }
            Message::Fresh { to, sent, index } => self.on_node(to, |node, now, out| node.fresh(now, sent, index, out)),
            Message::Refill { from, sku, units, needed } => {
                let node = self.nodes[from].id;
                self.reconciler.refill(self.now, node, sku, units, needed);
            }
            Message::Collect { to, sku, units } => self.on_node(to, |node, now, out| node.give_back(now, sku, units, out)),
            Message::Report(report) => self.reconciler.report(report),
            Message::Leader { to, leader } => self.on_node(to, |node, now, out| node.desk.leader_changed(now, leader, out)),
        }
    }

    /// Heals everything.
    pub fn heal(&mut self) {
        self.faults = Faults::default();
        self.nodes.iter_mut().for_each(|node| node.paused_until = Moment(0));
    }

    /// Whether every waiter was answered.
    pub fn is_settled(&self) -> bool {
        self.book.open() == 0
    }

    fn collect(&mut self, action: Action) {
        match action {
            Action::Propose(command) => self.commit(&command),
            Action::CollectReturn { node, sku, units } => {
                if let Some(to) = self.nodes.iter().position(|other| other.id == node) {
                    self.send(Message::Collect { to, sku, units });
                }
            }
        }
    }
}
