//! The leader's policy, asked what it would do about a state.

// A test fails by panicking; helpers outside of test functions are no exception.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::BTreeMap;

use holdfast_inventory::*;

const SHOE: SkuId = SkuId(0);

/// Real state, three nodes with sessions, one SKU.
struct Bench {
    now: Moment,
    stock: Inventory,
    policy: Reconciler,
}

impl Bench {
    fn new(units: u64, config: ReconcileConfig) -> Self {
        let mut bench = Self { now: Moment(0), stock: Inventory::new(), policy: Reconciler::new(config) };
        bench.stock.apply(LogIndex(1), &Entry::Members(Cow::Owned((1..=3).map(NodeId).collect())));
        let params = Params { pooled_below_per_node: 10, sliced_above_per_node: 20, ..Params::default() };
        bench.apply(&Command::Bootstrap(Bootstrap { params, secret: Secret([1; 16]) }));
        bench.apply(&Command::CreateSku(CreateSku {
            name: SkuName::new("shoe").unwrap(),
            stock: units,
            settings: SettingsPatch::default(),
        }));
        for node in 1..=3 {
            bench.apply(&Command::OpenSession(OpenSession { node: NodeId(node), incarnation: Incarnation(1), attempt: Attempt(1) }));
        }
        bench.policy.elected(bench.now, &bench.stock);
        bench
    }

    fn apply(&mut self, command: &Command<'_>) {
        let index = LogIndex(self.stock.last_index().0 + 1);
        let applied = self.stock.apply(index, &Entry::Command(self.stamp(), command.clone()));
        self.policy.touched(&applied.touched);
    }

    fn stamp(&self) -> Stamp {
        Stamp(1_000_000 + self.now.0 / 1000)
    }

    fn session(&self, node: u64) -> SessionId {
        self.stock.session_of(NodeId(node)).map(|session| session.id).unwrap()
    }

    fn report(&mut self, node: u64) {
        let (session, applied) = (self.session(node), self.stock.last_index());
        let report = Report { node: NodeId(node), session: Some(session), applied, draining: false, demands: Vec::new() };
        self.policy.report(self.now, report);
    }

    fn report_all(&mut self) {
        for node in 1..=3 {
            self.report(node);
        }
    }

    /// What the policy does now; its proposals are applied at once.
    fn wake(&mut self) -> Vec<Action> {
        let actions = self.policy.wake(self.now, self.stock.last_index(), self.stamp(), &self.stock);
        for action in &actions {
            if let Action::Propose(command) = action {
                self.apply(command);
            }
        }
        actions
    }

    /// A node returns units of its slice.
    fn give_back(&mut self, node: u64, units: u64) {
        let session = self.stock.session_of(NodeId(node)).cloned().unwrap();
        let requests = vec![Request::Return { sku: SHOE, units }];
        self.apply(&Command::Batch(Batch { session: session.id, seq: Seq(session.last_seq.0 + 1), requests }));
    }

    fn slices(&self) -> (u64, [u64; 3]) {
        let sku = self.stock.sku(SHOE).unwrap();
        (sku.pool, [1, 2, 3].map(|node| sku.slice(self.session(node))))
    }

    /// Wakes every 50 ms; the nodes in `alive` report.
    fn pass(&mut self, millis: u64, alive: &[u64]) -> Vec<Action> {
        let mut actions = Vec::new();
        for _ in 0..millis / 50 {
            self.now = self.now.after(Millis(50));
            for node in alive {
                self.report(*node);
            }
            actions.extend(self.wake());
        }
        actions
    }
}

fn asked_to_give(action: Action) -> Option<NodeId> {
    match action {
        Action::CollectReturn { node, .. } => Some(node),
        Action::Propose(_) => None,
    }
}

#[test]
fn stock_is_spread_by_weight_and_a_buffer_stays_in_the_pool() {
    let weights = BTreeMap::from([(NodeId(1), 2)]);
    let mut bench = Bench::new(1_000, ReconcileConfig { weights, ..ReconcileConfig::default() });
    bench.report_all();
    bench.wake();
    assert_eq!(bench.slices(), (100, [450, 225, 225]));
    assert!(bench.wake().is_empty(), "what is spread is left alone");
}

#[test]
fn only_a_node_that_reported_applying_its_session_is_granted_anything() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report(1);
    bench.report(2);
    let early = Report { node: NodeId(3), session: None, applied: LogIndex(2), draining: false, demands: Vec::new() };
    bench.policy.report(bench.now, early);
    bench.wake();
    assert_eq!(bench.slices(), (100, [450, 450, 0]));
}

#[test]
fn a_node_that_comes_late_gets_its_part_from_those_who_have_more() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report(1);
    bench.report(2);
    bench.wake();
    bench.report(3);
    let collected: Vec<Action> = bench.wake();
    let collect = |node, units| Action::CollectReturn { node: NodeId(node), sku: SHOE, units };
    assert_eq!(collected, vec![collect(1, 150), collect(2, 150)]);
}

#[test]
fn a_node_that_comes_late_gets_its_part_by_weight_from_all_who_have_more_than_theirs() {
    let weights = BTreeMap::from([(NodeId(1), 1), (NodeId(2), 2), (NodeId(3), 3)]);
    let mut bench = Bench::new(6_000, ReconcileConfig { weights, ..ReconcileConfig::default() });
    bench.report(1);
    bench.report(3);
    bench.wake();
    assert_eq!(bench.slices(), (600, [1_350, 0, 4_050]));
    bench.report(2);
    let collect = |node, units| Action::CollectReturn { node: NodeId(node), sku: SHOE, units };
    assert_eq!(bench.wake(), vec![collect(3, 1_350), collect(1, 450)]);
}

#[test]
fn a_small_stock_is_pooled_and_sliced_again_only_at_the_higher_threshold() {
    let mut bench = Bench::new(100, ReconcileConfig::default());
    let adjust =
        |delta, key: &str| Command::AdjustStock(AdjustStock { sku: SHOE, delta, reason: "count".into(), reference: None, key: key.into() });
    bench.report_all();
    bench.apply(&adjust(-75, "1"));
    assert_eq!(bench.wake(), [Action::Propose(Command::SetMode { skus: vec![SHOE], mode: Mode::Pooled })]);
    bench.apply(&adjust(30, "2"));
    assert!(bench.wake().is_empty(), "55 is between 30 and 60");
    bench.apply(&adjust(10, "3"));
    assert_eq!(bench.wake(), [Action::Propose(Command::SetMode { skus: vec![SHOE], mode: Mode::Sliced })]);
    bench.wake();
    assert_eq!(bench.slices().1.iter().sum::<u64>(), 57, "and spread once more");
}

#[test]
fn a_refill_is_granted_from_the_pool_and_shrinks_with_it() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    bench.policy.refill(bench.now, NodeId(2), SHOE, 90, 1);
    bench.wake();
    assert_eq!(bench.slices(), (67, [300, 333, 300]));
    bench.policy.refill(bench.now, NodeId(2), SHOE, 90, 60);
    bench.wake();
    assert_eq!(bench.slices(), (7, [300, 393, 300]), "buyers who wait are served whole");
}

#[test]
fn a_refill_beyond_the_pool_collects_returns_from_those_who_have() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    bench.policy.refill(bench.now, NodeId(2), SHOE, 500, 500);
    let actions = bench.wake();
    let collect = |node, units| Action::CollectReturn { node: NodeId(node), sku: SHOE, units };
    assert!(actions.contains(&collect(1, 300)) && actions.contains(&collect(3, 100)), "{actions:?}");
    assert_eq!(bench.slices().0, 0);
    assert!(!bench.wake().iter().any(|action| matches!(action, Action::CollectReturn { .. })), "not twice at once");
}

/// They come in several returns. What is there already would else go back to those who have nothing left, over and over.
#[test]
fn what_is_collected_for_a_buyer_who_wants_all_there_is_stays_until_he_has_it() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    bench.policy.refill(bench.now, NodeId(2), SHOE, 700, 700);
    bench.wake();
    bench.give_back(1, 300);
    bench.policy.refill(bench.now, NodeId(2), SHOE, 600, 600);
    let actions = bench.wake();
    assert!(!actions.iter().any(|action| matches!(action, Action::CollectReturn { node: NodeId(2), .. })), "{actions:?}");
    assert_eq!(bench.slices(), (0, [0, 700, 300]));
}

/// Both want more than half of what is left: were it taken from each for the other, neither would ever have it all.
#[test]
fn of_two_who_need_units_the_second_takes_none_from_the_first() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    bench.policy.refill(bench.now, NodeId(2), SHOE, 700, 700);
    bench.now = bench.now.after(Millis(1));
    bench.policy.refill(bench.now, NodeId(1), SHOE, 600, 600);
    let asked: Vec<NodeId> = bench.wake().into_iter().filter_map(asked_to_give).collect();
    assert_eq!(asked, [NodeId(1), NodeId(3)], "for the first both others give, for the second nobody is left");
    bench.give_back(1, 300);
    bench.give_back(3, 300);
    bench.policy.refill(bench.now, NodeId(2), SHOE, 600, 600);
    bench.wake();
    bench.now = bench.now.after(Millis(101));
    bench.policy.refill(bench.now, NodeId(1), SHOE, 600, 600);
    let asked: Vec<NodeId> = bench.wake().into_iter().filter_map(asked_to_give).collect();
    assert_eq!((bench.slices(), asked), ((0, [0, 1_000, 0]), vec![NodeId(2)]), "the first has what he needs, and is asked now");
}

#[test]
fn who_has_asked_longest_gets_the_last_units() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    // The pool's 100 go to node 1; nodes 3 and 2 then ask in vain, and node 1 once more.
    bench.policy.refill(bench.now, NodeId(1), SHOE, 100, 100);
    bench.wake();
    for node in [3, 2, 1, 3] {
        bench.policy.refill(bench.now, NodeId(node), SHOE, 60, 60);
        bench.now = bench.now.after(Millis(1));
    }
    bench.give_back(1, 60);
    bench.wake();
    assert_eq!(bench.slices(), (0, [340, 300, 360]), "node 3 asked first");
    bench.give_back(1, 60);
    bench.wake();
    assert_eq!(bench.slices(), (0, [280, 360, 360]), "then node 2, though the id of node 1 is lower");
}

#[test]
fn a_negative_adjustment_withholds_grants_and_collects() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    bench.policy.adjustment_waits(SHOE, 500);
    bench.policy.refill(bench.now, NodeId(2), SHOE, 50, 50);
    let actions = bench.wake();
    assert!(actions.iter().all(|action| matches!(action, Action::CollectReturn { .. })), "{actions:?}");
    let collected: u64 = actions.iter().map(|action| if let Action::CollectReturn { units, .. } = action { *units } else { 0 }).sum();
    assert_eq!(collected, 400);
}

#[test]
fn each_of_two_negative_adjustments_of_a_sku_waits_for_itself() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    let units = |actions: &[Action]| -> u64 {
        actions.iter().map(|action| if let Action::CollectReturn { units, .. } = action { *units } else { 0 }).sum()
    };
    let first = bench.policy.adjustment_waits(SHOE, 200);
    let second = bench.policy.adjustment_waits(SHOE, 200);
    assert_eq!(units(&bench.wake()), 300, "the pool's 100 are not enough for both");
    bench.policy.adjustment_done(SHOE, first);
    bench.policy.refill(bench.now, NodeId(2), SHOE, 50, 50);
    bench.wake();
    assert_eq!(bench.slices().0, 100, "the end of one does not end the other: grants are still withheld");
    bench.policy.adjustment_done(SHOE, second);
    bench.wake();
    assert_eq!(bench.slices().0, 50, "the refill was only put off");
}

#[test]
fn a_wait_of_an_earlier_term_ends_none_of_a_later_one() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    let early = bench.policy.adjustment_waits(SHOE, 500);
    bench.policy.elected(bench.now, &bench.stock);
    bench.report_all();
    bench.wake();
    bench.policy.adjustment_waits(SHOE, 500);
    bench.policy.adjustment_done(SHOE, early);
    bench.policy.refill(bench.now, NodeId(2), SHOE, 50, 50);
    bench.wake();
    assert_eq!(bench.slices().0, 100, "grants are withheld");
}

#[test]
fn a_node_that_does_not_follow_is_fenced_and_its_slice_is_spread_over_the_others() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.pass(1_000, &[1, 2, 3]);
    let lost = bench.session(3);
    bench.apply(&Command::Tick);
    let early = bench.pass(1_900, &[1, 2]);
    assert!(!early.contains(&Action::Propose(Command::CloseSession { session: lost })), "not before reclaim_after");
    let late = bench.pass(1_200, &[1, 2]);
    let closed = late.iter().filter(|action| matches!(action, Action::Propose(Command::CloseSession { .. }))).count();
    assert_eq!(closed, 1, "{late:?}");
    assert_eq!(bench.slices(), (100, [450, 450, 0]));
}

#[test]
fn a_node_that_dies_in_a_quiet_cluster_is_fenced_before_anybody_asks_for_its_units() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.pass(3_000, &[1, 2, 3]);
    let (lost, quiet_since) = (bench.session(3), bench.stock.last_index());
    let early = bench.pass(1_900, &[1, 2]);
    assert!(early.is_empty() && bench.stock.last_index() == quiet_since, "{early:?}");
    let late = bench.pass(300, &[1, 2]);
    assert!(late.contains(&Action::Propose(Command::CloseSession { session: lost })), "{late:?}");
    assert_eq!(bench.slices(), (100, [450, 450, 0]));
}

#[test]
fn a_new_leader_counts_from_its_own_election() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.pass(3_000, &[1, 2, 3]);
    bench.policy.deposed();
    bench.pass(3_000, &[]);
    bench.policy.elected(bench.now, &bench.stock);
    let early = bench.pass(1_900, &[]);
    assert!(!early.iter().any(|action| matches!(action, Action::Propose(Command::CloseSession { .. }))), "{early:?}");
}

#[test]
fn a_leader_that_stood_still_judges_nobody_by_the_reports_it_has_not_read() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.pass(3_000, &[1, 2, 3]);
    bench.apply(&Command::Tick);
    bench.now = bench.now.after(Millis(10_000));
    let actions = bench.wake();
    assert!(!actions.iter().any(|action| matches!(action, Action::Propose(Command::CloseSession { .. }))), "{actions:?}");
}

#[test]
fn a_quiet_cluster_ticks_seldom_and_one_that_holds_ticks_when_a_hold_is_over() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    let ticks = |actions: &[Action]| actions.iter().filter(|action| **action == Action::Propose(Command::Tick)).count();
    let quiet = bench.pass(30_000, &[1, 2, 3]);
    assert_eq!(ticks(&quiet), 3);
    let order = OrderRequest {
        caller: Cow::Borrowed(""),
        key: Cow::Borrowed("k"),
        buyer: Cow::Borrowed("ann"),
        lines: [Line { sku: SHOE, units: 1 }].into_iter().collect(),
        confirm: false,
        apply_before: bench.stamp() + Millis(1_000),
    };
    let session = bench.session(1);
    bench.apply(&Command::Batch(Batch { session, seq: Seq(1), requests: vec![Request::Order(order)] }));
    assert_eq!(bench.stock.sku(SHOE).map(|sku| sku.held), Some(1));
    let holding = bench.pass(10_000, &[1, 2, 3]);
    assert!((9..=10).contains(&ticks(&holding)), "{}", ticks(&holding));
    bench.pass(600_000, &[1, 2, 3]);
    assert_eq!(bench.stock.sku(SHOE).map(|sku| sku.held), Some(0));
}
