//! The host on which buyers and operators live: opens the sale, lets buyers come, and when all is healed asks every node for its
//! books and has the oracle judge.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::try_join_all;
use holdfast_client::api::{Audit, Change, ClusterStatus, Event};
use holdfast_client::oracle::{self, Asked, Closing, Heard, Judgement, Ledger};
use serde_json::json;
use tokio::time::Instant;

use crate::buyers::Buyer;
use crate::call::Call;
use crate::cluster::host;
use crate::limits::{ATTEMPT_WITHIN, LIVE_AGAIN_WITHIN, LOOK_EVERY, QUIET_WITHIN};
use crate::plan::Plan;
use crate::recorder::{Attempted, Recorder};
use crate::shop::{BRIEF, HELD, TINY, WARES};
use crate::{network, trace};

/// The reference of the adjustment that ends the ledger.
const THE_END: &str = "the-end";

/// How far a run is, for who makes the faults.
#[derive(Default)]
pub(crate) struct Progress {
    /// When the sale was opened.
    pub(crate) opened: Cell<Option<Duration>>,
    /// When everything was healed.
    pub(crate) healed: Cell<Option<Duration>>,
    /// What does not hold.
    pub(crate) violations: RefCell<Vec<String>>,
    /// What the oracle counted.
    pub(crate) judgement: RefCell<Option<Judgement>>,
}

impl Progress {
    pub(crate) fn violation(&self, told: impl Into<String>) {
        let told = told.into();
        trace::tell(format_args!("VIOLATION {told}"));
        self.violations.borrow_mut().push(told);
    }
}

/// What does not come about in time is a violation.
type Timely<T> = Result<T, String>;

pub(crate) struct Shopkeeper {
    pub(crate) plan: Plan,
    pub(crate) seed: u64,
    pub(crate) progress: Rc<Progress>,
    pub(crate) recorder: Rc<Recorder>,
}

impl Shopkeeper {
    /// All of it.
    pub(crate) async fn run(self) {
        network::name_host("shop");
        if let Err(late) = self.keep().await {
            self.progress.violation(late);
        }
        for oddity in self.recorder.oddities.borrow().iter() {
            self.progress.violation(format!("odd answer: {oddity}"));
        }
    }

    async fn keep(&self) -> Timely<()> {
        for ware in WARES {
            self.until("the sale to open", QUIET_WITHIN, async || self.create(&ware.creation()).await).await?;
        }
        self.progress.opened.set(Some(trace::now()));
        trace::tell(format_args!("the sale is open"));
        // Buyers who wait for an answer of a node that does not sell may come to their end long after the healing.
        let ((), sold) = tokio::join!(self.let_buyers_come(), self.sell_again());
        sold?;
        let (ledgers, closing) = self.close().await?;
        self.judge(&ledgers, &closing);
        Ok(())
    }

    async fn create(&self, body: &serde_json::Value) -> Option<()> {
        for node in 1..=self.plan.nodes {
            let answer = Call::post("/v1/skus", body).admin().ask(&host(node), ATTEMPT_WITHIN).await;
            // 409: an earlier attempt made it, whose answer was lost.
            if answer.is_ok_and(|answer| matches!(answer.status, 201 | 409)) {
                return Some(());
            }
        }
        None
    }

    async fn let_buyers_come(&self) {
        let until = Instant::now() + self.plan.load;
        let come = |number: u64| {
            let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(number);
            let buyer = Buyer::new(&self.recorder, self.plan.nodes, format!("b{number}"), seed);
            tokio::task::spawn_local(buyer.come(self.plan.pace_ms, until))
        };
        let buyers: Vec<_> = (0..self.plan.buyers).map(come).collect();
        for buyer in buyers {
            if buyer.await.is_err() {
                self.progress.violation("a buyer panicked");
            }
        }
    }

    /// After everything was healed every node acknowledges a new order within a bound.
    async fn sell_again(&self) -> Timely<()> {
        let healed = self.until("healing", self.plan.load + QUIET_WITHIN, async || self.progress.healed.get()).await?;
        let deadline = Instant::now() + (healed + LIVE_AGAIN_WITHIN).saturating_sub(trace::now());
        try_join_all((1..=self.plan.nodes).map(|node| self.sell_at(node, deadline))).await.map(drop)
    }

    async fn sell_at(&self, node: u64, deadline: Instant) -> Timely<()> {
        let seed = self.seed.wrapping_add(node);
        let mut probe = Buyer::new(&self.recorder, self.plan.nodes, format!("probe-{node}"), seed).only_at(node);
        let sold = tokio::time::timeout_at(deadline, probe.buy_one()).await;
        sold.map_err(|_| format!("I20: {} acknowledged no order within {LIVE_AGAIN_WITHIN:?} of the healing", host(node)))
    }

    /// Waits until `look` gives something.
    async fn until<T>(&self, what: &str, within: Duration, look: impl AsyncFn() -> Option<T>) -> Timely<T> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(found) = look().await {
                return Ok(found);
            }
            if Instant::now() > deadline {
                return Err(format!("{what}: not within {within:?}"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn audit(&self, node: u64, sku: &str) -> Option<Audit> {
        let answer = Call::get(format!("/v1/skus/{sku}/audit")).admin().ask(&host(node), ATTEMPT_WITHIN).await.ok()?;
        serde_json::from_str(&answer.body).ok()
    }

    /// The ledger of every node, and what the nodes say besides, when all is quiet.
    async fn close(&self) -> Timely<(Vec<Ledger>, Closing)> {
        for sku in [BRIEF.sku, TINY.sku] {
            self.until("brief holds to end", QUIET_WITHIN, async || self.audit(1, sku).await.filter(|audit| audit.held == 0)).await?;
        }
        self.until("the last adjustment", QUIET_WITHIN, async || self.adjust().await).await?;
        let closing = self.until("audits under the same sessions", QUIET_WITHIN, async || self.books().await).await?;
        let mut ledgers = Vec::new();
        for node in 1..=self.plan.nodes {
            ledgers.push(self.until("a ledger", QUIET_WITHIN, async || self.ledger(node).await).await?);
        }
        Ok((ledgers, closing))
    }

    /// The sessions of all nodes and every node's audits, if none was opened or closed while they were asked: a slice is judged by
    /// the session that it belongs to.
    async fn books(&self) -> Option<Closing> {
        let mut closing = Closing { sessions: self.sessions().await?, ..Closing::default() };
        for node in 1..=self.plan.nodes {
            for ware in WARES {
                closing.audits.push((self.recorder.name(ware.sku), self.audit(node, ware.sku).await?));
            }
        }
        (self.sessions().await? == closing.sessions).then_some(closing)
    }

    async fn adjust(&self) -> Option<()> {
        let body = json!({ "delta": 1, "reason": "delivery", "reference": THE_END });
        let call = Call::post(format!("/v1/skus/{}/adjustments", HELD.sku), &body).header("idempotency-key", THE_END).admin();
        let asked = Asked::Adjust { sku: self.recorder.name(HELD.sku), delta: 1, reference: self.recorder.name(THE_END) };
        match self.recorder.attempt(1, asked, &call, ATTEMPT_WITHIN).await {
            Attempted::Heard(Heard::Adjusted { .. }, _) => Some(()),
            _ => None,
        }
    }

    /// The session of every node, once every node has one.
    async fn sessions(&self) -> Option<BTreeMap<u64, u64>> {
        for node in 1..=self.plan.nodes {
            let answer = Call::get("/v1/cluster").admin().ask(&host(node), ATTEMPT_WITHIN).await.ok()?;
            let status: ClusterStatus = serde_json::from_str(&answer.body).ok()?;
            if status.leader == Some(status.node) {
                let sessions: BTreeMap<u64, u64> = status.members.iter().filter_map(|member| Some((member.id, member.session?))).collect();
                return (sessions.len() as u64 == self.plan.nodes).then_some(sessions);
            }
        }
        None
    }

    async fn ledger(&self, node: u64) -> Option<Ledger> {
        let call = Call::get("/v1/events?from=1").admin().until(&format!("\"{THE_END}\""));
        let feed = call.ask(&host(node), ATTEMPT_WITHIN).await.ok()?.body;
        let (mut ledger, mut history) = (Ledger::default(), self.recorder.history.borrow_mut());
        for line in feed.lines() {
            let Some(data) = line.strip_prefix("data:") else { continue };
            let event: Event = serde_json::from_str(data).ok()?;
            ledger.push(&event, &mut history.names);
            if matches!(&event.change, Change::StockAdjusted { reference: Some(reference), .. } if reference == THE_END) {
                return Some(ledger);
            }
        }
        None
    }

    fn judge(&self, ledgers: &[Ledger], closing: &Closing) {
        let terms: Vec<_> = WARES.iter().map(|ware| ware.terms(self.recorder.name(ware.sku))).collect();
        let history = self.recorder.history.borrow();
        let Some((first, others)) = ledgers.split_first() else { return };
        for difference in others.iter().filter_map(|other| first.difference(other)) {
            self.progress.violation(format!("I14: ledgers differ: {difference}"));
        }
        let judgement = oracle::judge(&history, first, &terms, Some(closing));
        for violation in &judgement.violations {
            self.progress.violation(format!("{:?}: {}", violation.invariant, violation.told));
        }
        *self.progress.judgement.borrow_mut() = Some(judgement);
    }
}
