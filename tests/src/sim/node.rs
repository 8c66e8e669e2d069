//! One node: a process with its Desk and its copy of the state, and what its disk keeps when the process dies.

use std::collections::BTreeMap;

use holdfast_inventory::{
    Applied, Desk, Effect, Entry, Incarnation, Inventory, LogIndex, Moment, NodeId, NodeRecords, Reconciler, SkuId, SnapshotReader, Stamp,
    codec,
};

use super::clock::Clock;
use super::log::{Log, Slot};
use super::plan::Plan;
use super::planting;
use super::violation::{Invariant, Violation};

/// What a Desk wants done; whoever waits is an attempt of the history.
pub(super) type Effects = Vec<Effect<usize>>;

/// See the top of the file.
// What a process is in the middle of: each may be so whatever the others are.
#[allow(clippy::struct_excessive_bools)]
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) is_up: bool,
    /// Which life of the process it is; what was sent to an earlier one is lost.
    pub(super) life: u64,
    began: Moment,
    pub(super) paused_until: Moment,
    /// When it last stood still: nobody is answered in time by then.
    pub(super) paused_last: Moment,
    pub(super) inventory: Inventory,
    /// Applied and not told to the Desk yet.
    pub(super) untold: Vec<Applied>,
    pub(super) desk: Desk<usize>,
    /// How much of the log it knows to be committed.
    pub(super) known: LogIndex,
    pub(super) will_apply: bool,
    /// Until then the state stands still, though the node answers.
    pub(super) applies_late_until: Moment,
    /// The leader it knows of, and the latest term.
    pub(super) leader: Option<usize>,
    pub(super) term: u64,
    /// Whether it believes to lead.
    pub(super) leads: bool,
    pub(super) clock: Clock,
    /// Its own wall clock, which nothing replicated may read.
    pub(super) wall_ahead: i64,
    /// The newest snapshot on its disk.
    pub(super) snapshot: Inventory,
    pub(super) refills: BTreeMap<SkuId, (u64, u64)>,
    pub(super) will_report: bool,
    pub(super) is_draining: bool,
    pub(super) reconciler: Reconciler,
    pub(super) policy_waits_for: LogIndex,
    pub(super) policy_waits_until: Moment,
}

impl Node {
    pub(super) fn new(at: usize, plan: &Plan, founded: &Inventory, clock: Clock) -> Self {
        let id = NodeId(at as u64 + 1);
        Self {
            id,
            is_up: true,
            life: 1,
            began: Moment(0),
            paused_until: Moment(0),
            paused_last: Moment(0),
            inventory: founded.clone(),
            untold: Vec::new(),
            desk: Desk::new(plan.desk_of(id, Incarnation(1))),
            known: founded.last_index(),
            will_apply: false,
            applies_late_until: Moment(0),
            leader: None,
            term: 0,
            leads: false,
            clock,
            wall_ahead: 0,
            snapshot: founded.clone(),
            refills: BTreeMap::new(),
            will_report: false,
            is_draining: false,
            reconciler: Reconciler::new(plan.reconcile.clone()),
            policy_waits_for: LogIndex(0),
            policy_waits_until: Moment(0),
        }
    }

    /// The process's own monotonic time.
    pub(super) fn moment(&self, now: Moment) -> Moment {
        Moment(now.0 - self.began.0)
    }

    /// When its Desk wants to be woken.
    pub(super) fn wake_at(&self) -> Option<Moment> {
        let own = self.desk.wake_at().filter(|_| self.is_up)?;
        Some(Moment(own.0.saturating_add(self.began.0)).max(self.paused_until))
    }

    pub(super) fn is_running(&self, now: Moment) -> bool {
        self.is_up && now >= self.paused_until
    }

    /// Does one thing with the Desk, which reads the state as it is.
    pub(super) fn with_desk<R>(
        &mut self,
        now: Moment,
        act: impl FnOnce(&mut Desk<usize>, &NodeRecords<'_>, Moment, &mut Effects) -> R,
    ) -> (R, Effects) {
        let mut effects = Vec::new();
        let now = self.moment(now);
        let result = act(&mut self.desk, &NodeRecords::new(&self.inventory, self.id), now, &mut effects);
        (result, effects)
    }

    /// Applies the next entry to the state; the Desk is told later.
    pub(super) fn apply_next(&mut self, log: &Log, now: Moment) {
        let index = LogIndex(self.inventory.last_index().0 + 1);
        planting::set_wall(Stamp(self.clock.at(now).0.saturating_add_signed(self.wall_ahead)));
        let applied = apply(&mut self.inventory, index, log.slot(index));
        self.clock.saw(applied.stamp, now);
        self.untold.push(applied);
    }

    /// Tells the Desk what was applied.
    pub(super) fn tell(&mut self, now: Moment) -> Effects {
        let untold = std::mem::take(&mut self.untold);
        let ((), effects) = self.with_desk(now, |desk, records, now, out| {
            for applied in &untold {
                desk.applied(now, applied, records, out);
            }
        });
        for applied in &untold {
            self.reconciler.touched(&applied.touched);
        }
        effects
    }

    /// The state is replaced by a later one.
    pub(super) fn install(&mut self, state: Inventory, now: Moment) -> Effects {
        self.inventory = state;
        self.known = self.known.max(self.inventory.last_index());
        self.clock.saw(self.inventory.clock(), now);
        self.with_desk(now, |desk, records, now, out| desk.snapshot_installed(now, records, out)).1
    }

    /// The process is gone; its disk stays.
    pub(super) fn die(&mut self) {
        self.is_up = false;
        self.life += 1;
        self.leads = false;
        self.leader = None;
        self.untold.clear();
        self.refills.clear();
        self.will_apply = false;
        self.will_report = false;
        self.is_draining = false;
    }

    /// A new process begins from the newest snapshot and replays the log up to `upto`.
    pub(super) fn start(&mut self, plan: &Plan, log: &Log, upto: LogIndex, now: Moment) -> Result<Effects, Violation> {
        self.is_up = true;
        self.began = now;
        self.paused_until = now;
        self.desk = Desk::new(plan.desk_of(self.id, Incarnation(self.life)));
        self.reconciler = Reconciler::new(plan.reconcile.clone());
        self.inventory = copy(&self.snapshot)?;
        while self.inventory.last_index() < upto {
            self.apply_next(log, now);
        }
        self.untold.clear();
        self.known = self.inventory.last_index();
        let ((), effects) = self.with_desk(now, |desk, records, now, out| {
            desk.snapshot_installed(now, records, out);
            desk.wake(now, records, out);
        });
        Ok(effects)
    }
}

/// Applies what stands at an index.
pub(super) fn apply(state: &mut Inventory, index: LogIndex, slot: &Slot) -> Applied {
    match slot {
        Slot::Blank => state.apply(index, &Entry::Blank),
        Slot::Command(bytes) => {
            let (stamp, command) = codec::read_entry(bytes).expect("what was logged was encoded here");
            state.apply(index, &Entry::Command(stamp, command))
        }
    }
}

/// A state through the bytes of a snapshot and back.
pub(super) fn copy(state: &Inventory) -> Result<Inventory, Violation> {
    let read = || {
        let mut reader = SnapshotReader::new();
        for chunk in state.snapshot() {
            reader.push(&chunk)?;
        }
        reader.finish()
    };
    read().map_err(|error| Violation::new(Invariant::SnapshotIsReplay, format!("an own snapshot is not read: {error}")))
}

/// The bytes of a snapshot.
pub(super) fn bytes(state: &Inventory) -> Vec<u8> {
    state.snapshot().flatten().collect()
}
