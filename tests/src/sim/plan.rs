//! What one seed turns on. Swarm testing: each run leaves a random half of faults and operations out, as a bug may need
//! that nothing else disturbs it; worlds are tiny on purpose, as most bugs need one unit and two nodes.

use holdfast_inventory::{
    CreateSku, DeskConfig, Incarnation, LateConfirm, Millis, NodeId, Params, ReconcileConfig, SettingsPatch, SkuName, Stamp,
};

use super::random::Random;
use super::tally::{Fault, Operation};

/// Cluster time when a run begins.
pub(super) const BEGIN: Stamp = Stamp(1_700_000_000_000);

/// Who decides about grants and the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// The leader's policy of the product.
    Product,
    /// Nonsense, which must be as safe.
    Nonsense,
    /// Both at once.
    Both,
}

/// One run, before it begins.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) nodes: usize,
    pub(super) skus: Vec<CreateSku>,
    pub(super) params: Params,
    pub(super) desk: DeskConfig,
    pub(super) reconcile: ReconcileConfig,
    pub(super) policy: Policy,
    /// Faults that happen now and then.
    pub(super) faults: Vec<Fault>,
    /// Pause between two faults, on average.
    pub(super) fault_every: Millis,
    /// Chances per thousand messages.
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) late: u64,
    /// Chance per thousand answers that nobody hears.
    pub(super) hang_up: u64,
    /// Chance per thousand commits that the disk takes long.
    pub(super) slow_disk: u64,
    /// What is done, repeated by weight.
    pub(super) operations: Vec<Operation>,
    /// Pause between two operations, on average.
    pub(super) operate_every: Millis,
    /// How long faults and operations go on.
    pub(super) lasts: Millis,
    pub(super) buyers: u64,
    pub(super) most_units: u64,
    pub(super) election_timeout: Millis,
    /// Nodes clocks may run at other speeds, in parts per thousand off.
    pub(super) drift: bool,
}

const HAPPENING: [Fault; 14] = [
    Fault::LeaderChange,
    Fault::Crash,
    Fault::Pause,
    Fault::OneWayCut,
    Fault::Isolated,
    Fault::Split,
    Fault::ClockJump,
    Fault::TimeSkip,
    Fault::SnapshotJump,
    Fault::CloseSession,
    Fault::Drain,
    Fault::ReplayedOld,
    Fault::SlowApply,
    Fault::Crash,
];

impl Plan {
    /// The run of a seed.
    pub(super) fn of(random: &mut Random) -> Self {
        let tiny = random.chance(750);
        let nodes = if tiny { random.one([2, 3, 3, 4, 5]) } else { random.one([3, 3, 5, 5, 7, 10]) };
        let skus = (0..random.one([1, 1, 2, 2, 3])).map(|at| sku(random, at, tiny)).collect();
        // A shop that lives long: days pass within a run, so that records come to the end of their time.
        let lives_long = random.chance(150);
        let faults = match random.below(100) {
            0..6 => Vec::new(),
            _ if lives_long => vec![Fault::TimeSkip],
            _ => half_of(random, &HAPPENING),
        };
        let sometimes = |random: &mut Random, most: u64| if random.chance(500) { random.between(1, most) } else { 0 };
        let request_ttl = random.one([60, 150, 400, 1_000]);
        let params = params(random, lives_long);
        Self {
            nodes,
            skus,
            desk: desk(random, &params, request_ttl),
            params,
            reconcile: reconcile(random),
            policy: random.one([Policy::Product, Policy::Product, Policy::Nonsense, Policy::Both]),
            faults,
            fault_every: Millis(random.one([15, 30, 60, 150])),
            lost: sometimes(random, 200),
            doubled: sometimes(random, 300),
            late: sometimes(random, 200),
            hang_up: sometimes(random, 300),
            slow_disk: sometimes(random, 200),
            operations: operations(random),
            operate_every: Millis(random.one([2, 5, 10, 25])),
            lasts: Millis(random.one([150, 300, 300, 600])),
            buyers: random.one([1, 2, 3, 8]),
            most_units: random.one([1, 1, 2, 4]),
            election_timeout: Millis(random.one([20, 50])),
            drift: random.chance(300),
        }
    }

    /// Nothing goes wrong, nobody does anything by himself: the world of a test that says what happens.
    pub(super) fn calm(nodes: usize, stock: u64) -> Self {
        let mut plan = Self::of(&mut Random::new(1));
        let settings = SettingsPatch { hold_ttl: Some(Millis(0)), ..SettingsPatch::default() };
        plan.nodes = nodes;
        plan.skus = vec![CreateSku { name: name(0), stock, settings }];
        plan.params = Params { pooled_below_per_node: 4, sliced_above_per_node: 8, ..Params::default() };
        plan.desk = DeskConfig::new(NodeId(0), Incarnation(0));
        plan.reconcile = ReconcileConfig::default();
        plan.policy = Policy::Product;
        (plan.lost, plan.doubled, plan.late, plan.hang_up, plan.slow_disk) = (0, 0, 0, 0, 0);
        plan.drift = false;
        plan.faults = Vec::new();
        plan.operations = Vec::new();
        plan
    }

    /// The same without what would take from the oracle what it takes for granted.
    pub(super) fn steady(mut self) -> Self {
        let hour = 3_600_000;
        self.operations.retain(|operation| *operation != Operation::Settings);
        self.faults.retain(|fault| !matches!(fault, Fault::ClockJump | Fault::TimeSkip));
        self.drift = false;
        (self.params.idempotency_ttl, self.params.idempotency_after_end) = (Millis(24 * hour), Millis(hour));
        self
    }

    /// The Desk of one process.
    pub(super) fn desk_of(&self, node: NodeId, incarnation: Incarnation) -> DeskConfig {
        DeskConfig { node, incarnation, ..self.desk }
    }
}

fn name(at: u64) -> SkuName {
    SkuName::new(&format!("sku-{at}")).expect("a plain name")
}

fn half_of<T: Copy>(random: &mut Random, all: &[T]) -> Vec<T> {
    all.iter().copied().filter(|_| random.chance(500)).collect()
}

fn sku(random: &mut Random, at: u64, tiny: bool) -> CreateSku {
    let stock = if tiny { random.between(0, 3) } else { random.one([3, 20, 100, 400]) };
    let hours = |random: &mut Random, chance| random.chance(chance).then(|| Some(BEGIN + Millis(random.between(1, 400))));
    let opens_at = hours(random, 100);
    let closes_at = hours(random, 100).map(|at| at.map(|at| at + Millis(400)));
    let settings = SettingsPatch {
        title: None,
        opens_at,
        closes_at,
        per_buyer_limit: Some(random.chance(400).then(|| u32::try_from(random.between(1, 3)).unwrap_or(1))),
        hold_ttl: Some(Millis(random.one([0, 0, 1, 20, 100, 5_000]))),
        late_confirm: Some(random.one([LateConfirm::Refuse, LateConfirm::Reacquire])),
    };
    CreateSku { name: name(at), stock, settings }
}

fn params(random: &mut Random, lives_long: bool) -> Params {
    let hour = 3_600_000;
    let pooled_below_per_node = random.one([0, 0, 1, 2, 4]);
    Params {
        idempotency_ttl: Millis(if lives_long { 1_000 } else { random.one([1_000, 120_000, 24 * hour]) }),
        idempotency_after_end: Millis(if lives_long { 60_000 } else { random.one([500, 60_000, hour]) }),
        cancel_window: Millis(random.one([60_000, hour, 30 * 24 * hour])),
        max_orders: random.one([4, 12, 1_000, 1_000]),
        max_orders_per_buyer: random.one([2, 1_000, 1_000]),
        max_batch_requests: random.one([1, 2, 8, 8_192]),
        sweep_per_entry: random.one([1, 2, 2_048]),
        pooled_below_per_node,
        sliced_above_per_node: pooled_below_per_node + random.between(0, 3),
        state_hash_every: random.one([1, 4, 16]),
        ..Params::default()
    }
}

fn desk(random: &mut Random, params: &Params, request_ttl: u64) -> DeskConfig {
    DeskConfig {
        max_waiting: random.one([2, 8, 1_000, 1_000]),
        // The replicated bound, as a node reads it.
        max_batch_requests: params.max_batch_requests as usize,
        gather: Millis(random.one([0, 2, 2, 10])),
        resend_after: Millis(random.one([20, 60, 150])),
        resend_at_most: Millis(300),
        resend_after_refusal: Millis(random.one([2, 10])),
        fresh_for: Millis(random.one([20, 60, 200])),
        probe_again: Millis(random.one([10, 30])),
        refill_wait: Millis(random.one([60, 150])),
        refill_again: Millis(random.one([5, 20])),
        request_ttl: Millis(request_ttl),
        outcome_grace: Millis(random.one([10, 50])),
        ..DeskConfig::new(NodeId(0), Incarnation(0))
    }
}

fn reconcile(random: &mut Random) -> ReconcileConfig {
    let config = ReconcileConfig {
        buffer_per_mille: random.one([0, 100, 1_000]),
        reclaim_after: Millis(random.one([60, 200])),
        tick_at_least: Millis(10),
        tick_while_held: Millis(random.one([20, 60])),
        tick_idle: Millis(100),
        refill_ttl: Millis(random.one([50, 100])),
        again_after: Millis(random.one([10, 50])),
        ..ReconcileConfig::default()
    };
    ReconcileConfig { silent_after: config.refill_ttl, ..config }
}

/// Orders always, and a random choice of the rest.
fn operations(random: &mut Random) -> Vec<Operation> {
    let rest = [
        Operation::Repeat,
        Operation::OtherBody,
        Operation::Confirm,
        Operation::Release,
        Operation::Cancel,
        Operation::Extend,
        Operation::Adjust,
        Operation::Settings,
        Operation::StopSale,
    ];
    let mut operations = half_of(random, &rest);
    operations.extend([Operation::Order; 4]);
    operations
}
