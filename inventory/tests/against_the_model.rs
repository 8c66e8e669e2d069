//! Random commands, one state and a slow obvious model: the same outcomes and the same numbers after every entry, in a
//! state that goes through bytes at a random point and in one that does not.

mod model;

use std::borrow::Cow;
use std::collections::BTreeMap;

use holdfast_inventory::*;
use model::{Model, ModelSku};
use proptest::collection::vec;
use proptest::prelude::*;

const NODES: u64 = 3;
const BUYERS: [&str; 4] = ["ann", "bob", "cas", "dee"];

/// What a random run does; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Op {
    Batch { node: u8, requests: Vec<Ask> },
    Stray { node: u8, ahead: u8 },
    Repeat { node: u8 },
    Open { node: u8, ahead: u8 },
    Close { node: u8 },
    Grant { sku: u8, node: u8, units: u8 },
    Mode { sku: u8, mode: Mode },
    Adjust { sku: u8, delta: i8, key: u8 },
    Sale { sku: u8, open: bool },
    Members { without: u8 },
    Tick,
}

#[derive(Clone, Debug)]
enum Ask {
    Order { buyer: u8, key: u8, lines: Vec<(u8, u8)>, confirm: bool, late: bool },
    Step { kind: u8, pick: u8, content: bool, spoilt: bool },
    Return { sku: u8, units: u8 },
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        6 => (any::<u8>(), 0_u8..24, vec((0_u8..6, 1_u8..5), 1..4), any::<bool>(), prop::bool::weighted(0.05))
            .prop_map(|(buyer, key, lines, confirm, late)| Ask::Order { buyer, key, lines, confirm, late }),
        5 => (any::<u8>(), any::<u8>(), prop::bool::weighted(0.8), prop::bool::weighted(0.1))
            .prop_map(|(kind, pick, content, spoilt)| Ask::Step { kind, pick, content, spoilt }),
        1 => (any::<u8>(), 0_u8..8).prop_map(|(sku, units)| Ask::Return { sku, units }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (any::<u8>(), vec(ask(), 1..6)).prop_map(|(node, requests)| Op::Batch { node, requests }),
        1 => (any::<u8>(), 0_u8..4).prop_map(|(node, ahead)| Op::Stray { node, ahead }),
        1 => any::<u8>().prop_map(|node| Op::Repeat { node }),
        2 => (any::<u8>(), 0_u8..3).prop_map(|(node, ahead)| Op::Open { node, ahead }),
        1 => any::<u8>().prop_map(|node| Op::Close { node }),
        4 => (0_u8..6, any::<u8>(), 0_u8..9).prop_map(|(sku, node, units)| Op::Grant { sku, node, units }),
        1 => (any::<u8>(), prop_oneof![Just(Mode::Pooled), Just(Mode::Sliced)]).prop_map(|(sku, mode)| Op::Mode { sku, mode }),
        1 => (any::<u8>(), -9_i8..9, 0_u8..6).prop_map(|(sku, delta, key)| Op::Adjust { sku, delta, key }),
        1 => (any::<u8>(), prop::bool::weighted(0.7)).prop_map(|(sku, open)| Op::Sale { sku, open }),
        1 => any::<u8>().prop_map(|without| Op::Members { without }),
        1 => Just(Op::Tick),
    ]
}

/// How far the clock goes before an entry: mostly little, sometimes far, sometimes back.
fn pace() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0_i64..120, 2 => 100_i64..4_000, 1 => 20_000_i64..400_000, 1 => -500_i64..0]
}

fn params() -> Params {
    Params {
        idempotency_ttl: Millis(300_000),
        idempotency_after_end: Millis(120_000),
        cancel_window: Millis(900_000),
        buyer_retention: Millis(u64::MAX / 2),
        max_orders: 40,
        max_orders_per_buyer: 12,
        state_hash_every: 7,
        pooled_below_per_node: 4,
        ..Params::default()
    }
}

fn settings(n: u32) -> SettingsPatch {
    SettingsPatch {
        opens_at: Some((n == 3).then_some(Stamp(5_000))),
        closes_at: Some((n == 3).then_some(Stamp(2_000_000))),
        per_buyer_limit: Some((n == 1).then_some(6)),
        hold_ttl: Some(Millis([0, 400, 3_000, 400, 0][n as usize])),
        late_confirm: Some(if n == 2 { LateConfirm::Refuse } else { LateConfirm::Reacquire }),
        ..SettingsPatch::default()
    }
}

struct Run {
    state: Inventory,
    model: Model,
    index: u64,
    clock: u64,
    log: Vec<bytes::Bytes>,
    history: BTreeMap<OrderRef, Status>,
    contents: BTreeMap<OrderRef, Order>,
}

impl Run {
    fn new() -> Self {
        let model = Model::new(params());
        let mut run = Self {
            state: Inventory::new(),
            model,
            index: 0,
            clock: 1_000,
            log: Vec::new(),
            history: BTreeMap::new(),
            contents: BTreeMap::new(),
        };
        run.members(&(1..=NODES).map(NodeId).collect::<Vec<_>>());
        run.apply(Command::Bootstrap(Bootstrap { params: params(), secret: Secret([9; 16]) }));
        for n in 0..5_u32 {
            let name = SkuName::new(&format!("sku-{n}")).expect("a name");
            let stock = [30, 8, 12, 20, 2][n as usize];
            run.apply(Command::CreateSku(CreateSku { name, stock, settings: settings(n) }));
            let sku = run.state.sku(SkuId(n)).expect("created");
            assert_eq!(sku.mode, if stock < 12 { Mode::Pooled } else { Mode::Sliced });
            let (settings, mode) = (Settings::clone(&sku.settings), sku.mode);
            run.model.skus.push(ModelSku { stock, slices: BTreeMap::new(), mode, stopped: false, settings, version: Version(1) });
        }
        for node in 1..=NODES {
            run.apply(Command::OpenSession(OpenSession { node: NodeId(node), incarnation: Incarnation(1), attempt: Attempt(1) }));
        }
        run
    }

    fn members(&mut self, members: &[NodeId]) {
        self.index += 1;
        // Marked, so that a replay can tell it from a command.
        self.log.push(codec::encode(members).into());
        let outcome = self.state.apply(LogIndex(self.index), &Entry::Members(Cow::Borrowed(members))).outcome;
        assert_eq!(outcome, self.model.apply(LogIndex(self.index), &Entry::Members(Cow::Borrowed(members))));
    }

    #[allow(clippy::needless_pass_by_value)] // So that the many callers need no ampersand.
    fn apply(&mut self, command: Command<'_>) -> CommandOutcome {
        self.index += 1;
        let bytes = codec::stamp_entry(Stamp(self.clock), &codec::encode(&command));
        let (stamp, command) = codec::read_entry(&bytes).expect("own bytes");
        let founding = matches!(command, Command::Bootstrap(_) | Command::CreateSku(_));
        let entry = Entry::Command(stamp, command);
        let applied = self.state.apply(LogIndex(self.index), &entry);
        let modelled = self.model.apply(LogIndex(self.index), &entry);
        if !founding {
            assert_eq!(applied.outcome, modelled, "{entry:?} at {stamp}");
        }
        self.log.push(bytes.clone());
        self.keep_history(&applied);
        applied.outcome
    }

    fn keep_history(&mut self, applied: &Applied) {
        for (at, event) in applied.events.iter().enumerate() {
            assert_eq!(usize::from(event.position), at);
            match &event.kind {
                EventKind::Accepted { order, status } => {
                    assert_eq!(order.at, OrderRef { index: applied.index, position: event.position });
                    self.history.insert(order.at, *status);
                    self.contents.insert(order.at, order.clone());
                }
                EventKind::Changed { order, status, .. } => {
                    self.history.insert(*order, *status);
                }
                _ => {}
            }
        }
    }

    fn session(&self, node: NodeId) -> (SessionId, Seq) {
        let session = self.state.session_of(node).expect("opened at the start");
        (session.id, session.last_seq)
    }

    fn run(&mut self, op: Op) {
        let sku = |n: u8| SkuId(u32::from(n) % 5);
        match op {
            Op::Batch { node, requests } => {
                let (session, last) = self.session(node_of(node));
                let requests = requests.into_iter().map(|ask| self.request(ask)).collect();
                self.apply(Command::Batch(Batch { session, seq: Seq(last.0 + 1), requests }));
            }
            Op::Stray { node, ahead } => {
                let (session, last) = self.session(node_of(node));
                let seq = Seq((last.0 + u64::from(ahead)).saturating_sub(1));
                self.apply(Command::Batch(Batch { session, seq, requests: Vec::new() }));
            }
            Op::Repeat { node } => {
                let (session, seq) = self.session(node_of(node));
                self.apply(Command::Batch(Batch { session, seq, requests: Vec::new() }));
            }
            Op::Open { node, ahead } => {
                let node = node_of(node);
                let known = self.state.session_of(node).expect("opened at the start");
                let attempt = Attempt((known.attempt.0 + u64::from(ahead)).saturating_sub(1));
                let incarnation = known.incarnation;
                self.apply(Command::OpenSession(OpenSession { node, incarnation, attempt }));
            }
            Op::Close { node } => {
                let (session, _) = self.session(node_of(node));
                self.apply(Command::CloseSession { session });
            }
            Op::Grant { sku, node, units } => {
                let (session, _) = self.session(node_of(node));
                self.apply(Command::Grant(vec![Grant { sku: SkuId(u32::from(sku)), session, units: u64::from(units) }]));
            }
            Op::Mode { sku: n, mode } => {
                self.apply(Command::SetMode { skus: vec![sku(n)], mode });
            }
            Op::Adjust { sku: n, delta, key } => {
                let delta = if delta == 0 { 1 } else { i64::from(delta) };
                let key = format!("note-{key}").into();
                self.apply(Command::AdjustStock(AdjustStock { sku: sku(n), delta, reason: "count".into(), reference: None, key }));
            }
            Op::Sale { sku: n, open } => {
                self.apply(Command::SetSale { sku: sku(n), open });
            }
            Op::Members { without } => {
                let without = NodeId(u64::from(without) % (NODES + 3) + 1);
                self.members(&(1..=NODES).map(NodeId).filter(|&node| node != without).collect::<Vec<_>>());
            }
            Op::Tick => {
                self.apply(Command::Tick);
            }
        }
    }

    fn request(&self, ask: Ask) -> Request<'static> {
        match ask {
            Ask::Order { buyer, key, lines, confirm, late } => {
                let mut kept: Vec<Line> = Vec::new();
                for (sku, units) in lines {
                    let sku = SkuId(u32::from(sku));
                    if kept.iter().all(|line| line.sku != sku) {
                        kept.push(Line { sku, units: u32::from(units) });
                    }
                }
                Request::Order(OrderRequest {
                    caller: "shop".into(),
                    key: format!("key-{key}").into(),
                    buyer: BUYERS[usize::from(buyer) % BUYERS.len()].into(),
                    lines: kept.into(),
                    confirm,
                    apply_before: if late { Stamp(self.clock) } else { Stamp(u64::MAX) },
                })
            }
            Ask::Step { kind, pick, content, spoilt } => self.step(kind, pick, content, spoilt),
            Ask::Return { sku, units } => Request::Return { sku: SkuId(u32::from(sku) % 6), units: u64::from(units) },
        }
    }

    fn step(&self, kind: u8, pick: u8, content: bool, spoilt: bool) -> Request<'static> {
        let recent = self.contents.values().rev().take(12).nth(usize::from(pick) % 12);
        let unknown = OrderRef { index: LogIndex(u64::from(pick)), position: 9 };
        let content = recent.filter(|_| content).map(|order| Content {
            buyer: Cow::Owned(order.buyer.to_string()),
            lines: order.lines.iter().map(|line| Line { units: line.units + u32::from(spoilt), ..*line }).collect(),
            created: order.created,
            node: order.node,
        });
        let step = Transition { order: recent.map_or(unknown, |order| order.at), content, apply_before: Stamp(u64::MAX) };
        match kind % 5 {
            0 | 4 => Request::Confirm(step),
            1 => Request::Release(step),
            2 => Request::Cancel(step),
            _ => Request::Extend(step),
        }
    }

    fn check(&self) {
        for sku in self.state.skus() {
            let (id, model) = (sku.id, &self.model.skus[sku.id.0 as usize]);
            assert!(sku.is_conserved());
            assert_eq!((sku.stock, sku.pool), (model.stock, self.model.pool(id)));
            assert_eq!((sku.held, sku.confirmed, sku.sliced()), (self.model.held(id), self.model.confirmed(id), self.model.sliced(id)));
            assert_eq!(sku.slices.iter().map(|slice| (slice.session, slice.units)).collect::<BTreeMap<_, _>>(), model.slices);
            let limit = sku.settings.per_buyer_limit.unwrap_or(u32::MAX);
            for buyer in BUYERS {
                let units = self.state.buyer_units(self.state.buyer_hash(buyer), id);
                assert_eq!(u64::from(units), self.model.buyer_units(buyer, id));
                assert!(units <= limit, "{buyer} has {units} of {id}");
            }
        }
        for (at, status) in &self.history {
            let now = self.state.order(*at).map(|now| now.status.status);
            let known = self.model.orders.get(at).filter(|order| !order.gone).map(|order| match order.status {
                Status::Held { until, .. } if until <= self.model.clock => Status::Expired,
                status => status,
            });
            assert_eq!(now, known);
            let unswept = matches!(status, Status::Held { .. }) && now == Some(Status::Expired);
            assert!(unswept || now.is_none_or(|now| now == *status), "history says {status:?}, the state {now:?}");
        }
        let gauges = self.state.gauges();
        let remembered = self.model.orders.values().filter(|order| !order.gone).count();
        assert_eq!((gauges.keys, gauges.orders), (self.model.keys.len() as u64, remembered as u64));
        for ((caller, buyer, key), (order, _)) in &self.model.keys {
            let found = self.state.find_key(self.state.key_hash(caller, buyer, key));
            assert_eq!(found.map(|record| record.order), Some(*order));
        }
    }
}

fn node_of(n: u8) -> NodeId {
    NodeId(u64::from(n) % NODES + 1)
}

fn bytes_of(state: &Inventory) -> Vec<u8> {
    state.snapshot().collect::<Vec<_>>().concat()
}

fn replay(state: &mut Inventory, index: u64, bytes: &[u8]) {
    // A membership list never begins like a stamped entry that reads back whole.
    match codec::decode::<Vec<NodeId>>(bytes) {
        Ok(members) if codec::read_entry(bytes).is_err() => drop(state.apply(LogIndex(index), &Entry::Members(members.into()))),
        _ => {
            let (stamp, command) = codec::read_entry(bytes).expect("own bytes");
            state.apply(LogIndex(index), &Entry::Command(stamp, command));
        }
    }
}

fn through_bytes(state: &Inventory, cut: usize) -> Inventory {
    let mut reader = SnapshotReader::new();
    for chunk in bytes_of(state).chunks(cut) {
        reader.push(chunk).expect("own bytes");
    }
    reader.finish().expect("all bytes")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn every_outcome_and_number_is_that_of_the_slow_model(ops in vec((op(), pace()), 1..250)) {
        let mut run = Run::new();
        for (op, pace) in ops {
            run.clock = run.clock.saturating_add_signed(pace);
            run.run(op);
            run.check();
        }
    }

    #[test]
    fn a_snapshot_and_the_rest_of_the_log_give_the_same_bytes_as_the_whole_log(
        ops in vec((op(), pace()), 1..100), at in 0_usize..110, cut in 1_usize..5_000,
    ) {
        let mut run = Run::new();
        for (op, pace) in ops {
            run.clock = run.clock.saturating_add_signed(pace);
            run.run(op);
        }
        let at = at.min(run.log.len());
        let (mut whole, mut resumed) = (Inventory::new(), Inventory::new());
        for (n, bytes) in run.log.iter().enumerate() {
            if n == at {
                resumed = through_bytes(&whole, cut);
                prop_assert_eq!(resumed.digest(), whole.digest());
            }
            replay(&mut whole, n as u64 + 1, bytes);
            if n >= at {
                replay(&mut resumed, n as u64 + 1, bytes);
                prop_assert_eq!(resumed.digest(), whole.digest());
            }
        }
        if at == run.log.len() {
            resumed = through_bytes(&whole, cut);
        }
        prop_assert!(bytes_of(&whole) == bytes_of(&run.state), "equal logs, other bytes");
        prop_assert!(bytes_of(&resumed) == bytes_of(&whole), "a snapshot and its rest, other bytes");
    }
}
