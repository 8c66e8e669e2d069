//! Batches and their requests, in the slow obvious way.

use super::*;

impl Model {
    pub(super) fn batch(&mut self, index: LogIndex, batch: &Batch<'_>) -> CommandOutcome {
        let found = self.sessions.iter().find(|(_, known)| known.id == batch.session).map(|(&node, _)| node);
        let applied = |result| CommandOutcome::Batch(BatchApplied { session: batch.session, node: found, seq: batch.seq, result });
        let Some(node) = found.filter(|node| self.sessions[node].open) else { return applied(BatchResult::Closed) };
        let last = self.sessions[&node].seq;
        if let Some(outcomes) = self.sessions[&node].last.clone().filter(|_| last == batch.seq) {
            return applied(BatchResult::Repeated(outcomes));
        }
        if batch.seq <= last {
            return applied(BatchResult::Outdated);
        }
        if batch.seq.0 > last.0 + 1 {
            return applied(BatchResult::Gap);
        }
        let outcomes: Vec<Outcome> = batch.requests.iter().map(|request| self.request(index, node, request)).collect();
        let outcomes = Arc::new(BatchOutcomes { index, stamp: self.clock, outcomes });
        let session = self.sessions.get_mut(&node).expect("known");
        session.seq = batch.seq;
        session.last = Some(outcomes.clone());
        applied(BatchResult::Judged(outcomes))
    }

    fn request(&mut self, index: LogIndex, node: NodeId, request: &Request<'_>) -> Outcome {
        let session = self.sessions[&node].id;
        match request {
            Request::Order(ask) => self.order(index, node, ask),
            Request::Confirm(step) => self.step(step, |model, at| model.confirm(session, at, step)),
            Request::Release(step) => self.step(step, |model, at| match model.orders[&at].status {
                Status::Held { .. } => Ok(Some(Status::Released)),
                Status::Released => Ok(None),
                status => Err(Refusal::OrderState { status }),
            }),
            Request::Cancel(step) => self.step(step, |model, at| match model.orders[&at].status {
                Status::Confirmed if model.clock >= model.orders[&at].since + model.params.cancel_window => Err(Refusal::UnknownOrder),
                Status::Confirmed if !model.is_content(at, step) => Err(Refusal::UnknownOrder),
                Status::Confirmed => Ok(Some(Status::Cancelled)),
                Status::Cancelled => Ok(None),
                status => Err(Refusal::OrderState { status }),
            }),
            Request::Extend(step) => self.step(step, |model, at| match model.orders[&at].status {
                Status::Held { extended: true, .. } => Ok(None),
                Status::Held { until, .. } => {
                    let ttl = model.hold(&model.orders[&at].order.lines).unwrap_or(model.params.default_hold_ttl);
                    Ok(Some(Status::Held { until: until + ttl, extended: true }))
                }
                Status::Expired => Err(Refusal::HoldExpired { refund_required: false }),
                status => Err(Refusal::OrderState { status }),
            }),
            Request::Return { sku, units } => {
                let Some(known) = self.skus.get_mut(sku.0 as usize) else { return Outcome::Returned { sku: *sku, units: 0 } };
                let had = known.slices.get(&session).copied().unwrap_or_default();
                let given = had.min(*units);
                known.slices.insert(session, had - given);
                known.slices.retain(|_, units| *units > 0);
                Outcome::Returned { sku: *sku, units: given }
            }
        }
    }

    fn step(&mut self, step: &Transition<'_>, judge: impl FnOnce(&mut Self, OrderRef) -> Result<Option<Status>, Refusal>) -> Outcome {
        if self.clock >= step.apply_before {
            return Outcome::Refused(Refusal::TooLate);
        }
        let Some(order) = self.orders.get(&step.order).filter(|order| !order.gone) else { return Outcome::Refused(Refusal::UnknownOrder) };
        let at = step.order;
        self.expired_by_step = false;
        if matches!(order.status, Status::Held { until, .. } if until <= self.clock) {
            self.set(at, Status::Expired);
            self.expired_by_step = true;
            self.positions += 1;
        }
        match judge(self, at) {
            Ok(Some(status)) => {
                if matches!(status, Status::Held { .. }) {
                    self.orders.get_mut(&at).expect("known").status = status;
                } else {
                    self.set(at, status);
                }
                self.positions += 1;
                Outcome::Transitioned(Transitioned { order: at, status, changed: true })
            }
            Ok(None) => Outcome::Transitioned(Transitioned { order: at, status: self.orders[&at].status, changed: false }),
            Err(refusal) => Outcome::Refused(refusal),
        }
    }

    fn is_content(&self, at: OrderRef, step: &Transition<'_>) -> bool {
        let order = &self.orders[&at].order;
        step.content.as_ref().is_some_and(|content| {
            (&*content.buyer, &content.lines, content.created, content.node) == (&*order.buyer, &order.lines, order.created, order.node)
        })
    }

    fn confirm(&mut self, session: SessionId, at: OrderRef, step: &Transition<'_>) -> Result<Option<Status>, Refusal> {
        let expired = Err(Refusal::HoldExpired { refund_required: true });
        let order = &self.orders[&at];
        match order.status {
            Status::Held { .. } => return Ok(Some(Status::Confirmed)),
            Status::Confirmed => return Ok(None),
            Status::Expired => {}
            status => return Err(Refusal::OrderState { status }),
        }
        let lines = order.order.lines.to_vec();
        let reacquires = |line: &Line| self.skus[line.sku.0 as usize].settings.late_confirm == LateConfirm::Reacquire;
        // Content is at hand in the entry that expired the order itself, through this very step.
        let at_hand = self.is_content(at, step) || self.expired_by_step;
        if !at_hand || !lines.iter().all(reacquires) {
            return expired;
        }
        let buyer = order.order.buyer.to_string();
        match self.lines_refusal(None, session, &buyer, &lines) {
            None => {
                self.draw(session, &lines);
                Ok(Some(Status::Confirmed))
            }
            Some(refusal @ Refusal::Refilling { .. }) => Err(refusal),
            Some(_) => expired,
        }
    }

    fn draw(&mut self, session: SessionId, lines: &[Line]) {
        for line in lines {
            let slices = &mut self.skus[line.sku.0 as usize].slices;
            if let Some(units) = slices.get_mut(&session) {
                *units = units.saturating_sub(u64::from(line.units));
            }
            slices.retain(|_, units| *units > 0);
        }
    }

    fn hold(&self, lines: &[Line]) -> Option<Millis> {
        lines.iter().map(|line| self.skus[line.sku.0 as usize].settings.hold_ttl).filter(|ttl| ttl.0 > 0).min()
    }

    fn order(&mut self, index: LogIndex, node: NodeId, ask: &OrderRequest<'_>) -> Outcome {
        let key = (ask.caller.to_string(), ask.buyer.to_string(), ask.key.to_string());
        let body = (ask.lines.to_vec(), ask.confirm);
        if let Some((order, known)) = self.keys.get(&key) {
            return if *known == body { Outcome::Replayed { order: *order } } else { Outcome::Refused(Refusal::KeyReused) };
        }
        let session = self.sessions[&node].id;
        if let Some(refusal) = self.order_refusal(session, ask) {
            return Outcome::Refused(refusal);
        }
        let at = OrderRef { index, position: self.positions };
        self.positions += 1;
        let hold = if ask.confirm { None } else { self.hold(&ask.lines) };
        let status = hold.map_or(Status::Confirmed, |ttl| Status::Held { until: self.clock + ttl, extended: false });
        self.draw(session, &ask.lines);
        let order = Order {
            at,
            buyer: ask.buyer.as_ref().into(),
            lines: ask.lines.clone(),
            created: self.clock,
            node,
            key: KeyHash(0),
            previous: None,
        };
        let known = ModelOrder { order, status, since: self.clock, key: key.clone(), key_queued: None, gone_after: None, gone: false };
        self.orders.insert(at, known);
        self.keys.insert(key, (at, body));
        if status == Status::Confirmed {
            self.orders.get_mut(&at).expect("known").key_queued = Some(self.key_until(at));
        }
        Outcome::Accepted { order: at, status }
    }

    fn order_refusal(&self, session: SessionId, ask: &OrderRequest<'_>) -> Option<Refusal> {
        if self.clock >= ask.apply_before {
            return Some(Refusal::TooLate);
        }
        let of_buyer = self.keys.keys().filter(|(_, buyer, _)| *buyer == ask.buyer).count();
        if of_buyer >= self.params.max_orders_per_buyer as usize {
            return Some(Refusal::Capacity { of_buyer: true });
        }
        let keyless = self.orders.values().filter(|order| order.gone_after.is_some()).count();
        if (self.keys.len() + keyless) as u64 >= self.params.max_orders {
            return Some(Refusal::Capacity { of_buyer: false });
        }
        self.lines_refusal(Some(self.clock), session, &ask.buyer, &ask.lines)
    }

    /// Everything that speaks against any line; the first in precedence is told.
    fn lines_refusal(&self, hours: Option<Stamp>, session: SessionId, buyer: &str, lines: &[Line]) -> Option<Refusal> {
        let mut causes: Vec<(u8, Refusal)> = Vec::new();
        for line in lines {
            let id = line.sku;
            let Some(sku) = self.skus.get(id.0 as usize) else {
                causes.push((0, Refusal::UnknownSku { sku: id }));
                continue;
            };
            let units = u64::from(line.units);
            if let (Some(clock), Some(opens_at)) = (hours, sku.settings.opens_at)
                && clock < opens_at
            {
                causes.push((1, Refusal::NotOpen { sku: id, opens_at }));
            }
            if hours.is_some_and(|clock| sku.stopped || sku.settings.closes_at.is_some_and(|closes_at| clock >= closes_at)) {
                causes.push((2, Refusal::Closed { sku: id }));
            }
            let bought = self.buyer_units(buyer, id);
            if let Some(limit) = sku.settings.per_buyer_limit.filter(|&limit| bought + units > u64::from(limit)) {
                causes.push((3, Refusal::BuyerLimit { sku: id, limit, bought: u32::try_from(bought).expect("in range") }));
            }
            let own = self.pool(id) + sku.slices.get(&session).copied().unwrap_or_default();
            let available = self.pool(id) + self.sliced(id);
            if own < units && available >= units {
                causes.push((4, Refusal::Refilling { sku: id }));
            } else if own < units && available > 0 {
                causes.push((5, Refusal::InsufficientStock { sku: id, available }));
            } else if own < units {
                causes.push((6, Refusal::SoldOut { sku: id, is_final: self.held(id) == 0 }));
            }
        }
        causes.into_iter().min_by_key(|(rank, _)| *rank).map(|(_, refusal)| refusal)
    }
}
