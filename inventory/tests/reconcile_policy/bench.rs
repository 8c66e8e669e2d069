//! A leader with real state: three nodes with sessions, one SKU.

use std::borrow::Cow;

use holdfast_inventory::*;

pub(crate) const SHOE: SkuId = SkuId(0);

/// Real state, three nodes with sessions, one SKU.
pub(crate) struct Bench {
    pub(crate) now: Moment,
    pub(crate) stock: Inventory,
    pub(crate) policy: Reconciler,
}

impl Bench {
    pub(crate) fn new(units: u64, config: ReconcileConfig) -> Self {
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

    pub(crate) fn apply(&mut self, command: &Command<'_>) {
        let index = LogIndex(self.stock.last_index().0 + 1);
        let applied = self.stock.apply(index, &Entry::Command(self.stamp(), command.clone()));
        self.policy.touched(&applied.touched);
    }

    pub(crate) fn stamp(&self) -> Stamp {
        Stamp(1_000_000 + self.now.0 / 1000)
    }

    pub(crate) fn session(&self, node: u64) -> SessionId {
        self.stock.session_of(NodeId(node)).map(|session| session.id).unwrap()
    }

    pub(crate) fn report(&mut self, node: u64) {
        let (session, applied) = (self.session(node), self.stock.last_index());
        let report = Report { node: NodeId(node), session: Some(session), applied, draining: false, demands: Vec::new() };
        self.policy.report(self.now, report);
    }

    pub(crate) fn report_all(&mut self) {
        for node in 1..=3 {
            self.report(node);
        }
    }

    /// What the policy does now; its proposals are applied at once.
    pub(crate) fn wake(&mut self) -> Vec<Action> {
        let actions = self.policy.wake(self.now, self.stock.last_index(), self.stamp(), &self.stock);
        for action in &actions {
            if let Action::Propose(command) = action {
                self.apply(command);
            }
        }
        actions
    }

    /// A node returns units of its slice.
    pub(crate) fn give_back(&mut self, node: u64, units: u64) {
        let session = self.stock.session_of(NodeId(node)).cloned().unwrap();
        let requests = vec![Request::Return { sku: SHOE, units }];
        self.apply(&Command::Batch(Batch { session: session.id, seq: Seq(session.last_seq.0 + 1), requests }));
    }

    pub(crate) fn slices(&self) -> (u64, [u64; 3]) {
        let sku = self.stock.sku(SHOE).unwrap();
        (sku.pool, [1, 2, 3].map(|node| sku.slice(self.session(node))))
    }

    /// Wakes every 50 ms; the nodes in `alive` report.
    pub(crate) fn pass(&mut self, millis: u64, alive: &[u64]) -> Vec<Action> {
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

/// Which node is asked to give how much.
pub(crate) fn collects(actions: &[Action]) -> Vec<(u64, u64)> {
    let asked = |action: &Action| if let Action::CollectReturn { node, units, .. } = action { Some((node.0, *units)) } else { None };
    actions.iter().filter_map(asked).collect()
}
