//! The world of one run: everything in it, and time, which jumps from one event to the next.

use std::collections::BTreeMap;

use holdfast_inventory::{
    Answer, Bootstrap, Command, CommandOutcome, CreateSku, Desk, Effect, Entry, Hashes, Inventory, LogIndex, Moment, NodeId, NodeRecords,
    Secret,
};

use super::bus::{Bus, Envelope, Message};
use super::buyers::Intent;
use super::clock::Clock;
use super::history::History;
use super::invariants::Before;
use super::ledger::Ledger;
use super::log::{Log, Slot};
use super::node::{Effects, Node};
use super::oracle::Record;
use super::plan::{BEGIN, Plan};
use super::random::Random;
use super::tally::{Fault, Seen, Tally};
use super::trace::Trace;
use super::verdict::Court;
use super::violation::{Checked, Invariant, Violation};

/// What happens at a moment.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Deliver(Envelope),
    Apply {
        at: usize,
        life: u64,
    },
    Tell {
        at: usize,
        life: u64,
    },
    Report {
        at: usize,
        life: u64,
    },
    Commit {
        term: u64,
    },
    Confirmed {
        term: u64,
        to: usize,
        to_life: u64,
        sent: Moment,
        index: LogIndex,
    },
    Heartbeat,
    Start(usize),
    Mend,
    Fault,
    Operate,
    /// A node that fell behind gets a snapshot.
    Jump(usize),
    /// A buyer tries an order again.
    Again(usize),
}

/// See the top of the file.
pub(super) struct World {
    pub(super) plan: Plan,
    pub(super) random: Random,
    pub(super) now: Moment,
    queue: BTreeMap<(Moment, u64), Event>,
    queued: u64,
    pub(super) log: Log,
    /// When a leader was last heard by a majority.
    pub(super) led_at: Moment,
    /// The state after all that is committed, and its digest at every index.
    pub(super) head: Inventory,
    pub(super) digests: Vec<u128>,
    pub(super) nodes: Vec<Node>,
    pub(super) bus: Bus,
    pub(super) intents: Vec<Intent>,
    pub(super) history: History,
    pub(super) ledger: Ledger,
    pub(super) record: Record,
    pub(super) tally: Tally,
    pub(super) trace: Trace,
    pub(super) violation: Option<Violation>,
    /// No more faults and operations; what is left is settled.
    pub(super) is_healed: bool,
    /// The node that stays away in the end.
    pub(super) absent: Option<usize>,
}

impl World {
    pub(super) fn new(plan: Plan, mut random: Random, trace: Trace) -> Self {
        let mut log = Log::default();
        let head = found(&plan, &mut log);
        let digests = vec![head.digest(); usize::try_from(head.last_index().0).unwrap_or_default()];
        let clocks: Vec<Clock> = (0..plan.nodes).map(|_| clock(&plan, &mut random)).collect();
        let nodes = clocks.into_iter().enumerate().map(|(at, clock)| Node::new(at, &plan, &head, clock)).collect();
        let mut world = Self {
            random,
            now: Moment(0),
            queue: BTreeMap::new(),
            queued: 0,
            led_at: Moment(0),
            bus: Bus::new(plan.nodes),
            ledger: Ledger::new(&head),
            record: Record::default(),
            history: History::new(Hashes::new(*head.secret())),
            log,
            head,
            digests,
            nodes,
            intents: Vec::new(),
            tally: Tally::default(),
            trace,
            violation: None,
            is_healed: false,
            absent: None,
            plan,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.trace.note(self.now, || format!("{:?}", self.plan));
        if self.plan.drift {
            self.tally.fired(Fault::ClockDrift);
        }
        self.elect();
        self.at(Moment(1), Event::Heartbeat);
        for at in 0..self.nodes.len() {
            self.on_node(at, |desk, records, now, out| desk.wake(now, records, out));
            self.report_soon(at, 5_000);
        }
        if !self.plan.faults.is_empty() {
            self.at(Moment(self.plan.fault_every.0 * 1000), Event::Fault);
        }
        if !self.plan.operations.is_empty() {
            self.at(Moment(1), Event::Operate);
        }
    }

    pub(super) fn at(&mut self, at: Moment, event: Event) {
        self.queued += 1;
        self.queue.insert((at.max(self.now), self.queued), event);
    }

    /// Notes a breach; the first one is told.
    pub(super) fn check(&mut self, checked: Checked) {
        if let Err(violation) = checked
            && self.violation.is_none()
            && (!self.record.judges_alone || violation.invariant == Invariant::NoPanic)
        {
            self.trace.note(self.now, || format!("VIOLATION {violation}"));
            self.violation = Some(violation);
        }
    }

    pub(super) fn fail(&mut self, invariant: Invariant, what: impl Into<String>) {
        self.check(Err(Violation::new(invariant, what)));
    }

    /// Goes on until `until`, or until something is wrong.
    pub(super) fn run_until(&mut self, until: Moment) {
        while self.violation.is_none() && self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Works off the next event before `until`; false if there is none.
    fn step(&mut self, until: Moment) -> bool {
        let waking = self.nodes.iter().enumerate().filter_map(|(at, node)| node.wake_at().map(|wake| (wake, at))).min();
        let first = self.queue.first_key_value().map(|((at, _), _)| *at);
        let next = waking.map(|(wake, _)| wake).into_iter().chain(first).min().unwrap_or(until);
        if next >= until {
            return false;
        }
        self.tally.steps += 1;
        self.now = self.now.max(next);
        if let Some((_, at)) = waking.filter(|(wake, _)| first.is_none_or(|first| *wake < first)) {
            self.wake(at);
        } else if let Some((_, event)) = self.queue.pop_first() {
            self.happen(event);
        }
        true
    }

    fn wake(&mut self, at: usize) {
        self.on_node(at, |desk, records, now, out| desk.wake(now, records, out));
        let node = &self.nodes[at];
        let (now, next) = (node.moment(self.now), node.desk.wake_at());
        if next.is_some_and(|next| next <= now) {
            self.fail(Invariant::Live, format!("node {} was woken at {now:?} and wants to be at {next:?}", at + 1));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver(envelope) => self.deliver(envelope),
            Event::Apply { at, life } => self.apply(at, life),
            Event::Tell { at, life } => self.tell_later(at, life),
            Event::Report { at, life } => self.report(at, life),
            Event::Commit { term } => self.commit(term),
            Event::Confirmed { term, to, to_life, sent, index } => self.confirmed(term, (to, to_life), sent, index),
            Event::Heartbeat => self.heartbeat(),
            Event::Start(at) => self.start(at),
            Event::Mend => self.bus.mend(),
            Event::Fault => self.fault(),
            Event::Operate => self.operate(),
            Event::Again(intent) => self.again(intent),
            Event::Jump(at) => self.jump(at),
        }
    }

    /// Does one thing with a node's Desk, carries out what it wants done, and looks whether all is within bounds.
    pub(super) fn on_node<R>(&mut self, at: usize, act: impl FnOnce(&mut Desk<usize>, &NodeRecords<'_>, Moment, &mut Effects) -> R) -> R {
        let before = Before::of(&self.nodes[at]);
        let (result, effects) = self.nodes[at].with_desk(self.now, act);
        self.carry_out(at, effects);
        self.look_at(at, &before);
        result
    }

    pub(super) fn carry_out(&mut self, at: usize, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::Answer(attempt, answer) => self.answered(attempt, answer),
                Effect::Propose(bytes) => self.tell_leader(at, Message::Propose(bytes)),
                Effect::OpenSession(open) => {
                    self.tell_leader(at, Message::Propose(holdfast_inventory::codec::encode(&Command::OpenSession(open)).into()));
                }
                Effect::AskRefill { sku, units, needed } => {
                    self.nodes[at].refills.insert(sku, (units, needed));
                    self.report_soon(at, 1_000);
                }
                Effect::Probe => {
                    let sent = self.nodes[at].moment(self.now);
                    self.tell_leader(at, Message::Probe(sent));
                }
            }
        }
    }

    /// Sends to the leader that a node knows of; without one it goes nowhere.
    pub(super) fn tell_leader(&mut self, at: usize, message: Message) {
        if let Some(leader) = self.nodes[at].leader {
            self.send(at, leader, message);
        }
    }

    fn answered(&mut self, attempt: usize, answer: Answer) {
        let at = self.history.attempts[attempt].node;
        self.trace.note(self.now, || format!("node {} answers attempt {attempt}: {answer:?}", at + 1));
        let court = Court {
            ledger: &self.ledger,
            history: &self.history,
            log: &self.log,
            now: self.now,
            fresh_for: self.plan.desk.fresh_for,
            stamp_now: self.log.leader.map(|leader| self.nodes[leader].clock.at(self.now)),
            params: &self.plan.params,
        };
        let checked = court.judge(attempt, &answer, self.nodes[at].inventory.last_index(), &mut self.tally);
        self.check(checked);
        self.history.attempts[attempt].answer = Some((self.now, answer));
        self.is_in_time(attempt);
        self.hears(attempt, &answer);
    }

    /// Applies a few entries of what is known to be committed; the Desk is told at once or a little later.
    fn apply(&mut self, at: usize, life: u64) {
        let node = &mut self.nodes[at];
        if node.life != life || !node.is_up {
            return;
        }
        let later = node.paused_until.max(node.applies_late_until);
        if self.now < later {
            return self.at(later, Event::Apply { at, life });
        }
        self.tell(at);
        let most = self.random.one([1, 1, 2, 8, 64]);
        for _ in 0..most {
            let node = &mut self.nodes[at];
            if node.inventory.last_index() >= node.known {
                break;
            }
            node.apply_next(&self.log, self.now);
            self.agrees(at);
        }
        let node = &mut self.nodes[at];
        node.will_apply = node.inventory.last_index() < node.known;
        let goes_on = node.will_apply;
        if self.random.chance(700) {
            self.tell(at);
        } else {
            let soon = self.in_a_moment();
            self.at(soon, Event::Tell { at, life });
        }
        if goes_on {
            let soon = self.in_a_moment();
            self.at(soon, Event::Apply { at, life });
        }
    }

    fn in_a_moment(&mut self) -> Moment {
        Moment(self.now.0 + self.random.between(1, 1_000))
    }

    fn tell_later(&mut self, at: usize, life: u64) {
        let node = &self.nodes[at];
        if node.life == life && node.is_up {
            if self.now < node.paused_until {
                self.at(node.paused_until, Event::Tell { at, life });
            } else {
                self.tell(at);
            }
        }
    }

    /// Tells a node's Desk what was applied.
    pub(super) fn tell(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.untold.is_empty() {
            return;
        }
        let told_one_by_one = node.untold.len() == 1;
        self.see_session(at);
        // Told of an earlier entry of several, the Desk rightly admits by a mirror that a later one changes.
        let before = if told_one_by_one { Before::of(&self.nodes[at]) } else { Before::default() };
        let effects = self.nodes[at].tell(self.now);
        self.carry_out(at, effects);
        self.look_at(at, &before);
    }

    fn see_session(&mut self, at: usize) {
        let node = &self.nodes[at];
        let Some(ours) = node.desk.session() else { return };
        let closes = |outcome: &CommandOutcome| matches!(outcome, CommandOutcome::SessionClosed { session, .. } if *session == ours);
        if node.untold.iter().any(|applied| closes(&applied.outcome)) {
            self.tally.saw(Seen::Fenced);
            let mut skus = self.head.skus().map(|sku| sku.id);
            if skus.any(|sku| node.desk.provisional(sku) > 0) {
                self.tally.saw(Seen::ClosedWithProvisional);
            }
            if node.desk.in_flight() > 0 {
                self.tally.saw(Seen::ReAdmitted);
            }
        }
    }
}

/// The entries that every node begins with.
fn found(plan: &Plan, log: &mut Log) -> Inventory {
    let mut head = Inventory::new();
    let members = (1..=plan.nodes as u64).map(NodeId).collect::<Vec<_>>();
    let bootstrap = Bootstrap { params: plan.params.clone(), secret: Secret([9; 16]) };
    let mut entries = vec![Entry::Members(members.into()), Entry::Command(BEGIN, Command::Bootstrap(bootstrap))];
    entries.extend(plan.skus.iter().map(|sku: &CreateSku| Entry::Command(BEGIN, Command::CreateSku(sku.clone()))));
    for entry in &entries {
        let index = log.append(Slot::Blank);
        log.commit_next(Moment(0));
        head.apply(index, entry);
    }
    head
}

fn clock(plan: &Plan, random: &mut Random) -> Clock {
    let speed = if plan.drift { random.between(950, 1_050) } else { 1_000 };
    Clock::new(BEGIN, Moment(0), speed)
}

impl World {
    /// How everything stands, for people.
    pub(super) fn state(&self) -> Vec<String> {
        let mut lines = vec![format!("log: {} committed, {} not, term {}", self.log.committed(), self.log.uncommitted(), self.log.term)];
        lines.extend(self.head.skus().map(|sku| format!("{sku:?}")));
        lines.extend(self.head.sessions().map(|session| {
            format!("session {} of node {}: open {}, last batch {}", session.id, session.node, session.open, session.last_seq)
        }));
        lines.extend(self.nodes.iter().map(|node| {
            let desk = &node.desk;
            format!(
                "node {}: up {}, paused until {:?}, applied {}, knows {}, leader {:?}, leads {}, session {:?}, queued {}, in flight {}",
                node.id,
                node.is_up,
                node.paused_until,
                node.inventory.last_index(),
                node.known,
                node.leader.map(|leader| leader + 1),
                node.leads,
                desk.session(),
                desk.queued(),
                desk.in_flight(),
            )
        }));
        lines
    }
}
