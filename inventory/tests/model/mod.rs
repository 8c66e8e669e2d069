//! The state once more, slow and obvious: plain sorted maps, and every number added up anew from the orders. Nothing is
//! shared with the real one but the vocabulary.

mod batch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use holdfast_inventory::*;

/// An order as the model knows it.
pub(crate) struct ModelOrder {
    pub(crate) order: Order,
    pub(crate) status: Status,
    pub(crate) since: Stamp,
    pub(crate) key: (String, String, String),
    key_queued: Option<Stamp>,
    gone_after: Option<Stamp>,
    /// Forgotten: what it bought stays bought.
    pub(crate) gone: bool,
}

pub(crate) struct ModelSku {
    pub(crate) stock: u64,
    pub(crate) slices: BTreeMap<SessionId, u64>,
    pub(crate) mode: Mode,
    pub(crate) stopped: bool,
    pub(crate) settings: Settings,
    pub(crate) version: Version,
}

pub(crate) struct ModelSession {
    pub(crate) id: SessionId,
    pub(crate) started: (Incarnation, Attempt),
    pub(crate) open: bool,
    pub(crate) seq: Seq,
    pub(crate) last: Option<Arc<BatchOutcomes>>,
}

type Body = (Vec<Line>, bool);

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) params: Params,
    pub(crate) clock: Stamp,
    pub(crate) members: BTreeSet<NodeId>,
    pub(crate) skus: Vec<ModelSku>,
    pub(crate) sessions: BTreeMap<NodeId, ModelSession>,
    pub(crate) orders: BTreeMap<OrderRef, ModelOrder>,
    pub(crate) keys: BTreeMap<(String, String, String), (OrderRef, Body)>,
    pub(crate) adjustments: BTreeMap<String, (SkuId, i64, SkuDone, Stamp)>,
    positions: u16,
    expired_by_step: bool,
}

fn minute(stamp: Stamp) -> u64 {
    stamp.0 / 60_000
}

impl Model {
    pub(crate) fn new(params: Params) -> Self {
        Self { params, ..Self::default() }
    }

    pub(crate) fn held(&self, sku: SkuId) -> u64 {
        self.units(sku, |order| matches!(order.status, Status::Held { .. }))
    }

    pub(crate) fn confirmed(&self, sku: SkuId) -> u64 {
        self.units(sku, |order| order.status == Status::Confirmed)
    }

    fn units(&self, sku: SkuId, wanted: impl Fn(&ModelOrder) -> bool) -> u64 {
        let lines = self.orders.values().filter(|order| wanted(order)).flat_map(|order| &order.order.lines);
        lines.filter(|line| line.sku == sku).map(|line| u64::from(line.units)).sum()
    }

    pub(crate) fn buyer_units(&self, buyer: &str, sku: SkuId) -> u64 {
        self.units(sku, |order| order.order.buyer.as_ref() == buyer && order.status.is_live())
    }

    pub(crate) fn sliced(&self, sku: SkuId) -> u64 {
        self.skus[sku.0 as usize].slices.values().sum()
    }

    /// What nothing else accounts for.
    pub(crate) fn pool(&self, sku: SkuId) -> u64 {
        self.skus[sku.0 as usize].stock - self.sliced(sku) - self.held(sku) - self.confirmed(sku)
    }

    pub(crate) fn apply(&mut self, index: LogIndex, entry: &Entry<'_>) -> CommandOutcome {
        self.positions = 0;
        match entry {
            Entry::Blank => CommandOutcome::Done,
            Entry::Members(members) => {
                self.members = members.iter().copied().collect();
                let gone: Vec<NodeId> = self.sessions.keys().copied().filter(|node| !self.members.contains(node)).collect();
                for node in gone {
                    self.shut(node);
                }
                CommandOutcome::MembersSet
            }
            Entry::Command(stamp, command) => {
                self.clock = self.clock.max(*stamp);
                self.sweep();
                self.command(index, command)
            }
        }
    }

    fn sweep(&mut self) {
        let due = |order: &&mut ModelOrder| matches!(order.status, Status::Held { until, .. } if until.0 / 50 < self.clock.0 / 50);
        let mut expired = Vec::new();
        for order in self.orders.values_mut().filter(due) {
            expired.push(order.order.at);
        }
        for at in expired {
            self.set(at, Status::Expired);
            self.positions += 1;
        }
        let (clock, ttl) = (self.clock, self.params.idempotency_ttl);
        self.adjustments.retain(|_, (_, _, _, made)| minute(*made + ttl) >= minute(clock));
        let refs: Vec<OrderRef> = self.orders.keys().copied().collect();
        for at in refs {
            self.forget(at);
        }
    }

    fn forget(&mut self, at: OrderRef) {
        let clock = self.clock;
        let key_until = self.key_until(at);
        let window = self.params.cancel_window;
        let order = self.orders.get_mut(&at).expect("known");
        if order.key_queued.is_some_and(|queued| minute(queued) < minute(clock)) {
            if key_until > clock {
                order.key_queued = Some(key_until);
            } else {
                order.key_queued = None;
                self.keys.remove(&order.key);
                let until = order.since + window;
                if order.status == Status::Confirmed && until > clock {
                    order.gone_after = Some(until);
                } else {
                    order.gone = true;
                    return;
                }
            }
        }
        if order.gone_after.is_some_and(|gone| minute(gone) < minute(clock)) {
            order.gone = true;
            order.gone_after = None;
        }
    }

    fn key_until(&self, at: OrderRef) -> Stamp {
        let order = &self.orders[&at];
        let after_end = order.since + self.params.idempotency_after_end;
        let until = match order.status {
            Status::Held { .. } => return Stamp(u64::MAX),
            Status::Released | Status::Expired => after_end,
            Status::Confirmed | Status::Cancelled => after_end.max(order.order.created + self.params.idempotency_ttl),
        };
        Stamp(until.0.div_ceil(60_000) * 60_000)
    }

    fn set(&mut self, at: OrderRef, status: Status) {
        let clock = self.clock;
        let order = self.orders.get_mut(&at).expect("known");
        order.status = status;
        order.since = clock;
        if order.key_queued.is_none() && order.gone_after.is_none() && !matches!(status, Status::Held { .. }) {
            self.orders.get_mut(&at).expect("known").key_queued = Some(self.key_until(at));
        }
    }

    fn shut(&mut self, node: NodeId) {
        let session = self.sessions.get_mut(&node).expect("known");
        session.open = false;
        for sku in &mut self.skus {
            sku.slices.remove(&session.id);
        }
    }

    fn command(&mut self, index: LogIndex, command: &Command<'_>) -> CommandOutcome {
        match command {
            Command::OpenSession(open) => CommandOutcome::SessionOpened(self.open(index, *open)),
            Command::CloseSession { session } => {
                let node = self.sessions.iter().find(|(_, known)| known.id == *session).map(|(&node, _)| node);
                let was_open = node.is_some_and(|node| self.sessions[&node].open);
                if let Some(node) = node {
                    self.shut(node);
                }
                CommandOutcome::SessionClosed { session: *session, node, was_open }
            }
            Command::Batch(batch) => self.batch(index, batch),
            Command::Grant(grants) => {
                for grant in grants {
                    let open = self.sessions.values().any(|session| session.id == grant.session && session.open);
                    let known = (grant.sku.0 as usize) < self.skus.len();
                    if known
                        && open
                        && grant.units <= self.pool(grant.sku)
                        && self.skus[grant.sku.0 as usize].mode == Mode::Sliced
                        && grant.units > 0
                    {
                        *self.skus[grant.sku.0 as usize].slices.entry(grant.session).or_default() += grant.units;
                    }
                }
                CommandOutcome::Done
            }
            Command::SetMode { skus, mode } => {
                for id in skus {
                    let sku = &mut self.skus[id.0 as usize];
                    if *mode == Mode::Pooled {
                        sku.slices.clear();
                    }
                    sku.mode = *mode;
                }
                CommandOutcome::Done
            }
            Command::AdjustStock(adjust) => CommandOutcome::Sku(self.adjust(index, adjust)),
            Command::SetSale { sku, open } => {
                let known = &mut self.skus[sku.0 as usize];
                known.stopped = !open;
                CommandOutcome::Sku(Ok(SkuDone { sku: *sku, version: known.version, replayed: false, index }))
            }
            _ => CommandOutcome::Done,
        }
    }

    fn open(&mut self, index: LogIndex, ask: OpenSession) -> SessionOpened {
        if !self.members.contains(&ask.node) {
            return SessionOpened::NotMember;
        }
        let started = (ask.incarnation, ask.attempt);
        let answer = |session, fresh, open| SessionOpened::Opened {
            node: ask.node,
            incarnation: ask.incarnation,
            attempt: ask.attempt,
            session,
            fresh,
            open,
        };
        if let Some(known) = self.sessions.get(&ask.node) {
            if started < known.started {
                return SessionOpened::Outdated;
            }
            if started == known.started {
                return answer(known.id, false, known.open);
            }
            self.shut(ask.node);
        }
        let id = SessionId(index.0);
        self.sessions.insert(ask.node, ModelSession { id, started, open: true, seq: Seq(0), last: None });
        answer(id, true, true)
    }

    fn adjust(&mut self, index: LogIndex, adjust: &AdjustStock) -> Result<SkuDone, SkuRefusal> {
        if let Some((sku, delta, done, _)) = self.adjustments.get(adjust.key.as_ref()) {
            let same = (*sku, *delta) == (adjust.sku, adjust.delta);
            return if same { Ok(SkuDone { replayed: true, ..*done }) } else { Err(SkuRefusal::KeyReused) };
        }
        let pool = self.pool(adjust.sku);
        let sku = &mut self.skus[adjust.sku.0 as usize];
        if adjust.delta < 0 && adjust.delta.unsigned_abs() > pool {
            return Err(SkuRefusal::AdjustmentRefused { takeable: pool });
        }
        sku.stock = sku.stock.checked_add_signed(adjust.delta).expect("in range");
        let done = SkuDone { sku: adjust.sku, version: sku.version, replayed: false, index };
        self.adjustments.insert(adjust.key.to_string(), (adjust.sku, adjust.delta, done, self.clock));
        Ok(done)
    }
}
