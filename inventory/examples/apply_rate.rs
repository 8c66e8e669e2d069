//! Prints what one order costs in `apply`, in nanoseconds: plain orders, baskets, holds that are confirmed, and plain
//! orders while a snapshot keeps every shard shared. Run with `--release`.
#![allow(clippy::disallowed_methods)] // An example may look at a clock; the core may not.

use std::borrow::Cow;
use std::time::Instant;

use holdfast_inventory::{
    Attempt, Batch, BatchResult, Bootstrap, Command, CommandOutcome, CreateSku, Entry, Incarnation, Inventory, Line, LogIndex, Millis,
    NodeId, OpenSession, Order, OrderRequest, Outcome, Params, Request, Secret, Seq, SessionId, SettingsPatch, SkuId, SkuName, Stamp,
    Transition,
};

const BATCHES: u64 = 2_000;
const BATCH: u64 = 500;

struct Run {
    state: Inventory,
    index: u64,
    seq: u64,
    session: SessionId,
}

impl Run {
    fn new(hold: Millis) -> Self {
        let mut run = Self { state: Inventory::new(), index: 0, seq: 0, session: SessionId(0) };
        run.index += 1;
        run.state.apply(LogIndex(run.index), &Entry::Members(Cow::Owned(vec![NodeId(1)])));
        run.apply(Command::Bootstrap(Bootstrap { params: Params::default(), secret: Secret([3; 16]) }));
        for n in 0..16 {
            let name = SkuName::new(&format!("sku-{n}")).expect("a good name");
            let settings = SettingsPatch { hold_ttl: Some(hold), ..SettingsPatch::default() };
            run.apply(Command::CreateSku(CreateSku { name, stock: 1_000_000_000, settings }));
        }
        run.apply(Command::OpenSession(OpenSession { node: NodeId(1), incarnation: Incarnation(1), attempt: Attempt(1) }));
        run.session = SessionId(run.index);
        run
    }

    fn apply(&mut self, command: Command<'_>) -> CommandOutcome {
        self.index += 1;
        self.state.apply(LogIndex(self.index), &Entry::Command(Stamp(1_000_000 + self.index), command)).outcome
    }

    fn batch(&mut self, requests: Vec<Request<'_>>) -> Vec<Outcome> {
        self.seq += 1;
        let batch = Batch { session: self.session, seq: Seq(self.seq), requests };
        let CommandOutcome::Batch(applied) = self.apply(Command::Batch(batch)) else { unreachable!("a batch gives its outcomes") };
        let BatchResult::Judged(outcomes) = applied.result else { unreachable!("the session is open") };
        outcomes.outcomes.clone()
    }
}

fn orders(names: &[String], lines: u32) -> Vec<Request<'_>> {
    names
        .iter()
        .map(|name| {
            Request::Order(OrderRequest {
                caller: Cow::Borrowed("shop"),
                key: Cow::Borrowed(name.as_str()),
                buyer: Cow::Borrowed(name.as_str()),
                lines: (0..lines).map(|sku| Line { sku: SkuId(sku), units: 1 }).collect(),
                confirm: false,
                apply_before: Stamp(u64::MAX),
            })
        })
        .collect()
}

fn measure(what: &str, hold: Millis, lines: u32, share: bool) {
    let mut run = Run::new(hold);
    let (mut spent, mut confirming, mut shared) = (0, 0, None);
    let mut slowest = 0;
    for batch in 0..BATCHES {
        if share && batch % 100 == 0 {
            shared = Some(run.state.snapshot());
        }
        let names: Vec<String> = (0..BATCH).map(|n| format!("buyer-{:012}", batch * BATCH + n)).collect();
        let requests = orders(&names, lines);
        let begun = Instant::now();
        let outcomes = run.batch(requests);
        let took = begun.elapsed().as_nanos();
        spent += took;
        slowest = slowest.max(took);
        if hold > Millis(0) {
            let confirms = outcomes.iter().filter_map(|outcome| match outcome {
                Outcome::Accepted { order, .. } => {
                    Some(Request::Confirm(Transition { order: *order, content: None, apply_before: Stamp(u64::MAX) }))
                }
                _ => None,
            });
            let confirms = confirms.collect();
            let begun = Instant::now();
            run.batch(confirms);
            confirming += begun.elapsed().as_nanos();
        }
    }
    drop(shared);
    let count = u128::from(BATCHES * BATCH);
    println!("{what:<28} {:>6} ns an order, slowest batch {:>6} µs, confirm {:>5} ns", spent / count, slowest / 1_000, confirming / count);
}

fn main() {
    println!("{BATCHES} batches of {BATCH}; an order's record takes {} bytes", size_of::<Order>());
    measure("plain", Millis(0), 1, false);
    measure("basket of 4", Millis(0), 4, false);
    measure("held, then confirmed", Millis(600_000), 1, false);
    measure("plain, snapshots held", Millis(0), 1, true);
}
