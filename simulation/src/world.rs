//! One run: steps the simulation, follows its plan of faults, and looks at every node after each step.

mod faults;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use holdfast_inventory::LogIndex;
use holdfast_storage::simulated::Broken;
use turmoil::Sim;

use self::faults::{AtRisk, Undo};
use crate::cluster::{Cluster, STOPPED, host};
use crate::limits::{EPOCH, HEAL_AFTER, LONGEST, TCP_SEGMENTS, TICK};
use crate::outcome::{Counts, Outcome};
use crate::plan::{Plan, Planned};
use crate::recorder::Recorder;
use crate::shopkeeper::{Progress, Shopkeeper};
use crate::{network, trace, turn};

/// Runs a seed to its end on this thread; with the text of its trace if `keeps_text`.
/// Simulations of other threads wait meanwhile.
#[must_use]
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
    /// Nodes that lose their next vote.
    at_risk: BTreeMap<u64, AtRisk>,
    digests: BTreeMap<LogIndex, u128>,
    leader: Option<(u64, u64)>,
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
        let (undo, down, ending, at_risk) = (Vec::new(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let digests = BTreeMap::new();
        Self { sim, plan, cluster, progress, recorder, planned, undo, down, ending, at_risk, digests, leader: None }
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
            if let Some(risk) = self.at_risk.remove(&node) {
                counts.fired("power-cut-at-vote");
                self.lose_vote(risk);
            } else if broke.is_some() {
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

    /// Undoes everything; what was not made by now is not made any more. Waits for nodes that are ending by themselves.
    fn heal(&mut self) {
        self.at_risk.clear();
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
        if let Some(risk) = self.at_risk.get(&node) {
            self.cluster.members[&node].disk.break_at_next_vote(Broken::PowerCut);
            self.ending.insert(node, risk.away);
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
        let leader = self.cluster.leader_and_term();
        if leader != self.leader {
            counts.leaders += u64::from(leader.is_some());
            trace::tell(format_args!("leader and term {leader:?}"));
            self.leader = leader;
        }
    }
}
