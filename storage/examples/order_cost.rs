//! Prints what an order costs a node from its committed entry to its page: decoding, applying, handing to the order log,
//! and all threads of the process with it. `order_cost DIR ORDERS [SKUS [BATCH…]]`, with `--release`; Linux. Each order is one of the
//! next SKU.
//!
//! Nanoseconds of CPU an order. Each column is a run of its own that does one thing more than the one before.

use std::borrow::Cow;
use std::error::Error;
use std::path::Path;

use bytes::Bytes;
use holdfast_inventory::{
    Attempt, Batch, Bootstrap, Command, CreateSku, Entry, Incarnation, Inventory, Line, LogIndex, Millis, NodeId, OpenSession,
    OrderRequest, Params, Request, Secret, Seq, SessionId, SettingsPatch, SkuId, SkuName, Stamp, codec,
};
use holdfast_storage::{DataDir, OpenMode, OrderLog};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How far an entry goes.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Way {
    Decoded,
    Applied,
    Appended,
}

struct Run {
    state: Inventory,
    index: u64,
    session: SessionId,
    skus: u32,
}

impl Run {
    fn new(skus: u32) -> Result<Self> {
        let mut run = Self { state: Inventory::new(), index: 1, session: SessionId(0), skus };
        run.state.apply(LogIndex(1), &Entry::Members(Cow::Owned(vec![NodeId(1)])));
        run.apply(Command::Bootstrap(Bootstrap {
            params: Params { max_batch_requests: 8_192, ..Params::default() },
            secret: Secret([3; 16]),
        }));
        let settings = SettingsPatch { hold_ttl: Some(Millis(0)), ..SettingsPatch::default() };
        for n in 0..skus {
            let name = SkuName::new(&format!("bench-{n}"))?;
            run.apply(Command::CreateSku(CreateSku { name, stock: 1_000_000_000, settings: settings.clone() }));
        }
        run.apply(Command::OpenSession(OpenSession { node: NodeId(1), incarnation: Incarnation(1), attempt: Attempt(1) }));
        run.session = SessionId(run.index);
        Ok(run)
    }

    fn apply(&mut self, command: Command<'_>) {
        self.index += 1;
        self.state.apply(LogIndex(self.index), &Entry::Command(Stamp(self.stamp()), command));
    }

    fn stamp(&self) -> u64 {
        1_764_000_000_000 + self.index
    }

    /// Entries of `batch` orders each, `orders` in all.
    fn entries(&self, orders: usize, batch: usize) -> Vec<Bytes> {
        let skus = (0..self.skus).cycle().map(SkuId);
        let names: Vec<_> = (0..orders).zip(skus).map(|(n, sku)| ([format!("key-{n:012}"), format!("buyer-{n:010}")], sku)).collect();
        let entry = |(seq, names): (u64, &[([String; 2], SkuId)])| {
            let requests = names.iter().map(|([key, buyer], sku)| Request::Order(order(key, buyer, *sku))).collect();
            let command = Command::Batch(Batch { session: self.session, seq: Seq(seq), requests });
            codec::stamp_entry(Stamp(self.stamp() + seq), &codec::encode(&command))
        };
        (1..).zip(names.chunks(batch)).map(entry).collect()
    }

    fn take(&mut self, entries: &[Bytes], log: Option<&OrderLog>, way: Way) -> Result<()> {
        for entry in entries {
            self.index += 1;
            let (stamp, command) = codec::read_entry(entry)?;
            if way >= Way::Applied {
                let applied = self.state.apply(LogIndex(self.index), &Entry::Command(stamp, command));
                if let Some(log) = log {
                    log.wait_for_room()?;
                    log.append(applied.index, applied.stamp, &applied.events)?;
                }
            }
        }
        Ok(())
    }
}

fn order<'a>(key: &'a str, buyer: &'a str, sku: SkuId) -> OrderRequest<'a> {
    OrderRequest {
        caller: Cow::Borrowed("shop"),
        key: Cow::Borrowed(key),
        buyer: Cow::Borrowed(buyer),
        lines: [Line { sku, units: 1 }].into_iter().collect(),
        confirm: false,
        apply_before: Stamp(u64::MAX),
    }
}

/// CPU time so far in nanoseconds: of this thread, and of the process.
fn cpu_time() -> Result<[u64; 2]> {
    let own = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let mut all = 0;
    for task in std::fs::read_dir("/proc/self/task")? {
        all += first_number(&std::fs::read_to_string(task?.path().join("schedstat"))?)?;
    }
    Ok([first_number(&own)?, all])
}

fn first_number(text: &str) -> Result<u64> {
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

fn measure(dir: &Path, (orders, skus): (usize, u32), batch: usize, way: Way) -> Result<[u64; 2]> {
    let mut run = Run::new(skus)?;
    let entries = run.entries(orders, batch);
    let log = if way == Way::Appended {
        let dir = DataDir::open(dir, OpenMode::Create)?;
        dir.start(NodeId(1))?;
        let log = dir.orders()?;
        log.jump_to(LogIndex(run.index))?;
        Some(log)
    } else {
        None
    };
    let before = cpu_time()?;
    run.take(&entries, log.as_ref(), way)?;
    let own = cpu_time()?[0] - before[0];
    if let Some(log) = &log {
        log.sync_through(LogIndex(run.index))?;
    }
    let all = cpu_time()?[1] - before[1];
    Ok([own, all].map(|nanos| nanos / orders as u64))
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, orders, rest @ ..] = &args[..] else { return Err("a directory and a number of orders".into()) };
    let (dir, orders, skus) = (Path::new(dir), orders.parse()?, rest.first().map_or(Ok(1), |skus| skus.parse())?);
    let batches = rest.iter().skip(1).map(|batch| batch.parse()).collect::<std::result::Result<Vec<usize>, _>>()?;
    for batch in if batches.is_empty() { vec![50, 900, 8_192] } else { batches } {
        let [decoded, _] = measure(dir, (orders, skus), batch, Way::Decoded)?;
        let [applied, _] = measure(dir, (orders, skus), batch, Way::Applied)?;
        let [appended, all] = measure(&dir.join(batch.to_string()), (orders, skus), batch, Way::Appended)?;
        println!("batches of {batch:>5}: decoded {decoded:>5}, applied {applied:>5}, appended {appended:>5}, with its writers {all:>5} ns");
    }
    Ok(())
}
