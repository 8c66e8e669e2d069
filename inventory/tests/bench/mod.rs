//! One Desk driven by hand, its effects written down as a transcript.
#![allow(dead_code, unreachable_pub)]

use std::borrow::Cow;

use bytes::Bytes;
use holdfast_inventory::*;

const BEGIN: u64 = 1_000_000;
const NODE: NodeId = NodeId(1);
/// Another member, which holds what node 1 does not.
const OTHER: NodeId = NodeId(2);

pub struct Bench {
    pub now: Moment,
    pub inventory: Inventory,
    pub desk: Desk<&'static str>,
    pub proposed: Vec<Bytes>,
    lines: Vec<String>,
    out: Vec<Effect<&'static str>>,
}

/// A SKU is sliced from 8 units on.
pub fn params() -> Params {
    Params { pooled_below_per_node: 2, sliced_above_per_node: 4, ..Params::default() }
}

impl Bench {
    /// A SKU with this stock, sliced from 8 units on; no leader known yet.
    pub fn new(stock: u64) -> Self {
        Self::with(stock, DeskConfig::new(NODE, Incarnation(1)))
    }

    pub fn with(stock: u64, config: DeskConfig) -> Self {
        Self::of(stock, config, params())
    }

    pub fn new_with(stock: u64, params: Params) -> Self {
        Self::of(stock, DeskConfig::new(NODE, Incarnation(1)), params)
    }

    fn of(stock: u64, config: DeskConfig, params: Params) -> Self {
        let mut inventory = Inventory::new();
        inventory.apply(LogIndex(1), &Entry::Members(Cow::Owned(vec![NODE, OTHER])));
        let desk = Desk::new(config);
        let mut bench = Self { now: Moment(0), inventory, desk, proposed: Vec::new(), lines: Vec::new(), out: Vec::new() };
        bench.commit_untold(&Command::Bootstrap(Bootstrap { params, secret: Secret([3; 16]) }));
        let settings = SettingsPatch { hold_ttl: Some(Millis(0)), ..SettingsPatch::default() };
        let name = SkuName::new("shoe").unwrap();
        bench.commit_untold(&Command::CreateSku(CreateSku { name, stock, settings }));
        bench
    }

    /// With a leader, a session and a proof, and a slice of so many units.
    pub fn ready(stock: u64, slice: u64) -> Self {
        let mut bench = Self::new(stock);
        bench.become_ready(slice);
        bench
    }

    pub fn become_ready(&mut self, slice: u64) {
        self.leader(Some(OTHER));
        self.wake();
        self.prove();
        self.open(1);
        self.grant(slice);
        self.transcript();
    }

    pub fn session(&self) -> SessionId {
        self.inventory.session_of(NODE).map(|session| session.id).unwrap()
    }

    pub fn open(&mut self, attempt: u64) {
        self.commit(&Command::OpenSession(OpenSession { node: NODE, incarnation: Incarnation(1), attempt: Attempt(attempt) }));
    }

    pub fn grant(&mut self, units: u64) {
        if units > 0 {
            self.commit(&Command::Grant(vec![Grant { sku: SkuId(0), session: self.session(), units }]));
        }
    }

    /// An order of another node's, which never was at this one.
    pub fn sell_elsewhere(&mut self, key: &'static str, units: u32) {
        let open = OpenSession { node: OTHER, incarnation: Incarnation(1), attempt: Attempt(1) };
        self.commit(&Command::OpenSession(open));
        let other = self.inventory.session_of(OTHER).cloned().unwrap();
        let Request::Order(order) = self.ask_of(key, units).request else { unreachable!() };
        let requests = vec![Request::Order(order)];
        self.commit(&Command::Batch(Batch { session: other.id, seq: Seq(other.last_seq.0 + 1), requests }));
    }

    pub fn commit(&mut self, command: &Command<'_>) {
        let applied = self.commit_untold(command);
        self.desk.applied(self.now, &applied, &NodeRecords::new(&self.inventory, NODE), &mut self.out);
        self.write_down();
    }

    pub fn commit_untold(&mut self, command: &Command<'_>) -> Applied {
        let index = LogIndex(self.inventory.last_index().0 + 1);
        let bytes = codec::stamp_entry(self.stamp(), &codec::encode(command));
        let (stamp, command) = codec::read_entry(&bytes).unwrap();
        self.inventory.apply(index, &Entry::Command(stamp, command))
    }

    /// Commits the `at`-th proposal, as often as asked.
    pub fn commit_proposal(&mut self, at: usize) {
        let bytes = self.proposed[at].clone();
        self.commit(&codec::decode_borrowed(&bytes).unwrap());
    }

    pub fn stamp(&self) -> Stamp {
        Stamp(BEGIN + self.now.0 / 1000)
    }

    fn ask_of(&self, key: &'static str, units: u32) -> Ask {
        let lines: Lines = [Line { sku: SkuId(0), units }].into_iter().collect();
        let (buyer, state) = ("ann", &self.inventory);
        Ask {
            key: Some(state.key_hash("", buyer, key)),
            fingerprint: Some(state.fingerprint(buyer, &lines, false)),
            buyer: Some(state.buyer_hash(buyer)),
            request: Request::Order(OrderRequest {
                caller: Cow::Borrowed(""),
                key: Cow::Borrowed(key),
                buyer: Cow::Borrowed(buyer),
                lines,
                confirm: false,
                apply_before: self.stamp() + Millis(2_000),
            }),
        }
    }

    /// A buyer asks; waiter and key are called the same.
    pub fn ask(&mut self, key: &'static str, units: u32) {
        self.ask_as(key, key, units);
    }

    /// Each asks for one unit, in turn.
    pub fn ask_each<const N: usize>(&mut self, keys: [&'static str; N]) {
        for key in keys {
            self.ask(key, 1);
        }
    }

    pub fn ask_as(&mut self, waiter: &'static str, key: &'static str, units: u32) {
        let ask = self.ask_of(key, units);
        self.admit(waiter, ask);
    }

    pub fn admit(&mut self, waiter: &'static str, ask: Ask) {
        let time = ClusterTime { now: self.stamp(), error: Millis(10) };
        self.desk.admit(self.now, time, ask, waiter, &NodeRecords::new(&self.inventory, NODE), &mut self.out);
        self.write_down();
    }

    pub fn leader(&mut self, leader: Option<NodeId>) {
        self.desk.leader_changed(self.now, leader, &mut self.out);
        self.write_down();
    }

    /// A probe sent now is answered now.
    pub fn prove(&mut self) {
        let index = self.inventory.last_index();
        self.desk.fresh(self.now, self.now, index, &NodeRecords::new(&self.inventory, NODE), &mut self.out);
        self.write_down();
    }

    pub fn snapshot_installed(&mut self) {
        self.desk.snapshot_installed(self.now, &NodeRecords::new(&self.inventory, NODE), &mut self.out);
        self.write_down();
    }

    pub fn give_back(&mut self, units: u64) {
        self.desk.give_back(self.now, SkuId(0), units, &NodeRecords::new(&self.inventory, NODE), &mut self.out);
        self.write_down();
    }

    pub fn drain(&mut self) {
        self.desk.drain(self.now, &NodeRecords::new(&self.inventory, NODE), &mut self.out);
        self.write_down();
    }

    pub fn wake(&mut self) {
        self.desk.wake(self.now, &NodeRecords::new(&self.inventory, NODE), &mut self.out);
        self.write_down();
    }

    /// Lets time pass, waking the Desk when it asks for it.
    pub fn pass(&mut self, millis: u64) {
        let until = self.now.after(Millis(millis));
        while let Some(at) = self.desk.wake_at().filter(|at| *at <= until) {
            self.now = at.max(Moment(self.now.0 + 1));
            self.wake();
        }
        self.now = until;
    }

    fn write_down(&mut self) {
        for effect in std::mem::take(&mut self.out) {
            let line = match effect {
                Effect::Answer(waiter, answer) => format!("{waiter}: {}", word(answer)),
                Effect::Propose(bytes) => {
                    self.proposed.push(bytes.clone());
                    let Command::Batch(batch) = codec::decode_borrowed(&bytes).unwrap() else { panic!("a Desk proposes batches") };
                    format!("propose session {} seq {}: {}", batch.session, batch.seq, names(&batch))
                }
                Effect::OpenSession(open) => format!("open session, attempt {}", open.attempt),
                Effect::AskRefill { sku, units, needed } => format!("ask refill of {sku}: {units}, needed {needed}"),
                Effect::Probe => "probe".into(),
            };
            self.lines.push(line);
        }
    }

    /// What was done since the last time, one effect a line.
    pub fn transcript(&mut self) -> String {
        std::mem::take(&mut self.lines).join("\n")
    }
}

fn names(batch: &Batch<'_>) -> String {
    let name = |request: &Request<'_>| match request {
        Request::Order(order) => order.key.to_string(),
        Request::Return { units, .. } => format!("return {units}"),
        _ => "step".into(),
    };
    batch.requests.iter().map(name).collect::<Vec<_>>().join(" ")
}

fn word(answer: Answer) -> String {
    match answer {
        Answer::Accepted { index, .. } => format!("accepted at {index}"),
        Answer::Refused { refusal, index, .. } => {
            let refusal = format!("{refusal:?}");
            let name = refusal.split([' ', '{']).next().unwrap_or_default().to_owned();
            format!("refused {name} at {index}")
        }
        other => format!("{other:?}").split([' ', '{']).next().unwrap_or_default().to_owned(),
    }
}

impl Bench {
    fn other_session(&mut self) -> SessionId {
        if self.inventory.session_of(OTHER).is_none() {
            let open = OpenSession { node: OTHER, incarnation: Incarnation(1), attempt: Attempt(1) };
            self.commit(&Command::OpenSession(open));
        }
        self.inventory.session_of(OTHER).map(|session| session.id).unwrap()
    }

    /// Units go to the other node's slice.
    pub fn grant_elsewhere(&mut self, units: u64) {
        let session = self.other_session();
        self.commit(&Command::Grant(vec![Grant { sku: SkuId(0), session, units }]));
    }

    /// The other node gives units back.
    pub fn take_elsewhere(&mut self, units: u64) {
        let other = self.inventory.session_of(OTHER).cloned().unwrap();
        let requests = vec![Request::Return { sku: SkuId(0), units }];
        self.commit(&Command::Batch(Batch { session: other.id, seq: Seq(other.last_seq.0 + 1), requests }));
    }

    pub fn opens_in(&mut self, wait: Millis) {
        self.patch(SettingsPatch { opens_at: Some(Some(self.stamp() + wait)), ..SettingsPatch::default() });
    }

    pub fn closes_in(&mut self, wait: Millis) {
        self.patch(SettingsPatch { closes_at: Some(Some(self.stamp() + wait)), ..SettingsPatch::default() });
    }

    fn patch(&mut self, settings: SettingsPatch) {
        let if_version = self.inventory.sku(SkuId(0)).map(|sku| sku.version).unwrap();
        self.commit(&Command::PatchSku(PatchSku { sku: SkuId(0), if_version, settings }));
    }
}

impl Bench {
    /// Most units that one buyer may have.
    pub fn limit(&mut self, units: u32) {
        self.patch(SettingsPatch { per_buyer_limit: Some(Some(units)), ..SettingsPatch::default() });
    }
}
