//! What goes wrong, now and then.

use holdfast_inventory::{Command, Millis, Moment, codec};

use super::World;
use super::bus::Message;
use super::node;
use super::tally::{Fault, Seen};
use super::world::Event;

const HOUR_MS: i64 = 3_600_000;

impl World {
    pub(super) fn fault(&mut self) {
        if self.is_healed {
            return;
        }
        let pause = self.random.between(1, self.plan.fault_every.0 * 2_000);
        self.at(Moment(self.now.0 + pause), Event::Fault);
        let Some(fault) = self.random.pick(&self.plan.faults) else { return };
        let at = self.random.place(self.nodes.len());
        if !self.nodes[at].is_up {
            return;
        }
        self.trace.note(self.now, || format!("fault: {}, node {}", fault.words(), at + 1));
        self.tally.fired(fault);
        match fault {
            Fault::LeaderChange => self.elect(),
            Fault::Crash => self.crash(at),
            Fault::Pause => self.pause(at),
            Fault::OneWayCut | Fault::Isolated | Fault::Split => self.cut(fault, at),
            Fault::ClockJump => self.jump_clock(at),
            Fault::TimeSkip => self.skip_time(),
            Fault::SnapshotJump => self.fall_behind(at),
            Fault::CloseSession => self.close_a_session(),
            Fault::Drain => {
                self.nodes[at].is_draining = true;
                self.on_node(at, |desk, records, now, out| desk.drain(now, records, out));
                self.at(self.now.after(Millis(30)), Event::Start(at));
            }
            Fault::ReplayedOld => self.replay_old(),
            Fault::SlowApply => self.nodes[at].applies_late_until = self.now.after(Millis(self.random.one([20, 60, 250]))),
            Fault::Lost | Fault::Doubled | Fault::Slow | Fault::HangUp | Fault::ClockDrift | Fault::SlowDisk => {}
        }
    }

    /// The process dies, and with it what it had in memory. Who waited for it knows nothing.
    pub(super) fn crash(&mut self, at: usize) {
        for attempt in self.history.open_at(at, self.nodes[at].life) {
            self.history.attempts[attempt].is_lost = true;
            self.tally.unknown += 1;
            self.tries_again(attempt);
        }
        self.nodes[at].die();
        let back = self.now.after(Millis(self.random.one([1, 5, 40, 150])));
        self.at(back, Event::Start(at));
    }

    /// A process begins again: a crashed one, or a drained one, which ends first.
    pub(super) fn start(&mut self, at: usize) {
        if self.absent == Some(at) {
            return;
        }
        if self.nodes[at].is_up {
            if self.nodes[at].is_draining {
                self.crash(at);
            }
            return;
        }
        let node = &self.nodes[at];
        let (least, most) = (node.snapshot.last_index(), node.known);
        // What it had applied is on its disk, but how far it replays at once is its own affair.
        let upto = holdfast_inventory::LogIndex(self.random.between(least.0, most.0.max(least.0)));
        if upto < most {
            self.tally.saw(Seen::RestartBehind);
        }
        let started = self.nodes[at].start(&self.plan, &self.log, upto, self.now);
        self.trace.note(self.now, || format!("node {} starts at {upto}", at + 1));
        match started {
            Ok(effects) => self.carry_out(at, effects),
            Err(violation) => self.check(Err(violation)),
        }
        self.agrees(at);
        self.report_soon(at, 5_000);
        if !self.is_healed && self.plan.faults.contains(&Fault::Crash) && self.random.chance(100) {
            self.tally.fired(Fault::Crash);
            self.crash(at);
        }
    }

    fn pause(&mut self, at: usize) {
        let until = self.now.after(Millis(self.random.one([5, 30, 100, 300])));
        self.nodes[at].paused_until = until;
        self.nodes[at].paused_last = until;
    }

    fn cut(&mut self, fault: Fault, at: usize) {
        let others = self.nodes.len();
        match fault {
            Fault::OneWayCut => {
                let to = self.random.place(others);
                self.bus.cut(at, to);
            }
            Fault::Isolated => {
                let (hears, is_heard) = self.random.one([(false, false), (false, false), (true, false), (false, true)]);
                for other in 0..others {
                    if !hears {
                        self.bus.cut(other, at);
                    }
                    if !is_heard {
                        self.bus.cut(at, other);
                    }
                }
            }
            _ => {
                let side: Vec<bool> = (0..others).map(|_| self.random.chance(500)).collect();
                for from in 0..others {
                    for to in (0..others).filter(|&to| side[from] != side[to]) {
                        self.bus.cut(from, to);
                    }
                }
            }
        }
        let mends = self.now.after(Millis(self.random.one([5, 40, 150])));
        self.at(mends, Event::Mend);
    }

    /// One node's clocks jump: what it believes of cluster time, and its wall clock.
    fn jump_clock(&mut self, at: usize) {
        let by = self.random.one([-HOUR_MS, -60_000, -50, 50, 400, 60_000, HOUR_MS]);
        self.nodes[at].clock.jump(by, self.now);
        self.nodes[at].wall_ahead = self.random.one([-HOUR_MS, -200, 0, 200, HOUR_MS]);
    }

    /// The cluster sleeps for a while of its own time.
    fn skip_time(&mut self) {
        let by = self.random.one([61_000, 130_000, HOUR_MS, 2 * HOUR_MS]);
        for node in &mut self.nodes {
            node.clock.jump(by, self.now);
        }
    }

    /// A node falls behind, and then gets a snapshot.
    fn fall_behind(&mut self, at: usize) {
        let until = self.now.after(Millis(self.random.one([1, 20, 60, 120])));
        self.nodes[at].applies_late_until = until;
        self.at(until, Event::Jump(at));
    }

    /// A node gets a snapshot instead of the entries that it lacks; another, or itself, has written one.
    pub(super) fn jump(&mut self, at: usize) {
        if !self.nodes[at].is_up {
            return;
        }
        let from = self.random.place(self.nodes.len());
        let state = self.nodes[from].inventory.clone();
        if self.nodes[from].is_up && self.random.chance(500) {
            self.nodes[from].snapshot = state.clone();
        }
        let node = &self.nodes[at];
        if !node.is_running(self.now) || state.last_index() <= node.inventory.last_index() {
            self.nodes[at].snapshot = self.nodes[at].inventory.clone();
            return;
        }
        self.tell(at);
        let had = self.nodes[at].desk.session();
        let in_flight = self.nodes[at].desk.in_flight();
        match node::copy(&state) {
            Ok(state) => {
                let effects = self.nodes[at].install(state, self.now);
                self.nodes[at].snapshot = self.nodes[at].inventory.clone();
                self.carry_out(at, effects);
            }
            Err(violation) => self.check(Err(violation)),
        }
        if in_flight > 0 {
            self.tally.saw(Seen::JumpInSession);
        }
        if had.is_some() && self.nodes[at].desk.session() != had {
            self.tally.saw(Seen::JumpOverSession);
        }
        self.agrees(at);
    }

    fn close_a_session(&mut self) {
        let open: Vec<_> = self.head.sessions().filter(|session| session.open).map(|session| session.id).collect();
        let leader = self.log.leader.filter(|&leader| self.leads(leader));
        if let (Some(session), Some(leader)) = (self.random.pick(&open), leader) {
            self.append(leader, &codec::encode(&Command::CloseSession { session }));
        }
    }

    fn replay_old(&mut self) {
        let old = self.random.place(self.bus.old.len());
        if let (Some(bytes), Some(leader)) = (self.bus.old.get(old).cloned(), self.log.leader) {
            self.send(leader, leader, Message::Propose(bytes));
        }
    }
}
