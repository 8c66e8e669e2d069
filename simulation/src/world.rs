//! One run: steps the simulation, makes the faults of its plan and undoes them, and looks at every node after each step.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use holdfast_inventory::LogIndex;
use holdfast_storage::simulated::Broken;
use turmoil::Sim;

use crate::cluster::{Cluster, STOPPED, host};
use crate::limits::{EPOCH, HEAL_AFTER, LONGEST, TCP_SEGMENTS, TICK};
use crate::outcome::{Counts, Outcome};
use crate::plan::{Fault, Plan, Planned, Whom};
use crate::recorder::Recorder;
use crate::shopkeeper::{Progress, Shopkeeper};
use crate::{network, trace, turn};

/// Runs a seed to its end on this thread; with the text of its trace if `keeps_text`.
/// Simulations of other threads wait meanwhile.
pub fn run(seed: u64, keeps_text: bool) -> Outcome {
    let _turn = turn::take();
    trace::begin(keeps_text);
    network::begin();
    holdfast_storage::simulated::begin(seed);
    let plan = Plan::of(seed);
    trace::tell(format_args!("{plan:?}"));
    let mut counts = Counts::default();
    let mut world = World::new(seed, plan);
    let violations = match catch_unwind(AssertUnwindSafe(|| world.run(&mut counts))) {
        Ok(violations) => {
            world.end();
            violations
        }
        Err(panic) => {
            #[allow(clippy::mem_forget, reason = "what a panic left half done panics again when it is dropped")]
            std::mem::forget(world);
            let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            vec![format!("a panic: {}", said.unwrap_or("without words"))]
        }
    };
    let (hash, lines, text) = trace::end();
    Outcome { seed, violations, counts, hash, lines, text }
}

/// How a process came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Killed,
    PowerCut,
    Left,
}

/// What is to be undone.
#[derive(Clone, Copy, Debug)]
enum Undo {
    Start(u64),
    HealLinks(u64),
    FastDisk(u64),
    WallClock(u64),
    Latency,
}

struct World {
    sim: Sim<'static>,
    plan: Plan,
    cluster: Rc<Cluster>,
    progress: Rc<Progress>,
    recorder: Rc<Recorder>,
    planned: Vec<Planned>,
    undo: Vec<(Duration, Undo)>,
    down: BTreeMap<u64, End>,
    /// Nodes that are to end by themselves, and how long they are away then.
    ending: BTreeMap<u64, Duration>,
    digests: BTreeMap<LogIndex, u128>,
    leader: Option<u64>,
}

impl World {
    fn new(seed: u64, plan: Plan) -> Self {
        let mut builder = turmoil::Builder::new();
        builder.rng_seed(seed).tick_duration(TICK).simulation_duration(LONGEST).tcp_capacity(TCP_SEGMENTS);
        builder
            .min_message_latency(Duration::ZERO)
            .max_message_latency(Duration::from_millis(plan.latency_ms))
            .enable_random_order()
            .ephemeral_ports(1_024..=65_535);
        let mut sim = builder.build();
        let cluster = Cluster::new(seed, &plan);
        let clock = Rc::clone(&cluster);
        holdfast_node::simulated::set_wall_clock(move || {
            let shown = EPOCH + trace::now();
            let offset = clock.wall_offset_ms();
            let by = Duration::from_millis(offset.unsigned_abs());
            if offset < 0 { shown.saturating_sub(by) } else { shown + by }
        });
        for &node in cluster.members.keys() {
            let cluster = Rc::clone(&cluster);
            sim.host(host(node), move || {
                let cluster = Rc::clone(&cluster);
                async move {
                    cluster.run(node).await;
                    Ok(())
                }
            });
        }
        let (progress, recorder) = (Rc::<Progress>::default(), Rc::<Recorder>::default());
        let shopkeeper = Shopkeeper { plan: plan.clone(), seed, progress: Rc::clone(&progress), recorder: Rc::clone(&recorder) };
        sim.client("shop", async move {
            shopkeeper.run().await;
            Ok(())
        });
        let planned = plan.faults.clone();
        let (undo, down, ending, digests) = (Vec::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { sim, plan, cluster, progress, recorder, planned, undo, down, ending, digests, leader: None }
    }

    /// Runs to the end; what does not hold.
    fn run(&mut self, counts: &mut Counts) -> Vec<String> {
        loop {
            match self.sim.step() {
                Ok(false) => {}
                Ok(true) => break,
                Err(error) => {
                    self.progress.violation(format!("the run does not end: {error}"));
                    break;
                }
            }
            trace::set_now(self.sim.elapsed());
            self.follow(counts);
            self.look(counts);
            if !self.progress.violations.borrow().is_empty() && self.progress.judgement.borrow().is_none() {
                break;
            }
        }
        counts.simulated = self.sim.elapsed();
        counts.syncs = self.cluster.members.values().map(|machine| machine.disk.syncs()).sum();
        counts.calls = self.recorder.history.borrow().calls().len();
        if let Some(judgement) = &*self.progress.judgement.borrow() {
            counts.acknowledged = judgement.counts.acknowledged;
            counts.orders = judgement.counts.orders;
            counts.unknown = judgement.counts.unknown;
        }
        self.progress.violations.take()
    }

    /// Ends all processes: nothing of this run may be left on the thread.
    fn end(mut self) {
        for node in self.cluster.members.keys().copied().collect::<Vec<_>>() {
            if !self.down.contains_key(&node) {
                self.kill(node, End::Killed);
            }
        }
    }

    /// Makes and undoes what is due.
    fn follow(&mut self, counts: &mut Counts) {
        self.bury(counts);
        let Some(opened) = self.progress.opened.get() else { return };
        let now = self.sim.elapsed();
        if self.progress.healed.get().is_some() {
            return;
        }
        for planned in self.planned.extract_if(.., |planned| opened + planned.at <= now).collect::<Vec<_>>() {
            self.make(planned, counts);
        }
        for (_, undo) in self.undo.extract_if(.., |(at, _)| *at <= now).collect::<Vec<_>>() {
            self.undo(undo);
        }
        if now >= opened + self.plan.load + HEAL_AFTER {
            self.heal();
        }
    }

    /// Ends the hosts of processes that ended by themselves, or whose disk broke.
    fn bury(&mut self, counts: &mut Counts) {
        for node in self.cluster.members.keys().copied().collect::<Vec<_>>() {
            if self.down.contains_key(&node) {
                continue;
            }
            let machine = &self.cluster.members[&node];
            let broke = machine.disk.take_broke();
            let left = machine.left.borrow_mut().take();
            let expected = self.ending.get(&node).copied();
            let end = match (broke, left) {
                (Some(Broken::Killed), _) => End::Killed,
                (Some(Broken::PowerCut), _) => End::PowerCut,
                (None, Some(reason)) => {
                    if expected.is_none() {
                        self.progress.violation(format!("I22: {} left by itself: {reason}", host(node)));
                    }
                    if reason != STOPPED {
                        counts.fired("failed-sync");
                    }
                    End::Left
                }
                (None, None) => continue,
            };
            self.ending.remove(&node);
            if broke.is_some() {
                counts.fired(if end == End::PowerCut { "power-cut-at-sync" } else { "kill-at-sync" });
            }
            self.kill(node, end);
            let away = expected.unwrap_or_default();
            self.undo.push((self.sim.elapsed() + away, Undo::Start(node)));
        }
    }

    /// Whether the process of a node is there and shall stay.
    fn is_well(&self, node: u64) -> bool {
        !self.down.contains_key(&node) && !self.ending.contains_key(&node)
    }

    fn make(&mut self, planned: Planned, counts: &mut Counts) {
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
        let cluster = Rc::clone(&self.cluster);
        let machine = &cluster.members[&node];
        let own = host(node);
        let others = || cluster.members.keys().map(|other| host(*other)).filter(|other| *other != own);
        match fault {
            Fault::Kill | Fault::PowerCut if self.is_well(node) => {
                let how = if fault == Fault::Kill { End::Killed } else { End::PowerCut };
                counts.fired(if fault == Fault::Kill { "kill" } else { "power-cut" });
                self.kill(node, how);
                self.undo.push((end, Undo::Start(node)));
            }
            Fault::KillAtSync | Fault::PowerCutAtSync if self.is_well(node) => {
                let how = if fault == Fault::KillAtSync { Broken::Killed } else { Broken::PowerCut };
                machine.disk.break_at_next_sync(how);
                self.ending.insert(node, lasts);
            }
            Fault::FailedSync if self.is_well(node) => {
                machine.disk.fail_syncs(1);
                self.ending.insert(node, lasts);
            }
            Fault::Stop if self.is_well(node) => {
                counts.fired("stop");
                machine.stop.notify_one();
                self.ending.insert(node, lasts);
            }
            Fault::Kill | Fault::PowerCut | Fault::KillAtSync | Fault::PowerCutAtSync | Fault::FailedSync | Fault::Stop => {}
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

    fn undo(&mut self, undo: Undo) {
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

    /// Undoes everything; what was not made by now is not made any more. Waits for nodes that are ending by themselves.
    fn heal(&mut self) {
        let members = &self.cluster.members;
        self.ending.retain(|node, _| !members[node].disk.clear_faults());
        for (_, undo) in std::mem::take(&mut self.undo) {
            self.undo(undo);
        }
        network::heal(|_| true);
        if self.ending.is_empty() && self.down.is_empty() {
            trace::tell(format_args!("all is healed"));
            self.progress.healed.set(Some(self.sim.elapsed()));
        }
    }

    fn kill(&mut self, node: u64, how: End) {
        trace::tell(format_args!("{} ends: {how:?}", host(node)));
        let machine = &self.cluster.members[&node];
        match how {
            End::Killed | End::Left => machine.disk.kill(),
            End::PowerCut => {
                machine.disk.cut_power();
                // No last word reaches anybody.
                for other in self.cluster.members.keys().filter(|other| **other != node) {
                    self.sim.partition(host(node), host(*other));
                }
                self.sim.partition(host(node), "shop");
            }
        }
        let process = machine.running.take();
        machine.left.take();
        self.sim.crash(host(node));
        drop(process);
        self.down.insert(node, how);
    }

    fn start(&mut self, node: u64) {
        let Some(how) = self.down.remove(&node) else { return };
        self.cluster.members[&node].disk.use_again();
        if how == End::PowerCut {
            for other in self.cluster.members.keys().filter(|other| **other != node) {
                self.sim.repair(host(node), host(*other));
            }
            self.sim.repair(host(node), "shop");
        }
        self.sim.bounce(host(node));
    }

    /// What must hold after each step: one digest for one index, on all nodes and over all their lives.
    fn look(&mut self, counts: &mut Counts) {
        for (&node, machine) in &self.cluster.members {
            let running = machine.running.borrow();
            let Some(process) = &*running else { continue };
            let state = process.state();
            let had_gap = machine.has_gap.replace(process.has_gap());
            counts.gaps += u64::from(!had_gap && machine.has_gap.get());
            if state.index == LogIndex(0) {
                continue;
            }
            let known = *self.digests.entry(state.index).or_insert_with(|| {
                trace::tell(format_args!("{} is first at index {} with {:x}", host(node), state.index, state.digest));
                state.digest
            });
            if known != state.digest {
                let index = state.index;
                self.progress.violation(format!("I14: {} has digest {:x} at index {index}, not {known:x}", host(node), state.digest));
            }
        }
        let leader = self.cluster.leader();
        if leader != self.leader {
            counts.leaders += u64::from(leader.is_some());
            trace::tell(format_args!("leader {leader:?}"));
            self.leader = leader;
        }
    }
}
