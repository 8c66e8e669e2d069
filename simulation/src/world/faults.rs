//! Makes the faults of a plan, and undoes them.

use std::rc::Rc;
use std::time::Duration;

use holdfast_storage::simulated::Broken;

use super::{End, World};
use crate::cluster::host;
use crate::outcome::Counts;
use crate::plan::{Fault, Planned, Whom};
use crate::{network, trace};

/// What is to be undone.
#[derive(Clone, Copy, Debug)]
pub(super) enum Undo {
    Start(u64),
    HealLinks(u64),
    FastDisk(u64),
    WallClock(u64),
    Latency,
}

/// What follows once a node has lost its vote.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtRisk {
    /// How long it is away.
    pub(super) away: Duration,
    /// How long who leads by that vote is gone.
    gone: Duration,
    /// Who was not there to vote.
    third: u64,
}

impl World {
    pub(super) fn make(&mut self, planned: Planned, counts: &mut Counts) {
        let nodes: Vec<u64> = match planned.whom {
            Whom::All => self.cluster.members.keys().copied().collect(),
            Whom::Node(node) => vec![node],
            Whom::Leader => vec![self.cluster.leader().unwrap_or(1)],
        };
        trace::tell(format_args!("fault {:?} of {nodes:?} for {:?}", planned.fault, planned.lasts));
        let end = self.sim.elapsed() + planned.lasts;
        for node in nodes {
            self.make_at(node, planned.fault, planned.lasts, end, counts);
        }
    }

    fn make_at(&mut self, node: u64, fault: Fault, lasts: Duration, end: Duration, counts: &mut Counts) {
        if fault.ends_process() && !self.is_well(node) || matches!(fault, Fault::VoteAtRisk { .. }) && !self.down.is_empty() {
            return;
        }
        let cluster = Rc::clone(&self.cluster);
        let machine = &cluster.members[&node];
        let own = host(node);
        let others = || cluster.members.keys().map(|other| host(*other)).filter(|other| *other != own);
        if matches!(fault, Fault::WallClock(_)) && !cluster.may_be_wrong(node) {
            return;
        }
        match fault {
            Fault::Kill | Fault::PowerCut => {
                let how = if fault == Fault::Kill { End::Killed } else { End::PowerCut };
                counts.fired(if fault == Fault::Kill { "kill" } else { "power-cut" });
                self.kill(node, how);
                self.undo.push((end, Undo::Start(node)));
            }
            Fault::KillAtSync | Fault::PowerCutAtSync => {
                let how = if fault == Fault::KillAtSync { Broken::Killed } else { Broken::PowerCut };
                machine.disk.break_at_next_sync(how);
                self.ending.insert(node, lasts);
            }
            Fault::VoteAtRisk { away, gone } => {
                let third = cluster.members.keys().copied().find(|other| *other != node).unwrap_or(node);
                self.kill(third, End::Killed);
                self.kill(node, End::PowerCut);
                self.undo.push((end, Undo::Start(node)));
                self.undo.push((end + gone, Undo::Start(third)));
                self.at_risk.insert(node, AtRisk { away, gone, third });
            }
            Fault::FailedSync => {
                machine.disk.fail_syncs(1);
                self.ending.insert(node, lasts);
            }
            Fault::Stop => {
                counts.fired("stop");
                machine.stop.notify_one();
                self.ending.insert(node, lasts);
            }
            Fault::SlowDisk(ms) => {
                counts.fired("slow-disk");
                machine.disk.set_sync_time(Duration::from_millis(ms / 2), Duration::from_millis(ms));
                self.undo.push((end, Undo::FastDisk(node)));
            }
            Fault::CutOff | Fault::Deaf | Fault::Mute => {
                counts.fired(if fault == Fault::CutOff { "cut-off" } else { "one-way-cut" });
                for other in others() {
                    if fault != Fault::Deaf {
                        network::cut(&own, &other);
                    }
                    if fault != Fault::Mute {
                        network::cut(&other, &own);
                    }
                }
                self.undo.push((end, Undo::HealLinks(node)));
            }
            Fault::CutFromBuyers => {
                counts.fired("cut-from-buyers");
                network::cut("shop", &own);
                network::cut(&own, "shop");
                self.undo.push((end, Undo::HealLinks(node)));
            }
            Fault::WallClock(ms) => {
                counts.fired("wall-clock");
                machine.wall_offset_ms.set(ms);
                self.undo.push((end, Undo::WallClock(node)));
            }
            Fault::Delay(ms) => {
                counts.fired("delay");
                self.sim.set_max_message_latency(Duration::from_millis(ms));
                self.undo.push((end, Undo::Latency));
            }
        }
    }

    pub(super) fn undo(&mut self, undo: Undo) {
        trace::tell(format_args!("undo {undo:?}"));
        match undo {
            Undo::Start(node) => self.start(node),
            Undo::HealLinks(node) => {
                let own = host(node);
                network::heal(|(from, to)| *from == own || *to == own);
            }
            Undo::FastDisk(node) => {
                let (least, most) = self.plan.sync_us;
                self.cluster.members[&node].disk.set_sync_time(Duration::from_micros(least), Duration::from_micros(most));
            }
            Undo::WallClock(node) => self.cluster.members[&node].wall_offset_ms.set(0),
            Undo::Latency => self.sim.set_max_message_latency(Duration::from_millis(self.plan.latency_ms)),
        }
    }

    /// A node lost its vote: who leads by it is killed before that node is back, and the third is started.
    pub(super) fn lose_vote(&mut self, risk: AtRisk) {
        let now = self.sim.elapsed();
        let at = now + risk.away.mul_f64(0.6);
        let since_opening = at.saturating_sub(self.progress.opened.get().unwrap_or_default());
        self.planned.push(Planned { at: since_opening, lasts: risk.gone, fault: Fault::Kill, whom: Whom::Leader });
        self.undo.push((at, Undo::Start(risk.third)));
    }
}
