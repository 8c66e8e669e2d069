//! What leaders do: hear reports, run the policy of the product, or nonsense, or both.

use holdfast_inventory::{Action, Command, Grant, LogIndex, Millis, Mode, Report, SessionId, SkuId, codec};

use super::World;
use super::bus::Message;
use super::plan::Policy;
use super::world::Event;

const REPORT_EVERY: Millis = Millis(25);
/// What the policy proposed is waited for no longer than this.
const POLICY_WAITS: Millis = Millis(100);

impl World {
    /// A node reports within so many microseconds.
    pub(super) fn report_soon(&mut self, at: usize, micros: u64) {
        let node = &mut self.nodes[at];
        if !node.will_report || micros <= 1_000 {
            node.will_report = true;
            let life = node.life;
            let soon = holdfast_inventory::Moment(self.now.0 + 1 + self.random.below(micros));
            self.at(soon, Event::Report { at, life });
        }
    }

    pub(super) fn report(&mut self, at: usize, life: u64) {
        let node = &mut self.nodes[at];
        if node.life != life || !node.is_up {
            return;
        }
        if self.now < node.paused_until {
            let later = node.paused_until;
            return self.at(later, Event::Report { at, life });
        }
        let now = node.moment(self.now);
        let report = Report {
            node: node.id,
            session: node.inventory.session_of(node.id).filter(|session| session.open).map(|session| session.id),
            applied: node.inventory.last_index(),
            draining: node.is_draining,
            demands: node.desk.demand(now),
        };
        let refills: Vec<_> = std::mem::take(&mut node.refills).into_iter().map(|(sku, (units, needed))| (sku, units, needed)).collect();
        let urgent = !refills.is_empty();
        self.tell_leader(at, Message::Report(Box::new(report), refills));
        if !urgent {
            self.nodes[at].will_report = false;
            self.report_soon(at, REPORT_EVERY.0 * 1000);
        }
    }

    pub(super) fn reported(&mut self, to: usize, report: Report, refills: &[(SkuId, u64, u64)]) {
        let node = &mut self.nodes[to];
        if !node.leads {
            return;
        }
        let now = node.moment(self.now);
        let from = report.node;
        node.reconciler.report(now, report);
        for &(sku, units, needed) in refills {
            node.reconciler.refill(now, from, sku, units, needed);
        }
        if !refills.is_empty() {
            self.run_policy(to);
        }
    }

    /// A leader that was deposed and does not know goes on with its policy; what it proposes is lost.
    pub(super) fn run_stale_policies(&mut self) {
        for at in 0..self.nodes.len() {
            if self.nodes[at].leads && self.nodes[at].is_running(self.now) && self.log.leader != Some(at) {
                self.run_policy(at);
            }
        }
    }

    pub(super) fn run_policy(&mut self, at: usize) {
        if !self.is_healed && self.plan.policy != Policy::Product && self.random.chance(300) {
            self.propose_nonsense(at);
        }
        if !self.is_healed && self.plan.policy == Policy::Nonsense {
            return;
        }
        let node = &mut self.nodes[at];
        let waits = node.inventory.last_index() < node.policy_waits_for && self.now < node.policy_waits_until;
        if !node.leads || waits {
            return;
        }
        let (now, stamp) = (node.moment(self.now), node.clock.at(self.now));
        let committed = if self.log.leader == Some(at) { self.log.committed() } else { node.known };
        let actions = node.reconciler.wake(now, committed, stamp, &node.inventory);
        for action in actions {
            self.act(at, action);
        }
    }

    fn act(&mut self, at: usize, action: Action) {
        match action {
            Action::Propose(command) => {
                if self.leads(at) {
                    let index = self.append(at, &codec::encode(&command));
                    self.nodes[at].policy_waits_for = index;
                    self.nodes[at].policy_waits_until = self.now.after(POLICY_WAITS);
                }
            }
            Action::CollectReturn { node, sku, units } => {
                if let Some(to) = self.nodes.iter().position(|other| other.id == node) {
                    self.send(at, to, Message::Collect(sku, units));
                }
            }
        }
    }

    /// Whatever a leader proposes is safe: grants of what is not there to whom it may concern, modes back and forth.
    fn propose_nonsense(&mut self, at: usize) {
        let skus = self.plan.skus.len() as u64;
        let sku = SkuId(u32::try_from(self.random.below(skus + 1)).unwrap_or_default());
        let sessions: Vec<SessionId> = self.head.sessions().map(|session| session.id).collect();
        let session = if self.random.chance(100) {
            SessionId(self.random.below(self.head.last_index().0 + 2))
        } else {
            self.random.pick(&sessions).unwrap_or_default()
        };
        let units = self.random.below(5);
        let action = match self.random.below(12) {
            0..6 => Action::Propose(Command::Grant(vec![Grant { sku, session, units }])),
            6 => Action::Propose(Command::SetMode { skus: vec![sku], mode: Mode::Pooled }),
            7 | 8 => Action::Propose(Command::SetMode { skus: vec![sku], mode: Mode::Sliced }),
            9 => Action::Propose(Command::Tick),
            10 => Action::CollectReturn { node: self.nodes[self.random.place(self.nodes.len())].id, sku, units },
            _ => Action::Propose(Command::CloseSession { session }),
        };
        if self.leads(at) && self.log.uncommitted() < 64 {
            self.act(at, action);
            self.nodes[at].policy_waits_for = LogIndex(0);
        }
    }
}
