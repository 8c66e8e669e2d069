//! Leaders, their policy, and what goes wrong.

use holdfast_inventory::{Command, LogIndex, Millis, Moment, Report};

use super::{Cluster, Message};

const POLICY_EVERY_MICROS: u64 = 10_000;
const REPORT_EVERY_MICROS: u64 = 50_000;

impl Cluster {
    pub(super) fn make_faults(&mut self) {
        let faults = self.faults;
        if self.random.chance(faults.leader_change) && self.leader.is_some() {
            // What was on its way to the old leader may be gone.
            self.depose();
            let random = &mut self.random;
            self.net.retain(|_| random.chance(500));
        }
        if self.random.chance(faults.close_session) {
            let open: Vec<_> = self.head.sessions().filter(|session| session.open).map(|session| session.id).collect();
            if !open.is_empty() {
                let session = open[self.random.below(open.len() as u64) as usize];
                self.commit(&Command::CloseSession { session });
            }
        }
        if self.random.chance(faults.pause) {
            let at = self.random.below(self.nodes.len() as u64) as usize;
            self.nodes[at].paused_until = self.now.after(Millis(100 + self.random.below(3_000)));
        }
    }

    /// No leader for a while.
    pub fn depose(&mut self) {
        self.leader = None;
        self.reconciler.deposed();
        self.leaderless_until = self.now.after(Millis(100 + self.random.below(300)));
        self.tell_leader();
    }

    pub(super) fn elect(&mut self) {
        if self.leader.is_some() || self.now < self.leaderless_until {
            return;
        }
        let at = self.random.below(self.nodes.len() as u64) as usize;
        self.leader = Some(at);
        self.reconciler.elected(self.now, &self.nodes[at].inventory);
        self.policy_waits_for = LogIndex(self.log.len() as u64);
        self.tell_leader();
    }

    /// Every node hears of it sooner or later: this message is never lost.
    fn tell_leader(&mut self) {
        let leader = self.leader.map(|at| self.nodes[at].id);
        for to in 0..self.nodes.len() {
            let at = Moment(self.now.0 + self.random.below(2_000));
            self.net.push((at, Message::Leader { to, leader }));
        }
    }

    pub(super) fn lead(&mut self) {
        if self.now.0.is_multiple_of(REPORT_EVERY_MICROS) {
            self.reports();
        }
        let Some(at) = self.leader else { return };
        let applied = self.nodes[at].inventory.last_index();
        if !self.now.0.is_multiple_of(POLICY_EVERY_MICROS) || applied < self.policy_waits_for {
            return;
        }
        let skus: Vec<_> = self.head.skus().map(|sku| sku.id).collect();
        self.reconciler.touched(&skus);
        let committed = LogIndex(self.log.len() as u64);
        let stamp = self.stamp();
        for action in self.reconciler.wake(self.now, committed, stamp, &self.nodes[at].inventory) {
            self.collect(action);
        }
        self.policy_waits_for = LogIndex(self.log.len() as u64);
    }

    fn reports(&mut self) {
        for at in 0..self.nodes.len() {
            if self.now < self.nodes[at].paused_until {
                continue;
            }
            let now = self.now;
            let node = &mut self.nodes[at];
            let report = Report {
                node: node.id,
                session: node.desk.session(),
                applied: node.inventory.last_index(),
                draining: false,
                demands: node.desk.demand(now),
            };
            self.send(Message::Report(report));
        }
    }
}
