//! Short histories, as text: what is done, and what comes of it.
//!
//! A line that begins with a number moves the clock there and does something; the indented lines below it are what the
//! log tells afterwards. The whole text is made anew and compared.

#[allow(dead_code)]
mod world;

use std::collections::BTreeMap;
use std::fmt::Write;

use holdfast_inventory::*;
use world::{World, order};

/// Runs the commands of a transcript and writes it again.
struct Transcript {
    world: World,
    text: String,
    orders: BTreeMap<String, OrderRef>,
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().ok().unwrap_or_else(|| panic!("not a number: {word}"))
}

impl Transcript {
    fn play(params: Params, script: &str) {
        let mut run = Self { world: World::new(params), text: String::from("\n"), orders: BTreeMap::new() };
        for line in script.lines().map(str::trim_end).filter(|line| line.starts_with(|c: char| c.is_ascii_digit())) {
            writeln!(run.text, "{line}").expect("into memory");
            let words: Vec<&str> = line.split_whitespace().collect();
            run.world.clock = number(words[0]);
            run.command(&words[1..]);
        }
        assert_eq!(run.text, script);
    }

    fn tell(&mut self, what: &str) {
        writeln!(self.text, "    {what}").expect("into memory");
    }

    fn sku(&self, name: &str) -> SkuId {
        self.world.state.sku_id(name).expect("created before")
    }

    fn command(&mut self, words: &[&str]) {
        match words {
            ["create", name, stock, "hold", ttl, late] => {
                let late_confirm = if *late == "reacquire" { LateConfirm::Reacquire } else { LateConfirm::Refuse };
                let settings =
                    SettingsPatch { hold_ttl: Some(Millis(number(ttl))), late_confirm: Some(late_confirm), ..SettingsPatch::default() };
                self.world.create(name, number(stock), settings);
            }
            ["node", node, "buy", buyer, units, name, "as", label] => self.buy(number(node), buyer, number(units), name, label),
            ["node", node, step, label] => self.step(number(node), step, label),
            ["grant", units, name, "to", node] => {
                let session = self.world.state.session_of(NodeId(number(node))).expect("opened").id;
                let grant = Grant { sku: self.sku(name), session, units: number(units) };
                self.apply(Command::Grant(vec![grant]));
            }
            ["reclaim", node] => {
                let session = self.world.state.session_of(NodeId(number(node))).expect("opened").id;
                self.apply(Command::CloseSession { session });
            }
            ["late", "batch", "of", node] => {
                let session = self.world.state.session_of(NodeId(number(node))).expect("opened");
                let batch = Batch { session: session.id, seq: Seq(session.last_seq.0 + 1), requests: Vec::new() };
                self.apply(Command::Batch(batch));
            }
            ["pool", name] => {
                let skus = vec![self.sku(name)];
                self.apply(Command::SetMode { skus, mode: Mode::Pooled });
            }
            ["close", name] => {
                let sku = self.sku(name);
                self.apply(Command::SetSale { sku, open: false });
            }
            ["tick", times] => (0..number(times)).for_each(|_| self.apply(Command::Tick)),
            ["show", name] => {
                let view = self.world.state.view(self.sku(name), None).expect("created before");
                let numbers = (view.stock, view.pool, view.slices, view.held, view.confirmed);
                self.tell(&format!(
                    "stock {} pool {} slices {} held {} confirmed {}",
                    numbers.0, numbers.1, numbers.2, numbers.3, numbers.4
                ));
            }
            ["remembered"] => {
                let gauges = self.world.state.gauges();
                self.tell(&format!("keys {} orders {} buyers {}", gauges.keys, gauges.orders, gauges.buyers));
            }
            other => panic!("no such line: {other:?}"),
        }
    }

    fn apply(&mut self, command: Command<'_>) {
        let applied = self.world.apply(command);
        match applied.outcome {
            CommandOutcome::Batch(batch) => self.tell(&format!("batch: {:?}", batch.result)),
            CommandOutcome::SessionClosed { was_open, .. } => self.tell(if was_open { "session closed" } else { "was closed" }),
            _ => {}
        }
        for event in applied.events {
            self.event(&event.kind);
        }
    }

    fn event(&mut self, kind: &EventKind) {
        let named = |at: &OrderRef| self.orders.iter().find(|(_, known)| *known == at).map_or("?", |(name, _)| name.as_str()).to_owned();
        let text = match kind {
            EventKind::Changed { order, status, .. } => format!("{} {}", named(order), status.word()),
            EventKind::SoldOut { .. } => "sold out".to_owned(),
            EventKind::BackInStock { .. } => "back in stock".to_owned(),
            EventKind::BuyerForgotten { latest, .. } => format!("buyer of {} forgotten", named(latest)),
            other => format!("{other:?}"),
        };
        self.tell(&text);
    }

    fn buy(&mut self, node: u64, buyer: &str, units: u32, name: &str, label: &str) {
        let ask = order(buyer, label, &[(self.sku(name), units)]);
        let outcome = self.world.request(node, Request::Order(ask));
        if let Outcome::Accepted { order, .. } = outcome {
            self.orders.insert(label.to_owned(), order);
        }
        self.outcome(outcome);
    }

    fn step(&mut self, node: u64, step: &str, label: &str) {
        let of = self.world.step(self.orders[label], true);
        let request = match step {
            "confirms" => Request::Confirm(of),
            "releases" => Request::Release(of),
            "cancels" => Request::Cancel(of),
            "extends" => Request::Extend(of),
            other => panic!("no such step: {other}"),
        };
        let outcome = self.world.request(node, request);
        self.outcome(outcome);
    }

    fn outcome(&mut self, outcome: Outcome) {
        let word = |status: Status| match status {
            Status::Held { until, .. } => format!("held until {until}"),
            other => other.word().to_owned(),
        };
        let text = match outcome {
            Outcome::Accepted { status, .. } => format!("accepted, {}", word(status)),
            Outcome::Replayed { .. } => "the same order again".to_owned(),
            Outcome::Transitioned(Transitioned { status, changed, .. }) => {
                format!("{}{}", word(status), if changed { "" } else { " already" })
            }
            Outcome::Returned { units, .. } => format!("{units} returned"),
            Outcome::Refused(refusal) => format!("no: {refusal:?}"),
        };
        self.tell(&text);
    }
}

fn sliced_from_the_first_unit() -> Params {
    Params { pooled_below_per_node: 0, ..Params::default() }
}

#[test]
fn a_hold_ends_by_the_stamp_and_a_late_confirm_takes_the_units_again() {
    Transcript::play(
        sliced_from_the_first_unit(),
        "
2000 create tv 2 hold 1000 reacquire
2100 node 1 buy ann 2 tv as a
    accepted, held until 3100
2200 node 2 buy bob 1 tv as b
    no: SoldOut { sku: SkuId(0), is_final: false }
3099 node 1 extends a
    held until 4100
3100 node 1 extends a
    held until 4100 already
4100 node 1 extends a
    no: HoldExpired { refund_required: false }
4100 show tv
    stock 2 pool 2 slices 0 held 0 confirmed 0
4110 node 2 buy bob 1 tv as b
    accepted, held until 5110
4120 node 1 confirms a
    no: HoldExpired { refund_required: true }
4130 node 2 releases b
    released
4140 node 1 confirms a
    confirmed
4150 node 1 confirms a
    confirmed already
4160 node 1 cancels a
    cancelled
4170 node 1 cancels a
    cancelled already
4180 node 1 releases a
    no: OrderState { status: Cancelled }
4190 show tv
    stock 2 pool 2 slices 0 held 0 confirmed 0
",
    );
}

#[test]
fn a_reclaimed_slice_is_sold_by_others_and_its_node_is_fenced() {
    Transcript::play(
        sliced_from_the_first_unit(),
        "
2000 create tv 5 hold 0 refuse
2000 grant 5 tv to 2
2010 node 1 buy ann 1 tv as a
    no: Refilling { sku: SkuId(0) }
2020 node 2 buy bob 2 tv as b
    accepted, confirmed
2030 reclaim 2
    session closed
2040 late batch of 2
    batch: Closed
2050 show tv
    stock 5 pool 3 slices 0 held 0 confirmed 2
2060 grant 1 tv to 2
2060 show tv
    stock 5 pool 3 slices 0 held 0 confirmed 2
2070 node 1 buy ann 3 tv as a
    accepted, confirmed
2080 node 1 buy ann 3 tv as a
    the same order again
2090 node 1 buy cas 1 tv as c
    no: SoldOut { sku: SkuId(0), is_final: true }
2100 reclaim 2
    was closed
",
    );
}

#[test]
fn pooled_mode_moves_every_slice_to_the_pool_in_one_entry() {
    Transcript::play(
        sliced_from_the_first_unit(),
        "
2000 create tv 9 hold 0 refuse
2000 grant 4 tv to 1
2000 grant 5 tv to 2
2010 pool tv
2010 show tv
    stock 9 pool 9 slices 0 held 0 confirmed 0
2020 grant 5 tv to 2
2020 show tv
    stock 9 pool 9 slices 0 held 0 confirmed 0
2030 node 1 buy ann 9 tv as a
    accepted, confirmed
",
    );
}

#[test]
fn keys_orders_and_buyers_are_forgotten_by_the_clock_of_the_log() {
    let minute = |n: u64| Millis(n * 60_000);
    let params = Params {
        idempotency_ttl: minute(10),
        idempotency_after_end: minute(2),
        cancel_window: minute(30),
        buyer_retention: minute(20),
        ..sliced_from_the_first_unit()
    };
    Transcript::play(
        params,
        "
60000 create tv 9 hold 1000 refuse
60000 create cd 9 hold 0 refuse
60000 node 1 buy ann 1 tv as a
    accepted, held until 61000
60000 node 1 buy bob 1 cd as b
    accepted, confirmed
61050 tick 1
    a expired
180000 node 1 buy ann 1 tv as a
    the same order again
299999 tick 16
300000 remembered
    keys 2 orders 2 buyers 2
300000 tick 16
    buyer of a forgotten
300000 remembered
    keys 1 orders 1 buyers 1
719999 remembered
    keys 1 orders 1 buyers 1
720000 tick 1
720000 remembered
    keys 0 orders 1 buyers 1
720000 close cd
1919999 tick 16
1919999 node 1 cancels b
    no: UnknownOrder
1920000 tick 16
    buyer of b forgotten
1920000 remembered
    keys 0 orders 0 buyers 0
1920000 show cd
    stock 9 pool 8 slices 0 held 0 confirmed 1
",
    );
}
