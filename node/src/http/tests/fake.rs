//! A node of one, without Raft: applies what it is asked at once. Answers can be scripted, and everything that reaches it
//! is counted, so that a test can say that a request did not.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock, RwLockReadGuard};

use holdfast_inventory::{
    Answer, Ask, Attempt, Batch, BatchResult, Bootstrap, ClusterTime, Command, CommandOutcome, CreateSku, Entry, Event, Incarnation,
    Inventory, LogIndex, Millis, NodeId, OpenSession, Outcome, Params, Secret, Seq, SessionId, SettingsPatch, SkuName, Stamp,
};
use holdfast_storage::{DataDir, OpenMode, OrderLog};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::http::port::{ClusterView, MemberView, Port, Unavailable};

pub(crate) struct Fake {
    inventory: RwLock<Inventory>,
    orders: OrderLog,
    applied: watch::Sender<LogIndex>,
    seq: AtomicU64,
    session: SessionId,
    _dir: tempfile::TempDir,
    /// Everything that was applied: what a peer would have.
    history: Mutex<Vec<(LogIndex, Stamp, Vec<Event>)>>,
    /// Whether history reaches the order log and those who wait for it; else it stays between apply and publishing.
    pub(crate) publishes: AtomicBool,
    /// Whether whoever hands a request in finds a defect.
    pub(crate) is_broken: AtomicBool,
    /// Answers that requests hear instead of being applied.
    pub(crate) script: Mutex<VecDeque<Answer>>,
    /// What the cluster's calls hear instead of an answer.
    pub(crate) unavailable: Mutex<Option<Unavailable>>,
    /// Requests and commands that came this far.
    pub(crate) reached: AtomicUsize,
    /// Whether the state is known to be fresh, and whether a proof would come.
    pub(crate) is_fresh: AtomicBool,
    pub(crate) proof_comes: AtomicBool,
    /// Cluster time.
    pub(crate) now: AtomicU64,
    pub(crate) stopping: CancellationToken,
}

pub(crate) const NODE: NodeId = NodeId(1);
pub(crate) const START: u64 = 1_000_000_000_000;

impl Fake {
    /// A bootstrapped node with an open session and the SKU `tee` with `stock` units, two a buyer.
    pub(crate) fn selling(stock: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path(), OpenMode::Create).unwrap();
        data.start(NODE).unwrap();
        let orders = data.orders().unwrap();
        let fake = Self {
            inventory: RwLock::new(Inventory::new()),
            orders,
            applied: watch::Sender::new(LogIndex(0)),
            seq: AtomicU64::new(0),
            session: SessionId(3),
            _dir: dir,
            history: Mutex::default(),
            publishes: AtomicBool::new(true),
            is_broken: AtomicBool::new(false),
            script: Mutex::default(),
            unavailable: Mutex::default(),
            reached: AtomicUsize::new(0),
            is_fresh: AtomicBool::new(true),
            proof_comes: AtomicBool::new(true),
            now: AtomicU64::new(START),
            stopping: CancellationToken::new(),
        };
        fake.apply(&Entry::Members(vec![NODE].into()));
        fake.command(Command::Bootstrap(Bootstrap { params: Params::default(), secret: Secret([7; 16]) }));
        fake.command(Command::OpenSession(OpenSession { node: NODE, incarnation: Incarnation(1), attempt: Attempt(1) }));
        fake.create("tee", stock, SettingsPatch { per_buyer_limit: Some(Some(2)), ..SettingsPatch::default() });
        fake
    }

    /// Puts another SKU on sale.
    pub(crate) fn create(&self, name: &str, stock: u64, settings: SettingsPatch) {
        self.command(Command::CreateSku(CreateSku { name: SkuName::new(name).unwrap(), stock, settings }));
    }

    /// Lets `millis` pass.
    pub(crate) fn pass(&self, millis: u64) {
        self.now.fetch_add(millis, Ordering::Relaxed);
        self.command(Command::Tick);
    }

    pub(crate) fn command(&self, command: Command<'static>) -> (LogIndex, Stamp, CommandOutcome) {
        self.apply(&Entry::Command(Stamp(self.now.load(Ordering::Relaxed)), command))
    }

    fn apply(&self, entry: &Entry<'_>) -> (LogIndex, Stamp, CommandOutcome) {
        let mut inventory = self.inventory.write().unwrap();
        let next = LogIndex(inventory.last_index().0 + 1);
        let applied = inventory.apply(next, entry);
        self.history.lock().unwrap().push((applied.index, applied.stamp, applied.events.clone()));
        drop(inventory);
        if self.publishes.load(Ordering::Relaxed) {
            self.orders.append(applied.index, applied.stamp, &applied.events).unwrap();
            self.applied.send_replace(applied.index);
        }
        (applied.index, applied.stamp, applied.outcome)
    }

    /// Does something whose pages are missing in the order log afterwards.
    pub(crate) async fn without_pages<T>(&self, act: impl Future<Output = T>) -> T {
        self.publishes.store(false, Ordering::Relaxed);
        let done = act.await;
        self.publishes.store(true, Ordering::Relaxed);
        self.command(Command::Tick);
        done
    }

    /// Fetches missing pages from a peer.
    pub(crate) fn fill_in(&self) {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path(), OpenMode::Create).unwrap();
        data.start(NODE).unwrap();
        let peer = data.orders().unwrap();
        for (index, stamp, events) in &*self.history.lock().unwrap() {
            peer.append(*index, *stamp, events).unwrap();
        }
        while let Some(gap) = self.orders.missing().first() {
            self.orders.install(&peer.pages(gap.from, gap.through, usize::MAX).unwrap().unwrap()).unwrap();
        }
    }

    pub(crate) fn judge(&self, ask: Ask) -> Answer {
        assert!(!self.is_broken.load(Ordering::Relaxed), "planted");
        self.reached.fetch_add(1, Ordering::Relaxed);
        if let Some(answer) = self.script.lock().unwrap().pop_front() {
            return answer;
        }
        let seq = Seq(self.seq.fetch_add(1, Ordering::Relaxed) + 1);
        let batch = Command::Batch(Batch { session: self.session, seq, requests: vec![ask.request] });
        let (index, stamp, outcome) = self.command(batch);
        let CommandOutcome::Batch(batch) = outcome else { panic!("{outcome:?}") };
        let BatchResult::Judged(judged) = batch.result else { panic!("{:?}", batch.result) };
        match judged.outcomes[0] {
            Outcome::Accepted { order, status } => Answer::Accepted { order, status, index, stamp },
            Outcome::Replayed { order } => Answer::Replayed { order },
            Outcome::Transitioned(step) => Answer::Transitioned { step, index, stamp },
            Outcome::Refused(refusal) => Answer::Refused { refusal, index, stamp },
            other @ Outcome::Returned { .. } => panic!("{other:?}"),
        }
    }

    fn available(&self) -> Result<(), Unavailable> {
        self.unavailable.lock().unwrap().map_or(Ok(()), Err)
    }
}

impl Port for Fake {
    async fn submit(&self, ask: Ask) -> Answer {
        self.judge(ask)
    }

    async fn submit_many(&self, asks: Vec<Ask>) -> Vec<Answer> {
        asks.into_iter().map(|ask| self.judge(ask)).collect()
    }

    async fn sku_command(&self, command: Command<'static>) -> Result<(LogIndex, Stamp, CommandOutcome), Unavailable> {
        self.reached.fetch_add(1, Ordering::Relaxed);
        self.available()?;
        Ok(self.command(command))
    }

    async fn linearize(&self) -> Result<LogIndex, Unavailable> {
        self.available()?;
        Ok(*self.applied.borrow())
    }

    async fn await_applied(&self, index: LogIndex) -> bool {
        index <= *self.applied.borrow()
    }

    async fn ask_freshness(&self) -> bool {
        let comes = self.proof_comes.load(Ordering::Relaxed);
        self.is_fresh.fetch_or(comes, Ordering::Relaxed);
        comes
    }

    fn inventory(&self) -> RwLockReadGuard<'_, Inventory> {
        self.inventory.read().unwrap()
    }

    fn orders(&self) -> &OrderLog {
        &self.orders
    }

    fn time(&self) -> ClusterTime {
        ClusterTime { now: Stamp(self.now.load(Ordering::Relaxed)), error: Millis(5) }
    }

    fn node(&self) -> NodeId {
        NODE
    }

    fn is_fresh(&self) -> bool {
        self.is_fresh.load(Ordering::Relaxed)
    }

    fn fresh_as_of(&self) -> Option<Stamp> {
        self.is_fresh().then(|| self.time().earliest())
    }

    fn readiness(&self) -> Result<(), String> {
        self.available().map_err(|_| "no leader is known".to_owned())
    }

    async fn cluster(&self) -> ClusterView {
        let applied = *self.applied.borrow();
        let member = MemberView {
            node: NODE,
            is_voter: true,
            api: "a".into(),
            admin: "b".into(),
            peer: "c".into(),
            disk: Some(5),
            is_alive: Some(true),
            lag: Some(0),
            session: Some(self.session),
            clock_offset_ms: None,
            version: None,
        };
        let (leader, term, committed) = (Some(NODE), 1, applied);
        ClusterView { cluster_id: 9, leader, term, committed, applied, members: vec![member], used_bytes: 1, free_bytes: 2 }
    }

    fn request_ttl(&self) -> Millis {
        Millis(2_000)
    }

    fn applied(&self) -> watch::Receiver<LogIndex> {
        self.applied.subscribe()
    }

    fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }
}
